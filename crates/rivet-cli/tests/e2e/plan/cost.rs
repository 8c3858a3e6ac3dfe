//! What planning itself costs the source.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use rivet_testing::TestDatabase;

use super::support::{Desk, fill, list, text, wait_for};

/// What the plan of all exports may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Returns how often each table was read from its first row to its last.
fn scans(database: &TestDatabase) -> BTreeMap<String, u64> {
    let backends =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rivet'";
    wait_for("the end of the connections", || database.query_value(backends) == "0");
    // What is counted later than this scan is not of planning.
    let count = || database.query_value("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'marker'");
    let before = count();
    let marking = database.connect();
    marking.execute("SELECT * FROM marker");
    drop(marking);
    wait_for("the statistics of the server", || count() != before);
    let rows = database.query_text("SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname <> 'marker'");
    let read = |row: Vec<Option<String>>| match row.as_slice() {
        [Some(table), Some(scans)] => (table.clone(), scans.parse().expect("a count is a number")),
        other => panic!("{other:?}"),
    };
    rows.into_iter().map(read).collect()
}

/// So many tables of several sizes, each with a key and indexes on its moments, of which one may be NULL and never is.
fn tables(count: usize) -> TestDatabase {
    let database = TestDatabase::create();
    let mut sql = "CREATE TABLE marker AS SELECT 1 AS id".to_owned();
    for number in 0..count {
        let rows = [10, 500, 3_000][number % 3];
        write!(
            sql,
            "; CREATE TABLE t{number} (id bigint PRIMARY KEY, at timestamptz NOT NULL, filled timestamptz); \
             INSERT INTO t{number} SELECT i, now() - i * interval '1 hour', now() FROM generate_series(1, {rows}) i; \
             CREATE INDEX ON t{number} (at); CREATE INDEX ON t{number} (filled)"
        )
        .expect("a string takes every write");
    }
    fill(&database, &sql);
    database
}

/// Every mode, for every table.
const MODES: [(&str, &str); 8] = [
    ("whole", "mode: full"),
    ("cursor", "mode: incremental, cursor_column: at"),
    ("number", "mode: incremental, cursor_column: id"),
    ("filled", "mode: incremental, cursor_column: filled"),
    ("chunks", "mode: chunked, chunk_column: id, chunk_size: 200"),
    ("days", "mode: chunked, chunk_column: at, chunk_by_days: 7"),
    ("pages", "mode: chunked, chunk_count: 3, consistency: snapshot"),
    ("window", "mode: time_window, time_column: at, days_window: 7"),
];

fn exports(tables: usize) -> Vec<String> {
    let of_table = |number: usize| {
        MODES.iter().map(move |(name, mode)| format!("name: {name}_{number}, table: t{number}, {mode}"))
    };
    (0..tables).flat_map(of_table).collect()
}

#[test]
fn two_hundred_exports_are_planned_in_seconds_and_without_a_scan() {
    let database = tables(25);
    let exports = exports(25);
    assert_eq!(exports.len(), 200);
    let desk = Desk::new(&database, &exports.iter().map(String::as_str).collect::<Vec<_>>());
    let before = scans(&database);
    let plan = desk.plan();
    assert_eq!(list(&plan.value["exports"]).len(), 200);
    if plan.finished.elapsed >= PATIENCE {
        // Other tests run at the same time: one of two should find the machine at rest.
        let again = desk.plan().finished.elapsed;
        assert!(again < PATIENCE, "{:?}, then {again:?}", plan.finished.elapsed);
    }
    let after = scans(&database);
    let read: Vec<_> = after.iter().filter(|(table, scans)| before.get(*table) != Some(*scans)).collect();
    assert!(read.is_empty(), "tables that planning has read: {read:?}");
}

/// What is asked is on record, and none of it reads rows.
#[test]
fn every_statement_of_planning_is_on_record() {
    let database = tables(2);
    let exports = exports(2);
    let desk = Desk::new(&database, &exports.iter().map(String::as_str).collect::<Vec<_>>());
    let plan = desk.plan();
    for export in list(&plan.value["exports"]) {
        let probes = list(&export["probes"]);
        assert!(!probes.is_empty(), "{}", export["export_name"]);
        for probe in probes {
            assert!(probe["milliseconds"].is_u64() && probe["rows"].is_u64(), "{probe}");
            assert!(probe["error"].is_null(), "{probe}");
            assert!(!text(&probe["purpose"]).is_empty() && !text(&probe["statement"]).contains("COPY"), "{probe}");
        }
    }
    let vitals = list(&plan.value["exports"]).iter().flat_map(|export| list(&export["probes"]));
    let vitals = vitals.filter(|probe| text(&probe["statement"]).contains("max_connections")).count();
    assert_eq!(vitals, 1, "how the server is doing is asked once");
}
