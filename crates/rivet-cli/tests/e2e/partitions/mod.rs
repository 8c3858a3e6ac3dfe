//! Rows that are sorted into folders, as the readers see them that know such folders.

mod compared_modes;
mod compared_values;
mod refusals;

use std::path::PathBuf;

use rivet_testing::{Project, TestDatabase, python};
use serde_json::Value;

use crate::support::Rows;

/// Reads files by DuckDB and by pyarrow, which must agree: every value as text, sorted. `keys` say what the values in names
/// of folders are; without files, all that are in the folder are read.
#[track_caller]
fn read_back(project: &Project, folder: &str, columns: &[&str], keys: &[&str], files: &[PathBuf]) -> Rows {
    let mut arguments = vec![project.path(folder).into_os_string(), serde_json::json!(columns).to_string().into()];
    arguments.extend(keys.iter().map(Into::into));
    arguments.push("--".into());
    arguments.extend(files.iter().map(Into::into));
    let output = python("partitions.py", arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("`partitions.py` prints rows of texts")
}

/// Returns the rows of a query, sorted.
#[track_caller]
fn rows(database: &TestDatabase, query: &str) -> Rows {
    let mut rows = database.query_text(query);
    rows.sort();
    rows
}

/// Returns the files that a manifest lists.
fn listed(project: &Project, folder: &str, manifest: &Value) -> Vec<PathBuf> {
    let parts = manifest["parts"].as_array().expect("a manifest has parts");
    let path = |part: &Value| project.path(folder).join(part["name"].as_str().expect("a part has a name"));
    parts.iter().map(path).collect()
}
