//! The verdicts of `rivet check`, each on a real table that is as large as its statistics say.

use rivet_testing::{Family, MysqlDatabase, on_both_families};

use super::support::{KEYS, desk, fill, insert, swell};
use crate::plan::check::{check, of};
use crate::plan::support::text;

/// A table with an index on each column but `bare`.
fn database(family: Family, said: u64) -> MysqlDatabase {
    let database = MysqlDatabase::create(family);
    let rows = insert("t", "n, UTC_TIMESTAMP() - INTERVAL n MINUTE, n", 1, 20_000);
    fill(&database, &format!("CREATE TABLE t ({KEYS}, bare bigint NOT NULL); {rows}"));
    swell(&database, "t", said);
    database
}

#[track_caller]
fn assert_verdicts(family: Family, said: u64, expected: &[(&str, &str)]) {
    let database = database(family, said);
    let names: Vec<String> = (0..expected.len()).map(|number| format!("it_{number}")).collect();
    let exports: Vec<String> =
        names.iter().zip(expected).map(|(name, (keys, _))| format!("name: {name}, {keys}")).collect();
    let desk = desk(&database, &exports.iter().map(String::as_str).collect::<Vec<_>>());
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

fn verdicts_on_a_table_of_moderate_size(family: Family) {
    assert_verdicts(
        family,
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

fn verdicts_on_a_large_table(family: Family) {
    assert_verdicts(
        family,
        20_000_000,
        &[
            ("table: t, mode: full", "acceptable"),
            ("table: t, mode: incremental, cursor_column: bare", "unsafe"),
            ("table: t, mode: chunked, chunk_column: id, chunk_count: 20", "acceptable"),
            // The rows of the window, which the index has, are few.
            ("table: t, mode: time_window, time_column: at, days_window: 9", "efficient"),
        ],
    );
}

fn exit_codes_follow_warnings_and_errors(family: Family) {
    let database = database(family, 900_000);
    let good = desk(&database, &["name: good, table: t, mode: full"]);
    check(&good, 0, &["--strict"]);
    let bad = desk(
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
    let wrong = desk(&database, &["name: good, table: t, mode: full", "name: gone, table: nowhere, mode: full"]);
    let document = check(&wrong, 1, &[]);
    assert_eq!(of(&document, "good")["verdict"], "efficient");
    assert!(of(&document, "gone").to_string().contains("nowhere"), "{document:#}");
    wrong.command(&["check", "-e", "never"]).run().assert_code(2);
}

fn every_column_is_listed_with_its_types(family: Family) {
    let database = MysqlDatabase::create(family);
    database.execute(
        "CREATE TABLE t (id bigint unsigned PRIMARY KEY, price decimal(12, 2) NOT NULL, at timestamp NULL, \
         word varchar(20), raw blob)",
    );
    let desk = desk(&database, &["name: it, table: t, mode: full, format: parquet"]);
    for (more, expected) in [
        (&[][..], &["Decimal128(12, 2)", "UInt64", "decimal(12,2)"][..]),
        (&["--target", "duckdb"], &["DECIMAL(12,2)", "UBIGINT", "VARCHAR", "BLOB"]),
    ] {
        let finished = desk.command(&["check", "--type-report"]).args(more).run();
        finished.assert_code(0);
        let said = finished.stdout.replace("12, 2", "12,2");
        for word in ["id", "price", "at", "word", "raw"].iter().chain(expected) {
            assert!(said.contains(&word.replace("12, 2", "12,2")), "`{word}` is missing in: {}", finished.stdout);
        }
    }
}

on_both_families!(
    verdicts_on_a_table_of_moderate_size,
    verdicts_on_a_large_table,
    exit_codes_follow_warnings_and_errors,
    every_column_is_listed_with_its_types,
);
