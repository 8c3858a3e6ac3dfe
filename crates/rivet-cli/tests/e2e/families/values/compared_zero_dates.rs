use rivet_testing::{Family, MysqlDatabase, assert_same};
use serde_json::json;

use super::support::{assert_both_same, both, filled};
use crate::support::{manifest, run_badly, run_well};

/// Dates without a year, a month or a day, as servers without strict mode take them.
fn zero_dates(family: Family) -> MysqlDatabase {
    filled(
        family,
        "SET SESSION sql_mode = '';
         CREATE TABLE zeros (id int PRIMARY KEY, d date NOT NULL, m datetime(6), s timestamp NULL);
         INSERT INTO zeros VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00'),
            (2, '2026-00-00', '2026-00-15 10:00:00.5', NULL), (3, '2026-07-00', '2026-07-00 10:00:00', '2026-07-01 10:00:00'),
            (4, '0000-07-00', '0000-00-01 00:00:00.000001', '1970-01-01 00:00:01'),
            (5, '2026-01-05', NULL, '0000-00-00 00:00:00'), (6, '0001-01-01', '0001-01-01 00:00:00', NULL)",
    )
}

fn zero_dates_become_null_and_are_counted(family: Family) {
    let database = zero_dates(family);
    let project = both(&database, "table: zeros");
    let outcome = run_well(&project);
    let query = "SELECT * FROM zeros";
    assert_same(&database, query, &project.files("parquet", "parquet"), &["--null-sentinels"]);
    assert_same(&database, query, &project.files("csv", "csv"), &["--null-sentinels"]);
    let counted = json!({"d": 4, "m": 4, "s": 2});
    assert_eq!(manifest(&project, "parquet")["nulled"], counted);
    assert_eq!(manifest(&project, "csv")["nulled"], counted);
    assert_eq!(outcome.export(0)["nulled"], counted);

    let printed = project.command(&["run", "-e", "as_parquet"]).run();
    printed.assert_code(0);
    let summary = format!("{}{}", printed.stdout, printed.stderr);
    for (column, count) in [("d", 4), ("m", 4), ("s", 2)] {
        let line = format!("{count} values of `{column}` became NULL");
        assert!(summary.contains(&line), "`{line}` is missing in:\n{summary}");
    }
}

fn zero_dates_can_be_text_or_an_error(family: Family) {
    let database = zero_dates(family);
    let keys = "table: zeros, columns: { d: text, m: text, s: text }";
    let query = "SELECT id, CAST(d AS char) AS d, CAST(m AS char) AS m, CAST(s AS char) AS s FROM zeros";
    assert_both_same(&database, keys, query, &[]);
    let project = both(&database, "table: zeros, on_unrepresentable: error");
    let ways_out = ["column `d` holds a date whose month or day is zero", "id = 1", "columns: { d: text"];
    run_badly(&project, 1, &ways_out);
}

/// The year 0 has days: it is the month and the day that make a date one.
fn the_year_0_is_a_year(family: Family) {
    let database = filled(
        family,
        "SET SESSION sql_mode = '';
         CREATE TABLE early (id int PRIMARY KEY, d date, m datetime(3));
         INSERT INTO early VALUES (1, '0000-01-01', '0000-12-31 23:59:59.999'), (2, '0000-12-31', '0000-01-01 00:00:00'),
            (3, '0001-01-01', '0001-01-01 00:00:00.001'), (4, '0099-12-31', '0099-12-31 12:00:00')",
    );
    assert_both_same(&database, "table: early", "SELECT * FROM early", &[]);
}

fn days_that_no_calendar_has_are_refused(family: Family) {
    let database = filled(
        family,
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES';
         CREATE TABLE odd (id int PRIMARY KEY, d date, m datetime);
         INSERT INTO odd VALUES (1, '2026-02-28', '2026-02-28 10:00:00'), (2, '2026-02-31', '2025-02-29 10:00:00')",
    );
    run_badly(&both(&database, "table: odd"), 1, &["column `d` holds a date that no calendar has", "id = 2"]);
    let texts = "SELECT id, CAST(d AS char) AS d, CAST(m AS char) AS m FROM odd";
    assert_both_same(&database, "table: odd, columns: { d: text, m: text }", texts, &[]);
    let nulls = "SELECT id, CASE WHEN id = 1 THEN d END AS d, CASE WHEN id = 1 THEN m END AS m FROM odd";
    assert_both_same(&database, "table: odd, on_unrepresentable: null", nulls, &[]);
}

/// Whatever the zone of the server or the daylight saving of a moment.
fn moments_are_in_utc(family: Family) {
    let database = filled(
        family,
        "CREATE TABLE moments (id int PRIMARY KEY, s timestamp(3) NULL, m datetime(3));
         SET time_zone = '-08:00';
         INSERT INTO moments VALUES (1, '2026-03-08 01:59:59.999', '2026-03-08 01:59:59.999'),
            (2, '2026-11-01 01:30:00', '2026-11-01 01:30:00'), (3, '1969-12-31 16:00:01', '1969-12-31 16:00:01');
         SET time_zone = '+00:00'",
    );
    assert_both_same(&database, "table: moments", "SELECT * FROM moments", &[]);
    let as_text = "table: moments, columns: { s: text }, exclude: [m]";
    assert_both_same(&database, as_text, "SELECT id, CAST(s AS char) AS s FROM moments", &[]);
    let values = database.query_text("SELECT s FROM moments ORDER BY id");
    assert_eq!(values[2][0].as_deref(), Some("1970-01-01 00:00:01.000"));
}

rivet_testing::on_both_families!(
    zero_dates_become_null_and_are_counted,
    zero_dates_can_be_text_or_an_error,
    the_year_0_is_a_year,
    days_that_no_calendar_has_are_refused,
    moments_are_in_utc,
);
