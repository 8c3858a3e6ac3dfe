//! The server ends what it runs for us: by an administrator's word, or since its time is over.

use std::time::Duration;

use rivet_testing::{Family, Fault, FaultProxy, MysqlDatabase, Project};

use super::{AT_ONCE, ENDLESS, OURS, ended, folder, wait_for_rows, words};
use crate::faults::{assert_chunks, assert_reason, run_into};
use crate::support::{Outcome, csv_rows, run_well};

/// Runs, gives an order about the session that reads as soon as rows come, and returns how that ended.
fn run_and(project: &Project, database: &MysqlDatabase, order: &str) -> Outcome {
    let mut running = project.command(&["run", "--json"]).spawn();
    wait_for_rows(&mut running, project);
    running.wait_until(order, |_| {
        let found = database.query_text(&format!("SELECT id {OURS} AND command = 'Execute'"));
        let ids: Vec<_> = found.into_iter().flatten().flatten().collect();
        for id in &ids {
            // It may have ended by itself.
            drop(database.session().try_execute(&format!("{order} {id}")));
        }
        !ids.is_empty()
    });
    ended(running)
}

#[track_caller]
fn assert_failed(project: &Project, outcome: &Outcome, code: i32, reason: &str) {
    outcome.finished.assert_code(code);
    assert_reason(outcome, reason);
    crate::support::tell(&outcome.report["errors"][0].to_string());
    assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
}

fn a_session_that_an_administrator_kills_may_be_made_again(family: Family) {
    let database = MysqlDatabase::create(family);
    let project = folder(database.url(), ENDLESS, "max_retries: 0");
    let outcome = run_and(&project, &database, "KILL");
    assert_failed(&project, &outcome, 5, "rivet::source::connection_lost");
}

fn a_session_that_is_killed_in_the_middle_is_made_again(family: Family) {
    let database = words(family);
    let proxy = FaultProxy::start(database.url());
    proxy.set(Fault::Slow(8_000_000));
    // More than the buffers on the way hold.
    let query = "query: \"SELECT id, word, repeat('x', 200) AS pad FROM words\", format: csv, compression: none";
    let project = folder(&proxy.url(database.url()), query, "max_retries: 3, retry_backoff_ms: 10");
    let mut running = project.command(&["run", "--json"]).spawn();
    wait_for_rows(&mut running, &project);
    let sql = format!("SELECT id {OURS} AND command = 'Execute'");
    running.wait_until("the statement", |_| {
        let found = database.query_text(&sql).into_iter().flatten().flatten().next();
        found.is_some_and(|id| database.session().try_execute(&format!("KILL {id}")).is_ok())
    });
    proxy.set(Fault::None);
    let outcome = ended(running);
    assert_chunks(&project, &outcome);
    assert_eq!(outcome.export(0)["retries"], 1, "{}", outcome.finished.stderr);
}

fn a_statement_that_an_administrator_cancels_is_not_sent_again(family: Family) {
    let database = MysqlDatabase::create(family);
    let project = folder(database.url(), ENDLESS, "max_retries: 5");
    let outcome = run_and(&project, &database, "KILL QUERY");
    assert_failed(&project, &outcome, 1, "rivet::source::cancelled");
    assert_eq!(outcome.export(0)["retries"], 0);
}

fn a_statement_has_its_time(family: Family) {
    let database = MysqlDatabase::create(family);
    // Nothing comes of it for a long time; or rows come for a long time.
    let silent = "query: \"WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 1000) \
                  SELECT count(*) AS c FROM k AS a, k AS b, k AS c, k AS d WHERE a.n + b.n + c.n + d.n < 0\"";
    for query in [silent, ENDLESS] {
        let project = folder(database.url(), query, "max_retries: 5, statement_timeout_s: 1");
        let outcome = run_into(&project, 1, "rivet::source::statement_timeout");
        assert!(outcome.finished.elapsed < Duration::from_secs(15), "{:?}", outcome.finished.elapsed);
        let said = outcome.report["errors"][0]["help"].to_string();
        assert!(said.contains("tuning.statement_timeout_s"), "{said}");
        assert_eq!(database.query_value(&format!("SELECT count(*) {OURS} AND command = 'Execute'")), "0");
    }
}

/// What the sessions are told, as they say themselves: the limits of this run, and patience with a slow client.
fn limits_are_those_of_the_session(family: Family) {
    let database = words(family);
    let limit = family.choose("@@max_execution_time / 1000", "@@max_statement_time");
    let query = format!(
        "SELECT @@net_write_timeout AS slow, @@lock_wait_timeout AS locked, CAST({limit} AS decimal(10,1)) AS \
         statement, @@wait_timeout AS idle, @@time_zone AS zone, @@transaction_read_only AS careful"
    );
    let query = query.replace("@@transaction_read_only", family.choose("@@transaction_read_only", "@@tx_read_only"));
    let keys = format!("query: \"{query}\", format: csv, columns: {{ careful: text }}");
    let project = folder(database.url(), &keys, "statement_timeout_s: 77, lock_timeout_s: 7");
    run_well(&project);
    let expected = ["600", "7", "77.0", "28800", "+00:00", "1"].map(|text| Some(text.to_owned()));
    assert_eq!(csv_rows(&project.files("out", "csv")), [expected]);
}

/// A run that reads slowly on purpose holds nobody up and loses nothing.
fn a_run_that_rests_reads_all_rows(family: Family) {
    let database = words(family);
    let tuning = "profile: safe, throttle_ms: 100, batch_size: 2000";
    let project = folder(database.url(), AT_ONCE, tuning);
    let outcome = crate::support::run(&project);
    assert_chunks(&project, &outcome);
    assert_eq!(outcome.export(0)["retries"], 0);
}

rivet_testing::on_both_families!(
    a_session_that_an_administrator_kills_may_be_made_again,
    a_session_that_is_killed_in_the_middle_is_made_again,
    a_statement_that_an_administrator_cancels_is_not_sent_again,
    a_statement_has_its_time,
    limits_are_those_of_the_session,
    a_run_that_rests_reads_all_rows,
);
