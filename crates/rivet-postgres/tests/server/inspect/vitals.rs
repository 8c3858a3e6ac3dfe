//! How the server is doing.

use std::time::Duration;

use url::Url;

use crate::harness::{Server, inspector};

#[tokio::test]
async fn a_server_says_how_it_is_doing() {
    let server = Server::start().await;
    let mut inspector = inspector(&server).await;
    let found = inspector.vitals().await.unwrap();
    let port = Url::parse(&server.url).unwrap().port().unwrap();
    assert!(found.address.as_ref().is_some_and(|address| address.ends_with(&format!(":{port}"))), "{found:?}");
    let setting = async |name: &str| server.column(&format!("SHOW {name}")).await[0].parse::<u64>().unwrap();
    let all = setting("max_connections").await;
    let ours = all - setting("superuser_reserved_connections").await;
    assert!(found.max_connections.is_some_and(|found| found <= ours && found > ours / 2), "{found:?}");
    assert!(found.connections.is_some_and(|found| (2..=all).contains(&found)), "this one, and the test's: {found:?}");
    assert_eq!(found.replica_lag, None, "it is no replica");
    let probes = inspector.take_probes();
    assert_eq!((probes.len(), probes[0].rows, &probes[0].error), (1, 1, &None));
}

#[tokio::test]
async fn an_open_transaction_has_an_age() {
    let server = Server::start().await;
    let mut inspector = inspector(&server).await;
    server.execute("BEGIN; SELECT 1").await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let age = inspector.vitals().await.unwrap().oldest_transaction.unwrap();
    assert!(age >= Duration::from_millis(1_200), "{age:?}");
    server.execute("COMMIT").await;
}
