//! Plans of the statements that scans send.

use std::time::Duration;

use rivet_model::{KeyBound, ReadView, Relation, RowRange, Scalar};
use rivet_source::{Access, Explanation, KeyRequest, Probe, ScanLimits, ScanSpec, Source, Tiebreak};
use rivet_testing::Family;

use super::{EVENTS, inspector};
use crate::harness::{Server, drain, key, keyed, query, reader, request, run, table};

fn moment(seconds: i64) -> Scalar {
    Scalar::Timestamp(format!("2026-01-01 00:00:{seconds:02}"))
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

fn coalesced() -> KeyRequest {
    KeyRequest { fallback: Some("made".parse().unwrap()), ..key(&["upd"], Tiebreak::OwnKey) }
}

fn written(found: &Explanation) -> Vec<String> {
    let one = |access: &Access| {
        let index = access.index.as_ref().map_or_else(String::new, |index| format!(" by {index}"));
        format!("{:?} of {}{index}{}", access.path, access.relation, if access.bounded { ", bounded" } else { "" })
    };
    found.accesses.iter().map(one).collect()
}

/// Reads what a scan reads, and returns its first statement as the server lists it: it can't send all rows before
/// somebody takes them.
async fn sent_first(server: &Server, source: &dyn Source, spec: &ScanSpec, limits: &ScanLimits) -> String {
    let mut reader = reader(source, ReadView::Shared).await;
    let mut scan = reader.scan(spec, &ScanLimits { batch_rows: 1, ..limits.clone() }).await.unwrap();
    scan.next_batch().await.unwrap();
    // A question whose answer has just been sent may still be listed, but it was no statement that was prepared.
    let sql = "SELECT INFO FROM information_schema.PROCESSLIST \
               WHERE DB = DATABASE() AND ID <> CONNECTION_ID() AND INFO IS NOT NULL AND COMMAND = 'Execute'";
    let statements = server.column(sql).await;
    drain(scan.as_mut()).await.unwrap();
    drop(scan);
    reader.close().await.unwrap();
    assert_eq!(statements.len(), 1, "of {spec:?}");
    statements.into_iter().next().unwrap()
}

fn what_is_explained_is_what_a_scan_sends(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE wide (id int PRIMARY KEY, v int, pad text, KEY by_v (v, id));
             INSERT INTO wide WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 900)
                 SELECT n, IF(n % 10 > 0, n, NULL), REPEAT('x', 20000) FROM k; ANALYZE TABLE wide",
        )
        .await;
        let source = server.source();
        let mut inspector = inspector(&server).await;
        let key_of = |values: &[i64]| KeyBound::including(values.iter().copied().map(Scalar::Int).collect());
        let between = |lower: &[i64], upper: &[i64]| {
            let bound = |values: &[i64]| (!values.is_empty()).then(|| key_of(values));
            RowRange::Key { lower: bound(lower), upper: bound(upper) }
        };
        let of_query = || query("SELECT w.pad, w.v, w.id FROM wide w WHERE w.pad <> '''' -- all");
        let (own, v) = (KeyRequest::default, || key(&["v"], Tiebreak::OwnKey));
        let paced = ScanLimits { statement_budget: Duration::from_secs(1), ..ScanLimits::default() };
        let mut several = 0;
        for (relation, key, range) in [
            (table("wide"), own(), RowRange::All),
            (table("wide"), own(), between(&[5], &[])),
            (table("wide"), own(), between(&[5], &[890])),
            (table("wide"), v(), between(&[5, 7], &[890])),
            (table("wide"), v(), between(&[], &[890, 7])),
            (of_query(), key(&["v", "id"], Tiebreak::None), between(&[5, 7], &[])),
            (of_query(), key(&["v", "id"], Tiebreak::None), RowRange::All),
        ] {
            let spec = keyed(source.as_ref(), relation, key).await.with_range(range);
            let mut statements = Vec::new();
            for limits in [&ScanLimits::default(), &paced] {
                let explained = inspector.explain(&spec, limits).await.unwrap().statement;
                assert_eq!(explained, sent_first(&server, source.as_ref(), &spec, limits).await, "{spec:?}");
                let probes = inspector.take_probes();
                let same = |probe: &&Probe| probe.statement == format!("EXPLAIN FORMAT=JSON {explained}");
                assert_eq!(probes.iter().filter(same).count(), 1, "{explained}: {probes:?}");
                assert!(probes.iter().all(|probe| probe.error.is_none()), "{probes:?}");
                statements.push(explained);
            }
            several += usize::from(statements[0] != statements[1]);
        }
        // All rows of the table, and the ranges of its primary key.
        assert_eq!(several, 3);
    });
}

