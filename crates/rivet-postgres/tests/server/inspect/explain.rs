//! Plans of the statements that scans send.

use std::time::Duration;

use rivet_model::{KeyBound, Relation, RowRange, Scalar, TableRef};
use rivet_source::{Access, Explanation, KeyRequest, Probe, ScanLimits, ScanSpec, Tiebreak};

use crate::harness::{Server, inspector, key, keyed, query, request, sent_first, table};

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

/// Limits with which a table of more than 20 pages is read in several statements, and its first rows come alone.
fn paced() -> ScanLimits {
    ScanLimits { statement_budget: Duration::from_millis(10), batch_rows: 1, ..ScanLimits::default() }
}

/// Every kind of range of a key of two columns and of one.
fn ranges() -> Vec<RowRange> {
    let ends = |lower: Option<KeyBound>, upper: Option<KeyBound>| RowRange::Key { lower, upper };
    let tuple = |seconds, id| vec![moment(seconds), Scalar::Int(id)];
    let (from, to) = (KeyBound::excluding(tuple(10, 5)), KeyBound::including(tuple(40, 5)));
    let (from_moment, to_moment) = (KeyBound::including(vec![moment(10)]), KeyBound::excluding(vec![moment(40)]));
    vec![
        RowRange::All,
        RowRange::NullKey,
        ends(None, None),
        ends(Some(from_moment.clone()), None),
        ends(None, Some(to_moment.clone())),
        ends(Some(from_moment), Some(to_moment.clone())),
        ends(Some(from.clone()), None),
        ends(None, Some(to.clone())),
        ends(Some(from.clone()), Some(to)),
        ends(Some(from), Some(to_moment)),
    ]
}

#[tokio::test]
async fn what_is_explained_is_what_a_scan_sends() {
    let server = Server::with(&format!(
        "{EVENTS}; CREATE TABLE parted (id int, pad text) PARTITION BY RANGE (id);
         CREATE TABLE leaf PARTITION OF parted DEFAULT; INSERT INTO parted SELECT id, pad FROM events"
    ))
    .await;
    let source = server.source();
    let of_query = || query("SELECT e.pad, e.upd, e.made, e.made AS at, e.id FROM events e WHERE e.pad <> '''' -- all");
    let upd = || key(&["upd"], Tiebreak::OwnKey);
    let mut cases = Vec::new();
    for range in ranges() {
        cases.push((table("events"), upd(), range.clone()));
        cases.push((table("events"), coalesced(), range.clone()));
        cases.push((of_query(), key(&["upd", "id"], Tiebreak::None), range.clone()));
        let stood_in = KeyRequest { fallback: Some("made".parse().unwrap()), ..key(&["upd", "id"], Tiebreak::None) };
        cases.push((of_query(), stood_in, range.clone()));
        cases.push((table("seen"), key(&["at", "id"], Tiebreak::None), range));
    }
    cases.push((table("events"), KeyRequest::default(), ids(5, 10)));
    if server.reads_pages().await {
        let leaf = TableRef::new(Some("public"), "leaf").ok();
        for (from, to) in [(0, None), (1, Some(2)), (1, Some(200)), (30, None)] {
            cases.push((table("events"), KeyRequest::default(), RowRange::Pages { partition: None, from, to }));
            let range = RowRange::Pages { partition: leaf.clone(), from, to };
            cases.push((table("parted"), KeyRequest::default(), range));
        }
    }
    let mut inspector = inspector(&server).await;
    let (mut several, mut whole) = (0, 0);
    for (relation, key, range) in cases {
        let spec = keyed(source.as_ref(), relation, key).await.with_range(range);
        let mut statements = Vec::new();
        for limits in [ScanLimits::default(), paced()] {
            let explained = inspector.explain(&spec, &limits).await.unwrap().statement;
            assert_eq!(explained, sent_first(&server, source.as_ref(), &spec, &limits).await, "{spec:?}");
            let probes = inspector.take_probes();
            let same = |probe: &&Probe| probe.statement == format!("EXPLAIN (FORMAT JSON) {explained}");
            assert_eq!(probes.iter().filter(same).count(), 1, "{explained}: {probes:?}");
            assert!(probes.iter().all(|probe| probe.error.is_none()), "{probes:?}");
            statements.push(explained);
        }
        *if statements[0] == statements[1] { &mut whole } else { &mut several } += 1;
    }
    // All rows of a table, under either key, and the ranges of pages that are long enough.
    assert_eq!((several, whole), if server.reads_pages().await { (8, 51) } else { (0, 51) });
}

