//! The server goes away in the middle of a run.

use nix::sys::signal::Signal;
use rivet_testing::{Family, Fault, FaultProxy, Project};

use super::{OwnServer, on_both_own_servers};
use crate::families::faults::{AT_ONCE, CHUNKED, WORDS, ended, folder, wait_for_parts, wait_for_rows};
use crate::faults::{assert_chunks, assert_goes_on, assert_kept};
use crate::support::run;

/// Starts a server with the table, which outlives the server's death.
#[track_caller]
fn start(family: Family) -> OwnServer {
    let server = OwnServer::start(family, &["--innodb-flush-log-at-trx-commit=1"]);
    server.connect("").execute("CREATE DATABASE shop");
    server.connect("shop").execute(WORDS);
    server
}

fn behind(proxy: &FaultProxy, server: &OwnServer, keys: &str, tuning: &str) -> Project {
    folder(&proxy.url(&server.url("shop")), keys, tuning)
}

/// It comes back at once: the run waits for it.
fn a_server_that_restarts_in_the_middle_costs_retries(family: Family) {
    let mut server = start(family);
    let proxy = FaultProxy::start(&server.url(""));
    let snapshot = CHUNKED.replace("parallel: 2", "parallel: 1, consistency: snapshot");
    for (keys, how) in [(CHUNKED, Signal::SIGKILL), (snapshot.as_str(), Signal::SIGTERM), (AT_ONCE, Signal::SIGKILL)] {
        proxy.set(Fault::Slow(1_500_000));
        let project = behind(&proxy, &server, keys, "max_retries: 12, retry_backoff_ms: 100");
        let mut running = project.command(&["run", "--json"]).spawn();
        wait_for_rows(&mut running, &project);
        server.stop(how);
        proxy.set(Fault::None);
        server.launch(&[]);
        let outcome = ended(running);
        assert_chunks(&project, &outcome);
        assert!(outcome.export(0)["retries"].as_u64() >= Some(1), "{keys}, {how}: {}", outcome.report);
    }
}

/// It stays away: the run ends, and goes on where it was once the server is there.
fn a_server_that_stays_away_leaves_the_chunks_that_were_read(family: Family) {
    let mut server = start(family);
    for how in [Signal::SIGTERM, Signal::SIGKILL] {
        let proxy = FaultProxy::start(&server.url(""));
        proxy.set(Fault::Slow(1_500_000));
        let project = behind(&proxy, &server, CHUNKED, "max_retries: 1, retry_backoff_ms: 10");
        let mut running = project.command(&["run", "--json"]).spawn();
        wait_for_parts(&mut running, &project, 4);
        server.stop(how);
        let outcome = ended(running);
        let reason = outcome.report["errors"][0]["code"].as_str().unwrap_or_default().to_owned();
        let kept = assert_kept(&project, &outcome, 5, &reason, 2);
        assert!(["rivet::source::connect", "rivet::source::connection_lost"].contains(&reason.as_str()), "{reason}");
        let again = run(&project);
        assert_kept(&project, &again, 5, "rivet::source::connect", kept);
        proxy.set(Fault::None);
        server.serve(&[]);
        assert_goes_on(&project, kept);
    }
}

on_both_own_servers!(
    a_server_that_restarts_in_the_middle_costs_retries,
    a_server_that_stays_away_leaves_the_chunks_that_were_read,
);