fn a_scan_in_several_statements_is_explained_as_a_whole(family: Family) {
    run(async {
        let server = Server::with(family, EVENTS).await;
        let spec = server.source().describe(&request(table("events"))).await.unwrap().spec;
        let mut inspector = inspector(&server).await;
        let whole = inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
        inspector.take_probes();
        let paced = ScanLimits { statement_budget: Duration::from_millis(100), ..ScanLimits::default() };
        let found = inspector.explain(&spec, &paced).await.unwrap();
        assert!(found.statement.ends_with(" FORCE INDEX (PRIMARY) ORDER BY `id` LIMIT 2000"), "{}", found.statement);
        assert_eq!(written(&found), ["SequentialScan of events"]);
        assert_eq!(Explanation { statement: whole.statement.clone(), ..found.clone() }, whole);
        let probes = inspector.take_probes();
        let (first, last) = (probes.first().unwrap(), probes.last().unwrap());
        let explained = |statement: &str| format!("EXPLAIN FORMAT=JSON {statement}");
        assert_eq!((first.purpose.as_str(), &first.statement), ("the plan of the scan", &explained(&whole.statement)));
        assert_eq!(last.purpose, "the plan of the first of several statements");
        assert_eq!(last.statement, explained(&found.statement));
    });
}

fn the_way_to_the_rows_is_told(family: Family) {
    run(async {
        let server = Server::with(family, EVENTS).await;
        let source = server.source();
        let mut inspector = inspector(&server).await;
        let mut check = async |relation: Relation, key: KeyRequest, range: RowRange, rows: u64, expected: &[&str]| {
            let spec = keyed(source.as_ref(), relation, key).await.with_range(range);
            let found = inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
            assert_eq!(written(&found), expected, "{}", found.statement);
            let estimated = found.estimated_rows.unwrap();
            assert!((rows / 3..=rows * 3).contains(&estimated), "{estimated} rows, not {rows}: {}", found.statement);
            assert!(!found.sorts_result && found.row_bytes.unwrap() > 5.0, "{found:?}");
        };
        let own = KeyRequest::default;
        let (made, upd) = (|| key(&["made"], Tiebreak::OwnKey), || key(&["upd"], Tiebreak::OwnKey));
        check(table("events"), own(), RowRange::All, 20_000, &["SequentialScan of events"]).await;
        check(table("events"), own(), ids(10, 20), 10, &["IndexScan of events by PRIMARY, bounded"]).await;
        check(table("events"), made(), after(30, 5), 15, &["IndexScan of events by by_made, bounded"]).await;
        check(table("events"), upd(), after(30, 5), 20, &["IndexScan of events by by_upd, bounded"]).await;
        let by_pad = RowRange::Key { lower: Some(KeyBound::including(vec![Scalar::Text("w".into())])), upper: None };
        let pad = || key(&["pad"], Tiebreak::None);
        check(table("events"), pad(), by_pad.clone(), 10_000, &["SequentialScan of events"]).await;
        // One of the two finds both branches by an index of their own; the other takes the nearest range that holds both.
        let both = family.choose("SequentialScan of events", "BitmapScan of events by by_upd, by_made, bounded");
        check(table("events"), coalesced(), after(30, 5), 24, &[both]).await;
        let at = || key(&["at", "id"], Tiebreak::None);
        let renamed = || query("SELECT pad, made AS at, id FROM events");
        check(renamed(), at(), after(30, 5), 15, &["IndexScan of events by by_made, bounded"]).await;
        check(table("seen"), at(), after(30, 5), 15, &["IndexScan of events by by_made, bounded"]).await;
        let own_condition = query("SELECT pad, made AS at, id FROM events WHERE id BETWEEN 5 AND 9");
        check(own_condition, at(), RowRange::All, 5, &["IndexScan of events by PRIMARY"]).await;
        // A condition on what was counted reaches no table.
        let of_counted = keyed(source.as_ref(), table("counted"), key(&["id"], Tiebreak::None)).await;
        let found = inspector.explain(&of_counted.with_range(ids(5, 9)), &ScanLimits::default()).await.unwrap();
        assert_eq!(written(&found), ["SequentialScan of events"]);
    });
}

