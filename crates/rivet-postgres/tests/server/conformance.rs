//! What every driver promises.

use rivet_source::conformance;

use crate::harness::Server;

#[tokio::test]
async fn the_driver_conforms() {
    let server = Server::start().await;
    conformance::suite(&server).await;
}

#[tokio::test]
async fn the_driver_conforms_behind_pgbouncer() {
    let server = Server::pooled().await;
    conformance::suite(&server).await;
    assert!(server.source().server().await.unwrap().pooled);
}
