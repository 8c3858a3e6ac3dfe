use std::time::Duration;

use rivet_testing::{Fault, FaultProxy, Project, TestDatabase};

use super::{assert_reason, database, folder, run_into, run_well};
use crate::support::run;

const LOST: &str = "rivet::source::connection_lost";

/// In the middle of the 5 MB.
const MIDDLE: u64 = 1_500_000;

fn behind(proxy: &FaultProxy, database: &TestDatabase, tuning: &str) -> Project {
    folder(&proxy.url(database.url()), "table: rows", tuning)
}

#[test]
fn a_connection_that_is_cut_ends_the_run_and_the_same_command_works_later() {
    let (database, proxy) = start();
    let project = behind(&proxy, &database, "max_retries: 0");
    proxy.set(Fault::CutAfter(MIDDLE));
    let outcome = run_into(&project, 5, LOST);
    assert_eq!(outcome.export(0)["retries"], 0);
    assert_eq!(proxy.struck(), 1);
    proxy.set(Fault::None);
    run_well(&project, 0);
}

#[test]
fn a_connection_that_is_cut_once_is_made_again() {
    let (database, proxy) = start();
    let project = behind(&proxy, &database, "max_retries: 2, retry_backoff_ms: 10");
    proxy.set_times(Fault::CutAfter(MIDDLE), 1);
    let outcome = run_well(&project, 1);
    let said = &outcome.finished.stderr;
    assert!(said.contains("rows: attempt 1 of 3 failed: the connection to "), "{said}");
}

#[test]
fn attempts_come_to_an_end() {
    let (database, proxy) = start();
    let project = behind(&proxy, &database, "max_retries: 2, retry_backoff_ms: 10");
    proxy.set(Fault::CutAfter(MIDDLE));
    let outcome = run_into(&project, 5, LOST);
    assert_eq!((&outcome.export(0)["retries"], proxy.struck()), (&2.into(), 3));
}

#[test]
fn a_server_that_does_not_let_us_in_is_asked_again() {
    let (database, proxy) = start();
    let project = behind(&proxy, &database, "max_retries: 2, retry_backoff_ms: 10");
    proxy.set(Fault::Refuse);
    let outcome = run(&project);
    outcome.finished.assert_code(5);
    assert_eq!(proxy.connections(), 3);
    assert!(project.all_files("out").is_empty());
    proxy.set_times(Fault::Refuse, 2);
    run_well(&project, 0);
}

#[test]
fn a_server_that_goes_silent_in_a_copy_is_given_up() {
    let (database, proxy) = start();
    let project = behind(&proxy, &database, "max_retries: 0, statement_timeout_s: 1");
    proxy.set(Fault::StallAfter(MIDDLE));
    let outcome = run_into(&project, 5, LOST);
    let message = outcome.report["errors"][0]["message"].to_string();
    assert!(message.contains("went silent: no answer, though the statement's 1 s are over"), "{message}");
    assert!(outcome.finished.elapsed < Duration::from_secs(25), "{:?}", outcome.finished.elapsed);
}

#[test]
fn a_server_that_goes_silent_before_the_first_row_is_given_up() {
    let database = database();
    // From the first byte on, through log-in and questions, to the last answers before the rows.
    let places = [0, 300, 600, 900, 1_200];
    let projects =
        places.map(|_| folder("postgres://overridden", "table: rows", "max_retries: 0, statement_timeout_s: 1"));
    let mut running = Vec::new();
    for (place, project) in places.iter().zip(&projects) {
        let proxy = FaultProxy::start(database.url());
        let url = format!("{}?connect_timeout=2&sslmode=disable", proxy.url(database.url()));
        proxy.set(Fault::StallAfter(*place));
        let command = project.command(&["run"]).env("RIVET_SOURCE__URL", &url);
        running.push((place, proxy, command.patience(Duration::from_secs(90)).spawn()));
    }
    for (place, proxy, running) in running {
        let finished = running.wait();
        assert_eq!(finished.code(), Some(5), "after {place} bytes:\n{}", finished.stderr);
        assert!(proxy.struck() > 0, "after {place} bytes nothing went silent");
    }
}

#[test]
fn what_does_not_pass_by_itself_is_never_tried_again() {
    let (database, proxy) = start();
    let url = proxy.url(database.url());
    let check = |relation: &str, reason: &str, connections: usize| {
        let before = proxy.connections();
        let project = folder(&url, relation, "max_retries: 5, retry_backoff_ms: 10");
        let outcome = run(&project);
        outcome.finished.assert_code(1);
        assert_reason(&outcome, reason);
        assert_eq!(proxy.connections() - before, connections, "{relation}");
        assert_eq!(outcome.export(0)["retries"], 0);
        assert!(project.all_files("out").is_empty());
    };
    // The first connection asks who the server is, the second what the columns are, the third reads.
    check("table: nowhere", "rivet::source::not_found", 2);
    check("query: SELECT FORM rows", "rivet::source::not_found", 2);
    check("query: SELEKT 1", "rivet::source::statement", 2);
    check("query: 'SELECT 1 / (id - 90000) AS it FROM rows'", "rivet::source::value", 3);
    check("query: 'SELECT word::int AS it FROM rows'", "rivet::source::value", 3);
}

#[test]
fn a_wrong_password_is_tried_once() {
    let (database, proxy) = start();
    let project = folder(&proxy.url(&database.url_as("postgres", "wrong")), "table: rows", "max_retries: 5");
    let outcome = run(&project);
    outcome.finished.assert_code(1).assert_silent_about("wrong");
    assert_reason(&outcome, "rivet::source::authentication");
    assert_eq!(proxy.connections(), 1);
}

fn start() -> (TestDatabase, FaultProxy) {
    let database = database();
    let proxy = FaultProxy::start(database.url());
    (database, proxy)
}
