//! Exports of the last days.

use rivet_testing::{Project, TestDatabase};

use crate::ledger::Ledger;
use crate::support::{Outcome, csv_rows, integer, manifest, project, run_badly, run_well};

/// A folder with an export of a window over `events` that takes these keys.
fn folder(database: &TestDatabase, keys: &str) -> Project {
    let export = format!(
        "name: it, table: events, select: [id], mode: time_window, time_column: at, {keys}, format: csv, \
         destination: {{ type: local, path: out }}"
    );
    project(database, &[&export])
}

/// The numbers of the rows that were exported, in order.
fn ids(project: &Project) -> Vec<i64> {
    let rows = csv_rows(&project.files("out", "csv"));
    let mut ids: Vec<i64> = rows.iter().map(|row| integer(row[0].as_ref())).collect();
    ids.sort_unstable();
    ids
}

/// The beginning of a day as SQL, and the least that comes between two values of the column.
fn beginning(kind: &str, day: &str, zone: &str) -> (String, &'static str) {
    let local = format!("({day})::timestamp");
    let moment = format!("{local} AT TIME ZONE '{zone}'");
    match kind {
        "date" => (local, "INTERVAL '1 day'"),
        "timestamp" => (local, "INTERVAL '1 microsecond'"),
        "timestamptz" => (moment, "INTERVAL '1 microsecond'"),
        _ => (format!("extract(epoch FROM {moment})"), "1"),
    }
}

/// Fills `events` around the beginning of a window and exports it. Rows with odd numbers are in the window.
#[track_caller]
fn export(database: &TestDatabase, kind: &str, days: u32, zone: &str) -> (Project, Outcome) {
    let today = format!("SELECT (now() AT TIME ZONE '{zone}')::date");
    // The day may end at this very moment, and the window begins a day later then.
    loop {
        let day = database.query_value(&today);
        let (begin, step) = beginning(kind, &format!("DATE '{day}' - {days}"), zone);
        let (now, _) = beginning(kind, &format!("DATE '{day}'"), zone);
        database.execute(&format!(
            "DROP TABLE IF EXISTS events; CREATE TABLE events (id int PRIMARY KEY, at {kind});
             INSERT INTO events SELECT 1, {begin}; INSERT INTO events SELECT 2, {begin} - {step};
             INSERT INTO events SELECT 3, {begin} + {step}; INSERT INTO events SELECT 4, NULL;
             INSERT INTO events SELECT 5, at FROM events WHERE id = 1; INSERT INTO events SELECT 7, {now};
             INSERT INTO events SELECT 6, {begin} - 500 * {step}; INSERT INTO events SELECT 9, {now} + 500 * {step}"
        ));
        let unix = if kind.contains("time") || kind == "date" { "" } else { ", time_column_type: unix" };
        let project = folder(database, &format!("days_window: {days}, time_zone: {zone}{unix}"));
        let outcome = run_well(&project);
        if database.query_value(&today) == day {
            return (project, outcome);
        }
    }
}

#[test]
fn a_window_begins_with_a_whole_day_of_its_zone() {
    let database = TestDatabase::create();
    for (zone, days) in [("UTC", 1), ("Pacific/Kiritimati", 2), ("America/New_York", 200), ("Asia/Kolkata", 30)] {
        for kind in ["timestamptz", "timestamp", "date", "bigint", "numeric", "float8"] {
            let (project, outcome) = export(&database, kind, days, zone);
            assert_eq!(ids(&project), [1, 3, 5, 7, 9], "{kind}, {days} days in {zone}");
            outcome.assert_said("reads rows whose `at` is ");
            Ledger::default().audit(&project);
        }
    }
}

#[test]
fn infinite_moments_are_after_every_beginning_or_before_it() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE events (id int, at timestamptz); CREATE INDEX ON events (at);
         INSERT INTO events VALUES (1, 'infinity'), (2, '-infinity'), (3, now()), (4, '0044-03-15 BC')",
    );
    let project = folder(&database, "days_window: 3");
    run_well(&project);
    assert_eq!(ids(&project), [1, 3]);
}

#[test]
fn a_window_without_rows_is_an_empty_file_or_none() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE events (id int, at date); INSERT INTO events VALUES (1, '2001-01-01'), (2, NULL)");
    let project = folder(&database, "days_window: 3");
    run_well(&project).assert_said("no index begins with `at`: each run reads the whole relation");
    assert_eq!((ids(&project).len(), &manifest(&project, "out")["rows"]), (0, &0.into()));
    let project = folder(&database, "days_window: 3, skip_empty: true");
    assert_eq!(run_well(&project).export(0)["status"], "skipped");
    assert!(project.all_files("out").is_empty());
}

#[test]
fn a_query_has_windows_too() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE events (id int, at timestamptz); \
         INSERT INTO events VALUES (1, now()), (2, now() - INTERVAL '9 days'), (3, now() + INTERVAL '9 days')",
    );
    let export = "name: it, query: 'SELECT id, at AS \"when\" FROM events', select: [id], mode: time_window, \
                  time_column: when, days_window: 7, format: csv, destination: { type: local, path: out }";
    let project = project(&database, &[export]);
    run_well(&project);
    assert_eq!(ids(&project), [1, 3]);
}

#[test]
fn a_column_must_hold_what_is_said() {
    let check = |kind: &str, keys: &str| {
        let database = TestDatabase::create();
        database.execute(&format!("CREATE TABLE events (id int, at {kind})"));
        let project = folder(&database, &format!("days_window: 7{keys}"));
        run_badly(&project, 1, &["`at`", "time_column_type"]);
        assert!(project.all_files("out").is_empty());
    };
    check("bigint", "");
    check("text", "");
    check("timestamptz", ", time_column_type: unix");
    check("date", ", time_column_type: unix");
    check("text", ", time_column_type: unix");
}

#[test]
fn mistakes_of_the_configuration_are_told_before_anything_is_read() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE events (id int, at timestamptz)");
    let check = |keys: &str, expected: &[&str]| {
        run_badly(&folder(&database, keys), 2, expected);
    };
    check("days_window: 7, time_zone: Europe/Berlyn", &["Europe/Berlyn", "time zone", "Europe/Berlin"]);
    check("days_window: 7, time_zone: CEST", &["CEST", "time zone"]);
    check("days_window: 0", &["days_window"]);
    check("time_zone: UTC", &["days_window"]);
    check("days_window: 7, time_column_type: seconds", &["seconds"]);
    let far = folder(&database, "days_window: 4000000000");
    run_badly(&far, 1, &["days_window"]);
}

#[test]
fn a_time_column_that_does_not_exist_or_has_no_order() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE events (id int)");
    run_badly(&folder(&database, "days_window: 7"), 1, &["`at`"]);
    database.execute("ALTER TABLE events ADD at json");
    run_badly(&folder(&database, "days_window: 7"), 1, &["`at`"]);
}
