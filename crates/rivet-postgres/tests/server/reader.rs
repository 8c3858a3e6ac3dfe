//! Readers: one connection for many scans, and what becomes of it when it breaks.

use std::time::Duration;

use rivet_model::{Consistency, ReadView};
use rivet_postgres::PostgresFactory;
use rivet_source::{Reader, ScanLimits, ScanSpec, SourceError, SourceErrorKind, SourceFactory as _};
use rivet_testing::FaultProxy;

use crate::harness::{Server, drain, query, reader, request, settings, table};

const TABLE: &str = "CREATE TABLE t (id bigint); INSERT INTO t SELECT generate_series(1, 3)";

async fn rows(reader: &mut dyn Reader, spec: &ScanSpec) -> Result<u64, SourceError> {
    let mut scan = reader.scan(spec, &ScanLimits::default()).await?;
    drain(scan.as_mut()).await?;
    Ok(scan.summary().rows)
}

#[tokio::test]
async fn a_reader_keeps_its_connection() {
    let server = Server::with(TABLE).await;
    let proxy = FaultProxy::start(&server.url);
    let source = PostgresFactory.open(&settings(&proxy.url(&server.url))).unwrap();
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
}

#[tokio::test]
async fn nothing_is_open_between_scans_with_views_of_their_own() {
    let server = Server::with(TABLE).await;
    let source = server.source();
    let spec = source.describe(&request(table("t"))).await.unwrap().spec;
    let state =
        "SELECT state FROM pg_stat_activity WHERE application_name = 'rivet-test' AND datname = current_database()";
    for (view, expected) in [(ReadView::PerScan, "idle"), (ReadView::Shared, "idle in transaction")] {
        let mut reader = reader(source.as_ref(), view).await;
        rows(reader.as_mut(), &spec).await.unwrap();
        assert_eq!(server.column(state).await, [expected]);
        reader.close().await.unwrap();
        server.no_session().await;
    }
}

#[tokio::test]
async fn a_reader_survives_its_connection_where_it_may() {
    let server = Server::with(TABLE).await;
    let source = server.source();
    let spec = source.describe(&request(table("t"))).await.unwrap().spec;
    let long = source.describe(&request(query("SELECT i FROM generate_series(1, 3000000) i"))).await.unwrap().spec;
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
}

#[tokio::test]
async fn an_exported_view_lasts_as_long_as_its_leader() {
    let server = Server::with(TABLE).await;
    let source = server.source();
    let spec = source.describe(&request(table("t"))).await.unwrap().spec;
    let limits = ScanLimits::default();
    let snapshot = source.open_snapshot(ReadView::Shared, 2, &limits).await.unwrap();
    assert!(matches!(snapshot.consistency(), Consistency::Snapshot { position: Some(_) }));
    server.execute("DELETE FROM t").await;
    let mut one = snapshot.reader(&limits).await.unwrap();
    assert_eq!(rows(one.as_mut(), &spec).await.unwrap(), 3, "the rows of the moment of the snapshot");
    let mut scan = one.scan(&spec, &limits).await.unwrap();
    scan.cancel().await;
    drop(scan);
    let mut scan = one.scan(&spec, &limits).await.unwrap();
    assert!(scan.next_batch().await.unwrap().is_some());
    // Dropped before its end: its connection is lost, and the view is not.
    drop(scan);
    assert_eq!(rows(one.as_mut(), &spec).await.unwrap(), 3, "over another connection");
    snapshot.close().await.unwrap();
    let mut two = snapshot.reader(&limits).await.unwrap();
    let error = two.scan(&spec, &limits).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (SourceErrorKind::ConnectionLost, "the read view is gone".to_owned())
    );
}

#[tokio::test]
async fn a_view_of_one_worker_has_one_reader() {
    let server = Server::with(TABLE).await;
    let source = server.source();
    let limits = ScanLimits::default();
    let snapshot = source.open_snapshot(ReadView::Shared, 1, &limits).await.unwrap();
    let first = snapshot.reader(&limits).await.unwrap();
    let error = snapshot.reader(&limits).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::ConnectionLost);
    first.close().await.unwrap();
}

#[tokio::test]
async fn limits_hold_for_their_own_scan() {
    let server = Server::with(TABLE).await;
    let source = server.source();
    let quick = source.describe(&request(table("t"))).await.unwrap().spec;
    let slow = source.describe(&request(query("SELECT 1::bigint AS id FROM pg_sleep(0.5)"))).await.unwrap().spec;
    let limits =
        |milliseconds| ScanLimits { statement_timeout: Duration::from_millis(milliseconds), ..ScanLimits::default() };
    let mut reader = reader(source.as_ref(), ReadView::Shared).await;
    for (spec, milliseconds, fits) in [(&quick, 100, true), (&slow, 20_000, true), (&slow, 100, false)] {
        let mut scan = reader.scan(spec, &limits(milliseconds)).await.unwrap();
        let read = drain(scan.as_mut()).await;
        match read {
            Ok(_) => assert!(fits),
            Err(error) => assert!(!fits && error.kind() == SourceErrorKind::StatementTimeout, "{error}"),
        }
    }
}
