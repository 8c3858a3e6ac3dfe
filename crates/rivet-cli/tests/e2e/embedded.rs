//! The engine in a program of one's own: the example of `rivet-core`.

use std::path::{Path, PathBuf};
use std::process::Command;

use rivet_testing::{Project, TestDatabase};

use crate::support::project;

/// More would be no example.
const MOST_LINES: usize = 60;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../rivet-core/examples/embedded.rs")
}

/// Builds the example as a reader would, and returns where it is.
fn build() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "rivet-core", "--example", "embedded"])
        .output()
        .expect("cargo runs these tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Path::new(env!("CARGO_BIN_EXE_rivet")).with_file_name("examples").join("embedded")
}

#[test]
fn the_example_is_short() {
    let text = std::fs::read_to_string(source()).expect("the example stands there");
    assert!(text.lines().count() <= MOST_LINES, "{}", text.lines().count());
}

#[test]
fn the_example_runs_an_export_and_hears_of_it() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 42) AS i");
    let config = project(&database, &["name: answer, table: t, destination: { type: local, path: out }"]);
    let text = std::fs::read_to_string(config.path("rivet.yaml")).expect("it was written");
    let project = Project::new(build(), &text);
    let finished = project.command(&["rivet.yaml"]).run();
    finished.assert_code(0);
    let files = project.files("out", "parquet");
    assert_eq!(files.len(), 1);
    let name = files[0].file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert!(lines[0].starts_with("reading from PostgreSQL "), "{}", finished.stdout);
    assert_eq!(lines[1..], [format!("answer: {name} with 42 rows"), "answer: 42 rows".to_owned()]);

    // What goes wrong reaches the program as an error.
    database.execute("DROP TABLE t");
    let finished = project.command(&["rivet.yaml"]).run();
    finished.assert_code(1);
    assert!(
        finished.stderr.contains("\\\"t\\\" does not exist") || finished.stderr.contains("`t`"),
        "{}",
        finished.stderr
    );
}
