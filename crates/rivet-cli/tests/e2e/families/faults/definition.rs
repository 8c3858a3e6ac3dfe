//! A table that is dropped or changed while it is read, or between plan and read.

use rivet_testing::{Family, MysqlDatabase, Project};

use super::{CHUNKED, WORDS, ended, folder, wait_for_parts, words};
use crate::faults::{assert_chunks, assert_ids, assert_kept, assert_reason};
use crate::ledger::{Ledger, lines};
use crate::support::{Outcome, project_with, run};

/// Runs in chunks of one worker, and changes something after so many of them.
#[track_caller]
fn run_and_change(project: &Project, database: &MysqlDatabase, after: usize, change: &str) -> Outcome {
    let command = project.command(&["run", "--json"]).env("FAILPOINTS", "chunk_written=sleep(150)");
    let mut running = command.spawn();
    wait_for_parts(&mut running, project, after);
    database.execute(&format!("SET lock_wait_timeout = 20; {change}"));
    assert!(!running.has_ended(), "the change came too late: nothing is tested");
    ended(running)
}

fn chunked(database: &MysqlDatabase) -> Project {
    folder(database.url(), &CHUNKED.replace("parallel: 2", "parallel: 1"), "max_retries: 2, retry_backoff_ms: 10")
}

fn a_table_that_is_dropped_in_the_middle(family: Family) {
    let database = words(family);
    let project = chunked(&database);
    let outcome = run_and_change(&project, &database, 2, "DROP TABLE words");
    let kept = assert_kept(&project, &outcome, 1, "rivet::source::not_found", 2);
    assert_eq!(outcome.export(0)["retries"], 0, "it is not tried again");
    assert!(kept < 10);
    // It is not there yet, and then it is, with the same rows.
    run(&project).finished.assert_code(1);
    database.execute(WORDS);
    assert_chunks(&project, &run(&project));
}

fn a_column_that_is_dropped_in_the_middle(family: Family) {
    let database = words(family);
    let project = chunked(&database);
    let outcome = run_and_change(&project, &database, 2, "ALTER TABLE words DROP COLUMN word");
    assert_kept(&project, &outcome, 1, "rivet::source::not_found", 2);
    database.execute(
        "ALTER TABLE words ADD COLUMN word varchar(40) NOT NULL; UPDATE words SET word = left(sha2(id, 256), 32)",
    );
    assert_chunks(&project, &run(&project));
}

/// Columns change their places, get company, and hold more than before: what was asked for stays what comes.
fn a_change_of_columns_in_the_middle_that_changes_no_value(family: Family) {
    let database = words(family);
    let project = chunked(&database);
    let change = "ALTER TABLE words ADD COLUMN first int NOT NULL DEFAULT 7 FIRST, MODIFY word varchar(80) NOT NULL \
                  AFTER first, MODIFY id bigint NOT NULL";
    let outcome = run_and_change(&project, &database, 2, change);
    assert_chunks(&project, &outcome);
}

