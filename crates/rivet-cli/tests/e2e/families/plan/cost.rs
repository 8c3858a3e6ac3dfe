//! What planning itself costs the source, and its plan whoever keeps it.

use std::time::Duration;

use rivet_testing::{Family, MysqlDatabase, on_both_families};
use serde_json::Value;

use super::recorder::Recorder;
use super::support::{KEYS, desk, fill, grown, insert};
use crate::plan::support::{Desk, Plan, list, text};

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

/// Statements that the plan of one export takes, at most: its relation is described, its key looked up, its range cut
/// and explained, and the catalog asked.
const STATEMENTS: usize = 30;

/// Statements of a connection of its own, and of four planners.
const CONNECTIONS: usize = 200;

fn a_hundred_exports_take_so_many_statements_and_no_more(family: Family) {
    let database = MysqlDatabase::create(family);
    let mut exports = Vec::new();
    for number in 0..16 {
        let (name, rows) = (format!("t{number}"), [10, 500, 3_000][number % 3]);
        let values = "n, UTC_TIMESTAMP() - INTERVAL n HOUR, UTC_TIMESTAMP()";
        database.execute(&format!(
            "CREATE TABLE {name} (id bigint PRIMARY KEY, at timestamp NOT NULL, filled timestamp NULL, KEY (at), \
             KEY (filled)); {}",
            insert(&name, values, 1, rows)
        ));
        exports.extend(MODES.iter().map(|(mode, keys)| format!("name: {mode}_{number}, table: {name}, {keys}")));
    }
    fill(&database, "DO 0");
    let recorder = Recorder::start(database.url());
    let exports: Vec<&str> = exports.iter().map(String::as_str).collect();
    let plan = Desk::at(&recorder.url(database.url()), &exports).plan();
    assert_eq!(list(&plan.value["exports"]).len(), 128);
    // It takes seconds on a machine at rest.
    assert!(plan.finished.elapsed < Duration::from_mins(1), "{:?}", plan.finished.elapsed);
    let sent = recorder.take();
    assert!(sent.len() <= 128 * STATEMENTS + CONNECTIONS, "{} statements", sent.len());
    let mut recorded = 0;
    for export in list(&plan.value["exports"]) {
        let probes = list(&export["probes"]);
        for probe in probes {
            assert!(probe["milliseconds"].is_u64() && probe["rows"].is_u64(), "{probe}");
            let purpose = text(&probe["purpose"]);
            // MySQL does not list transactions while another test has an unusual letter in its statement.
            assert!(probe["error"].is_null() || purpose.starts_with("the oldest transaction"), "{probe}");
            // A statement that was recorded was sent, as it is.
            let statement = text(&probe["statement"]);
            assert!(sent.iter().any(|sent| sent == statement), "never sent: {statement}");
        }
        let statements = times(probes);
        assert!((1..=STATEMENTS as u64).contains(&statements), "{statements}: {export:#}");
        recorded += statements;
    }
    assert!(recorded <= sent.len() as u64, "{recorded} of {}", sent.len());
    let vitals = list(&plan.value["exports"]).iter().flat_map(|export| list(&export["probes"]));
    let vitals = vitals.filter(|probe| text(&probe["statement"]).contains("max_connections")).count();
    assert_eq!(vitals, 1, "how the server is doing is asked once");
}

/// Returns how many statements probes stand for.
fn times(probes: &[Value]) -> u64 {
    probes.iter().map(|probe| probe["times"].as_u64().unwrap_or(1)).sum()
}

/// Returns how many rows of a table were ever read. MariaDB counts them where it is told to, which nobody else feels.
fn rows_read(database: &MysqlDatabase, table: &str) -> u64 {
    let sql = match database.family() {
        Family::Mysql => {
            "SELECT count_read FROM performance_schema.table_io_waits_summary_by_table \
                          WHERE object_schema = DATABASE() AND object_name ="
        }
        Family::Mariadb => {
            "SELECT rows_read FROM information_schema.table_statistics \
                            WHERE table_schema = DATABASE() AND table_name ="
        }
    };
    let counted = database.query_text(&format!("{sql} '{table}'"));
    counted.into_iter().flatten().flatten().next().map_or(0, |count| count.parse().expect("a count is a number"))
}

const ROWS: u64 = 400_000;

