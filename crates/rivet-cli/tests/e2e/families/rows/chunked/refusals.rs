//! What can't be cut is refused before anything is read.

use rivet_testing::{Family, MysqlDatabase};

use crate::chunked::folder;
use crate::families::rows::database;
use crate::support::run_badly;

/// Fails the test unless an export of these keys is refused with all of these texts, and nothing is left.
#[track_caller]
fn check(database: &MysqlDatabase, keys: &str, code: i32, expected: &[&str]) {
    let project = folder(database, keys);
    let said = run_badly(&project, code, expected);
    assert!(said.split_once(" | ").is_some_and(|(_, help)| help.ends_with(['.', '?'])), "no way out: {said}");
    assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
}

fn what_can_not_be_cut_is_refused(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE it (id int PRIMARY KEY, settings json, spot point, flags bit(8), day date);
         INSERT INTO it (id) SELECT n FROM k WHERE n < 10; CREATE VIEW seen AS SELECT id, day FROM it;
         CREATE TABLE bare (id int, day date); INSERT INTO bare SELECT n, NULL FROM k",
    );
    check(&database, "table: it, chunk_column: idd, chunk_size: 5", 1, &["`idd`"]);
    check(&database, "table: it, chunk_by_key: [id, no], chunk_size: 5", 1, &["`no`"]);
    check(&database, "query: SELECT id FROM it, chunk_column: day, chunk_size: 5", 1, &["`day`"]);
    for column in ["spot", "flags"] {
        check(&database, &format!("table: it, chunk_column: {column}"), 1, &[&format!("`{column}`"), "order"]);
    }
    check(&database, "table: it, chunk_column: id, chunk_by_days: 7", 2, &["`id`", "day"]);
    for relation in ["table: seen", "query: SELECT id FROM it"] {
        check(&database, &format!("{relation}, chunk_size: 5"), 2, &["chunk_column"]);
    }
    // No pages that could be named, and so no ranges without a key.
    check(&database, "table: bare, chunk_size: 5", 2, &["`bare`", "chunk_column"]);
    check(&database, "table: bare, chunk_size: 5, consistency: snapshot", 2, &["`bare`", "chunk_column"]);
}

rivet_testing::on_both_families!(what_can_not_be_cut_is_refused);