/// A value that the column's type of the plan does not hold is an error, not another value.
fn a_change_of_columns_in_the_middle_that_changes_values(family: Family) {
    for (before, change, after) in [
        ("int", "bigint", "5000000000"),
        ("int", "bigint", "7"),
        ("int", "double", "1.5"),
        ("int", "decimal(10,2)", "1.25"),
        ("decimal(10,2)", "decimal(20,6)", "0.123456"),
        ("date", "datetime", "'2026-01-05 10:30:00'"),
        ("datetime", "datetime(6)", "'2026-01-05 10:30:00.123456'"),
        ("int", "varchar(20)", "'seven'"),
        ("varchar(20)", "int", "7"),
        ("smallint unsigned", "int", "-5"),
    ] {
        let database = MysqlDatabase::create(family);
        let begin = if before.starts_with("date") { "'2026-01-05'" } else { "'1'" };
        database.execute(&format!(
            "CREATE TABLE few (id int PRIMARY KEY, amount {before} NOT NULL DEFAULT {begin}); INSERT INTO few (id) WITH \
             RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 400) SELECT n FROM k; ANALYZE TABLE few"
        ));
        let keys = "table: few, mode: chunked, chunk_column: id, chunk_count: 4, format: csv, compression: none";
        let project = folder(database.url(), keys, "max_retries: 0");
        let change =
            format!("ALTER TABLE few MODIFY amount {change} NOT NULL; UPDATE few SET amount = {after} WHERE id = 400");
        let outcome = run_and_change(&project, &database, 1, &change);
        if outcome.finished.code() == Some(0) {
            // What the column holds now, it could hold before.
            let run = Ledger::default().audit(&project).pop().expect("a run is committed");
            assert_ids(&run, 400);
            let last = lines(&run).into_iter().find(|line| line.starts_with("400,")).unwrap_or_default();
            assert_eq!(last, format!("400,{}", after.trim_matches('\'')), "{before}, {change}");
        } else {
            let message = outcome.report["errors"][0]["message"].to_string();
            if message.contains("the table `few` has other columns than when the run began") {
                assert_kept(&project, &outcome, 5, "rivet::source::conflict", 1);
            } else {
                assert_kept(&project, &outcome, 1, "rivet::source::value", 1);
                assert!(
                    message.contains("column `amount` holds") && message.contains("id = 400"),
                    "{change}: {message}"
                );
            }
            // The same command reads the table as it is now.
            let again = run(&project);
            again.finished.assert_code(0);
            let runs = Ledger::default().audit(&project);
            assert_ids(&runs[0], 400);
            assert_eq!(runs.len(), 1);
        }
    }
}

/// A query names no columns: what it gives is compared with what it was said to give.
fn a_query_whose_columns_change_places_before_it_is_read(family: Family) {
    let database = words(family);
    database.execute("ALTER TABLE words ADD COLUMN other varchar(40) NOT NULL DEFAULT 'other'");
    let keys = "query: 'SELECT * FROM words', format: csv, compression: none";
    let project = folder(database.url(), keys, "max_retries: 0");
    let command = project.command(&["run", "--json"]).env("FAILPOINTS", "run_begun=sleep(1500)");
    let mut running = command.spawn();
    running.wait_for_stderr("rows: writing to ");
    database.execute("SET lock_wait_timeout = 20; ALTER TABLE words MODIFY other varchar(40) NOT NULL AFTER id");
    let outcome = ended(running);
    outcome.finished.assert_code(5);
    assert_reason(&outcome, "rivet::source::conflict");
    assert!(project.all_files("out").is_empty());
    let run = assert_chunks(&project, &run(&project));
    let lines = lines(&run);
    assert!(lines.iter().all(|line| line.split(',').nth(1) == Some("other")), "{:?}", lines.first());
}

fn a_column_that_changes_between_plan_and_apply(family: Family) {
    let database = words(family);
    // A plan holds no secret: the address comes from the environment of both.
    let source = "type: mysql, url_env: SHOP_URL, environment: local";
    let project = project_with(source, &[&format!("name: rows, {CHUNKED}, destination: {{ type: local, path: out }}")]);
    let command = |arguments: &[&str]| project.command(arguments).env("SHOP_URL", database.url()).run();
    for change in ["ADD COLUMN more int", "MODIFY word varbinary(80)", "DROP COLUMN word"] {
        command(&["plan", "-o", "plan.json"]).assert_code(0);
        database.execute(&format!("ALTER TABLE words {change}"));
        let finished = command(&["apply", "plan.json"]);
        finished.assert_code(1);
        assert!(finished.stderr.contains("rivet::plan::changed_columns"), "{}", finished.stderr);
        assert!(finished.stderr.contains("help: Make a new plan with `rivet plan`"), "{}", finished.stderr);
        assert!(project.all_files("out").is_empty());
    }
    database.execute("DROP TABLE words");
    database.execute(WORDS);
    command(&["plan", "-o", "plan.json"]).assert_code(0);
    database.execute("DROP TABLE words");
    let finished = command(&["apply", "plan.json"]);
    finished.assert_code(1);
    assert!(finished.stderr.contains("rivet::source::not_found"), "{}", finished.stderr);
}

rivet_testing::on_both_families!(
    a_table_that_is_dropped_in_the_middle,
    a_column_that_is_dropped_in_the_middle,
    a_change_of_columns_in_the_middle_that_changes_no_value,
    a_change_of_columns_in_the_middle_that_changes_values,
    a_query_whose_columns_change_places_before_it_is_read,
    a_column_that_changes_between_plan_and_apply,
);