fn empty_tables_and_partitions_are_explained(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE nothing (id int PRIMARY KEY);
             CREATE TABLE parted (id int NOT NULL, day date NOT NULL, PRIMARY KEY (id, day), KEY by_day (day))
                 PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (500), PARTITION b VALUES LESS THAN MAXVALUE);
             INSERT INTO parted WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 1000)
                 SELECT n, '2026-01-01' + INTERVAL n DAY FROM k; ANALYZE TABLE parted, nothing",
        )
        .await;
        let source = server.source();
        let mut inspector = inspector(&server).await;
        let mut explained = async |name: &str, key: KeyRequest, range: RowRange| {
            let spec = keyed(source.as_ref(), table(name), key).await.with_range(range);
            inspector.explain(&spec, &ScanLimits::default()).await.unwrap()
        };
        let own = KeyRequest::default;
        let of_empty = explained("nothing", own(), RowRange::All).await;
        assert!(of_empty.accesses.len() == 1 && of_empty.estimated_rows.unwrap() <= 1, "{of_empty:?}");
        let by_id = explained("parted", own(), ids(10, 20)).await;
        assert_eq!(written(&by_id), ["IndexOnlyScan of parted by PRIMARY, bounded"]);
        let day = |day: &str| Some(KeyBound::including(vec![Scalar::Date(day.to_owned())]));
        let range = RowRange::Key { lower: day("2026-02-01"), upper: day("2026-02-05") };
        let by_day = explained("parted", key(&["day"], Tiebreak::None), range).await;
        assert_eq!(written(&by_day), ["IndexOnlyScan of parted by by_day, bounded"]);
        assert!((4..=6).contains(&by_day.estimated_rows.unwrap()), "{by_day:?}");
    });
}

/// InnoDB says about twice what a long range has, and never more than half of the table.
fn rows_of_ranges_are_estimated_within_a_fifth(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE large (id int PRIMARY KEY, at datetime NOT NULL, pad varchar(60), KEY by_at (at, id))
                 STATS_SAMPLE_PAGES = 500;
             INSERT INTO large WITH RECURSIVE k (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < 999),
                 i (n) AS (SELECT a.n * 150 + b.n FROM k a JOIN k b ON b.n < 150)
                 SELECT n, '2026-01-01' + INTERVAL n SECOND, REPEAT('x', 60) FROM i; ANALYZE TABLE large",
        )
        .await;
        let source = server.source();
        let mut inspector = inspector(&server).await;
        let mut estimated = async |key: KeyRequest, range: RowRange| {
            let spec = keyed(source.as_ref(), table("large"), key).await.with_range(range);
            inspector.explain(&spec, &ScanLimits::default()).await.unwrap().estimated_rows.unwrap()
        };
        for rows in [100, 1_000, 10_000, 20_000, 30_000] {
            let found = estimated(KeyRequest::default(), ids(40_000, 40_000 + rows)).await;
            let off = found.abs_diff(rows.unsigned_abs());
            assert!(off <= rows.unsigned_abs() / 5, "{found} of {rows} rows by the primary key");
            let at = |seconds: i64| {
                let text = format!("2026-01-01 {:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
                Some(KeyBound::including(vec![Scalar::Timestamp(text)]))
            };
            let range = RowRange::Key { lower: at(10_000), upper: at(10_000 + rows) };
            let found = estimated(key(&["at"], Tiebreak::OwnKey), range).await;
            // Below 10,000 rows nobody can tell a count from an estimate.
            let most = if rows == 10_000 { rows * 2 } else { rows };
            assert!(found + 1 >= rows.unsigned_abs() * 4 / 5, "{found} of {rows} rows by another index");
            assert!(found <= most.unsigned_abs() * 6 / 5, "{found} of {rows} rows by another index");
        }
        let most = estimated(KeyRequest::default(), ids(1, 140_000)).await;
        assert!((60_000..=90_000).contains(&most), "half of the table: {most}");
    });
}

fn a_query_that_sorts_everything_is_told_from_one_that_does_not(family: Family) {
    run(async {
        let server = Server::with(family, EVENTS).await;
        let source = server.source();
        let mut inspector = inspector(&server).await;
        for (text, sorts) in [
            ("SELECT id, pad FROM events", false),
            ("SELECT id, pad FROM events ORDER BY pad", true),
            ("SELECT id, pad FROM events ORDER BY id", false),
            ("SELECT id, made FROM events ORDER BY made, id", false),
            ("SELECT pad, COUNT(*) AS n FROM events GROUP BY pad ORDER BY n -- sorted", true),
        ] {
            let spec = source.describe(&request(query(text))).await.unwrap().spec;
            let found = inspector.explain(&spec, &ScanLimits::default()).await.unwrap();
            assert_eq!((found.sorts_result, found.statement.as_str()), (sorts, text));
        }
    });
}

rivet_testing::on_both_families!(
    what_is_explained_is_what_a_scan_sends,
    a_scan_in_several_statements_is_explained_as_a_whole,
    the_way_to_the_rows_is_told,
    empty_tables_and_partitions_are_explained,
    rows_of_ranges_are_estimated_within_a_fifth,
    a_query_that_sorts_everything_is_told_from_one_that_does_not,
);
