//! Plans of the statements that scans send.

use rivet_model::{KeyBound, Relation, RowRange, Scalar};
use rivet_source::{Access, Explanation, KeyRequest, ScanSpec, Tiebreak};

use crate::harness::{Server, inspector, key, keyed, query, request, sent, table};

const EVENTS: &str = "CREATE TABLE events (id int PRIMARY KEY, upd timestamptz, made timestamptz NOT NULL, pad text);
     INSERT INTO events SELECT i, CASE WHEN i % 3 > 0 THEN timestamptz '2026-01-01 00:01Z' - i * interval '1 s' END,
         timestamptz '2026-01-01 00:01Z' - i * interval '2 s', repeat('x', 100) FROM generate_series(1, 20000) i;
     CREATE INDEX by_upd ON events (upd, id); CREATE INDEX by_made ON events (made, id); ANALYZE events;
     CREATE VIEW seen AS SELECT e.pad, e.made AS at, e.id FROM events e JOIN generate_series(1, 2) g ON g < e.id";

fn moment(seconds: i64) -> Scalar {
    Scalar::TimestampTz(format!("2026-01-01 00:00:{seconds:02}+00"))
}

fn after(seconds: i64, id: i64) -> RowRange {
    RowRange::Key { lower: Some(KeyBound::excluding(vec![moment(seconds), Scalar::Int(id)])), upper: None }
}

fn ids(from: i64, to: i64) -> RowRange {
    RowRange::Key {
        lower: Some(KeyBound::including(vec![Scalar::Int(from)])),
        upper: Some(KeyBound::excluding(vec![Scalar::Int(to)])),
    }
}

fn written(found: &Explanation) -> Vec<String> {
    let one = |access: &Access| {
        let index = access.index.as_ref().map_or_else(String::new, |index| format!(" by {index}"));
        format!("{:?} of {}{index}{}", access.path, access.relation, if access.bounded { ", bounded" } else { "" })
    };
    found.accesses.iter().map(one).collect()
}

fn coalesced() -> KeyRequest {
    KeyRequest { fallback: Some("made".parse().unwrap()), ..key(&["upd"], Tiebreak::OwnKey) }
}

#[tokio::test]
async fn what_is_explained_is_what_a_scan_sends() {
    let server = Server::with(EVENTS).await;
    let source = server.source();
    let mut inspector = inspector(&server).await;
    let of_query = query("SELECT e.pad, e.made AS at, e.id FROM events e WHERE e.pad <> '''' -- all");
    let pages = RowRange::Pages { partition: None, from: 1, to: Some(2) };
    for (relation, key, range) in [
        (table("events"), KeyRequest::default(), RowRange::All),
        (table("events"), KeyRequest::default(), ids(5, 10)),
        (table("events"), KeyRequest::default(), pages),
        (table("events"), coalesced(), after(30, 5)),
        (table("events"), key(&["upd"], Tiebreak::OwnKey), RowRange::NullKey),
        (of_query.clone(), key(&["at", "id"], Tiebreak::None), RowRange::All),
        (of_query, key(&["at", "id"], Tiebreak::None), after(30, 5)),
        (table("seen"), key(&["at", "id"], Tiebreak::None), after(30, 5)),
    ] {
        let spec = keyed(source.as_ref(), relation, key).await.with_range(range);
        let explained = inspector.explain(&spec).await.unwrap().statement;
        assert_eq!(explained, sent(&server, source.as_ref(), &spec).await);
        let probes = inspector.take_probes();
        assert_eq!(probes.len(), 1);
        assert_eq!(probes[0].statement, format!("EXPLAIN (FORMAT JSON) {explained}"));
    }
}

