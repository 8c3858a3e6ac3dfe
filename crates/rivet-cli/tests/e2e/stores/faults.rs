//! The network before the store fails, or the store itself.

use rivet_model::RunStatus;
use rivet_testing::{FaultProxy, HttpFault, Protocol};

use super::lake::Lake;
use super::rows::Rows;
use crate::ledger::{recorded_parts, statuses};
use crate::support::{Outcome, project};

rivet_testing::on_every_store!(
    what_passes_costs_no_row,
    what_does_not_pass_keeps_the_chunks_that_are_there,
    a_refusal_is_not_repeated,
    a_place_that_refuses_is_found_before_the_source_is_read,
    a_manifest_whose_answer_is_lost_counts,
);

/// More than Rivet's patience.
const ALWAYS: usize = usize::MAX;

const BUSY: HttpFault = HttpFault::Status(503, "SlowDown");

/// How a store is asked for an upload in pieces: to begin it, for a piece, and to end it.
fn steps_of_an_upload(protocol: Protocol) -> [Option<(&'static str, &'static str)>; 3] {
    match protocol {
        Protocol::S3 | Protocol::Gcs => {
            [Some(("POST", "big-?uploads")), Some(("PUT", "partNumber=2")), Some(("POST", "uploadId="))]
        }
        Protocol::Azure => [None, Some(("PUT", "comp=block&")), Some(("PUT", "comp=blocklist"))],
    }
}

#[track_caller]
fn assert_reason(outcome: &Outcome, code: i32, reason: &str) {
    outcome.finished.assert_code(code);
    let errors = outcome.report["errors"].as_array().expect("the report has a list of errors");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0]["code"], reason, "{errors:?}");
}

fn what_passes_costs_no_row(protocol: Protocol) {
    let lake = Lake::behind_a_proxy(protocol);
    let source = Rows::create(40_000, 500);
    let exports = [
        lake.export("name: big, table: rows, format: csv, compression: none", "raw/big"),
        lake.export(
            "name: small, table: rows, select: [id], format: csv, mode: chunked, chunk_column: id, chunk_count: 6, \
             parallel: 2",
            "raw/small",
        ),
    ];
    let folder = project(&source.database, &exports.each_ref().map(String::as_str));
    let network = lake.network();
    let [begin, piece, end] = steps_of_an_upload(protocol);
    let mut strikes = vec![
        (2, "PUT", "small-", BUSY),
        (1, "PUT", "small-", HttpFault::Status(429, "TooManyRequests")),
        (1, "PUT", "small-", HttpFault::Status(500, "InternalError")),
        (1, "PUT", "small-", HttpFault::ResetAfter(1_000)),
        (2, "PUT", "small-", HttpFault::LoseAnswer),
        (1, "PUT", "_rivet/big/0", HttpFault::LoseAnswer),
        (1, "PUT", "_rivet/small/0", BUSY),
        (1, "PUT", "latest.json", HttpFault::LoseAnswer),
        (1, "PUT", "_SUCCESS", HttpFault::ResetAfter(0)),
    ];
    if begin.is_some() {
        strikes.push((1, "POST", ".csv?uploads", HttpFault::LoseAnswer));
    }
    let (method, target) = piece.expect("every store has pieces");
    strikes.push((1, method, target, HttpFault::ResetAfter(3_000_000)));
    strikes.push((1, method, target, HttpFault::Status(500, "InternalError")));
    let (method, target) = end.expect("every upload ends");
    strikes.push((1, method, target, HttpFault::LoseAnswer));
    for (times, method, target, fault) in &strikes {
        network.strike(*times, method, target, *fault);
    }
    lake.run_well(&folder);
    let expected: usize = strikes.iter().map(|(times, ..)| times).sum();
    assert_eq!(network.struck().len(), expected, "{:#?}", network.struck());
    lake.assert_no_upload();
    for (name, rows) in [("big", 1), ("small", 6)] {
        lake.fetch(&folder, &format!("raw/{name}"));
        let runs = crate::ledger::committed(&folder);
        assert_eq!((runs.len(), runs[0].rows, runs[0].parts.len()), (1, 40_000, rows), "{runs:?}");
        assert_eq!(
            folder.files("out", "csv"),
            runs[0].parts,
            "no part is missing, and none is there that is not listed"
        );
        if name == "big" {
            source.judge(&runs[0]);
        }
    }
}

