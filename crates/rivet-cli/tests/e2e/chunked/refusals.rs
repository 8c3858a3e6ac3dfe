//! What can't be cut is refused before anything is read.

use rivet_testing::TestDatabase;

use super::folder;
use crate::support::run_badly;

/// Fails the test unless an export of these keys is refused with all of these texts, and nothing is left.
#[track_caller]
fn check(database: &TestDatabase, keys: &str, code: i32, expected: &[&str]) {
    let project = folder(database, keys);
    let said = run_badly(&project, code, expected);
    assert!(said.split_once(" | ").is_some_and(|(_, help)| help.ends_with(['.', '?'])), "no way out: {said}");
    assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
}

fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE it (id int PRIMARY KEY, settings json, spot point, tags int[], day date);
         INSERT INTO it SELECT i FROM generate_series(1, 10) i; CREATE VIEW seen AS SELECT id, day FROM it",
    );
    database
}

#[test]
fn a_column_that_does_not_exist() {
    let database = database();
    check(&database, "table: it, chunk_column: idd, chunk_size: 5", 1, &["`idd`"]);
    check(&database, "table: it, chunk_by_key: [id, no], chunk_size: 5", 1, &["`no`"]);
    check(&database, "query: SELECT id FROM it, chunk_column: day, chunk_size: 5", 1, &["`day`"]);
}

#[test]
fn a_column_without_an_order() {
    let database = database();
    for column in ["settings", "spot", "tags"] {
        check(&database, &format!("table: it, chunk_column: {column}"), 1, &[&format!("`{column}`"), "order"]);
    }
}

#[test]
fn days_of_a_column_that_has_none() {
    let database = database();
    check(&database, "table: it, chunk_column: id, chunk_by_days: 7", 2, &["`id`", "day"]);
    check(&database, "table: it, chunk_by_days: 7", 2, &["day"]);
}

#[test]
fn views_and_queries_without_a_column() {
    let database = database();
    check(&database, "table: seen, chunk_size: 5", 2, &["chunk_column"]);
    check(&database, "query: SELECT id FROM it, chunk_size: 5", 2, &["chunk_column"]);
}

#[test]
fn a_column_that_a_query_has_twice() {
    let database = database();
    check(&database, "query: 'SELECT id, id FROM it', chunk_column: id, chunk_size: 5", 1, &["`id`"]);
}

#[test]
fn two_answers_to_one_question() {
    let database = database();
    check(&database, "table: it, chunk_size: 5, chunk_count: 5", 2, &["chunk_size", "chunk_count"]);
    check(&database, "table: it, chunk_column: id, chunk_by_key: id", 2, &["chunk_column", "chunk_by_key"]);
    check(&database, "table: it, chunk_size: 0", 2, &["chunk_size"]);
    check(&database, "table: it, parallel: 0", 2, &["parallel"]);
}
