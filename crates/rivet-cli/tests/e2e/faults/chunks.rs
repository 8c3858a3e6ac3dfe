//! What fails while a table is read in chunks: finished ones are kept, and nothing is doubled.

use std::time::Duration;

use rivet_testing::{Fault, FaultProxy, Project, Running, TestDatabase};

use super::{CHUNKED, assert_chunks, assert_goes_on, assert_kept, folder, keyed_database};
use crate::ledger::Ledger;
use crate::support::{Outcome, run};

const LOST: &str = "rivet::source::connection_lost";

const RETRIES: &str = "max_retries: 5, retry_backoff_ms: 10";

/// Slow enough for something to happen in between: the ten chunks take about two seconds.
const SLOW: Fault = Fault::Slow(1_500_000);

fn behind(proxy: &FaultProxy, database: &TestDatabase, tuning: &str) -> Project {
    folder(&proxy.url(database.url()), CHUNKED, tuning)
}

fn start() -> (TestDatabase, FaultProxy) {
    let database = keyed_database();
    let proxy = FaultProxy::start(database.url());
    (database, proxy)
}

fn ended(running: Running) -> Outcome {
    let finished = running.wait();
    let report = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}\n{}", finished.stdout, finished.stderr));
    Outcome { finished, report }
}

/// Waits until so many parts are whole.
#[track_caller]
fn wait_for_parts(running: &mut Running, project: &Project, count: usize) {
    running.wait_until("parts", |_| {
        let files = project.all_files("out/.rivet-staging");
        files.iter().filter(|path| path.extension().is_some_and(|is| is == "part")).count() >= count
    });
}

#[test]
fn backends_that_are_ended_within_a_chunk_cost_a_retry_of_that_chunk() {
    let (database, proxy) = start();
    proxy.set(SLOW);
    let project = behind(&proxy, &database, RETRIES);
    let mut running = project.command(&["run", "--json"]).spawn();
    wait_for_parts(&mut running, &project, 3);
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
               AND application_name = 'rivet' AND query LIKE 'COPY%' AND state = 'active'";
    running.wait_until("a chunk that is read", |_| database.query_value(sql) != "0");
    proxy.set(Fault::None);
    let outcome = ended(running);
    assert_chunks(&project, &outcome);
    let retries = outcome.export(0)["retries"].as_u64();
    assert!((1..=2).contains(&retries.unwrap_or_default()), "{}", outcome.report);
}

#[test]
fn backends_that_are_ended_between_two_chunks_are_made_again() {
    let database = keyed_database();
    let project = folder(database.url(), CHUNKED, RETRIES);
    // Each chunk waits at its end, where its reader has nothing to do.
    let command = project.command(&["run", "--json"]).env("FAILPOINTS", "chunk_written=sleep(200)");
    let mut running = command.spawn();
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
               AND application_name = 'rivet' AND state = 'idle'";
    for count in [1, 4] {
        wait_for_parts(&mut running, &project, count);
        running.wait_until("a reader between two chunks", |_| database.query_value(sql) != "0");
    }
    assert_chunks(&project, &ended(running));
}

#[test]
fn a_network_that_drops_within_chunks_costs_retries() {
    let (database, proxy) = start();
    // Over one connection go two to three chunks.
    proxy.set_times(Fault::CutAfter(1_200_000), 2);
    let project = behind(&proxy, &database, RETRIES);
    let outcome = run(&project);
    assert_chunks(&project, &outcome);
    assert_eq!(outcome.export(0)["retries"], 2, "{}", outcome.finished.stderr);
    assert!(outcome.finished.stderr.contains("rows: attempt 1 of 6 failed: the connection to "));
}

#[test]
fn a_network_that_stays_away_leaves_the_chunks_that_were_read() {
    for tuning in ["max_retries: 0", "max_retries: 2, retry_backoff_ms: 10"] {
        let (database, proxy) = start();
        proxy.set(SLOW);
        let project = behind(&proxy, &database, tuning);
        let mut running = project.command(&["run", "--json"]).spawn();
        wait_for_parts(&mut running, &project, 5);
        proxy.set(Fault::Refuse);
        proxy.cut();
        let outcome = ended(running);
        let kept = assert_kept(&project, &outcome, 5, LOST, 3);
        // The same again: nothing is lost by trying.
        let again = run(&project);
        assert_kept(&project, &again, 5, LOST, kept);
        proxy.set(Fault::None);
        assert_goes_on(&project, kept);
    }
}

