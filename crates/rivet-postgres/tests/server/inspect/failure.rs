//! Questions that are not answered.

use std::time::{Duration, Instant};

use rivet_postgres::PostgresFactory;
use rivet_source::{KeyRequest, ScanLimits, SourceErrorKind, SourceFactory as _, Tiebreak};
use rivet_testing::{Fault, FaultProxy};
use url::Url;

use super::column;
use crate::harness::{Server, inspector, key, keyed, query, request, settings, table};

const TABLE: &str =
    "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, i FROM generate_series(1, 500) i";

#[tokio::test]
async fn a_lock_is_waited_for_no_longer_than_allowed() {
    let server = Server::with(TABLE).await;
    let spec = keyed(server.source().as_ref(), table("t"), KeyRequest::default()).await;
    let mut inspector = server.source().inspector(Duration::from_millis(300)).await.unwrap();
    server.execute("BEGIN; LOCK TABLE t").await;
    let begun = Instant::now();
    let error = inspector.explain(&spec, &ScanLimits::default()).await.unwrap_err();
    // Whichever of the two timeouts, which are equal, comes first.
    assert!(matches!(error.kind(), SourceErrorKind::LockTimeout | SourceErrorKind::StatementTimeout), "{error}");
    assert!(error.help_text().unwrap().contains("0.3 s"), "{error:?}");
    inspector.statistics(&spec).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    inspector.vitals().await.unwrap();
    server.execute("COMMIT").await;
    inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
    inspector.statistics(&spec).await.unwrap();
    let probes = inspector.take_probes();
    assert!(probes[0].error.is_some() && probes[0].milliseconds >= 250, "{:?}", probes[0]);
    assert!(probes[2..].iter().all(|probe| probe.error.is_none()), "{probes:?}");
}

#[tokio::test]
async fn a_plan_that_takes_too_long_is_given_up() {
    let server = Server::with(&format!(
        "{TABLE}; CREATE FUNCTION slow() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1 FROM pg_sleep(30)'"
    ))
    .await;
    let spec = server.source().describe(&request(query("SELECT id FROM t"))).await.unwrap().spec;
    let mut slow = spec.clone();
    // Planning computes what it takes for a constant.
    slow.relation = query("SELECT id FROM t WHERE id > slow()");
    let mut inspector = server.source().inspector(Duration::from_millis(300)).await.unwrap();
    let begun = Instant::now();
    let error = inspector.explain(&slow, &ScanLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::StatementTimeout, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
}

#[tokio::test]
async fn a_query_is_pointed_into() {
    let server = Server::with(TABLE).await;
    let mut spec = server.source().describe(&request(query("SELECT id FROM t"))).await.unwrap().spec;
    let text = "SELECT id FROM t WHERE ж = 1";
    spec.relation = query(text);
    let error = inspector(&server).await.explain(&spec, &ScanLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::NotFound, "{error}");
    let label = miette::Diagnostic::labels(&error).unwrap().next().unwrap();
    assert_eq!(label.offset(), text.find('ж').unwrap());
}

#[tokio::test]
async fn a_connection_that_broke_is_made_again() {
    let server = Server::with(TABLE).await;
    let spec = keyed(server.source().as_ref(), table("t"), KeyRequest::default()).await;
    let mut inspector = inspector(&server).await;
    inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
    server.terminate().await;
    inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
    inspector.statistics(&spec).await.unwrap();
    inspector.close().await;
    server.no_session().await;
}

#[tokio::test]
async fn a_server_that_goes_silent_is_given_up() {
    let server = Server::with(TABLE).await;
    let spec = keyed(server.source().as_ref(), table("t"), KeyRequest::default()).await;
    let proxy = FaultProxy::start(&server.url);
    let source = PostgresFactory.open(&settings(&proxy.url(&server.url))).unwrap();
    let mut inspector = source.inspector(Duration::from_millis(200)).await.unwrap();
    proxy.set(Fault::StallAfter(0));
    let error = inspector.explain(&spec, &ScanLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::ConnectionLost, "{error}");
    proxy.set(Fault::None);
    inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
}

#[tokio::test]
async fn a_role_without_privileges_learns_what_everybody_may() {
    let server = Server::with(&format!("{TABLE}; ANALYZE t")).await;
    let spec = keyed(server.source().as_ref(), table("t"), key(&["id"], Tiebreak::None)).await;
    let role = format!("nobody_{}", std::process::id());
    server.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'nothing'")).await;
    let mut url = Url::parse(&server.url).unwrap();
    url.set_username(&role).unwrap();
    url.set_password(Some("nothing")).unwrap();
    let source = PostgresFactory.open(&settings(url.as_str())).unwrap();
    let mut inspector = source.inspector(Duration::from_secs(5)).await.unwrap();
    let error = inspector.explain(&spec, &ScanLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Permission, "{error}");
    let found = inspector.statistics(&spec).await.unwrap();
    assert_eq!((found.estimated_rows, found.indexes.len()), (Some(500), 1));
    assert!(found.analyzed_at.is_some() && column(&found, "id").lowest.is_none(), "{found:?}");
    let failed = inspector.take_probes().into_iter().filter(|probe| probe.error.is_some());
    assert_eq!(failed.map(|probe| probe.purpose).collect::<Vec<_>>(), ["the plan of the scan", "the ends of the key"]);
    let vitals = inspector.vitals().await.unwrap();
    assert!(vitals.max_connections.is_some() && vitals.connections.is_some(), "{vitals:?}");
    server.execute(&format!("GRANT SELECT ON t TO {role}")).await;
    inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
    let found = inspector.statistics(&spec).await.unwrap();
    assert!(column(&found, "id").lowest.is_some() && column(&found, "id").null_fraction.is_some(), "{found:?}");
    inspector.close().await;
    server.execute(&format!("REVOKE ALL ON t FROM {role}; DROP ROLE {role}")).await;
}
