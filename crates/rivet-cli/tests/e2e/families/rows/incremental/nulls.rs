//! Rows without a cursor.

use rivet_testing::{Family, MysqlDatabase};

use crate::families::rows::database;
use crate::incremental::Followed;
use crate::support::run_badly;

const KEYS: &str = "table: moves, cursor_column: day";

/// Four rows, of which those with even numbers have no day.
fn moves(family: Family) -> MysqlDatabase {
    let database = database(family);
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, day date NULL, KEY (day)); \
         INSERT INTO moves VALUES (1, '2026-01-30'), (2, NULL), (3, '2026-01-31'), (4, NULL)",
    );
    database
}

fn they_fail_the_run_where_nothing_is_said(family: Family) {
    let database = moves(family);
    let followed = Followed::new(&database, KEYS);
    run_badly(&followed.project, 1, &["2 rows", "`day`", "cursor_nulls"]);
    database.execute("UPDATE moves SET day = '2026-02-01' WHERE day IS NULL");
    followed.assert_gains([1, 2, 3, 4]);
}

fn they_can_be_left_out(family: Family) {
    let database = moves(family);
    let followed = Followed::new(&database, &format!("{KEYS}, cursor_nulls: skip"));
    followed.assert_gains([1, 3]).outcome.assert_said("2 rows have no value in `day` and are left out");
    database.execute("UPDATE moves SET day = '2026-02-02' WHERE id = 4; INSERT INTO moves VALUES (5, NULL)");
    followed.assert_gains([4]).outcome.assert_said("2 rows have no value in `day` and are left out");
}

fn the_first_run_can_take_them(family: Family) {
    let database = moves(family);
    let followed = Followed::new(&database, &format!("{KEYS}, cursor_nulls: first_run, skip_empty: true"));
    let first = followed.assert_gains([1, 2, 3, 4]);
    first.outcome.assert_said("2 rows have no value in `day`; this first run reads them too");
    assert_eq!(first.reached(), "2026-01-31");
    database.execute("INSERT INTO moves VALUES (5, NULL), (6, '2026-02-01')");
    followed.assert_gains([6]).outcome.assert_said("3 rows have no value in `day` and are left out");
    followed.assert_gains([]);
}

fn a_null_in_the_tiebreak_is_a_row_without_a_cursor_too(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE moves (id int, day date, tie int); \
         INSERT INTO moves VALUES (1, '2026-01-30', 1), (2, '2026-01-30', NULL), (3, '2026-01-31', 1)",
    );
    let keys = format!("{KEYS}, cursor_tiebreak: tie");
    run_badly(&Followed::new(&database, &keys).project, 1, &["1 rows"]);
    Followed::new(&database, &format!("{keys}, cursor_nulls: skip")).assert_gains([1, 3]);
    Followed::new(&database, &format!("{keys}, cursor_nulls: first_run")).assert_gains([1, 2, 3]);
}

/// A day that never was is a value and no NULL: it comes before all others.
fn a_zero_date_is_before_all_others(family: Family) {
    let database = moves(family);
    database.execute("SET sql_mode = ''; UPDATE moves SET day = '0000-00-00' WHERE day IS NULL");
    let followed = Followed::new(&database, &format!("{KEYS}, select: [id]"));
    assert_eq!(followed.assert_gains([1, 2, 3, 4]).reached(), "2026-01-31");
    database.execute("INSERT INTO moves VALUES (5, '0000-00-00'), (6, '2026-02-01')");
    followed.assert_gains([6]);
}

rivet_testing::on_both_families!(
    they_fail_the_run_where_nothing_is_said,
    they_can_be_left_out,
    the_first_run_can_take_them,
    a_null_in_the_tiebreak_is_a_row_without_a_cursor_too,
    a_zero_date_is_before_all_others,
);
