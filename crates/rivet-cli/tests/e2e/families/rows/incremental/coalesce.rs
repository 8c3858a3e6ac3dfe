//! A second column stands in where the cursor is NULL.

use rivet_testing::{Family, MysqlDatabase};
use serde_json::json;

use crate::families::rows::{database, series};
use crate::incremental::Followed;
use crate::support::run_badly;

const KEYS: &str = "table: moves, incremental_cursor_mode: coalesce, cursor_column: changed, \
                    cursor_fallback_column: made";

/// Rows that were made on days of January; those with even numbers were changed later.
fn moves(family: Family) -> MysqlDatabase {
    let database = database(family);
    let rows = series(50);
    database.execute(&format!(
        "CREATE TABLE moves (id int PRIMARY KEY, changed datetime(6) NULL, made datetime(6) NULL, KEY (changed), KEY (made));
         INSERT INTO moves SELECT i, IF(i % 2 = 0, '2026-02-01' + INTERVAL i MINUTE, NULL), '2026-01-01' + INTERVAL i MINUTE
         FROM {rows}; ANALYZE TABLE moves"
    ));
    database
}

fn rows_are_followed_by_either_column(family: Family) {
    let database = moves(family);
    let followed = Followed::new(&database, &format!("{KEYS}, skip_empty: true"));
    let first = followed.assert_gains(1..=50);
    assert_eq!(first.after()["columns"], json!(["changed", "made", "id"]));
    assert_eq!(first.reached(), "2026-02-01 00:50:00");
    followed.assert_gains([]);
    database.execute(
        "INSERT INTO moves VALUES (51, NULL, '2026-02-01 00:50'), (52, NULL, '2026-02-02'), (53, '2026-02-03', '2026-01-01'), \
             (54, '2026-01-01', '2026-02-03'), (55, NULL, '2026-01-31');
         UPDATE moves SET changed = '2026-02-04' WHERE id = 7",
    );
    // 54 has a cursor of its own, which is older; 55 was made before the position.
    followed.assert_gains([7, 51, 52, 53]);
    followed.assert_gains([]);
}

fn rows_without_both_are_rows_without_a_cursor(family: Family) {
    let database = moves(family);
    database.execute("INSERT INTO moves VALUES (60, NULL, NULL), (61, NULL, '2026-03-01')");
    run_badly(&Followed::new(&database, KEYS).project, 1, &["1 rows", "`changed`"]);
    let skipping = Followed::new(&database, &format!("{KEYS}, cursor_nulls: skip"));
    skipping.assert_gains((1..=50).chain([61]));
    skipping.assert_gains([]);
    let once = Followed::new(&database, &format!("{KEYS}, cursor_nulls: first_run"));
    once.assert_gains((1..=50).chain([60, 61]));
    once.assert_gains([]);
}

fn two_columns_of_other_types_do_not_fit(family: Family) {
    let database = moves(family);
    database.execute("ALTER TABLE moves ADD number bigint, ADD day date, ADD word varchar(9)");
    for column in ["number", "day", "word"] {
        let keys = KEYS.replace(": made", &format!(": {column}"));
        run_badly(&Followed::new(&database, &keys).project, 1, &[&format!("`{column}`"), "`changed`"]);
    }
}

fn a_query_is_followed_by_either_column(family: Family) {
    let database = moves(family);
    let keys = KEYS.replace("table: moves", "query: 'SELECT id, made, changed FROM moves', cursor_tiebreak: id");
    let followed = Followed::new(&database, &keys);
    followed.assert_gains(1..=50);
    database.execute("INSERT INTO moves VALUES (51, NULL, '2026-02-01 00:50'), (52, '2026-02-03', '2026-02-03')");
    followed.assert_gains([51, 52]);
    followed.assert_gains([]);
}

rivet_testing::on_both_families!(
    rows_are_followed_by_either_column,
    rows_without_both_are_rows_without_a_cursor,
    two_columns_of_other_types_do_not_fit,
    a_query_is_followed_by_either_column,
);
