use std::time::Duration;

use rivet_testing::{Project, TestDatabase};

use super::{database, folder, run_into, run_well};
use crate::support::{Outcome, run};

const ENDLESS: &str = "query: 'SELECT i, md5(i::text) FROM (SELECT generate_series(1, 1000000000) AS i) AS them'";

/// Runs, does something to the backend as soon as it copies, and returns how that ended.
fn run_and(project: &Project, database: &TestDatabase, function: &str) -> Outcome {
    let sql = format!(
        "SELECT count({function}(pid)) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'rivet' AND query LIKE 'COPY%' AND state = 'active'"
    );
    let mut running = project.command(&["run", "--json"]).spawn();
    running.wait_until("a first part", |_| !project.all_files("out/.rivet-staging").is_empty());
    running.wait_until(function, |_| database.query_value(&sql) != "0");
    let finished = running.wait();
    let report = serde_json::from_str(&finished.stdout).expect("`--json` prints a report");
    Outcome { finished, report }
}

#[track_caller]
fn assert_failed(project: &Project, outcome: &Outcome, code: i32, reason: &str) {
    outcome.finished.assert_code(code);
    super::assert_reason(outcome, reason);
    assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
}

#[test]
fn a_session_that_an_administrator_ends_may_be_made_again() {
    let database = TestDatabase::create();
    let project = folder(database.url(), ENDLESS, "max_retries: 0");
    let outcome = run_and(&project, &database, "pg_terminate_backend");
    assert_failed(&project, &outcome, 5, "rivet::source::connection_lost");
}

#[test]
fn a_statement_that_an_administrator_cancels_is_not_sent_again() {
    let database = TestDatabase::create();
    let project = folder(database.url(), ENDLESS, "max_retries: 5");
    let outcome = run_and(&project, &database, "pg_cancel_backend");
    assert_failed(&project, &outcome, 1, "rivet::source::cancelled");
    assert_eq!(outcome.export(0)["retries"], 0);
}

#[test]
fn a_statement_has_its_time() {
    let database = TestDatabase::create();
    for query in ["SELECT pg_sleep(60)::text AS it", "SELECT i, pg_sleep(0.01)::text FROM generate_series(1, 6000) i"] {
        let project = folder(database.url(), &format!("query: '{query}'"), "max_retries: 5, statement_timeout_s: 1");
        let outcome = run_into(&project, 1, "rivet::source::statement_timeout");
        assert!(outcome.finished.elapsed < Duration::from_secs(8), "{:?}", outcome.finished.elapsed);
    }
}

#[test]
fn a_lock_is_waited_for_so_long() {
    let database = database();
    // What the function reads is locked when rows are read, not when columns are asked for.
    database.execute(
        "CREATE FUNCTION many() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM rows); END'",
    );
    let other = database.connect();
    other.execute("BEGIN; LOCK TABLE rows IN ACCESS EXCLUSIVE MODE");
    for (relation, seconds) in [("query: 'SELECT many() AS it'", 4), ("table: rows", 9)] {
        let project = folder(database.url(), relation, "max_retries: 0, lock_timeout_s: 1");
        let outcome = run(&project);
        assert_failed(&project, &outcome, 5, "rivet::source::lock_timeout");
        assert!(outcome.finished.elapsed < Duration::from_secs(seconds), "{:?}", outcome.finished.elapsed);
    }
    other.execute("COMMIT");
    run_well(&folder(database.url(), "table: rows", ""), 0);
}

#[test]
fn a_lock_that_is_given_back_in_time_costs_a_retry() {
    let database = database();
    let project = folder(database.url(), "table: rows", "max_retries: 5, retry_backoff_ms: 10, lock_timeout_s: 1");
    let other = database.connect();
    other.execute("BEGIN; LOCK TABLE rows IN ACCESS EXCLUSIVE MODE");
    let mut running = project.command(&["run", "--json"]).spawn();
    running.wait_for_stderr("rows: attempt 1 of 6 failed: ");
    other.execute("COMMIT");
    let finished = running.wait();
    finished.assert_code(0);
    assert!(finished.stdout.contains("\"retries\": 1") || finished.stdout.contains("\"retries\":1"));
}
