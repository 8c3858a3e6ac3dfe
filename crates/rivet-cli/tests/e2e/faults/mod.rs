//! What is not Rivet's fails: the network, the server, the disk, another process.

mod full_disk;
mod network;
mod server;
mod state;

use rivet_model::RunStatus;
use rivet_testing::{Project, TestDatabase};
use serde_json::Value;

use crate::ledger::{Ledger, statuses};
use crate::support::{Outcome, project_with, run};

/// A table of 100,000 rows, which takes 5 MB on the way.
fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE rows AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, 100000) i");
    database
}

/// A folder with one export, `rows`, and what `tuning` holds.
fn folder(url: &str, relation: &str, tuning: &str) -> Project {
    let source = format!("type: postgres, url: {url:?}, environment: local, tuning: {{ {tuning} }}");
    project_with(&source, &[&format!("name: rows, {relation}, destination: {{ type: local, path: out }}")])
}

/// Runs, and fails the test unless that ends with this code, for one reason of this code, and leaves no file and one
/// run that is on record as failed.
#[track_caller]
fn run_into(project: &Project, code: i32, reason: &str) -> Outcome {
    let outcome = run(project);
    outcome.finished.assert_code(code);
    assert_reason(&outcome, reason);
    assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
    let statuses: Vec<RunStatus> = statuses(project)["rows"].values().copied().collect();
    assert_eq!(statuses, [RunStatus::Failed]);
    outcome
}

#[track_caller]
fn assert_reason(outcome: &Outcome, reason: &str) {
    let errors = outcome.report["errors"].as_array().expect("the report has a list of errors");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0]["code"], reason, "{errors:?}");
    let about = |what: &str| errors[0][what].as_str().unwrap_or_default().to_owned();
    assert!(about("message").len() > 10 && about("help").ends_with(['.', '?']), "{errors:?}");
}

/// Runs, and fails the test unless all 100,000 rows are committed after so many retries.
#[track_caller]
fn run_well(project: &Project, retries: u64) -> Outcome {
    let outcome = run(project);
    outcome.finished.assert_code(0);
    assert_eq!(outcome.export(0)["retries"], retries);
    assert_eq!(outcome.export(0)["status"], Value::from("committed"));
    let runs = Ledger::default().audit(project);
    assert_eq!(runs.last().map(|run| run.rows), Some(100_000));
    outcome
}
