//! The commands of `docs/consumers.md`, run as they stand there.

use std::fs;

use rivet_testing::{Project, TestDatabase, page};
use serde_json::{Value, json};

use crate::support::{project, read_text, run_well};

/// The page of which the blocks are run.
const PAGE: &str = "consumers.md";

/// A folder `out` with what the page reads, of several runs, beside files that no manifest lists.
fn lake() -> Project {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, amount numeric(10, 2) NOT NULL); \
         INSERT INTO orders SELECT i, i * 1.5 FROM generate_series(1, 100) i; \
         CREATE TABLE people (id int PRIMARY KEY, name text, note text); \
         INSERT INTO people VALUES (1, 'Ada', ''), (2, NULL, 'a, \"b\"'); \
         CREATE TABLE events (id int PRIMARY KEY, word text, updated_at timestamptz NOT NULL); \
         INSERT INTO events VALUES (1, 'one', '2026-01-01'), (2, 'two', '2026-01-02')",
    );
    let project = project(
        &database,
        &[
            "name: orders, table: orders, destination: { type: local, path: out }",
            "name: people, table: people, format: csv, destination: { type: local, path: out }",
            "name: events, table: events, mode: incremental, cursor_column: updated_at, \
             destination: { type: local, path: out }",
        ],
    );
    run_well(&project);
    let first = project.files("out", "parquet");
    database.execute(
        "INSERT INTO orders VALUES (101, 0.25); INSERT INTO people VALUES (3, 'Zoé', NULL); \
         UPDATE events SET word = 'TWO', updated_at = '2026-01-03' WHERE id = 2; \
         INSERT INTO events VALUES (3, NULL, '2026-01-03')",
    );
    run_well(&project);
    for file in first {
        // What a run leaves that has died before its manifest.
        let name = file.file_name().and_then(|name| name.to_str()).expect("names of parts are text");
        let litter = name.replace("-00000-", "-00007-");
        fs::copy(&file, file.with_file_name(litter)).expect("the folder can be written");
    }
    project
}

fn ran(language: &str, project: &Project) -> Vec<Value> {
    let printed = page(PAGE, language, &project.path("."));
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

#[test]
fn compared_duckdb_reads_the_rows_of_manifests() {
    let blocks = ran("sql duckdb", &lake());
    let expected = [
        json!([["101", "7575.25"]]),
        json!([["1", "one"], ["2", "TWO"], ["3", null]]),
        json!([["1", "Ada", ""], ["2", null, "a, \"b\""], ["3", "Zoé", null]]),
    ];
    assert_eq!(blocks, expected);
}

#[test]
fn compared_pyarrow_reads_the_rows_of_manifests() {
    let project = lake();
    let blocks = ran("python", &project);
    assert_eq!(blocks[..3], [json!(""), json!("orders 101\nevents 4\n"), json!("verified\n")]);
    let latest: Value = serde_json::from_str(&read_text(&project.path("out/_rivet/orders/latest.json"))).expect("JSON");
    let run = latest["run_id"].as_str().expect("a run has an id");
    for (block, expected) in blocks[3..].iter().zip(["FROM FILES (format", "COPY INTO sales.orders", "\"mandatory\""]) {
        let text = block.as_str().expect("it prints text");
        assert!(text.contains(expected) && text.contains(run) && text.matches(".parquet").count() == 1, "{text}");
    }
    assert_eq!(blocks.len(), 6);
}

#[test]
fn spark_reads_the_rows_of_a_manifest() {
    assert_eq!(ran("python spark", &lake()), [json!("101\n")]);
}
