//! Runs that stay behind the newest rows.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rivet_testing::Family;

use crate::families::rows::database;
use crate::incremental::Followed;

fn the_newest_rows_are_held_back(family: Family) {
    let check = |kind: &str, now: &str, zone: &str| {
        let database = database(family);
        database.execute(&format!(
            "CREATE TABLE moves (id int PRIMARY KEY, at {kind}); INSERT INTO moves VALUES (1, {now} - INTERVAL 3 DAY), \
             (2, {now} - INTERVAL 2 HOUR), (3, {now} - INTERVAL 10 MINUTE), (4, {now} + INTERVAL 1 DAY), \
             (5, '2037-12-31 00:00:00')"
        ));
        let keys = format!("table: moves, cursor_column: at, cursor_lag: 1h, time_zone: {zone}, skip_empty: true");
        let followed = Followed::new(&database, &keys);
        followed.assert_gains([1, 2]);
        followed.assert_gains([]);
        // A row that was committed late lies behind the position, and before the clock less the lag.
        database.execute(&format!(
            "INSERT INTO moves VALUES (6, {now} - INTERVAL 90 MINUTE); \
             UPDATE moves SET at = at - INTERVAL 1 HOUR WHERE id = 3"
        ));
        followed.assert_gains([3, 6]);
        followed.assert_gains([]);
    };
    check("timestamp(6) NULL", "NOW(6)", "UTC");
    check("timestamp NULL", "NOW()", "Asia/Kolkata");
    // Neither zone has a summer time.
    check("datetime(6)", "(UTC_TIMESTAMP(6) + INTERVAL 14 HOUR)", "Pacific/Kiritimati");
    check("datetime", "(UTC_TIMESTAMP() + INTERVAL 330 MINUTE)", "Asia/Kolkata");
}

fn a_day_counts_once_it_is_over(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, day date); \
         INSERT INTO moves SELECT n, UTC_DATE() - INTERVAL 3 DAY + INTERVAL n DAY FROM k WHERE n < 6",
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: day, cursor_lag: 1d");
    // The day before yesterday has been over for a day.
    followed.assert_gains([0, 1]);
    let at_once = Followed::new(&database, "table: moves, cursor_column: day, cursor_lag: 0");
    at_once.assert_gains(0..=5);
}

fn a_transaction_that_is_older_is_told(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, at datetime(6)); \
         INSERT INTO moves VALUES (1, UTC_TIMESTAMP(6) - INTERVAL 1 DAY)",
    );
    let late = database.connect();
    late.execute("BEGIN; INSERT INTO moves VALUES (2, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR)");
    // The server gives its age in whole seconds.
    sleep(Duration::from_millis(2_100));
    let gained = Followed::new(&database, "table: moves, cursor_column: at, cursor_lag: 1s").assert_gains([1]);
    gained.outcome.assert_said("a transaction has been open on the source for ");
    gained.outcome.assert_said("longer than `cursor_lag`: rows that it commits may be missed");
    // With a lag above the longest transaction nothing is missed.
    let followed = Followed::new(&database, "table: moves, cursor_column: at, cursor_lag: 2h");
    followed.assert_gains([1]);
    late.execute("UPDATE moves SET at = UTC_TIMESTAMP(6) - INTERVAL 3 HOUR WHERE id = 2; COMMIT");
    followed.assert_gains([2]);
}

/// MySQL can't list its transactions while one of them runs a statement with a letter of four bytes in it.
fn a_transaction_of_any_letters_is_told(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, at datetime(6), word varchar(9)); \
         INSERT INTO moves VALUES (1, UTC_TIMESTAMP(6) - INTERVAL 1 DAY, '🚂')",
    );
    let late = database.connect();
    let writing = std::thread::spawn(move || {
        late.execute("BEGIN; INSERT INTO moves VALUES (2, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, '')");
        late.query_value("SELECT SLEEP(5) FROM moves WHERE word = '🚂'");
        late.execute("COMMIT");
    });
    sleep(Duration::from_millis(2_100));
    let gained = Followed::new(&database, "table: moves, cursor_column: at, cursor_lag: 1s").assert_gains([1]);
    gained.outcome.assert_said("a transaction has been open on the source for ");
    assert!(!writing.is_finished(), "this machine is too slow for this test");
    writing.join().expect("its statements are sound");
}

fn numbers_are_held_back_by_what_earlier_runs_have_seen(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE moves (id int AUTO_INCREMENT PRIMARY KEY); INSERT INTO moves SELECT n FROM k WHERE n BETWEEN 1 AND 10",
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: id, cursor_lag: 1s, skip_empty: true");
    let seen = Instant::now();
    let first = followed.assert_gains([]);
    first.outcome.assert_said("no earlier run has seen where the cursor stood 1 s ago");
    database.execute("INSERT INTO moves VALUES (11), (13)");
    // At once: what was seen is not old enough, unless this machine is very slow.
    let second = followed.run();
    assert!(second.ids.is_empty() || seen.elapsed() > Duration::from_secs(1), "{:?}", second.ids);
    let ended = Instant::now();
    sleep(Duration::from_millis(1_200));
    // A row that was committed late, with a number below what has been seen since.
    database.execute("INSERT INTO moves VALUES (12)");
    let mut ids = second.ids;
    ids.extend(followed.run().ids);
    assert!(ids.starts_with(&(1..=10).collect::<Vec<_>>()), "{ids:?}");
    while ids.len() < 13 && ended.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(1_200));
        ids.extend(followed.run().ids);
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=13).collect::<Vec<_>>(), "the late row is read, each once");
}

fn a_longer_lag_moves_no_position_back(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, at timestamp(6) NULL); \
         INSERT INTO moves SELECT n, NOW(6) - INTERVAL n HOUR FROM k WHERE n < 10",
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: at, cursor_lag: 30m");
    let first = followed.assert_gains(1..=9);
    let text = crate::support::read_text(&followed.project.path("rivet.yaml"));
    followed.project.write("rivet.yaml", &text.replace("cursor_lag: 30m", "cursor_lag: 5h"));
    assert_eq!(followed.assert_gains([]).after(), first.after());
    followed.project.write("rivet.yaml", &text.replace("cursor_lag: 30m", "cursor_lag: 0"));
    followed.assert_gains([0]);
}

rivet_testing::on_both_families!(
    the_newest_rows_are_held_back,
    a_day_counts_once_it_is_over,
    a_transaction_that_is_older_is_told,
    a_transaction_of_any_letters_is_told,
    numbers_are_held_back_by_what_earlier_runs_have_seen,
    a_longer_lag_moves_no_position_back,
);
