//! What preflight asks.

mod cost;
mod explain;
mod failure;
mod statistics;
mod vitals;

use std::time::Duration;

use rivet_source::{ColumnStatistics, Inspector, RelationStatistics};

use crate::harness::Server;

/// 20,000 rows: by the order that they are stored in, by moments that some of them lack, by moments that all of them
/// have, and by nothing. A view of them that has names of its own, and one that reads all to count.
const EVENTS: &str = "CREATE TABLE events (id int PRIMARY KEY, upd datetime, made datetime NOT NULL, pad varchar(100),
         KEY by_upd (upd, id), KEY by_made (made, id));
     INSERT INTO events
         WITH RECURSIVE k (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < 999),
             i (n) AS (SELECT a.n * 20 + b.n + 1 FROM k a JOIN k b ON b.n < 20)
         SELECT n, IF(n % 3 > 0, TIMESTAMP'2026-01-01 00:01:00' - INTERVAL n SECOND, NULL),
             TIMESTAMP'2026-01-01 00:01:00' - INTERVAL 2 * n SECOND, REPEAT('x', 100) FROM i;
     CREATE VIEW seen AS SELECT pad, made AS at, id FROM events;
     CREATE VIEW counted AS SELECT COUNT(*) AS id, pad FROM events GROUP BY pad;
     ANALYZE TABLE events";

/// What preflight asks with.
async fn inspector(server: &Server) -> Box<dyn Inspector> {
    server.source().inspector(Duration::from_secs(5)).await.unwrap()
}

/// What is known of a column of the key.
fn column<'a>(found: &'a RelationStatistics, name: &str) -> &'a ColumnStatistics {
    &found.columns[&name.parse().unwrap()]
}
