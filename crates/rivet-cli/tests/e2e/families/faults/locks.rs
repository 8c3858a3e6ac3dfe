//! Somebody else holds the table.

use std::thread;
use std::time::Duration;

use rivet_testing::{Family, MysqlDatabase};

use super::{AT_ONCE, ended, folder, words};
use crate::faults::{assert_chunks, assert_reason};
use crate::support::run;

const LOCK_TIMEOUT: &str = "rivet::source::lock_timeout";

fn a_lock_is_waited_for_so_long(family: Family) {
    let database = words(family);
    let other = database.connect();
    other.execute("LOCK TABLES words WRITE");
    let project = folder(database.url(), AT_ONCE, "max_retries: 0, lock_timeout_s: 1");
    let outcome = run(&project);
    outcome.finished.assert_code(5);
    assert_reason(&outcome, LOCK_TIMEOUT);
    assert!(project.all_files("out").is_empty());
    assert!(outcome.finished.elapsed < Duration::from_secs(15), "{:?}", outcome.finished.elapsed);
    other.execute("UNLOCK TABLES");
    assert_chunks(&project, &run(&project));
}

/// Starts to change a table that somebody else reads: from then on nobody gets at it.
fn change_behind_a_reader(database: &MysqlDatabase) -> (rivet_testing::MysqlSession, thread::JoinHandle<()>) {
    let reader = database.connect();
    reader.execute("BEGIN; SELECT count(*) FROM words");
    let url = database.url().to_owned();
    let changing = thread::spawn(move || {
        let session = rivet_testing::MysqlSession::connect(&url);
        session.execute("SET lock_wait_timeout = 60; ALTER TABLE words FORCE");
    });
    let waiting = "SELECT count(*) FROM information_schema.processlist WHERE db = database() \
                   AND state LIKE 'Waiting for table metadata lock'";
    while database.query_value(waiting) == "0" {
        assert!(!changing.is_finished(), "the change did not wait for the reader");
        thread::sleep(Duration::from_millis(10));
    }
    (reader, changing)
}

fn a_change_of_the_table_is_waited_for_so_long(family: Family) {
    let database = words(family);
    let (reader, changing) = change_behind_a_reader(&database);
    let project = folder(database.url(), AT_ONCE, "max_retries: 0, lock_timeout_s: 1");
    let outcome = run(&project);
    outcome.finished.assert_code(5);
    assert_reason(&outcome, LOCK_TIMEOUT);
    assert!(project.all_files("out").is_empty());
    assert!(!changing.is_finished(), "the change has not waited: nothing is tested");
    reader.execute("ROLLBACK");
    changing.join().expect("the change goes on");
    assert_chunks(&project, &run(&project));
}

fn a_lock_that_is_given_back_in_time_costs_a_retry(family: Family) {
    let database = words(family);
    let project = folder(database.url(), AT_ONCE, "max_retries: 5, retry_backoff_ms: 10, lock_timeout_s: 1");
    let other = database.connect();
    other.execute("LOCK TABLES words WRITE");
    let mut running = project.command(&["run", "--json"]).spawn();
    running.wait_for_stderr("rows: attempt 1 of 6 failed: ");
    other.execute("UNLOCK TABLES");
    let outcome = ended(running);
    assert_chunks(&project, &outcome);
}

/// Rivet stands in nobody's way: a change waits for the statement that is being read and for no other.
fn a_change_in_the_middle_of_chunks_waits_for_those_of_that_moment(family: Family) {
    let database = words(family);
    let project = folder(database.url(), super::CHUNKED, "");
    let command = project.command(&["run", "--json"]).env("FAILPOINTS", "chunk_written=sleep(100)");
    let mut running = command.spawn();
    super::wait_for_parts(&mut running, &project, 2);
    let other = database.connect();
    other.execute("SET lock_wait_timeout = 20; ALTER TABLE words FORCE");
    assert!(!running.has_ended(), "the change came too late: nothing is tested");
    assert_chunks(&project, &ended(running));
}

rivet_testing::on_both_families!(
    a_lock_is_waited_for_so_long,
    a_change_of_the_table_is_waited_for_so_long,
    a_lock_that_is_given_back_in_time_costs_a_retry,
    a_change_in_the_middle_of_chunks_waits_for_those_of_that_moment,
);
