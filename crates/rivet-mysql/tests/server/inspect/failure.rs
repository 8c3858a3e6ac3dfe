//! Questions that get no answer.

use std::time::{Duration, Instant};

use rivet_model::ConnectionSettings;
use rivet_mysql::MysqlFactory;
use rivet_source::{KeyRequest, ScanLimits, SourceErrorKind, SourceFactory as _};
use rivet_testing::{Family, Fault, FaultProxy};

use super::{column, inspector};
use crate::harness::{Server, keyed, query, request, run, settings, table};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t
     WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 500) SELECT n, n FROM k; ANALYZE TABLE t";

fn a_lock_is_waited_for_no_longer_than_allowed(family: Family) {
    run(async {
        let server = Server::with(family, TABLE).await;
        let spec = keyed(server.source().as_ref(), table("t"), KeyRequest::default()).await;
        let mut inspector = server.source().inspector(Duration::from_millis(300)).await.unwrap();
        server.execute("LOCK TABLES t WRITE").await;
        let begun = Instant::now();
        let error = inspector.explain(&spec, &ScanLimits::default()).await.unwrap_err();
        // Whichever of the two timeouts comes first; the one for locks is a whole second.
        assert!(matches!(error.kind(), SourceErrorKind::LockTimeout | SourceErrorKind::StatementTimeout), "{error}");
        assert!(error.help_text().unwrap().contains("0.3 s"), "{error:?}");
        // What only the table tells is missing.
        let found = inspector.statistics(&spec).await;
        assert!(found.is_err() || column(&found.unwrap(), "id").lowest.is_none());
        assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
        inspector.vitals().await.unwrap();
        server.execute("UNLOCK TABLES").await;
        inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
        inspector.statistics(&spec).await.unwrap();
        let probes = inspector.take_probes();
        assert!(probes[0].error.is_some() && probes[0].milliseconds >= 250, "{:?}", probes[0]);
        assert!(probes.last().unwrap().error.is_none(), "{probes:?}");
    });
}

fn a_query_is_pointed_into(family: Family) {
    run(async {
        let server = Server::with(family, TABLE).await;
        let mut spec = server.source().describe(&request(query("SELECT id FROM t"))).await.unwrap().spec;
        let text = "SELECT id FROM t WHERE id = = 1";
        spec.relation = query(text);
        let error = inspector(&server).await.explain(&spec, &ScanLimits::default()).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Statement, "{error}");
        let label = miette::Diagnostic::labels(&error).unwrap().next().unwrap();
        assert_eq!(label.offset(), text.find("= 1").unwrap());
    });
}

fn a_connection_that_broke_is_made_again(family: Family) {
    run(async {
        let server = Server::with(family, TABLE).await;
        let spec = keyed(server.source().as_ref(), table("t"), KeyRequest::default()).await;
        let mut inspector = inspector(&server).await;
        inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
        server.terminate().await;
        inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
        inspector.statistics(&spec).await.unwrap();
        assert!(inspector.take_probes().iter().all(|probe| probe.error.is_none()));
        inspector.close().await;
        server.no_session().await;
    });
}

fn a_server_that_goes_silent_is_given_up(family: Family) {
    run(async {
        let server = Server::with(family, TABLE).await;
        let spec = keyed(server.source().as_ref(), table("t"), KeyRequest::default()).await;
        let proxy = FaultProxy::start(&server.url);
        let source = MysqlFactory.open(&settings(&proxy.url(&server.url))).unwrap();
        let mut inspector = source.inspector(Duration::from_millis(200)).await.unwrap();
        proxy.set(Fault::StallAfter(0));
        let begun = Instant::now();
        let error = inspector.explain(&spec, &ScanLimits::default()).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::ConnectionLost, "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        proxy.set(Fault::None);
        inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
    });
}

fn a_role_without_privileges_learns_what_everybody_may(family: Family) {
    run(async {
        let server = Server::with(family, TABLE).await;
        let spec = keyed(server.source().as_ref(), table("t"), KeyRequest::default()).await;
        let role = server.database().name().replace("rivet_test_", "v");
        server.execute(&format!("CREATE USER '{role}'@'%' IDENTIFIED BY 'nothing'")).await;
        let settings = ConnectionSettings {
            user: Some(role.clone()),
            password: Some("nothing".to_owned().into()),
            ..settings(&server.url)
        };
        let database = server.database().name().to_owned();
        server.execute(&format!("CREATE TABLE open (id int); GRANT SELECT ON {database}.open TO '{role}'@'%'")).await;
        let source = MysqlFactory.open(&settings).unwrap();
        let mut inspector = source.inspector(Duration::from_secs(5)).await.unwrap();
        let error = inspector.explain(&spec, &ScanLimits::default()).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Permission, "{error}");
        assert_eq!(inspector.statistics(&spec).await.unwrap_err().kind(), SourceErrorKind::NotFound);
        let vitals = inspector.vitals().await.unwrap();
        assert!(vitals.max_connections.is_some() && vitals.connections.is_some(), "{vitals:?}");
        assert_eq!((vitals.oldest_transaction, vitals.address.is_some()), (None, true), "others' are not shown");
        assert_eq!(vitals.history_list_length.is_some(), family == Family::Mariadb, "one of them tells everybody");
        let failed: Vec<_> = inspector.take_probes().into_iter().filter(|probe| probe.error.is_some()).collect();
        let purposes: Vec<_> = failed.iter().map(|probe| probe.purpose.as_str()).collect();
        assert_eq!(purposes, ["the plan of the scan", "the oldest transaction"]);
        server.execute(&format!("GRANT SELECT ON {database}.t TO '{role}'@'%'")).await;
        inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
        let found = inspector.statistics(&spec).await.unwrap();
        assert_eq!((found.estimated_rows, found.indexes.len()), (Some(500), 1));
        assert!(column(&found, "id").lowest.is_some(), "{found:?}");
        // When statistics were gathered stands in a database of the server's own.
        assert_eq!((found.analyzed_at, found.changed_rows), (None, None));
        inspector.close().await;
        server.execute(&format!("DROP USER '{role}'@'%'")).await;
    });
}

rivet_testing::on_both_families!(
    a_lock_is_waited_for_no_longer_than_allowed,
    a_query_is_pointed_into,
    a_connection_that_broke_is_made_again,
    a_server_that_goes_silent_is_given_up,
    a_role_without_privileges_learns_what_everybody_may,
);
