//! A second column stands in where the cursor is NULL.

use rivet_testing::TestDatabase;
use serde_json::json;

use super::Followed;
use crate::support::run_badly;

const KEYS: &str = "table: moves, incremental_cursor_mode: coalesce, cursor_column: changed, \
                    cursor_fallback_column: made";

/// Rows that were made on days of January; those with even numbers were changed later.
fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, changed timestamptz, made timestamptz NOT NULL);
         INSERT INTO moves SELECT i, CASE WHEN i % 2 = 0 THEN TIMESTAMPTZ '2026-02-01 00:00+00' + i * INTERVAL '1 min' END,
             TIMESTAMPTZ '2026-01-01 00:00+00' + i * INTERVAL '1 min' FROM generate_series(1, 50) i;
         CREATE INDEX ON moves (changed); CREATE INDEX ON moves (made); ANALYZE moves",
    );
    database
}

#[test]
fn rows_are_followed_by_either_column() {
    let database = database();
    let followed = Followed::new(&database, &format!("{KEYS}, skip_empty: true"));
    let first = followed.assert_gains(1..=50);
    assert_eq!(first.after()["columns"], json!(["changed", "made", "id"]));
    assert_eq!(first.reached(), "2026-02-01 00:50:00+00");
    followed.assert_gains([]);
    database.execute(
        "INSERT INTO moves VALUES (51, NULL, '2026-02-01 00:50+00'), (52, NULL, '2026-02-02'), (53, '2026-02-03', '2026-01-01'), \
             (54, '2026-01-01', '2026-02-03'), (55, NULL, '2026-01-31');
         UPDATE moves SET changed = '2026-02-04' WHERE id = 7",
    );
    // 54 has a cursor of its own, which is older; 55 was made before the position.
    followed.assert_gains([7, 51, 52, 53]);
    followed.assert_gains([]);
}

#[test]
fn rows_without_both_are_rows_without_a_cursor() {
    let database = database();
    database
        .execute("ALTER TABLE moves ALTER made DROP NOT NULL; INSERT INTO moves VALUES (60, NULL, NULL), (61, NULL, '2026-03-01')");
    run_badly(&Followed::new(&database, KEYS).project, 1, &["1 rows", "`changed`"]);
    let skipping = Followed::new(&database, &format!("{KEYS}, cursor_nulls: skip"));
    skipping.assert_gains((1..=50).chain([61]));
    skipping.assert_gains([]);
    let once = Followed::new(&database, &format!("{KEYS}, cursor_nulls: first_run"));
    once.assert_gains((1..=50).chain([60, 61]));
    once.assert_gains([]);
}

#[test]
fn two_columns_of_other_types_do_not_fit() {
    let database = database();
    database.execute("ALTER TABLE moves ADD number bigint, ADD local timestamp");
    for column in ["number", "local"] {
        let keys = KEYS.replace(": made", &format!(": {column}"));
        run_badly(&Followed::new(&database, &keys).project, 1, &[&format!("`{column}`"), "`changed`"]);
    }
}

#[test]
fn a_query_is_followed_by_either_column() {
    let database = database();
    let keys = KEYS.replace("table: moves", "query: 'SELECT id, made, changed FROM moves', cursor_tiebreak: id");
    let followed = Followed::new(&database, &keys);
    followed.assert_gains(1..=50);
    database.execute("INSERT INTO moves VALUES (51, NULL, '2026-02-01 00:50+00'), (52, '2026-02-03', '2026-02-03')");
    followed.assert_gains([51, 52]);
    followed.assert_gains([]);
}

#[test]
fn two_columns_of_one_kind_and_other_types_do_not_fit() {
    let database = database();
    database.execute("ALTER TABLE moves ADD word text, ADD pause interval, ADD place inet");
    for (cursor, fallback) in [("word", "pause"), ("pause", "place")] {
        let keys = KEYS.replace(": changed", &format!(": {cursor}")).replace(": made", &format!(": {fallback}"));
        run_badly(&Followed::new(&database, &keys).project, 1, &[&format!("`{cursor}`"), &format!("`{fallback}`")]);
    }
}

#[test]
fn either_column_is_read_by_its_index() {
    let database = TestDatabase::create();
    // What a session has counted is known to all once it has ended.
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let settle = || while database.query_value(others) != "0" {};
    database.connect().execute(
        "CREATE TABLE moves (id int PRIMARY KEY, changed timestamptz, made timestamptz NOT NULL, filler text);
         INSERT INTO moves SELECT i, CASE WHEN i % 2 = 0 THEN TIMESTAMPTZ '2026-02-01' + i * INTERVAL '1 s' END,
             TIMESTAMPTZ '2026-01-31' + i * INTERVAL '1 s', repeat('x', 100) FROM generate_series(1, 40000) i;
         CREATE INDEX by_change ON moves (changed, id); CREATE INDEX by_making ON moves (made, id); ANALYZE moves",
    );
    let followed = Followed::new(&database, KEYS);
    followed.assert_gains(1..=40_000);
    database
        .connect()
        .execute("INSERT INTO moves VALUES (40001, NULL, '2026-02-02'), (40002, '2026-02-02', '2026-02-01')");
    let scans = || {
        settle();
        let sql = "SELECT (SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'moves'), \
                   (SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'by_change'), \
                   (SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'by_making')";
        let row = database.query_text(sql).remove(0);
        row.into_iter().map(|count| count.unwrap().parse::<u64>().unwrap()).collect::<Vec<_>>()
    };
    let before = scans();
    followed.assert_gains([40_001, 40_002]);
    let after = scans();
    assert_eq!(after[0], before[0], "the whole table was read: {before:?} {after:?}");
    assert!(after[1] > before[1] && after[2] > before[2], "an index was not used: {before:?} {after:?}");
}
