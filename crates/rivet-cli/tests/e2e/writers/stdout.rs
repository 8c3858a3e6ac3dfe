use std::fs;

use rivet_testing::TestDatabase;

use crate::support::{project, visible};

fn filled() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t AS SELECT i AS id, 'text ' || i AS label FROM generate_series(1, 3000) AS i");
    database
}

#[test]
fn csv_goes_to_standard_output_and_nothing_else_does() {
    let database = filled();
    let project = project(
        &database,
        &["name: t, query: SELECT * FROM t ORDER BY id, format: csv, destination: { type: stdout }"],
    );
    let finished = project.command(&["run"]).run();
    finished.assert_code(0);
    let expected: Vec<String> = (1..=3000).map(|i| format!("{i},text {i}\n")).collect();
    assert_eq!(finished.stdout, format!("id,label\n{}", expected.concat()));
    assert!(finished.stderr.contains("3,000 rows"), "{}", finished.stderr);
    assert!(visible(&project).is_empty());
}

#[test]
fn compared_parquet_through_a_pipe_is_a_file() {
    let database = filled();
    let project = project(&database, &["name: t, table: t, destination: { type: stdout }"]);
    let path = project.path("piped.parquet");
    project.command(&["run", "--summary-output", "summary.json"]).stdout_to(&path).run().assert_code(0);
    rivet_testing::assert_same(&database, "SELECT * FROM t", &[path], &[]);
    let summary = fs::read_to_string(project.path("summary.json")).expect("it was asked for");
    assert!(summary.contains("\"rows\": 3000"), "{summary}");
}
