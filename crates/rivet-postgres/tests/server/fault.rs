//! A network that fails.

use std::time::Duration;

use rivet_model::ReadView;
use rivet_postgres::PostgresFactory;
use rivet_source::{ScanLimits, SourceError, SourceErrorKind, SourceFactory as _};
use rivet_testing::{Fault, FaultProxy};

use crate::harness::{Server, query, reader, request, settings};

/// Reads a long query through a network that fails in its midst, and returns the error.
async fn read_through(fault: Fault, statement_timeout: Duration) -> SourceError {
    let server = Server::start().await;
    let proxy = FaultProxy::start(&server.url);
    let source = PostgresFactory.open(&settings(&proxy.url(&server.url))).unwrap();
    let spec = source.describe(&request(query("SELECT i FROM generate_series(1, 1000000) i"))).await.unwrap().spec;
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

#[tokio::test]
async fn a_connection_that_breaks_in_a_scan_is_noticed() {
    let error = read_through(Fault::CutAfter(1_000_000), Duration::ZERO).await;
    assert_eq!(error.kind(), SourceErrorKind::ConnectionLost, "{error}");
}

#[tokio::test]
async fn a_server_that_goes_silent_in_a_scan_is_given_up() {
    let error = read_through(Fault::StallAfter(1_000_000), Duration::from_secs(1)).await;
    assert_eq!(error.kind(), SourceErrorKind::ConnectionLost, "{error}");
    assert!(error.to_string().contains("went silent"), "{error}");
}
