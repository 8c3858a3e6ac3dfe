//! What is no longer what was planned is not applied.

use rivet_testing::TestDatabase;

use super::exact::table;
use super::support::{Desk, list};
use crate::ledger::committed;

/// Applies `plan.json`, which must be refused with this code for this reason before anything is written. Returns what
/// was said.
#[track_caller]
pub(crate) fn assert_refused(desk: &Desk, code: i32, reason: &str, more: &[&str]) -> String {
    let before = (committed(&desk.project), desk.project.all_files("out"));
    let outcome = desk.apply(more);
    outcome.finished.assert_code(code);
    let errors = list(&outcome.report["errors"]);
    let [error] = errors else { panic!("one error expected: {errors:#?}") };
    assert_eq!(error["code"], reason, "{error:#}");
    let (message, help) = (error["message"].as_str().unwrap_or_default(), error["help"].as_str().unwrap_or_default());
    assert!(message.len() > 10 && help.ends_with(['.', '?']), "{error:#}");
    assert_eq!((committed(&desk.project), desk.project.all_files("out")), before, "something was written");
    format!("{message} | {help}")
}

#[track_caller]
fn assert_says(said: &str, texts: &[&str]) {
    for text in texts {
        assert!(said.contains(text), "`{text}` is missing in: {said}");
    }
}

#[test]
fn a_cursor_that_has_moved_since_is_refused() {
    let database = table(100);
    let desk = Desk::new(&database, &["name: it, table: t, mode: incremental, cursor_column: id"]);
    desk.plan();
    desk.run_well();
    let said = assert_refused(&desk, 1, "rivet::plan::moved_cursor", &[]);
    assert_says(&said, &["it stood at the start", "stands at (100)", "Make a new plan with `rivet plan`"]);
    assert_refused(&desk, 1, "rivet::plan::moved_cursor", &["--force"]);
    // Back to the start by hand is another position, too.
    desk.plan();
    desk.command(&["state", "reset", "-e", "it"]).run().assert_code(0);
    let said = assert_refused(&desk, 1, "rivet::plan::moved_cursor", &[]);
    assert_says(&said, &["it stood at (100)", "stands at the start"]);
}

#[test]
fn one_export_that_is_refused_leaves_the_others_alone() {
    let database = table(100);
    let desk = Desk::new(
        &database,
        &["name: moved, table: t, mode: incremental, cursor_column: id", "name: whole, table: t, mode: full"],
    );
    desk.plan();
    desk.command(&["run", "-e", "moved"]).run().assert_code(0);
    let outcome = desk.apply(&[]);
    outcome.finished.assert_code(1);
    let status = |name: &str| {
        let mut exports = list(&outcome.report["exports"]).iter();
        exports.find(|export| export["export"] == name).map(|export| export["status"].clone())
    };
    assert_eq!(status("moved"), Some("failed".into()), "{}", outcome.report);
    assert_eq!(status("whole"), Some("committed".into()), "{}", outcome.report);
}

/// Pages of partitions that there were then: what stands in a new one is in none of them.
#[test]
fn a_partition_that_came_later_is_not_left_out() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t (id bigint, day int) PARTITION BY LIST (day)");
    for day in [1, 2] {
        database.execute(&format!("CREATE TABLE t{day} PARTITION OF t FOR VALUES IN ({day})"));
        database.execute(&format!("INSERT INTO t SELECT i, {day} FROM generate_series(1, 2000) AS i"));
    }
    let export = "name: it, table: t, mode: chunked, chunk_count: 4, consistency: snapshot";
    let desk = Desk::new(&database, &[export]);
    let plan = desk.plan();
    assert!(plan.ranges("it").iter().all(|range| range["rows"] == "pages"), "{:?}", plan.ranges("it"));
    database.execute("CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3)");
    let said = assert_refused(&desk, 1, "rivet::plan::changed_partitions", &[]);
    assert_says(&said, &["other partitions", "new plan"]);
    desk.plan();
    let outcome = desk.apply_well(&[]);
    assert_eq!(outcome.report["exports"][0]["rows"], 4_000, "{}", outcome.report);
}

#[test]
fn columns_that_have_changed_are_refused() {
    for change in [
        "ALTER TABLE t ADD COLUMN more int",
        "ALTER TABLE t ALTER COLUMN at TYPE text",
        "ALTER TABLE t RENAME COLUMN at TO moment",
    ] {
        let database = table(100);
        let desk = Desk::new(&database, &["name: it, table: t, mode: chunked, chunk_column: id, chunk_count: 2"]);
        desk.plan();
        database.execute(change);
        let said = assert_refused(&desk, 1, "rivet::plan::changed_columns", &[]);
        assert_says(&said, &["export `it`", "have changed since the plan was made", "Make a new plan"]);
    }
}

#[test]
fn an_address_that_leads_to_another_database_is_refused() {
    let (planned, other) = (table(100), table(100));
    let desk = Desk::new(&planned, &["name: it, table: t, mode: full"]);
    desk.plan();
    let desk = desk.led_to(other.url());
    let said = assert_refused(&desk, 2, "rivet::config::source_differs", &[]);
    assert_says(&said, &["SOURCE_URL", "it differs in `database`", planned.name(), "make a new plan"]);
}

#[test]
fn an_address_that_is_not_there_any_more_is_refused() {
    let database = table(100);
    let desk = Desk::new(&database, &["name: it, table: t, mode: full"]);
    desk.plan();
    let said = assert_refused(&desk.led_to(""), 2, "rivet::config::credentials_variable", &[]);
    assert_says(&said, &["`SOURCE_URL` is empty", "Set `SOURCE_URL`"]);
}

#[test]
fn an_export_that_could_not_be_planned_is_not_applied() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t AS SELECT 1 AS id");
    let desk = Desk::new(&database, &["name: good, table: t, mode: full", "name: gone, table: nowhere, mode: full"]);
    let plan = desk.try_plan(&[]);
    plan.finished.assert_code(1);
    assert!(plan.finished.stderr.contains("nowhere"), "{}", plan.finished.stderr);
    assert_eq!(plan.advice("gone")["confidence"].as_f64().map(|it| it < 1.0), Some(true));
    let outcome = desk.apply(&[]);
    outcome.finished.assert_code(1);
    assert_eq!(outcome.report["errors"][0]["code"], "rivet::plan::not_planned");
    assert_eq!(committed(&desk.project).len(), 1, "the other one is applied");
    // It is not begun later either, when the table is there: nobody has looked at it.
    database.execute("CREATE TABLE nowhere AS SELECT 1 AS id");
    assert_refused(&desk, 1, "rivet::plan::not_planned", &["-e", "gone"]);
}
