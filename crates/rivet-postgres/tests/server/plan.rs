//! The form of ranges: what the server's planner makes of them.

use rivet_model::{KeyBound, RowRange, Scalar};
use rivet_source::{KeyRequest, ScanSpec, Source, Tiebreak};

use crate::harness::{Server, key, keyed, query, sent, table};

/// Reads a range, and returns how the server explains the very statement that read it.
async fn explained(server: &Server, source: &dyn Source, spec: &ScanSpec, range: RowRange) -> String {
    let select = sent(server, source, &spec.with_range(range)).await;
    server.column(&format!("EXPLAIN (COSTS OFF) {select}")).await.join("\n")
}

fn moment(seconds: i64) -> Scalar {
    Scalar::TimestampTz(format!("2026-01-01 00:00:{seconds:02}+00"))
}

fn after(seconds: i64, id: i64) -> RowRange {
    RowRange::Key { lower: Some(KeyBound::excluding(vec![moment(seconds), Scalar::Int(id)])), upper: None }
}

const EVENTS: &str = "CREATE TABLE events (id int PRIMARY KEY, upd timestamptz, made timestamptz NOT NULL, pad text);
     INSERT INTO events SELECT i, CASE WHEN i % 3 > 0 THEN timestamptz '2026-01-01 00:01Z' - i * interval '1 s' END,
         timestamptz '2026-01-01 00:01Z' - i * interval '2 s', repeat('x', 100) FROM generate_series(1, 20000) i;
     CREATE INDEX by_upd ON events (upd, id); CREATE INDEX by_made ON events (made, id); ANALYZE events";

#[tokio::test]
async fn a_range_of_tuples_is_an_index_condition() {
    let server = Server::with(EVENTS).await;
    let source = server.source();
    let spec = keyed(source.as_ref(), table("events"), key(&["made"], Tiebreak::OwnKey)).await;
    let plan = explained(&server, source.as_ref(), &spec, after(30, 5)).await;
    assert!(plan.contains("by_made"), "{plan}");
    assert!(plan.contains("Index Cond: (ROW(made, id) > ROW("), "{plan}");
    // A narrower column than the literal's type is no hindrance.
    let spec = keyed(source.as_ref(), table("events"), key(&["id"], Tiebreak::None)).await;
    let range = RowRange::Key {
        lower: Some(KeyBound::including(vec![Scalar::Int(10)])),
        upper: Some(KeyBound::excluding(vec![Scalar::Int(20)])),
    };
    let plan = explained(&server, source.as_ref(), &spec, range).await;
    assert!(plan.contains("Index Cond: ((id >= '10'::bigint) AND (id < '20'::bigint))"), "{plan}");
    let spec = keyed(source.as_ref(), table("events"), key(&["upd"], Tiebreak::OwnKey)).await;
    let plan = explained(&server, source.as_ref(), &spec, RowRange::NullKey).await;
    assert!(plan.contains("upd IS NULL"), "{plan}");
}

#[tokio::test]
async fn a_range_of_a_query_reaches_the_index_of_its_table() {
    let server = Server::with(EVENTS).await;
    let source = server.source();
    let relation = query("SELECT e.pad, e.made AS at, e.id FROM events e WHERE e.pad <> '' -- all");
    let spec = keyed(source.as_ref(), relation, key(&["at", "id"], Tiebreak::None)).await;
    let plan = explained(&server, source.as_ref(), &spec, after(30, 5)).await;
    assert!(plan.contains("by_made") && plan.contains("Index Cond: ((ROW(made, id) > ROW("), "{plan}");
}

#[tokio::test]
async fn a_column_that_stands_in_is_found_by_its_own_index() {
    let server = Server::with(EVENTS).await;
    let source = server.source();
    let request = KeyRequest { fallback: Some("made".parse().unwrap()), ..key(&["upd"], Tiebreak::OwnKey) };
    let spec = keyed(source.as_ref(), table("events"), request).await;
    let both = RowRange::Key {
        lower: Some(KeyBound::excluding(vec![moment(10), Scalar::Int(5)])),
        upper: Some(KeyBound::including(vec![moment(40), Scalar::Int(5)])),
    };
    for range in [after(30, 5), both] {
        let plan = explained(&server, source.as_ref(), &spec, range).await;
        assert!(plan.contains("BitmapOr"), "{plan}");
        for index in ["by_upd", "by_made"] {
            assert!(plan.contains(&format!("Bitmap Index Scan on {index}")), "{plan}");
        }
        assert_eq!(plan.matches("Index Cond: (").count(), 2, "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
    }
}

#[tokio::test]
async fn pages_are_read_without_the_others() {
    let server = Server::with(EVENTS).await;
    if !server.reads_pages().await {
        return;
    }
    let source = server.source();
    let spec = keyed(source.as_ref(), table("events"), key(&["id"], Tiebreak::None)).await;
    for to in [Some(20), None] {
        let range = RowRange::Pages { partition: None, from: 10, to };
        let plan = explained(&server, source.as_ref(), &spec, range).await;
        assert!(plan.contains("Tid Range Scan on events"), "{plan}");
    }
}
