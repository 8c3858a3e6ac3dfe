//! A network that fails.

use std::time::Duration;

use rivet_model::ReadView;
use rivet_mysql::MysqlFactory;
use rivet_source::{ScanLimits, SourceError, SourceErrorKind, SourceFactory as _};
use rivet_testing::{Family, Fault, FaultProxy};

use crate::harness::{Server, query, reader, request, run, settings};

const LONG: &str = "WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 1000)
     SELECT a.n AS a, REPEAT('x', 100) AS pad FROM k a CROSS JOIN k b";

/// Reads a long query through a network that fails in its midst, and returns the error.
async fn read_through(family: Family, fault: Fault, statement_timeout: Duration) -> SourceError {
    let server = Server::start(family).await;
    let proxy = FaultProxy::start(&server.url);
    let source = MysqlFactory.open(&settings(&proxy.url(&server.url))).unwrap();
    let spec = source.describe(&request(query(LONG))).await.unwrap().spec;
    let limits = ScanLimits { statement_timeout, ..ScanLimits::default() };
    let mut reader = reader(source.as_ref(), ReadView::Shared).await;
    proxy.set(fault);
    let mut scan = reader.scan(&spec, &limits).await.unwrap();
    let reading = async {
        loop {
            match scan.next_batch().await {
                Ok(batch) => assert!(batch.is_some(), "the end came in spite of the fault"),
                Err(error) => return error,
            }
        }
    };
    let error = tokio::time::timeout(Duration::from_mins(1), reading).await.expect("a failure is noticed");
    drop(scan);
    error
}

fn a_connection_that_breaks_in_a_scan_is_noticed(family: Family) {
    run(async {
        let error = read_through(family, Fault::CutAfter(1_000_000), Duration::ZERO).await;
        assert_eq!(error.kind(), SourceErrorKind::ConnectionLost, "{error}");
    });
}

fn a_server_that_goes_silent_in_a_scan_is_given_up(family: Family) {
    run(async {
        let error = read_through(family, Fault::StallAfter(1_000_000), Duration::from_secs(1)).await;
        assert_eq!(error.kind(), SourceErrorKind::ConnectionLost, "{error}");
        assert!(error.to_string().contains("went silent"), "{error}");
    });
}

#[test]
fn nobody_listens() {
    run(async {
        let source = MysqlFactory.open(&settings("mysql://u:secret@127.0.0.1:1/d")).unwrap();
        let error = source.server().await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Connect);
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        let source = MysqlFactory.open(&settings("mysql://u:p@no-such-host.invalid:3306/d")).unwrap();
        assert_eq!(source.server().await.unwrap_err().kind(), SourceErrorKind::UnknownHost);
    });
}

rivet_testing::on_both_families!(
    a_connection_that_breaks_in_a_scan_is_noticed,
    a_server_that_goes_silent_in_a_scan_is_given_up,
);
