//! Statements that are stopped, by us or by the server.

use std::time::{Duration, Instant};

use rivet_model::ReadView;
use rivet_source::{ScanLimits, SourceErrorKind};
use rivet_testing::Family;

use crate::harness::{Server, drain, query, reader, request, run, table};

/// Many rows that come one by one.
const MANY: &str = "WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 1000)
     SELECT a.n AS a, REPEAT('x', 1000) AS pad FROM k a CROSS JOIN k b CROSS JOIN k c";

/// One row that takes forever to be made.
const SLOW: &str = "WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 1000)
     SELECT COUNT(*) AS c FROM k a CROSS JOIN k b CROSS JOIN k c CROSS JOIN k d WHERE a.n + b.n + c.n + d.n < 0";

fn cancelling_ends_the_statement_on_the_server(family: Family) {
    run(async {
        let server = Server::start(family).await;
        let source = server.source();
        let limits = ScanLimits::default();
        let many = source.describe(&request(query(MANY))).await.unwrap().spec;
        let slow = source.describe(&request(query(SLOW))).await.unwrap().spec;
        let mut reader = reader(source.as_ref(), ReadView::PerScan).await;
        let mut scan = reader.scan(&many, &limits).await.unwrap();
        assert!(scan.next_batch().await.unwrap().is_some());
        let running = server.sessions().await;
        scan.cancel().await;
        let left = server.sessions().await;
        assert!(
            running.iter().all(|id| !left.contains(id)),
            "it has ended when cancelling returns: {running:?}, {left:?}"
        );
        assert!(scan.next_batch().await.unwrap().is_none());
        drop(scan);
        // Nothing has come of it yet.
        let mut scan = reader.scan(&slow, &limits).await.unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(300), scan.next_batch()).await;
        assert!(waiting.is_err(), "it takes longer");
        let running = server.sessions().await;
        scan.cancel().await;
        let left = server.sessions().await;
        assert!(running.iter().all(|id| !left.contains(id)), "so has this one: {running:?}, {left:?}");
        drop(scan);
        reader.close().await.unwrap();
    });
}

fn dropping_leaves_nothing_running(family: Family) {
    run(async {
        let server = Server::start(family).await;
        let source = server.source();
        let limits = ScanLimits::default();
        for (sql, begun) in [(MANY, true), (SLOW, false)] {
            let spec = source.describe(&request(query(sql))).await.unwrap().spec;
            let mut reader = reader(source.as_ref(), ReadView::PerScan).await;
            let mut scan = reader.scan(&spec, &limits).await.unwrap();
            let first = tokio::time::timeout(Duration::from_millis(500), scan.next_batch()).await;
            assert_eq!(first.is_ok(), begun);
            let started = Instant::now();
            drop(scan);
            assert!(started.elapsed() < Duration::from_secs(1), "dropping waits for nothing");
            server.no_session().await;
            reader.close().await.unwrap();
        }
    });
}

fn a_statement_has_its_time(family: Family) {
    run(async {
        let server = Server::start(family).await;
        let source = server.source();
        let limits = ScanLimits { statement_timeout: Duration::from_millis(700), ..ScanLimits::default() };
        for sql in [SLOW, MANY] {
            let spec = source.describe(&request(query(sql))).await.unwrap().spec;
            let mut reader = reader(source.as_ref(), ReadView::PerScan).await;
            let started = Instant::now();
            let mut scan = reader.scan(&spec, &limits).await.unwrap();
            let error = drain(scan.as_mut()).await.unwrap_err();
            assert_eq!(error.kind(), SourceErrorKind::StatementTimeout, "{error}");
            assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
            drop(scan);
            reader.close().await.unwrap();
        }
    });
}

fn a_lock_is_waited_for_as_long_as_asked(family: Family) {
    run(async {
        let server = Server::with(family, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").await;
        let source = server.source();
        let spec = source.describe(&request(table("t"))).await.unwrap().spec;
        let limits = ScanLimits { lock_timeout: Duration::from_millis(800), ..ScanLimits::default() };
        let mut reader = reader(source.as_ref(), ReadView::PerScan).await;
        server.execute("LOCK TABLES t WRITE").await;
        let mut scan = reader.scan(&spec, &limits).await.unwrap();
        let error = drain(scan.as_mut()).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::LockTimeout, "{error}");
        drop(scan);
        server.execute("UNLOCK TABLES").await;
        let mut scan = reader.scan(&spec, &limits).await.unwrap();
        assert_eq!(drain(scan.as_mut()).await.unwrap().len(), 1);
        drop(scan);
        reader.close().await.unwrap();
    });
}

/// A table that was changed behind the view has to be read through another one.
fn a_view_that_is_older_than_its_table_is_a_conflict(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1); CREATE TABLE u (id int PRIMARY KEY)",
        )
        .await;
        let source = server.source();
        let spec = source.describe(&request(table("t"))).await.unwrap().spec;
        let other = source.describe(&request(table("u"))).await.unwrap().spec;
        let limits = ScanLimits::default();
        let mut reader = reader(source.as_ref(), ReadView::Shared).await;
        let mut scan = reader.scan(&other, &limits).await.unwrap();
        drain(scan.as_mut()).await.unwrap();
        drop(scan);
        server.execute("ALTER TABLE t DROP COLUMN n, ADD COLUMN m int, ALGORITHM = COPY").await;
        server.execute("ALTER TABLE t CHANGE m n int, ALGORITHM = COPY").await;
        let mut scan = reader.scan(&spec, &limits).await.unwrap();
        let error = drain(scan.as_mut()).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Conflict, "{error}");
    });
}

rivet_testing::on_both_families!(
    cancelling_ends_the_statement_on_the_server,
    dropping_leaves_nothing_running,
    a_statement_has_its_time,
    a_lock_is_waited_for_as_long_as_asked,
    a_view_that_is_older_than_its_table_is_a_conflict,
);
