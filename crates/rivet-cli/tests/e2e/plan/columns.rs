//! `rivet check --type-report`: what becomes of each column.

use rivet_testing::TestDatabase;

use super::support::{Desk, fill};

fn database() -> TestDatabase {
    let database = TestDatabase::create();
    fill(
        &database,
        "CREATE TABLE t (id bigint PRIMARY KEY, price numeric(12, 2) NOT NULL, wide numeric(60, 30), \
         at timestamptz, word text, raw bytea); \
         INSERT INTO t SELECT i, i, i, now(), i::text, NULL FROM generate_series(1, 100) i",
    );
    database
}

#[test]
fn every_column_is_listed_with_its_types() {
    let database = database();
    let desk = Desk::new(&database, &["name: it, table: t, mode: full, format: parquet"]);
    let finished = desk.command(&["check", "--type-report"]).run();
    finished.assert_code(0);
    for column in ["id", "price", "wide", "at", "word", "raw"] {
        assert!(
            finished.stdout.lines().any(|line| line.split_whitespace().any(|it| it == column)),
            "{}",
            finished.stdout
        );
    }
    for said in ["numeric(12,2)", "Decimal128(12, 2)", "Int64", "timestamp with time zone"] {
        assert!(finished.stdout.contains(said), "`{said}` is missing in: {}", finished.stdout);
    }
    let without = desk.command(&["check"]).run();
    assert!(!without.stdout.contains("Decimal128"), "{}", without.stdout);
}

#[test]
fn every_target_has_its_types() {
    let database = database();
    let desk = Desk::new(&database, &["name: it, table: t, mode: full, format: parquet"]);
    for (target, expected) in [
        ("bigquery", &["NUMERIC", "BIGNUMERIC", "TIMESTAMP", "BYTES", "INT64"][..]),
        ("duckdb", &["DECIMAL(12,2)", "BIGINT", "VARCHAR", "BLOB"]),
        ("snowflake", &["NUMBER(12,2)", "BINARY"]),
    ] {
        let finished = desk.command(&["check", "--type-report", "--target", target]).run();
        finished.assert_code(0);
        let said = finished.stdout.replace(", ", ",");
        for name in expected {
            assert!(said.contains(name), "{target}: `{name}` is missing in: {}", finished.stdout);
        }
        let json = desk.command(&["check", "--type-report", "--json", "--target", target]).run();
        json.assert_code(0);
        assert!(json.stdout.contains("\"price\""), "{}", json.stdout);
        assert!(json.stdout.contains(&format!("\"target\": \"{target}\"")), "as it was asked for: {}", json.stdout);
    }
    desk.command(&["check", "--target", "paper"]).run().assert_code(2);
}