#[tokio::test]
async fn a_scan_in_several_statements_is_explained_as_a_whole() {
    let server = Server::with(EVENTS).await;
    if !server.reads_pages().await {
        return;
    }
    let spec = server.source().describe(&request(table("events"))).await.unwrap().spec;
    let mut inspector = inspector(&server).await;
    let whole = inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
    inspector.take_probes();
    let found = inspector.explain(&spec, &paced()).await.unwrap();
    assert!(found.statement.ends_with("WHERE ctid >= '(0,0)'::pg_catalog.tid AND ctid < '(20,0)'::pg_catalog.tid"));
    assert_eq!(written(&found), ["SequentialScan of events"]);
    assert_eq!(Explanation { statement: whole.statement.clone(), ..found.clone() }, whole);
    let sent: Vec<_> =
        inspector.take_probes().into_iter().map(|probe| (probe.purpose, probe.statement, probe.rows)).collect();
    let explained = |statement: &str| format!("EXPLAIN (FORMAT JSON) {statement}");
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert_eq!((sent[0].0.as_str(), &sent[0].1), ("the plan of the scan", &explained(&whole.statement)));
    assert_eq!((sent[1].0.as_str(), sent[1].2), ("how the table is stored", 1));
    assert_eq!(
        (sent[2].0.as_str(), &sent[2].1),
        ("the plan of the first range of pages", &explained(&found.statement))
    );
}

#[tokio::test]
async fn the_rows_between_two_tuples_are_estimated_by_the_first_column() {
    let server = Server::with(
        "CREATE TABLE orders (id bigint PRIMARY KEY, upd timestamptz, made timestamptz NOT NULL, day date NOT NULL);
         INSERT INTO orders SELECT i, CASE WHEN i % 4 > 0 THEN timestamptz '2026-01-01Z' + i * interval '1 s' END,
             timestamptz '2026-01-01Z' + i * interval '1 s', date '2020-01-01' + i / 100 FROM generate_series(1, 100000) i;
         CREATE INDEX by_upd ON orders (upd, id); CREATE INDEX by_made ON orders (made, id);
         CREATE INDEX by_day ON orders (day, id); ANALYZE orders",
    )
    .await;
    let source = server.source();
    let mut inspector = inspector(&server).await;
    let mut check = async |relation: Relation, key: KeyRequest, from: i64, to: i64| {
        let spec = keyed(source.as_ref(), relation, key).await;
        let expression = if spec.fallback.is_some() { "made".to_owned() } else { spec.key[0].name.to_string() };
        let mut ends = Vec::new();
        for id in [from, to] {
            // Where a column has NULLs its value is that of the next row that has one.
            let sql =
                format!("SELECT {expression} FROM orders WHERE id >= {id} AND {expression} IS NOT NULL ORDER BY id");
            let text = server.column(&format!("SET TimeZone = 'UTC'; {sql} LIMIT 1")).await.remove(0);
            ends.push(vec![spec.key[0].kind.parse(&text).unwrap(), Scalar::Int(id)]);
        }
        let (to, from) = (KeyBound::including(ends.remove(1)), KeyBound::excluding(ends.remove(0)));
        let spec = spec.with_range(RowRange::Key { lower: Some(from), upper: Some(to) });
        let found = inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
        let rows: u64 =
            server.column(&format!("SELECT count(*) FROM ({}) AS t", found.statement)).await[0].parse().unwrap();
        assert!((700..=1_000).contains(&rows), "{rows}");
        let estimated = found.estimated_rows.unwrap();
        assert!((rows / 2..=rows * 2).contains(&estimated), "{estimated} rows, not {rows}: {}", found.statement);
        assert!(found.accesses.iter().all(|access| access.bounded && access.index.is_some()), "{found:?}");
        let probes = inspector.take_probes();
        assert_eq!(probes.len(), 2, "{probes:?}");
        assert!(probes[0].statement.contains(&found.statement) && !probes[1].statement.contains("\"id\") >"));
        assert!(probes[1].purpose.starts_with("the rows by the bounds of the first column alone"), "{probes:?}");
    };
    for (from, to) in [(99_000, 100_000), (50_000, 51_000), (10, 1_010)] {
        check(table("orders"), key(&["made"], Tiebreak::OwnKey), from, to).await;
        check(table("orders"), key(&["upd"], Tiebreak::OwnKey), from, to - 1).await;
        check(table("orders"), key(&["day"], Tiebreak::OwnKey), from, to).await;
        check(table("orders"), coalesced(), from, to).await;
        check(query("SELECT id, made FROM orders"), key(&["made", "id"], Tiebreak::None), from, to).await;
    }
}

#[tokio::test]
async fn the_way_to_the_rows_is_told() {
    let server = Server::with(EVENTS).await;
    let mut inspector = inspector(&server).await;
    let source = server.source();
    let mut check = async |relation: Relation, key: KeyRequest, range: RowRange, rows: u64, expected: &[&str]| {
        let spec = keyed(source.as_ref(), relation, key).await.with_range(range);
        let found = inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
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
        let found = inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
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
    let mut found = written(&inspector.explain(&spec, &ScanLimits::default()).await.unwrap());
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
        assert_eq!(inspector.explain(&spec, &ScanLimits::default()).await.unwrap().sorts_result, sorts, "{text}");
    }
}
