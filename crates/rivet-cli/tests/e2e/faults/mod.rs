//! What is not Rivet's fails: the network, the server, the disk, another process.

mod chunks;
mod full_disk;
mod network;
mod own_server;
mod panics;
mod server;
mod state;

use std::path::PathBuf;

use rivet_model::RunStatus;
use rivet_testing::{Project, TestDatabase};
use serde_json::Value;

use crate::ledger::{Ledger, Run, lines, recorded_parts, statuses};
use crate::support::{Outcome, project_with, run, visible};

/// A table of 100,000 rows, which takes 5 MB on the way.
fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE rows AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, 100000) i");
    database
}

/// What reads that table in chunks of half a megabyte, two at a time.
const CHUNKED: &str =
    "table: rows, mode: chunked, chunk_column: id, chunk_count: 10, parallel: 2, format: csv, compression: none";

/// The same table with a key to cut it by.
fn keyed_database() -> TestDatabase {
    let database = database();
    database.execute("ALTER TABLE rows ADD PRIMARY KEY (id); ANALYZE rows");
    database
}

/// Fails the test unless a run holds each of so many ids, from 1 on, once.
#[track_caller]
pub(crate) fn assert_ids(run: &Run, count: usize) {
    let lines = lines(run);
    let id = |line: &String| line.split(',').next().and_then(|id| id.parse::<usize>().ok());
    let mut ids: Vec<usize> = lines.iter().map(|line| id(line).expect("an id comes first")).collect();
    ids.sort_unstable();
    let wrong = ids.iter().zip(1..).find(|(id, expected)| **id != *expected);
    assert!(
        ids.len() == count && wrong.is_none(),
        "{} rows in place of {count}; (found, expected): {wrong:?}",
        ids.len()
    );
}

/// Fails the test unless a run in chunks ended well, every row is there once, and nothing else is. Returns the run.
#[track_caller]
pub(crate) fn assert_chunks(project: &Project, outcome: &Outcome) -> Run {
    outcome.finished.assert_code(0);
    let run = Ledger::default().audit(project).pop().expect("a run is committed");
    assert_ids(&run, 100_000);
    run
}

/// Fails the test unless a run in chunks ended with this code for this reason, shows nothing, and has kept this many
/// chunks at least. Returns how many.
#[track_caller]
pub(crate) fn assert_kept(project: &Project, outcome: &Outcome, code: i32, reason: &str, least: usize) -> usize {
    outcome.finished.assert_code(code);
    assert_reason(outcome, reason);
    assert_eq!(visible(project), Vec::<PathBuf>::new(), "a part of a run is visible");
    let kept = recorded_parts(project).len();
    assert!(kept >= least, "{kept} chunks were kept: {}", outcome.finished.stderr);
    kept
}

/// Runs again what had kept so many chunks, and fails the test unless it goes on with them.
#[track_caller]
pub(crate) fn assert_goes_on(project: &Project, kept: usize) {
    let outcome = run(project);
    assert_chunks(project, &outcome);
    assert_eq!(outcome.export(0)["chunks_resumed"], kept, "{}", outcome.finished.stderr);
}

/// A folder with one export, `rows`, and what `tuning` holds.
fn folder(url: &str, relation: &str, tuning: &str) -> Project {
    let source = format!("type: postgres, url: {url:?}, environment: local, tuning: {{ {tuning} }}");
    project_with(&source, &[&format!("name: rows, {relation}, destination: {{ type: local, path: out }}")])
}

/// Runs, and fails the test unless that ends with this code, for one reason of this code, and leaves no file and one
/// run that is on record as failed.
#[track_caller]
pub(crate) fn run_into(project: &Project, code: i32, reason: &str) -> Outcome {
    let outcome = run(project);
    outcome.finished.assert_code(code);
    assert_reason(&outcome, reason);
    assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
    let statuses: Vec<RunStatus> = statuses(project)["rows"].values().copied().collect();
    assert_eq!(statuses, [RunStatus::Failed]);
    outcome
}

#[track_caller]
pub(crate) fn assert_reason(outcome: &Outcome, reason: &str) {
    let errors = outcome.report["errors"].as_array().expect("the report has a list of errors");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0]["code"], reason, "{errors:?}");
    let about = |what: &str| errors[0][what].as_str().unwrap_or_default().to_owned();
    assert!(about("message").len() > 10 && about("help").ends_with(['.', '?']), "{errors:?}");
}

/// Runs, and fails the test unless all 100,000 rows are committed after so many retries.
#[track_caller]
pub(crate) fn run_well(project: &Project, retries: u64) -> Outcome {
    let outcome = run(project);
    outcome.finished.assert_code(0);
    assert_eq!(outcome.export(0)["retries"], retries);
    assert_eq!(outcome.export(0)["status"], Value::from("committed"));
    let runs = Ledger::default().audit(project);
    assert_eq!(runs.last().map(|run| run.rows), Some(100_000));
    outcome
}
