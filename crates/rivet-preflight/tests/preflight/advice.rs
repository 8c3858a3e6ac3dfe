//! The profile and the number of connections that are advised.

use std::time::Duration;

use rivet_preflight::{Profile, Strategy};

use crate::support::{Scenario, server};

#[track_caller]
fn profile(scenario: &Scenario, expected: Profile, reason: &str) {
    let advice = scenario.report().advice;
    assert_eq!((advice.profile, advice.profile_reason.as_str()), (expected, reason));
}

#[track_caller]
fn parallelism(scenario: &Scenario, expected: u32, reason: &str) {
    let advice = scenario.report().advice;
    assert_eq!((advice.parallelism, advice.parallelism_reason.as_str()), (expected, reason));
}

fn many_chunks(rows: u64) -> Scenario {
    Scenario::chunked().rows(rows).with(|it| {
        if let Strategy::Chunked(plan) = &mut it.request.strategy {
            plan.count = 100;
        }
    })
}

#[test]
fn small_reads_and_replicas_are_read_fast() {
    let small = Scenario::full().rows(99_999);
    profile(&small, Profile::Fast, "it reads about 100.0 k rows: the source will hardly notice");
    let wide = small.clone().with(|it| it.plan().row_bytes = Some(1_000.0));
    profile(&wide, Profile::Balanced, "it reads about 100.0 k rows from a server that others may need");
    let unknown = small.with(|it| {
        it.plan().row_bytes = None;
        it.catalog().bytes = None;
    });
    profile(&unknown, Profile::Balanced, "it reads about 100.0 k rows from a server that others may need");
    let replica = Scenario::full().rows(90_000_000).with(|it| it.request.server = Some(server(true, false)));
    profile(&replica, Profile::Fast, "it reads well, and from a replica");
    let primary = Scenario::full().rows(90_000_000).with(|it| it.request.server = Some(server(false, false)));
    profile(&primary, Profile::Balanced, "it reads about 90.0 M rows from a server that others may need");
}

#[test]
fn a_bad_verdict_makes_careful() {
    let degraded = Scenario::incremental().unindexed();
    profile(&degraded, Profile::Balanced, "the verdict is `degraded`");
    profile(&degraded.rows(2_000_000), Profile::Safe, "the verdict is `unsafe`");
    let sorted = Scenario::full().with(|it| it.plan().sorts_result = true);
    profile(&sorted.clone().rows(10), Profile::Balanced, "the verdict is `degraded`");
    profile(&sorted.rows(2_000_000), Profile::Safe, "the verdict is `degraded`, and it reads about 2.0 M rows");
}

#[test]
fn a_server_under_pressure_makes_careful() {
    let small = || Scenario::full().rows(10);
    let transaction = |seconds| small().with(|it| it.server().oldest_transaction = Some(Duration::from_secs(seconds)));
    profile(&transaction(3_599), Profile::Fast, "it reads about 10 rows: the source will hardly notice");
    profile(&transaction(7_260), Profile::Safe, "a transaction has been open on the server for 2 h 1 min");
    let history = |length| small().with(|it| it.server().history_list_length = Some(length));
    profile(&history(999_999), Profile::Fast, "it reads about 10 rows: the source will hardly notice");
    profile(&history(1_000_000), Profile::Safe, "the server keeps old versions of rows for 1.0 M transactions");
    let lag = |seconds| small().with(|it| it.server().replica_lag = Some(Duration::from_secs(seconds)));
    profile(&lag(59), Profile::Fast, "it reads about 10 rows: the source will hardly notice");
    profile(&lag(60), Profile::Safe, "the replica is 1 min behind already");
    let connections = |now| small().with(|it| it.server().connections = Some(now));
    profile(&connections(90), Profile::Fast, "it reads about 10 rows: the source will hardly notice");
    profile(&connections(91), Profile::Safe, "the server has 9 connections left of 100");
}

#[test]
fn only_chunks_are_read_by_several() {
    for scenario in [Scenario::full(), Scenario::incremental(), Scenario::time_window()] {
        parallelism(&scenario.rows(90_000_000), 1, "it is read over one connection");
    }
}

#[test]
fn the_smallest_limit_decides_how_many_read() {
    parallelism(&many_chunks(90_000_000), 4, "the profile `balanced` takes no more");
    let replica = |it: &mut Scenario| it.request.server = Some(server(true, false));
    parallelism(&many_chunks(90_000_000).with(replica), 8, "the profile `fast` takes no more");
    parallelism(&many_chunks(1_600_000), 3, "about 1.6 M rows keep so many busy");
    parallelism(&many_chunks(200_000), 1, "about 200.0 k rows keep so many busy");
    let few_chunks = Scenario::chunked().rows(90_000_000).with(|it| {
        if let Strategy::Chunked(plan) = &mut it.request.strategy {
            plan.count = 3;
        }
    });
    parallelism(&few_chunks, 3, "it has 3 chunks");
    let crowded = many_chunks(90_000_000).with(|it| it.server().connections = Some(88));
    parallelism(&crowded, 3, "the server has 12 connections left, and others want some of them");
    let scanned = many_chunks(90_000_000).scanned();
    parallelism(&scanned, 1, "a second connection would double the harm: the verdict is `unsafe`");
}
