//! What preflight asks.

mod cost;
mod explain;
mod failure;
mod statistics;
mod vitals;

use std::time::Duration;

use rivet_source::{ColumnStatistics, RelationStatistics};

use crate::harness::Server;

/// Waits until the server knows what the test's session has counted: that comes about a second later, with its next
/// statement.
async fn settled(server: &Server) {
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        server.query("SELECT 1").await;
    }
}

/// What is known of a column of the key.
fn column<'a>(found: &'a RelationStatistics, name: &str) -> &'a ColumnStatistics {
    &found.columns[&name.parse().unwrap()]
}
