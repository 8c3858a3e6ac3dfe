//! What fails while a table is read in chunks: finished ones are kept, and nothing is doubled.

use rivet_testing::{Family, Fault, FaultProxy, MysqlDatabase, Project, Running};

use super::{CHUNKED, OURS, ended, folder, wait_for_parts, words};
use crate::faults::{assert_chunks, assert_goes_on, assert_kept};
use crate::support::run;

const LOST: &str = "rivet::source::connection_lost";

const RETRIES: &str = "max_retries: 5, retry_backoff_ms: 10";

/// Slow enough for something to happen in between: the ten chunks take about two seconds.
const SLOW: Fault = Fault::Slow(1_500_000);

fn behind(proxy: &FaultProxy, database: &MysqlDatabase, tuning: &str) -> Project {
    folder(&proxy.url(database.url()), CHUNKED, tuning)
}

fn start(family: Family) -> (MysqlDatabase, FaultProxy) {
    let database = words(family);
    let proxy = FaultProxy::start(database.url());
    (database, proxy)
}

/// Ends the driver's sessions that do something, or those that do nothing; waits until there is one.
#[track_caller]
fn kill(running: &mut Running, database: &MysqlDatabase, commands: &str) {
    running.wait_until("a session", |_| {
        let found = database.query_text(&format!("SELECT id {OURS} AND command IN ({commands})"));
        let killed = found.into_iter().flatten().flatten().map(|id| {
            // It may have ended by itself.
            database.session().try_execute(&format!("KILL {id}")).is_ok()
        });
        killed.fold(false, |any, killed| any | killed)
    });
}

fn sessions_that_are_killed_within_a_chunk_cost_a_retry_of_that_chunk(family: Family) {
    let (database, proxy) = start(family);
    proxy.set(SLOW);
    let project = behind(&proxy, &database, RETRIES);
    let mut running = project.command(&["run", "--json"]).spawn();
    wait_for_parts(&mut running, &project, 3);
    kill(&mut running, &database, "'Execute', 'Query'");
    proxy.set(Fault::None);
    let outcome = ended(running);
    assert_chunks(&project, &outcome);
    let retries = outcome.export(0)["retries"].as_u64().unwrap_or_default();
    // Where the server had sent all of a chunk already, its end comes between two chunks.
    assert!(retries <= 2, "{}", outcome.report);
}

fn sessions_that_are_killed_between_two_chunks_are_made_again(family: Family) {
    let database = words(family);
    let project = folder(database.url(), CHUNKED, RETRIES);
    // Each chunk waits at its end, where its reader has nothing to do.
    let command = project.command(&["run", "--json"]).env("FAILPOINTS", "chunk_written=sleep(200)");
    let mut running = command.spawn();
    for count in [1, 4] {
        wait_for_parts(&mut running, &project, count);
        kill(&mut running, &database, "'Sleep'");
    }
    assert_chunks(&project, &ended(running));
}

fn a_network_that_drops_within_chunks_costs_retries(family: Family) {
    let (database, proxy) = start(family);
    // Over one connection go two to three chunks.
    proxy.set_times(Fault::CutAfter(1_200_000), 2);
    let project = behind(&proxy, &database, RETRIES);
    let outcome = run(&project);
    assert_chunks(&project, &outcome);
    assert_eq!(outcome.export(0)["retries"], 2, "{}", outcome.finished.stderr);
    outcome.assert_said("rows: attempt 1 of 6 failed: the connection to ");
}

fn a_network_that_stays_away_leaves_the_chunks_that_were_read(family: Family) {
    for tuning in ["max_retries: 0", "max_retries: 2, retry_backoff_ms: 10"] {
        let (database, proxy) = start(family);
        proxy.set(SLOW);
        let project = behind(&proxy, &database, tuning);
        let mut running = project.command(&["run", "--json"]).spawn();
        wait_for_parts(&mut running, &project, 5);
        proxy.set(Fault::Refuse);
        proxy.cut();
        let outcome = ended(running);
        let reason = outcome.report["errors"][0]["code"].as_str().unwrap_or_default().to_owned();
        let kept = assert_kept(&project, &outcome, 5, &reason, 3);
        assert!([LOST, "rivet::source::connect"].contains(&reason.as_str()), "{reason}");
        // The same again: nothing is lost by trying.
        let again = run(&project);
        assert_kept(&project, &again, 5, "rivet::source::connect", kept);
        proxy.set(Fault::None);
        assert_goes_on(&project, kept);
    }
}

fn a_network_that_drops_under_one_snapshot_costs_all_of_its_chunks(family: Family) {
    let (database, proxy) = start(family);
    proxy.set_times(Fault::CutAfter(1_200_000), 1);
    let keys = CHUNKED.replace("parallel: 2", "parallel: 1, consistency: snapshot");
    let project = folder(&proxy.url(database.url()), &keys, RETRIES);
    let outcome = run(&project);
    assert_chunks(&project, &outcome);
    assert_eq!(outcome.export(0)["retries"], 1);

    // Never a part of it where attempts come to an end.
    let project = folder(&proxy.url(database.url()), &keys, "max_retries: 0");
    proxy.set(Fault::CutAfter(1_200_000));
    assert_kept(&project, &run(&project), 5, LOST, 0);
    assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
    proxy.set(Fault::None);
    assert_chunks(&project, &run(&project));
}

fn a_lock_in_the_middle_leaves_the_chunks_that_were_read(family: Family) {
    let (database, proxy) = start(family);
    proxy.set(SLOW);
    let project = behind(&proxy, &database, "max_retries: 0, lock_timeout_s: 1");
    let mut running = project.command(&["run", "--json"]).spawn();
    wait_for_parts(&mut running, &project, 3);
    let other = database.connect();
    // Granted as soon as the chunks of this moment are read; the next ones wait behind it.
    other.execute("LOCK TABLES words WRITE");
    let outcome = ended(running);
    let kept = assert_kept(&project, &outcome, 5, "rivet::source::lock_timeout", 3);
    other.execute("UNLOCK TABLES");
    assert_goes_on(&project, kept);
}

rivet_testing::on_both_families!(
    sessions_that_are_killed_within_a_chunk_cost_a_retry_of_that_chunk,
    sessions_that_are_killed_between_two_chunks_are_made_again,
    a_network_that_drops_within_chunks_costs_retries,
    a_network_that_stays_away_leaves_the_chunks_that_were_read,
    a_network_that_drops_under_one_snapshot_costs_all_of_its_chunks,
    a_lock_in_the_middle_leaves_the_chunks_that_were_read,
);
