use rivet_testing::TestDatabase;

use crate::support::{project, run, run_badly};

fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE t AS SELECT 1 AS id, 1.5::float8 AS f, '{}'::jsonb AS doc, ARRAY[1] AS list, 'w' AS word",
    );
    database
}

fn export(levels: &str) -> String {
    format!("name: t, table: t, partition_by: {levels}, destination: {{ type: local, path: out }}")
}

#[test]
fn what_can_not_name_folders_is_refused() {
    let database = database();
    let check = |levels: &str, expected: &[&str]| {
        run_badly(&project(&database, &[&export(levels)]), 1, expected);
    };
    check("f", &["column `f` has the type Float64, whose values can't name folders", "Partition by text"]);
    check("doc", &["column `doc`", "can't name folders"]);
    check("list", &["column `list`", "can't name folders"]);
    check("[word, no]", &["`partition_by` names the column `no`, which is not read", "`id`, `f`"]);
    check(
        "{ column: word, part: month }",
        &["column `word` has the type Utf8, which has no month", "leave `part` out"],
    );
    check("{ column: id, as: WORD }", &["the folders `WORD=` would stand for the column `word` of the files"]);
}

#[test]
fn a_value_that_is_too_long_fails_the_run_and_is_not_told() {
    let database = database();
    database.execute("UPDATE t SET word = repeat('secret', 50)");
    let said = run_badly(&project(&database, &[&export("word")]), 1, &["a folder's name of 305 bytes"]);
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn a_stream_has_no_folders() {
    let database = database();
    let project = project(&database, &["name: t, table: t, partition_by: word, destination: { type: stdout }"]);
    let outcome = run(&project);
    outcome.finished.assert_code(2);
    outcome.assert_said("`partition_by` has no meaning for `type: stdout`");
}