/// The fourth of six chunks can't be written, for longer than a minute.
fn what_does_not_pass_keeps_the_chunks_that_are_there(protocol: Protocol) {
    let (lake, source) = (Lake::behind_a_proxy(protocol), Rows::create(12_000, 32));
    let keys = "name: rows, table: rows, format: csv, mode: chunked, chunk_column: id, chunk_count: 6, \
                tuning: { max_retries: 0 }";
    let folder = lake.project(&source.database, keys, "raw");
    let network = lake.network();
    network.strike(ALWAYS, "PUT", "-00003-000.csv", BUSY);
    let outcome = lake.run(&folder);
    assert_reason(&outcome, 5, "rivet::writer::object_store");
    // Nine attempts, each after a longer wait.
    assert_eq!(network.struck().len(), 9, "{:?}", network.struck());
    assert_eq!(recorded_parts(&folder).len(), 3);
    lake.fetch(&folder, "raw");
    assert!(crate::ledger::committed(&folder).is_empty());
    network.calm();
    let again = lake.run_well(&folder);
    assert_eq!(again.export(0)["chunks_resumed"], 3, "{}", again.finished.stderr);
    source.judge(&lake.audit(&folder, "raw")[0]);
}

fn a_refusal_is_not_repeated(protocol: Protocol) {
    let (lake, source) = (Lake::behind_a_proxy(protocol), Rows::create(2_000, 32));
    let network = lake.network();
    for (status, code, reason) in
        [(403, "AccessDenied", "rivet::writer::permission"), (404, "NoSuchBucket", "rivet::writer::no_bucket")]
    {
        let prefix = lake.fresh_prefix();
        let keys = "name: rows, table: rows, format: csv, tuning: { max_retries: 5, retry_backoff_ms: 10 }";
        let folder = lake.project(&source.database, keys, &prefix);
        let code = if protocol == Protocol::Azure && status == 404 { "ContainerNotFound" } else { code };
        network.strike(ALWAYS, "PUT", "rows-", HttpFault::Status(status, code));
        let before = network.struck().len();
        let outcome = lake.run(&folder);
        assert_reason(&outcome, 1, reason);
        assert_eq!(network.struck().len() - before, 1, "{:?}", network.struck());
        assert_eq!(outcome.export(0)["retries"], 0);
        assert_eq!(statuses(&folder)["rows"].values().copied().collect::<Vec<_>>(), [RunStatus::Failed]);
        lake.assert_empty();
        network.calm();
    }
}

fn a_place_that_refuses_is_found_before_the_source_is_read(protocol: Protocol) {
    let (lake, source) = (Lake::behind_a_proxy(protocol), Rows::create(2_000, 32));
    let network = lake.network();
    let database = FaultProxy::start(source.database.url());
    let export = lake.export("name: rows, table: rows, format: csv", "raw");
    let folder = crate::support::project_at(&database.url(source.database.url()), &[&export]);
    network.strike(ALWAYS, "PUT", "_rivet/check", HttpFault::Status(403, "AccessDenied"));
    let outcome = lake.run(&folder);
    assert_reason(&outcome, 1, "rivet::writer::permission");
    assert_eq!(network.requests().len(), 1, "one refusal is enough: {:?}", network.requests());
    // Who it is and what the columns are may have been asked; no row was.
    assert_eq!(outcome.export(0)["statements"], 0, "{}", outcome.report);
    lake.assert_empty();
}

fn a_manifest_whose_answer_is_lost_counts(protocol: Protocol) {
    let (lake, source) = (Lake::behind_a_proxy(protocol), Rows::create(2_000, 32));
    let folder = lake.project(&source.database, "name: rows, table: rows, format: csv", "raw");
    let network = lake.network();
    network.strike(1, "PUT", "_rivet/rows/0", HttpFault::LoseAnswer);
    lake.run_well(&folder);
    assert_eq!(network.struck().len(), 1);
    source.judge(&lake.audit(&folder, "raw")[0]);
    // A process dies while it sends its manifest, which does not arrive: the run never happened.
    network.strike(1, "PUT", "_rivet/rows/0", HttpFault::Stall);
    let mut running = lake.command(&folder, &["run"]).spawn();
    running.wait_until("a manifest", |_| network.struck().len() == 2);
    running.stop(rivet_testing::Stop::Kill);
    running.wait();
    let outcome = lake.run_well(&folder);
    assert!(outcome.finished.stderr.contains("was cut off; removed the 1 file"), "{}", outcome.finished.stderr);
    let runs = lake.audit(&folder, "raw");
    assert_eq!(runs.len(), 2);
    source.judge(&runs[1]);
}
