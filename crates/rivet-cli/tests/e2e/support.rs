use std::path::{Path, PathBuf};

use rivet_testing::{Finished, Project, RivetCommand, TestDatabase, assert_same, python};
use serde_json::Value;

/// A folder whose configuration reads from an address. Each export is the inside of a flow mapping.
pub(crate) fn project_at(url: &str, exports: &[&str]) -> Project {
    project_with(&format!("type: postgres, url: {url:?}, environment: local"), exports)
}

/// As [`project_at`], with the inside of the flow mapping of `source` as well.
pub(crate) fn project_with(source: &str, exports: &[&str]) -> Project {
    let exports: Vec<String> = exports.iter().map(|export| format!("  - {{ {export} }}")).collect();
    let config = format!("source: {{ {source} }}\nexports:\n{}\n", exports.join("\n"));
    Project::new(env!("CARGO_BIN_EXE_rivet"), &config)
}

/// A folder whose configuration reads from a database. Each export is the inside of a flow mapping.
pub(crate) fn project(database: &TestDatabase, exports: &[&str]) -> Project {
    project_at(database.url(), exports)
}

/// What `rivet run --json` did and said.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) finished: Finished,
    /// The document that it wrote.
    pub(crate) report: Value,
}

/// Runs all exports, however that ends.
#[track_caller]
pub(crate) fn run(project: &Project) -> Outcome {
    run_command(project.command(&["run", "--json"]))
}

/// As [`run`], for a command that was given more.
#[track_caller]
pub(crate) fn run_command(command: RivetCommand) -> Outcome {
    let finished = command.run();
    let report = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}\nstdout:\n{}\nstderr:\n{}", finished.stdout, finished.stderr));
    Outcome { finished, report }
}

/// Runs all exports, which must succeed.
#[track_caller]
pub(crate) fn run_well(project: &Project) -> Outcome {
    let outcome = run(project);
    outcome.finished.assert_code(0);
    outcome
}

/// Runs all exports, of which the first error must hold each of these texts in its message or its help; nothing may
/// become visible. Returns both.
#[track_caller]
pub(crate) fn run_badly(project: &Project, code: i32, expected: &[&str]) -> String {
    let outcome = run(project);
    outcome.finished.assert_code(code);
    let error = &outcome.report["errors"][0];
    let said = format!("{} | {}", error["message"].as_str().unwrap_or_default(), error["help"].as_str().unwrap_or(""));
    for text in expected {
        assert!(said.contains(text), "`{text}` is missing in: {said}");
    }
    assert_eq!(visible(project), Vec::<PathBuf>::new(), "a failed run left something");
    said
}

/// Returns every file below `out` that a reader of the destination would see: all but staging folders.
pub(crate) fn visible(project: &Project) -> Vec<PathBuf> {
    let mut files = project.all_files("out");
    files.retain(|path| !path.components().any(|part| part.as_os_str().to_string_lossy().starts_with(".rivet")));
    files
}

impl Outcome {
    /// Returns the report of the export at a position.
    #[track_caller]
    pub(crate) fn export(&self, position: usize) -> &Value {
        let export = &self.report["exports"][position];
        assert!(export.is_object(), "no export {position} in {}", self.report);
        export
    }
}

/// Reads the manifest of the only run below a folder.
#[track_caller]
pub(crate) fn manifest(project: &Project, folder: &str) -> Value {
    let mut manifests = project.files(&format!("{folder}/_rivet"), "json");
    manifests.retain(|path| !path.ends_with("latest.json"));
    let [path] = manifests.as_slice() else { panic!("one manifest expected: {manifests:?}") };
    let text = std::fs::read_to_string(path).expect("it was listed a moment ago");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Exports something once as Parquet and once as CSV, and compares both with what a query gives.
#[track_caller]
pub(crate) fn assert_both_same(database: &TestDatabase, keys: &str, query: &str, options: &[&str]) {
    let project = both(database, keys);
    run_well(&project);
    assert_same(database, query, &project.files("parquet", "parquet"), options);
    assert_same(database, query, &project.files("csv", "csv"), options);
}

/// A folder with two exports of the same keys: Parquet into `parquet`, CSV into `csv`.
pub(crate) fn both(database: &TestDatabase, keys: &str) -> Project {
    project(
        database,
        &[
            &format!("name: as_parquet, {keys}, format: parquet, destination: {{ type: local, path: parquet }}"),
            &format!("name: as_csv, {keys}, format: csv, destination: {{ type: local, path: csv }}"),
        ],
    )
}

/// Says what a Parquet file holds as pyarrow and DuckDB see it.
#[track_caller]
pub(crate) fn parquet_facts(file: &Path) -> Value {
    facts(&["parquet".into(), file.to_owned()])
}

/// Returns the rows of a DuckDB query over files, every value as text. `{files}` in it is the list of them.
#[track_caller]
pub(crate) fn duckdb(sql: &str, files: &[PathBuf]) -> Vec<Vec<Option<String>>> {
    let arguments: Vec<PathBuf> = ["query".into(), sql.into()].into_iter().chain(files.iter().cloned()).collect();
    serde_json::from_value(facts(&arguments)).expect("`facts.py` prints rows of texts")
}

/// Fails the test unless pyarrow and DuckDB read the same rows from Parquet files.
#[track_caller]
pub(crate) fn assert_readers_agree(files: &[PathBuf]) {
    let output = python("facts.py", [PathBuf::from("agree")].iter().chain(files));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
fn facts(arguments: &[PathBuf]) -> Value {
    let output = python("facts.py", arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("`facts.py` prints JSON")
}