#[test]
fn a_chunk_has_attempts_of_its_own_and_doubles_nothing_by_them() {
    let (database, proxy) = start();
    let keys = format!("{CHUNKED}, chunk_max_attempts: 4");
    // Every connection breaks in its second chunk, so that each chunk is begun twice.
    proxy.set_times(Fault::CutAfter(700_000), 6);
    let project = folder(&proxy.url(database.url()), &keys, "max_retries: 0, retry_backoff_ms: 10");
    let outcome = run(&project);
    assert_chunks(&project, &outcome);
    assert_eq!(outcome.export(0)["retries"], 6, "{}", outcome.finished.stderr);

    let project = folder(&proxy.url(database.url()), &keys.replace("attempts: 4", "attempts: 1"), RETRIES);
    proxy.set(Fault::CutAfter(1_300_000));
    let outcome = run(&project);
    let kept = assert_kept(&project, &outcome, 5, LOST, 1);
    assert_eq!(outcome.export(0)["retries"], 0);
    proxy.set(Fault::None);
    assert_goes_on(&project, kept);
}

#[test]
fn a_network_that_drops_under_one_snapshot_costs_all_of_its_chunks() {
    let (database, proxy) = start();
    proxy.set_times(Fault::CutAfter(1_200_000), 1);
    let keys = format!("{CHUNKED}, consistency: snapshot");
    let project = folder(&proxy.url(database.url()), &keys, RETRIES);
    let outcome = run(&project);
    assert_chunks(&project, &outcome);
    assert_eq!(outcome.export(0)["retries"], 1);

    // Never a part of it where attempts come to an end.
    let project = folder(&proxy.url(database.url()), &keys, "max_retries: 0");
    proxy.set(Fault::CutAfter(1_200_000));
    assert_kept(&project, &run(&project), 5, LOST, 0);
    assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
}

#[test]
fn a_lock_in_the_middle_leaves_the_chunks_that_were_read() {
    let (database, proxy) = start();
    proxy.set(SLOW);
    let project = behind(&proxy, &database, "max_retries: 0, lock_timeout_s: 1");
    let mut running = project.command(&["run", "--json"]).spawn();
    wait_for_parts(&mut running, &project, 3);
    let other = database.connect();
    // Granted as soon as the chunks of this moment are read; the next ones wait behind it.
    other.execute("BEGIN; LOCK TABLE rows IN ACCESS EXCLUSIVE MODE");
    let outcome = ended(running);
    let kept = assert_kept(&project, &outcome, 5, "rivet::source::lock_timeout", 3);
    other.execute("COMMIT");
    assert_goes_on(&project, kept);
}

/// 1,200 rows of about 2 ms each: no half of them can be read within a second.
#[test]
fn chunks_that_can_not_be_read_in_time_are_cut_until_they_can() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE rows AS SELECT i AS id FROM generate_series(1, 1200) i; \
         ALTER TABLE rows ADD PRIMARY KEY (id); ANALYZE rows; \
         CREATE FUNCTION slow(int) RETURNS text STABLE LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_sleep(0.002); RETURN md5($1::text); END'; \
         CREATE VIEW slow_rows AS SELECT id, slow(id) AS word FROM rows",
    );
    let keys = "table: slow_rows, mode: chunked, chunk_column: id, chunk_count: 2, parallel: 2, format: csv";
    let project = folder(database.url(), keys, "statement_timeout_s: 1, max_retries: 0");
    let outcome = run(&project);
    outcome.finished.assert_code(0);
    let run = Ledger::default().audit(&project).pop().expect("a run is committed");
    super::assert_ids(&run, 1_200);
    assert!(outcome.export(0)["chunks"].as_u64() >= Some(4), "nothing was cut: {}", outcome.report);
    assert!(outcome.finished.stderr.contains("is read in smaller pieces"), "{}", outcome.finished.stderr);
    assert!(outcome.finished.elapsed < Duration::from_secs(30), "{:?}", outcome.finished.elapsed);
}

/// Without an index each chunk reads the whole table, however few rows it gives: smaller ones would help nobody.
#[test]
fn a_budget_that_smaller_chunks_do_not_meet_does_not_cut_them_for_ever() {
    let database = super::database();
    database.execute("ANALYZE rows");
    let keys = "table: rows, mode: chunked, chunk_column: id, chunk_count: 4, format: csv";
    let project = folder(database.url(), keys, "statement_budget_s: 0.002");
    let finished = project.command(&["run", "--json"]).patience(Duration::from_mins(1)).run();
    let report = serde_json::from_str(&finished.stdout).expect("`--json` prints a report");
    let outcome = Outcome { finished, report };
    assert_chunks(&project, &outcome);
    assert!(outcome.export(0)["chunks"].as_u64() <= Some(400), "{}", outcome.export(0)["chunks"]);
}