#[tokio::test]
async fn the_way_to_the_rows_is_told() {
    let server = Server::with(EVENTS).await;
    let mut inspector = inspector(&server).await;
    let source = server.source();
    let mut check = async |relation: Relation, key: KeyRequest, range: RowRange, rows: u64, expected: &[&str]| {
        let spec = keyed(source.as_ref(), relation, key).await.with_range(range);
        let found = inspector.explain(&spec).await.unwrap();
        assert_eq!(written(&found), expected, "{}", found.statement);
        let estimated = found.estimated_rows.unwrap();
        assert!((rows / 3..=rows * 3).contains(&estimated), "{estimated} rows, not {rows}: {}", found.statement);
        assert!(!found.sorts_result && found.row_bytes.unwrap() > 20.0, "{found:?}");
    };
    let own = KeyRequest::default;
    let made = || key(&["made"], Tiebreak::OwnKey);
    check(table("events"), own(), RowRange::All, 20_000, &["SequentialScan of events"]).await;
    check(table("events"), own(), ids(10, 20), 10, &["IndexScan of events by events_pkey, bounded"]).await;
    check(table("events"), made(), after(30, 5), 15, &["IndexScan of events by by_made, bounded"]).await;
    check(table("events"), key(&["pad"], Tiebreak::None), RowRange::NullKey, 1, &["SequentialScan of events"]).await;
    let both = ["BitmapScan of events by by_upd, by_made, bounded"];
    check(table("events"), coalesced(), after(30, 5), 30, &both).await;
    let at = || key(&["at", "id"], Tiebreak::None);
    let renamed = query("SELECT pad, made AS at, id FROM events");
    check(renamed, at(), after(30, 5), 15, &["IndexScan of events by by_made, bounded"]).await;
    let own_condition = query("SELECT pad, made AS at, id FROM events WHERE id BETWEEN 5 AND 9");
    check(own_condition, at(), RowRange::All, 5, &["IndexScan of events by events_pkey"]).await;
    let function = query("SELECT i AS id, repeat('x', 50) AS pad FROM generate_series(1, 900) i");
    check(function, key(&["id"], Tiebreak::None), RowRange::All, 900, &["Other of generate_series"]).await;
    if server.reads_pages().await {
        let pages = RowRange::Pages { partition: None, from: 10, to: Some(20) };
        check(table("events"), own(), pages, 500, &["PageRange of events, bounded"]).await;
    }
}

#[tokio::test]
async fn partitions_and_views_show_what_is_below_them() {
    let server = Server::with(&format!(
        "{EVENTS}; CREATE TABLE parted (day date NOT NULL, id bigint NOT NULL, pad text, PRIMARY KEY (day, id)) \
             PARTITION BY RANGE (day);
         CREATE TABLE january PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
         CREATE TABLE later PARTITION OF parted DEFAULT;
         INSERT INTO parted SELECT date '2026-01-01' + i / 400, i, repeat('x', 100) FROM generate_series(0, 19999) i;
         ANALYZE parted"
    ))
    .await;
    let source = server.source();
    let mut inspector = inspector(&server).await;
    let mut check = async |relation: &str, key: KeyRequest, range: RowRange, expected: &[&str]| {
        let spec = keyed(source.as_ref(), table(relation), key).await.with_range(range);
        let found = inspector.explain(&spec).await.unwrap();
        let ways: Vec<_> = written(&found).into_iter().map(|way| way.replace("BitmapScan", "IndexScan")).collect();
        assert_eq!(ways, expected, "{found:?}");
    };
    let days = |from: &str, to: &str| RowRange::Key {
        lower: Some(KeyBound::including(vec![Scalar::Date(from.to_owned())])),
        upper: Some(KeyBound::excluding(vec![Scalar::Date(to.to_owned())])),
    };
    let own = KeyRequest::default;
    check("parted", own(), RowRange::All, &["SequentialScan of january", "SequentialScan of later"]).await;
    let both = ["IndexScan of january by january_pkey, bounded", "IndexScan of later by later_pkey, bounded"];
    check("parted", own(), days("2026-01-31", "2026-02-02"), &both).await;
    check("parted", own(), days("2026-01-03", "2026-01-04"), &both[..1]).await;
    let at = key(&["at", "id"], Tiebreak::None);
    let seen = ["IndexScan of events by by_made, bounded", "Other of generate_series"];
    let spec = keyed(source.as_ref(), table("seen"), at).await.with_range(after(30, 5));
    let mut found = written(&inspector.explain(&spec).await.unwrap());
    found.sort();
    assert_eq!(found.iter().map(|way| way.replace("BitmapScan", "IndexScan")).collect::<Vec<_>>(), seen);
}

#[tokio::test]
async fn a_query_that_sorts_everything_is_told_from_one_that_does_not() {
    let server = Server::with(EVENTS).await;
    let source = server.source();
    let mut inspector = inspector(&server).await;
    for (text, sorts) in [
        ("SELECT id, pad FROM events", false),
        ("SELECT id, pad FROM events ORDER BY pad", true),
        ("SELECT id, pad FROM events ORDER BY id", false),
        ("SELECT id, pad FROM events ORDER BY pad LIMIT 5", false),
        ("SELECT id, pad FROM (SELECT * FROM events ORDER BY upd, made) AS e -- sorted", true),
    ] {
        let spec: ScanSpec = source.describe(&request(query(text))).await.unwrap().spec;
        assert_eq!(inspector.explain(&spec).await.unwrap().sorts_result, sorts, "{text}");
    }
}
