//! The verdicts of `rivet check`, each on a real table that is as large as its statistics say.

use rivet_testing::TestDatabase;
use serde_json::Value;

use super::support::{Desk, fill, list, swell, text};

/// A table with an index on each column but `bare`.
fn database(said: u64) -> TestDatabase {
    let database = TestDatabase::create();
    fill(
        &database,
        "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz NOT NULL, bare bigint NOT NULL); \
         INSERT INTO t SELECT i, now() - i * interval '1 minute', i FROM generate_series(1, 20000) i; \
         CREATE INDEX ON t (at)",
    );
    swell(&database, "t", said);
    database
}

#[track_caller]
pub(crate) fn check(desk: &Desk, code: i32, more: &[&str]) -> Value {
    let finished = desk.command(&["check", "--json"]).args(more).run();
    finished.assert_code(code);
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.stdout))
}

/// Returns what a document says of an export.
#[track_caller]
pub(crate) fn of<'a>(document: &'a Value, export: &str) -> &'a Value {
    let found = list(&document["exports"]).iter().find(|item| item["export"] == export);
    found.unwrap_or_else(|| panic!("no `{export}` in {document:#}"))
}

#[track_caller]
fn assert_verdicts(said: u64, expected: &[(&str, &str)]) {
    let database = database(said);
    let names: Vec<String> = (0..expected.len()).map(|number| format!("it_{number}")).collect();
    let exports: Vec<String> =
        names.iter().zip(expected).map(|(name, (keys, _))| format!("name: {name}, {keys}")).collect();
    let desk = Desk::new(&database, &exports.iter().map(String::as_str).collect::<Vec<_>>());
    let document = check(&desk, 0, &[]);
    for (name, (keys, verdict)) in names.iter().zip(expected) {
        let found = of(&document, name);
        assert_eq!(found["verdict"], *verdict, "{keys}: {found:#}");
        let profile = text(&found["profile"]["recommended"]);
        assert!(["safe", "balanced", "fast"].contains(&profile), "{found:#}");
        assert!(found["parallelism"]["recommended"].as_u64() >= Some(1), "{found:#}");
        assert!(found["error"].is_null() && found["columns"].is_null(), "{found:#}");
    }
}

#[test]
fn verdicts_on_a_table_of_moderate_size() {
    assert_verdicts(
        900_000,
        &[
            ("table: t, mode: full", "efficient"),
            ("table: t, mode: incremental, cursor_column: id", "efficient"),
            ("table: t, mode: incremental, cursor_column: bare", "degraded"),
            ("table: t, mode: chunked, chunk_column: id, chunk_count: 9", "efficient"),
            ("table: t, mode: chunked, chunk_column: bare, chunk_count: 9", "unsafe"),
            ("table: t, mode: time_window, time_column: at, days_window: 2", "efficient"),
            ("query: 'SELECT id, bare FROM t ORDER BY bare', mode: full", "degraded"),
        ],
    );
}

#[test]
fn verdicts_on_a_large_table() {
    assert_verdicts(
        20_000_000,
        &[
            ("table: t, mode: full", "acceptable"),
            ("table: t, mode: incremental, cursor_column: id", "acceptable"),
            ("table: t, mode: incremental, cursor_column: bare", "unsafe"),
            ("table: t, mode: chunked, chunk_column: id, chunk_count: 20", "acceptable"),
            ("table: t, mode: time_window, time_column: at, days_window: 9", "acceptable"),
        ],
    );
}

#[test]
fn strict_is_a_matter_of_warnings() {
    let database = database(900_000);
    let good = Desk::new(&database, &["name: good, table: t, mode: full"]);
    check(&good, 0, &["--strict"]);
    let bad = Desk::new(
        &database,
        &["name: good, table: t, mode: full", "name: bad, table: t, mode: incremental, cursor_column: bare"],
    );
    check(&bad, 0, &[]);
    check(&bad, 1, &["--strict"]);
    check(&bad, 0, &["--strict", "-e", "good"]);
    let pretty = bad.command(&["check", "--strict"]).run();
    pretty.assert_code(1);
    for said in ["degraded", "no_usable_index", "Create an index"] {
        assert!(pretty.stdout.contains(said), "`{said}` is missing in: {}", pretty.stdout);
    }
}

#[test]
fn an_export_that_is_wrong_is_an_error_beside_the_others() {
    let database = database(900_000);
    let desk = Desk::new(&database, &["name: good, table: t, mode: full", "name: gone, table: nowhere, mode: full"]);
    let document = check(&desk, 1, &[]);
    assert_eq!(of(&document, "good")["verdict"], "efficient");
    let gone = of(&document, "gone");
    assert!(gone.to_string().contains("nowhere"), "{gone:#}");
    desk.command(&["check", "-e", "never"]).run().assert_code(2);
}
