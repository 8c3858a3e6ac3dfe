//! Readers: one connection for many scans, and what becomes of it when it breaks.

use rivet_model::{Consistency, ReadView};
use rivet_mysql::MysqlFactory;
use rivet_source::{Reader, ScanLimits, ScanSpec, SourceError, SourceErrorKind, SourceFactory as _};
use rivet_testing::{Family, FaultProxy};

use crate::harness::{Server, drain, query, reader, request, run, settings, table};

const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)";

/// Enough rows to be in the midst of them for a while: a thousand times a thousand.
const LONG: &str = "WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 1000)
     SELECT a.n AS a, b.n AS b, REPEAT('x', 100) AS pad FROM k a CROSS JOIN k b";

async fn rows(reader: &mut dyn Reader, spec: &ScanSpec) -> Result<u64, SourceError> {
    let mut scan = reader.scan(spec, &ScanLimits::default()).await?;
    drain(scan.as_mut()).await?;
    Ok(scan.summary().rows)
}

fn a_reader_keeps_its_connection(family: Family) {
    run(async {
        let server = Server::with(family, TABLE).await;
        let proxy = FaultProxy::start(&server.url);
        let source = MysqlFactory.open(&settings(&proxy.url(&server.url))).unwrap();
        let spec = source.describe(&request(table("t"))).await.unwrap().spec;
        for view in [ReadView::PerScan, ReadView::Shared] {
            let mut reader = reader(source.as_ref(), view).await;
            let before = proxy.connections();
            for _ in 0..5 {
                assert_eq!(rows(reader.as_mut(), &spec).await.unwrap(), 3);
            }
            assert_eq!(proxy.connections(), before + 1, "{view:?}: one connection for all scans");
            reader.close().await.unwrap();
        }
        server.no_session().await;
    });
}

fn nothing_is_open_between_scans_with_views_of_their_own(family: Family) {
    run(async {
        let server = Server::with(family, TABLE).await;
        let source = server.source();
        let spec = source.describe(&request(table("t"))).await.unwrap().spec;
        for (view, expected) in [(ReadView::PerScan, "0"), (ReadView::Shared, "1")] {
            let mut reader = reader(source.as_ref(), view).await;
            rows(reader.as_mut(), &spec).await.unwrap();
            let open = "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id IN \
                        (SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE())";
            // MariaDB looks at most every tenth of a second, and whoever else asks meanwhile puts that off.
            let mut found = Vec::new();
            for _look in 0..50 {
                tokio::time::sleep(std::time::Duration::from_millis(150)).await;
                found = server.column(open).await;
                if found == [expected] {
                    break;
                }
            }
            assert_eq!(found, [expected], "{view:?}");
            let held = "SELECT COUNT(*) FROM performance_schema.prepared_statements_instances i \
                        JOIN performance_schema.threads t ON t.THREAD_ID = i.OWNER_THREAD_ID WHERE t.PROCESSLIST_DB = DATABASE()";
            assert_eq!(server.column(held).await, ["0"], "no statement is left behind");
            reader.close().await.unwrap();
            server.no_session().await;
        }
    });
}

fn a_reader_survives_its_connection_where_it_may(family: Family) {
    run(async {
        let server = Server::with(family, TABLE).await;
        let source = server.source();
        let spec = source.describe(&request(table("t"))).await.unwrap().spec;
        let long = source.describe(&request(query(LONG))).await.unwrap().spec;
        let limits = ScanLimits::default();

        let mut each = reader(source.as_ref(), ReadView::PerScan).await;
        assert_eq!(rows(each.as_mut(), &spec).await.unwrap(), 3);
        server.terminate().await;
        assert_eq!(rows(each.as_mut(), &spec).await.unwrap(), 3, "between two scans");
        let mut scan = each.scan(&long, &limits).await.unwrap();
        assert!(scan.next_batch().await.unwrap().is_some());
        server.terminate().await;
        assert_eq!(drain(scan.as_mut()).await.unwrap_err().kind(), SourceErrorKind::ConnectionLost);
        drop(scan);
        assert_eq!(rows(each.as_mut(), &spec).await.unwrap(), 3, "after a scan that broke");
        each.close().await.unwrap();

        let mut own = reader(source.as_ref(), ReadView::Shared).await;
        let mut scan = own.scan(&long, &limits).await.unwrap();
        assert!(scan.next_batch().await.unwrap().is_some());
        server.terminate().await;
        assert_eq!(drain(scan.as_mut()).await.unwrap_err().kind(), SourceErrorKind::ConnectionLost);
        drop(scan);
        let error = own.scan(&spec, &limits).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string()),
            (SourceErrorKind::ConnectionLost, "the read view is gone".to_owned())
        );
    });
}

/// A view is of one connection: one worker has it, several have none in common and are told so.
fn a_view_is_held_by_one_worker_alone(family: Family) {
    run(async {
        let server = Server::with(family, TABLE).await;
        let source = server.source();
        let spec = source.describe(&request(table("t"))).await.unwrap().spec;
        let limits = ScanLimits::default();
        let alone = source.open_snapshot(ReadView::Shared, 1, &limits).await.unwrap();
        let mut one = alone.reader(&limits).await.unwrap();
        assert_eq!(alone.reader(&limits).await.unwrap_err().kind(), SourceErrorKind::ConnectionLost);
        assert_eq!(rows(one.as_mut(), &spec).await.unwrap(), 3);
        server.execute("DELETE FROM t WHERE id = 1").await;
        assert_eq!(rows(one.as_mut(), &spec).await.unwrap(), 3, "the rows of the moment of the first scan");
        assert!(matches!(alone.consistency(), Consistency::Snapshot { .. }));
        one.close().await.unwrap();
        alone.close().await.unwrap();
        let several = source.open_snapshot(ReadView::Shared, 2, &limits).await.unwrap();
        assert_eq!(several.consistency(), Consistency::Chunk);
    });
}

/// The whole of a result is what was asked for, whatever the server was told to give to everybody.
fn settings_of_the_server_lose_no_row(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT); INSERT INTO t VALUES (1), (2), (3)",
        )
        .await;
        let source = server.source();
        let spec = source.describe(&request(table("t"))).await.unwrap().spec;
        let mut reader = reader(source.as_ref(), ReadView::PerScan).await;
        assert_eq!(rows(reader.as_mut(), &spec).await.unwrap(), 3);
        reader.close().await.unwrap();
        let sql = "SELECT @@sql_select_limit, @@sql_mode, @@time_zone, @@net_write_timeout, @@character_set_results, @@sql_auto_is_null";
        let seen = source.describe(&request(query(sql))).await.unwrap().spec;
        let (batches, _) = crate::harness::read(source.as_ref(), &seen, &ScanLimits::default()).await.unwrap();
        let found: Vec<_> =
            (0..6).map(|place| crate::harness::rendered(&batches, place).remove(0).unwrap_or_default()).collect();
        assert_eq!(found, ["18446744073709551615", "", "+00:00", "600", "utf8mb4", "0"]);
    });
}

rivet_testing::on_both_families!(
    a_reader_keeps_its_connection,
    nothing_is_open_between_scans_with_views_of_their_own,
    a_reader_survives_its_connection_where_it_may,
    a_view_is_held_by_one_worker_alone,
    settings_of_the_server_lose_no_row,
);
