//! Rows without a cursor.

use rivet_testing::TestDatabase;

use super::Followed;
use crate::support::run_badly;

fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, day date); \
         INSERT INTO moves VALUES (1, '2026-01-30'), (2, NULL), (3, '2026-01-31'), (4, NULL)",
    );
    database
}

const KEYS: &str = "table: moves, cursor_column: day";

#[test]
fn they_are_an_error_where_nothing_is_said() {
    let database = database();
    let followed = Followed::new(&database, KEYS);
    let said = run_badly(&followed.project, 1, &["2 rows", "`day`", "cursor_nulls: skip", "first_run"]);
    assert!(said.contains("`it`"), "{said}");
    database.execute("DELETE FROM moves WHERE day IS NULL");
    followed.assert_gains([1, 3]);
    // Later runs look as well: what is not read would never be.
    database.execute("INSERT INTO moves VALUES (5, NULL), (6, '2026-02-01')");
    let before = followed.state(&["show"]);
    let outcome = crate::support::run(&followed.project);
    outcome.finished.assert_code(1);
    assert_eq!(outcome.report["errors"][0]["code"], "rivet::core::null_cursor");
    assert_eq!(followed.state(&["show"]), before, "a failed run moves no cursor");
    database.execute("UPDATE moves SET day = '2026-02-02' WHERE id = 5");
    followed.assert_gains([5, 6]);
}

#[test]
fn they_can_be_left_out() {
    let database = database();
    let followed = Followed::new(&database, &format!("{KEYS}, cursor_nulls: skip"));
    followed.assert_gains([1, 3]).outcome.assert_said("2 rows have no value in `day` and are left out");
    database.execute("UPDATE moves SET day = '2026-02-02' WHERE id = 4; INSERT INTO moves VALUES (5, NULL)");
    followed.assert_gains([4]).outcome.assert_said("2 rows have no value in `day` and are left out");
}

#[test]
fn the_first_run_can_take_them() {
    let database = database();
    let followed = Followed::new(&database, &format!("{KEYS}, cursor_nulls: first_run, skip_empty: true"));
    let first = followed.assert_gains([1, 2, 3, 4]);
    first.outcome.assert_said("2 rows have no value in `day`; this first run reads them too");
    assert_eq!(first.reached(), "2026-01-31");
    database.execute("INSERT INTO moves VALUES (5, NULL), (6, '2026-02-01')");
    followed.assert_gains([6]).outcome.assert_said("3 rows have no value in `day` and are left out");
    followed.assert_gains([]);
}

#[test]
fn a_first_run_of_nulls_alone_is_told_from_one_of_nothing() {
    let database = database();
    database.execute("DELETE FROM moves WHERE day IS NOT NULL");
    let followed = Followed::new(&database, &format!("{KEYS}, cursor_nulls: first_run"));
    followed.assert_gains([2, 4]);
    database.execute("INSERT INTO moves VALUES (6, '2026-02-01')");
    // There is no position yet, so that this is a first run again, and rows are rather doubled than lost.
    let second = followed.run();
    assert!(second.ids.contains(&6), "{:?}", second.ids);
    database.execute("INSERT INTO moves VALUES (7, '2026-02-02')");
    followed.assert_gains([7]);
}

#[test]
fn a_null_in_the_tiebreak_is_a_row_without_a_cursor_too() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moves (id int, day date, tie int); \
         INSERT INTO moves VALUES (1, '2026-01-30', 1), (2, '2026-01-30', NULL), (3, '2026-01-31', 1)",
    );
    let keys = format!("{KEYS}, cursor_tiebreak: tie");
    run_badly(&Followed::new(&database, &keys).project, 1, &["1 rows"]);
    Followed::new(&database, &format!("{keys}, cursor_nulls: skip")).assert_gains([1, 3]);
    Followed::new(&database, &format!("{keys}, cursor_nulls: first_run")).assert_gains([1, 2, 3]);
}