/// More rows than are worth reading to cut them up, and a column without an index.
fn large(family: Family) -> MysqlDatabase {
    let database = MysqlDatabase::create(family);
    if family == Family::Mariadb {
        database.execute("SET GLOBAL userstat = 1");
    }
    fill(
        &database,
        &format!(
            "CREATE TABLE t ({KEYS}, bare bigint NOT NULL DEFAULT 5, pad varchar(200) NOT NULL DEFAULT 'x'); {}",
            grown(1, ROWS).replace("INTO t", "INTO t (id, at)")
        ),
    );
    database
}

fn a_large_table_is_not_read(family: Family) {
    let database = large(family);
    // Each of these looks at ends of indexes, and at some rows for how large they are.
    for (keys, most) in [
        ("mode: full", 100),
        ("mode: incremental, cursor_column: id", 100),
        ("mode: incremental, cursor_column: at", 100),
        ("mode: time_window, time_column: at, days_window: 7", 100),
        ("mode: chunked, chunk_column: at, chunk_by_days: 1", 100),
        // Its cuts take every row, or none at all: they are left to the run.
        ("mode: chunked, chunk_column: bare, chunk_count: 4", 100),
        ("mode: incremental, cursor_column: bare", 100),
        ("mode: chunked, chunk_column: id, chunk_size: 100, chunk_dense: true", 100),
        // Some ranges are counted, to know what the server means by its estimates.
        ("mode: chunked, chunk_column: id, chunk_count: 20", ROWS / 3),
        ("mode: chunked, chunk_column: at, chunk_size: 50000", ROWS / 3),
    ] {
        let before = rows_read(&database, "t");
        let plan = desk(&database, &[&format!("name: it, table: t, {keys}")]).plan();
        let read = rows_read(&database, "t") - before;
        assert!(read <= most, "{keys}: {read} rows were read for {:#}", plan.export("it")["probes"]);
    }
    thousand_pieces_are_a_small_plan(&database);
}

/// What it takes to cut a table into a thousand pieces is told, and not shown word for word.
#[track_caller]
fn thousand_pieces_are_a_small_plan(database: &MysqlDatabase) {
    let recorder = Recorder::start(database.url());
    let keys = "name: it, table: t, mode: chunked, chunk_column: id, chunk_count: 1000";
    let desk = Desk::at(&recorder.url(database.url()), &[keys]);
    let plan = desk.plan();
    assert_eq!(plan.ranges("it").len(), 1_000);
    let probes = list(&plan.export("it")["probes"]);
    let text = plan.export("it")["probes"].to_string();
    assert!(text.len() < 64 << 10, "{} bytes of probes: {}", text.len(), told(probes));
    let sent = recorder.take();
    let bytes: usize = sent.iter().map(String::len).sum();
    assert!(bytes > 10 * text.len(), "{bytes} bytes were sent, {} are told", text.len());
    // All of it is counted.
    let about_rows = |statement: &&String| statement.contains("FORCE INDEX");
    let cut = sent.iter().filter(about_rows).count() as u64;
    let purposes = ["how many rows are between keys", "the keys in the middle of parts", "the last keys of parts"];
    for purpose in purposes {
        let found: Vec<&Value> = probes.iter().filter(|probe| probe["purpose"] == purpose).collect();
        assert_eq!(found.len(), 1, "{purpose}: {}", told(probes));
        assert!(found[0]["times"].as_u64() > Some(4), "{purpose}: {}", told(probes));
    }
    assert!(times(probes) >= cut, "{cut} statements, of which are told: {}", told(probes));
    assert!(desk.pretty(&["--explain"]).contains(" times"), "a person is told, too");
}

fn told(probes: &[Value]) -> String {
    let one = |probe: &Value| format!("{} x {} ({} rows)", probe["times"], probe["purpose"], probe["rows"]);
    probes.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A plan is the same whatever another release has called its probes.
fn a_plan_without_numbers_of_statements_is_a_plan(family: Family) {
    let database = super::support::table(family, 100);
    let plan: Plan = desk(&database, &["name: it, table: t, mode: full"]).plan();
    for probe in list(&plan.export("it")["probes"]) {
        assert!(probe["times"].is_null(), "one is not worth a word: {probe}");
    }
}

on_both_families!(
    a_hundred_exports_take_so_many_statements_and_no_more,
    a_large_table_is_not_read,
    a_plan_without_numbers_of_statements_is_a_plan,
);
