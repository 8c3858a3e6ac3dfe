//! Exports of the last days.

use rivet_testing::{Family, MysqlDatabase, Project};

use super::database;
use crate::database::Database as _;
use crate::ledger::Ledger;
use crate::support::{Outcome, csv_rows, integer, manifest, run_badly, run_well};

/// A folder with an export of a window over `events` that takes these keys.
fn folder(database: &MysqlDatabase, keys: &str) -> Project {
    let export = format!(
        "name: it, table: events, select: [id], mode: time_window, time_column: at, {keys}, format: csv, \
         destination: {{ type: local, path: out }}"
    );
    database.project(&[&export])
}

/// The numbers of the rows that were exported, in order.
fn ids(project: &Project) -> Vec<i64> {
    let rows = csv_rows(&project.files("out", "csv"));
    let mut ids: Vec<i64> = rows.iter().map(|row| integer(row[0].as_ref())).collect();
    ids.sort_unstable();
    ids
}

/// A zone without summer time, and how many minutes it is ahead of UTC.
const ZONES: [(&str, i32, u32); 3] = [("UTC", 0, 1), ("Pacific/Kiritimati", 840, 2), ("Asia/Kolkata", 330, 30)];

/// The beginning of a day as SQL, and the least unit that comes between two values of the column; none for numbers.
fn beginning(kind: &str, day: &str, ahead: i32) -> (String, &'static str) {
    let local = format!("CAST({day} AS datetime)");
    let moment = format!("({local} - INTERVAL {ahead} MINUTE)");
    match kind {
        "date" => (format!("({day})"), "DAY"),
        "datetime(6)" => (local, "MICROSECOND"),
        "datetime" => (local, "SECOND"),
        "timestamp(6)" => (moment, "MICROSECOND"),
        _ => (format!("UNIX_TIMESTAMP({moment})"), ""),
    }
}

/// Fills `events` around the beginning of a window and exports it. Rows with odd numbers are in the window.
#[track_caller]
fn export(database: &MysqlDatabase, kind: &str, days: u32, zone: &str, ahead: i32) -> (Project, Outcome) {
    let today = format!("SELECT DATE(UTC_TIMESTAMP() + INTERVAL {ahead} MINUTE)");
    // The day may end at this very moment, and the window begins a day later then.
    loop {
        let day = database.query_value(&today);
        let (begin, unit) = beginning(kind, &format!("DATE'{day}' - INTERVAL {days} DAY"), ahead);
        let (now, _) = beginning(kind, &format!("DATE'{day}'"), ahead);
        let steps = |count: u32| if unit.is_empty() { count.to_string() } else { format!("INTERVAL {count} {unit}") };
        let (one, many) = (steps(1), steps(500));
        database.execute(&format!(
            "DROP TABLE IF EXISTS events; CREATE TABLE events (id int PRIMARY KEY, at {kind} NULL);
             INSERT INTO events SELECT 1, {begin}; INSERT INTO events SELECT 2, {begin} - {one};
             INSERT INTO events SELECT 3, {begin} + {one}; INSERT INTO events SELECT 4, NULL;
             INSERT INTO events SELECT 5, at FROM events WHERE id = 1; INSERT INTO events SELECT 7, {now};
             INSERT INTO events SELECT 6, {begin} - {many}; INSERT INTO events SELECT 9, {now} + {many}"
        ));
        let unix = if kind.contains("time") || kind == "date" { "" } else { ", time_column_type: unix" };
        let project = folder(database, &format!("days_window: {days}, time_zone: {zone}{unix}"));
        let outcome = run_well(&project);
        if database.query_value(&today) == day {
            return (project, outcome);
        }
    }
}

fn a_window_begins_with_a_whole_day_of_its_zone(family: Family) {
    let database = database(family);
    for (zone, ahead, days) in ZONES {
        for kind in
            ["timestamp(6)", "datetime(6)", "datetime", "date", "bigint", "int unsigned", "decimal(20, 3)", "double"]
        {
            let (project, outcome) = export(&database, kind, days, zone, ahead);
            assert_eq!(ids(&project), [1, 3, 5, 7, 9], "{kind}, {days} days in {zone}");
            outcome.assert_said("reads rows whose `at` is ");
            Ledger::default().audit(&project);
        }
    }
}

fn a_window_without_rows_is_an_empty_file_or_none(family: Family) {
    let database = database(family);
    database.execute(
        "SET sql_mode = ''; CREATE TABLE events (id int, at date); \
         INSERT INTO events VALUES (1, '2001-01-01'), (2, NULL), (3, '0000-00-00')",
    );
    let project = folder(&database, "days_window: 3");
    run_well(&project).assert_said("no index begins with `at`: each run reads the whole relation");
    assert_eq!((ids(&project).len(), &manifest(&project, "out")["rows"]), (0, &0.into()));
    let project = folder(&database, "days_window: 3, skip_empty: true");
    assert_eq!(run_well(&project).export(0)["status"], "skipped");
    assert!(project.all_files("out").is_empty());
}

fn a_query_has_windows_too(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE events (id int, at timestamp NULL); \
         INSERT INTO events VALUES (1, NOW()), (2, NOW() - INTERVAL 9 DAY), (3, NOW() + INTERVAL 9 DAY)",
    );
    let export = "name: it, query: 'SELECT id, at AS `when` FROM events', select: [id], mode: time_window, \
                  time_column: when, days_window: 7, format: csv, destination: { type: local, path: out }";
    let project = database.project(&[export]);
    run_well(&project);
    assert_eq!(ids(&project), [1, 3]);
}

fn a_column_must_hold_what_is_said(family: Family) {
    let database = database(family);
    for (kind, keys) in [
        ("bigint", ""),
        ("varchar(20)", ""),
        ("timestamp NULL", ", time_column_type: unix"),
        ("date", ", time_column_type: unix"),
        ("varchar(20)", ", time_column_type: unix"),
    ] {
        database.execute(&format!("DROP TABLE IF EXISTS events; CREATE TABLE events (id int, at {kind})"));
        let project = folder(&database, &format!("days_window: 7{keys}"));
        run_badly(&project, 1, &["`at`", "time_column_type"]);
        assert!(project.all_files("out").is_empty());
    }
    for kind in ["time", "point", "bit(9)"] {
        database.execute(&format!("DROP TABLE IF EXISTS events; CREATE TABLE events (id int, at {kind})"));
        run_badly(&folder(&database, "days_window: 7"), 1, &["`at`"]);
    }
    database.execute("DROP TABLE events; CREATE TABLE events (id int)");
    run_badly(&folder(&database, "days_window: 7"), 1, &["`at`"]);
}

rivet_testing::on_both_families!(
    a_window_begins_with_a_whole_day_of_its_zone,
    a_window_without_rows_is_an_empty_file_or_none,
    a_query_has_windows_too,
    a_column_must_hold_what_is_said,
);
