//! A network that fails while a table is read at once.

use std::time::Duration;

use rivet_testing::{Family, Fault, FaultProxy, MysqlDatabase, Project};

use super::{AT_ONCE, folder, words};
use crate::faults::{assert_chunks, assert_reason, run_into};
use crate::support::{number, run};

const LOST: &str = "rivet::source::connection_lost";

/// In the middle of the rows.
const MIDDLE: u64 = 1_500_000;

const RETRIES: &str = "max_retries: 2, retry_backoff_ms: 10";

fn behind(proxy: &FaultProxy, database: &MysqlDatabase, tuning: &str) -> Project {
    folder(&proxy.url(database.url()), AT_ONCE, tuning)
}

fn start(family: Family) -> (MysqlDatabase, FaultProxy) {
    let database = words(family);
    let proxy = FaultProxy::start(database.url());
    (database, proxy)
}

fn a_connection_that_is_cut_ends_the_run_and_the_same_command_works_later(family: Family) {
    let (database, proxy) = start(family);
    let project = behind(&proxy, &database, "max_retries: 0");
    proxy.set(Fault::CutAfter(MIDDLE));
    let outcome = run_into(&project, 5, LOST);
    assert_eq!((&outcome.export(0)["retries"], proxy.struck()), (&0.into(), 1));
    proxy.set(Fault::None);
    assert_chunks(&project, &run(&project));
}

fn a_connection_that_is_cut_once_is_made_again(family: Family) {
    let (database, proxy) = start(family);
    let project = behind(&proxy, &database, RETRIES);
    proxy.set_times(Fault::CutAfter(MIDDLE), 1);
    let outcome = run(&project);
    assert_chunks(&project, &outcome);
    assert_eq!(outcome.export(0)["retries"], 1);
    outcome.assert_said("rows: attempt 1 of 3 failed: the connection to ");
}

fn attempts_come_to_an_end(family: Family) {
    let (database, proxy) = start(family);
    let project = behind(&proxy, &database, RETRIES);
    proxy.set(Fault::CutAfter(MIDDLE));
    let outcome = run_into(&project, 5, LOST);
    assert_eq!((&outcome.export(0)["retries"], proxy.struck()), (&2.into(), 3));
}

fn a_server_that_does_not_let_us_in_is_asked_again(family: Family) {
    let (database, proxy) = start(family);
    let project = behind(&proxy, &database, RETRIES);
    proxy.set(Fault::Refuse);
    let outcome = run(&project);
    outcome.finished.assert_code(5);
    assert_reason(&outcome, "rivet::source::connect");
    assert_eq!(proxy.connections(), 3);
    assert!(project.all_files("out").is_empty());
    proxy.set_times(Fault::Refuse, 2);
    assert_chunks(&project, &run(&project));
}

fn a_server_that_goes_silent_in_the_middle_is_given_up(family: Family) {
    let (database, proxy) = start(family);
    let project = behind(&proxy, &database, "max_retries: 0, statement_timeout_s: 1");
    proxy.set(Fault::StallAfter(MIDDLE));
    let outcome = run_into(&project, 5, LOST);
    let message = outcome.report["errors"][0]["message"].to_string();
    assert!(message.contains("went silent: no answer, though the statement's 1 s are over"), "{message}");
    assert!(outcome.finished.elapsed < Duration::from_secs(25), "{:?}", outcome.finished.elapsed);
    proxy.set(Fault::None);
    assert_chunks(&project, &run(&project));
}

fn a_server_that_goes_silent_before_the_first_row_is_given_up(family: Family) {
    let database = words(family);
    // From the first byte on, through log-in and questions, to the last answers before the rows. Questions have 35 s.
    let longer = number("RIVET_TEST_SECONDS").is_some_and(|seconds| seconds >= 60);
    let places = if longer { &[0, 100, 300, 900, 1_800, 3_600][..] } else { &[0, 60, 100, 120] };
    let projects: Vec<_> = places
        .iter()
        .map(|_| folder("mysql://overridden", AT_ONCE, "max_retries: 0, statement_timeout_s: 1"))
        .collect();
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
        assert!(finished.stderr.contains("help: "), "after {place} bytes:\n{}", finished.stderr);
        assert!(proxy.struck() > 0, "after {place} bytes nothing went silent");
    }
    for project in &projects {
        assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
    }
}

/// Wherever the network breaks, the run says so as what it is, and may be tried again.
fn a_connection_that_is_cut_before_the_first_row_may_be_made_again(family: Family) {
    let database = words(family);
    for place in [0, 60, 100, 300, 900, 1_800, 3_600] {
        let proxy = FaultProxy::start(database.url());
        proxy.set(Fault::CutAfter(place));
        let project = behind(&proxy, &database, "max_retries: 0");
        let outcome = run(&project);
        outcome.finished.assert_code(5);
        assert!(proxy.struck() > 0, "after {place} bytes nothing was cut");
        let reason = outcome.report["errors"][0]["code"].as_str().unwrap_or_default();
        assert!(["rivet::source::connect", LOST].contains(&reason), "after {place} bytes: {}", outcome.report);
    }
}

fn what_does_not_pass_by_itself_is_never_tried_again(family: Family) {
    let (database, proxy) = start(family);
    let url = proxy.url(database.url());
    let check = |keys: &str, reason: &str| {
        let project = folder(&url, &format!("{keys}, format: csv"), "max_retries: 5, retry_backoff_ms: 10");
        let outcome = run(&project);
        outcome.finished.assert_code(1);
        assert_reason(&outcome, reason);
        assert_eq!(outcome.export(0)["retries"], 0, "{keys}");
        assert!(!outcome.finished.stderr.contains("attempt 1"), "{keys}: {}", outcome.finished.stderr);
        assert!(project.all_files("out").is_empty());
    };
    check("table: nowhere", "rivet::source::not_found");
    check("query: SELEKT 1", "rivet::source::statement");
    check("query: 'SELECT 9223372036854775807 - 90000 + id AS it FROM words'", "rivet::source::value");
}

rivet_testing::on_both_families!(
    a_connection_that_is_cut_ends_the_run_and_the_same_command_works_later,
    a_connection_that_is_cut_once_is_made_again,
    attempts_come_to_an_end,
    a_server_that_does_not_let_us_in_is_asked_again,
    a_server_that_goes_silent_in_the_middle_is_given_up,
    a_server_that_goes_silent_before_the_first_row_is_given_up,
    a_connection_that_is_cut_before_the_first_row_may_be_made_again,
    what_does_not_pass_by_itself_is_never_tried_again,
);
