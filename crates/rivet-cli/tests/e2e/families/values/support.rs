use rivet_testing::{Family, MysqlDatabase, Project, assert_same};

use crate::families::support::project;
use crate::support::{Outcome, run_well};

/// Exports something once as Parquet and once as CSV, and compares both with what a query gives.
#[track_caller]
pub(super) fn assert_both_same(database: &MysqlDatabase, keys: &str, query: &str, options: &[&str]) {
    assert_all_same(database, &[(keys, query)], options);
}

/// As [`assert_both_same`], of several things in one run: the keys of an export, and the query to compare it with.
#[track_caller]
pub(super) fn assert_all_same(
    database: &MysqlDatabase,
    cases: &[(&str, &str)],
    options: &[&str],
) -> (Project, Outcome) {
    let mut exports = Vec::new();
    for (number, (keys, _query)) in cases.iter().enumerate() {
        exports.extend(as_both(keys, &format!("_{number}")));
    }
    let exports: Vec<&str> = exports.iter().map(String::as_str).collect();
    let project = project(database, &exports);
    let outcome = run_well(&project);
    for (number, (_keys, query)) in cases.iter().enumerate() {
        for format in ["parquet", "csv"] {
            assert_same(database, query, &project.files(&format!("{format}_{number}"), format), options);
        }
    }
    (project, outcome)
}

/// A folder with two exports of the same keys: Parquet into `parquet`, CSV into `csv`.
pub(super) fn both(database: &MysqlDatabase, keys: &str) -> Project {
    let [parquet, csv] = as_both(keys, "");
    project(database, &[&parquet, &csv])
}

fn as_both(keys: &str, suffix: &str) -> [String; 2] {
    ["parquet", "csv"].map(|format| {
        let folder = format!("{format}{suffix}");
        format!("name: as_{folder}, {keys}, format: {format}, destination: {{ type: local, path: {folder} }}")
    })
}

/// Makes a database and runs statements in it.
#[track_caller]
pub(super) fn filled(family: Family, sql: &str) -> MysqlDatabase {
    let database = MysqlDatabase::create(family);
    database.execute(sql);
    database
}

/// Returns the server's version as a number: 100,611 for 10.6.11.
#[track_caller]
pub(super) fn version(database: &MysqlDatabase) -> u32 {
    let text = database.query_value("SELECT version()");
    let digits = text.split('-').next().unwrap_or_default().split('.');
    let numbers = digits.map(|number| number.parse::<u32>().expect("a version is made of numbers"));
    numbers.take(3).fold(0, |version, number| version * 100 + number)
}

/// Writes a text as YAML, which takes JSON.
pub(super) fn yaml(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
