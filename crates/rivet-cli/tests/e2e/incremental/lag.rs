//! Runs that stay behind the newest rows.

use rivet_testing::TestDatabase;

use super::Followed;

#[test]
fn the_newest_rows_are_held_back() {
    let check = |kind: &str, now: &str, zone: &str| {
        let database = TestDatabase::create();
        database.execute(&format!(
            "CREATE TABLE moves (id int PRIMARY KEY, at {kind}); INSERT INTO moves VALUES (1, {now} - INTERVAL '3 days'), \
             (2, {now} - INTERVAL '2 hours'), (3, {now} - INTERVAL '10 minutes'), (4, {now} + INTERVAL '1 day'), \
             (5, 'infinity')"
        ));
        let keys = format!("table: moves, cursor_column: at, cursor_lag: 1h, time_zone: {zone}, skip_empty: true");
        let followed = Followed::new(&database, &keys);
        followed.assert_gains([1, 2]);
        followed.assert_gains([]);
        // A row that was committed late lies behind the position, and before the clock less the lag.
        database.execute(&format!(
            "INSERT INTO moves VALUES (6, {now} - INTERVAL '90 minutes'); \
             UPDATE moves SET at = at - INTERVAL '1 hour' WHERE id = 3"
        ));
        followed.assert_gains([3, 6]);
        followed.assert_gains([]);
    };
    check("timestamptz", "now()", "UTC");
    check("timestamptz", "now()", "Asia/Kolkata");
    check("timestamp", "(now() AT TIME ZONE 'Pacific/Kiritimati')", "Pacific/Kiritimati");
    check("timestamp", "(now() AT TIME ZONE 'America/New_York')", "America/New_York");
}

#[test]
fn a_day_counts_once_it_is_over() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, day date); \
         INSERT INTO moves SELECT i, (now() AT TIME ZONE 'UTC')::date - 3 + i FROM generate_series(0, 5) i",
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: day, cursor_lag: 1d");
    // The day before yesterday has been over for a day.
    followed.assert_gains([0, 1]);
    let at_once = Followed::new(&database, "table: moves, cursor_column: day, cursor_lag: 0");
    at_once.assert_gains(0..=5);
}

#[test]
fn a_transaction_that_is_older_is_told() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE moves (id int PRIMARY KEY, at timestamptz); INSERT INTO moves VALUES (1, now() - INTERVAL '1 day')");
    let late = database.connect();
    late.execute("BEGIN; INSERT INTO moves VALUES (2, now() - INTERVAL '1 hour')");
    let age = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL \
               AND now() - xact_start > INTERVAL '1.2 s'";
    while database.query_value(age) == "0" {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let gained = Followed::new(&database, "table: moves, cursor_column: at, cursor_lag: 1s").assert_gains([1]);
    gained.outcome.assert_said("a transaction has been open on the source for ");
    gained.outcome.assert_said("longer than `cursor_lag`: rows that it commits may be missed");
    // With a lag above the longest transaction there is nothing to tell, and nothing is missed.
    let followed = Followed::new(&database, "table: moves, cursor_column: at, cursor_lag: 2h");
    let gained = followed.assert_gains([1]);
    assert!(
        !gained.outcome.finished.stderr.contains("a transaction has been open"),
        "{}",
        gained.outcome.finished.stderr
    );
    late.execute("UPDATE moves SET at = now() - INTERVAL '3 hours' WHERE id = 2; COMMIT");
    followed.assert_gains([2]);
}

#[test]
fn numbers_are_held_back_by_what_earlier_runs_have_seen() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE moves (id int PRIMARY KEY); INSERT INTO moves SELECT generate_series(1, 10)");
    let followed = Followed::new(&database, "table: moves, cursor_column: id, cursor_lag: 1s, skip_empty: true");
    let seen = database.query_value("SELECT clock_timestamp()");
    let first = followed.assert_gains([]);
    first.outcome.assert_said("no earlier run has seen where the cursor stood 1 s ago");
    let ended = database.query_value("SELECT clock_timestamp()");
    database.execute("INSERT INTO moves VALUES (11), (13)");
    // At once: what was seen is not old enough, unless this machine is very slow.
    let second = followed.run();
    let is_young = database.query_value(&format!("SELECT clock_timestamp() - TIMESTAMPTZ '{seen}' < INTERVAL '1 s'"));
    assert!(second.ids.is_empty() || is_young == "f", "{:?}", second.ids);
    let is_old = format!("SELECT clock_timestamp() - TIMESTAMPTZ '{ended}' > INTERVAL '1.1 s'");
    while database.query_value(&is_old) == "f" {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // A row that was committed late, with a number below what has been seen since.
    database.execute("INSERT INTO moves VALUES (12)");
    let mut ids = second.ids;
    ids.extend(followed.run().ids);
    assert!(ids.starts_with(&(1..=10).collect::<Vec<_>>()), "{ids:?}");
    while database.query_value(&format!("SELECT clock_timestamp() - TIMESTAMPTZ '{ended}' > INTERVAL '2.6 s'")) == "f" {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    ids.extend(followed.run().ids);
    assert_eq!(ids, (1..=13).collect::<Vec<_>>(), "the late row is read, each once");
}

#[test]
fn a_longer_lag_moves_no_position_back() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, at timestamptz); \
         INSERT INTO moves SELECT i, now() - i * INTERVAL '1 h' FROM generate_series(0, 9) i",
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: at, cursor_lag: 30m");
    let first = followed.assert_gains(1..=9);
    let text = std::fs::read_to_string(followed.project.path("rivet.yaml")).unwrap();
    followed.project.write("rivet.yaml", &text.replace("cursor_lag: 30m", "cursor_lag: 5h"));
    assert_eq!(followed.assert_gains([]).after(), first.after());
    followed.project.write("rivet.yaml", &text.replace("cursor_lag: 30m", "cursor_lag: 0"));
    followed.assert_gains([0]);
}
