//! Exactly the run that was planned, whatever happens to the table in between.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rivet_testing::TestDatabase;
use serde_json::Value;

use super::support::{Desk, fill, list, range};
use crate::ledger::{Ledger, Run, lines, manifest_path};
use crate::support::{integer, tell};

/// A table with ids from 1 on, and a moment that grows with them.
pub(crate) fn table(rows: u32) -> TestDatabase {
    let database = TestDatabase::create();
    fill(
        &database,
        &format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz NOT NULL); \
             INSERT INTO t SELECT i, timestamptz '2026-01-01' + i * interval '1 second' FROM generate_series(1, {rows}) i; \
             CREATE INDEX ON t (at)"
        ),
    );
    database
}

/// Returns the manifest of a run.
#[track_caller]
pub(crate) fn manifest(desk: &Desk, run: &Run) -> Value {
    let text = fs::read_to_string(manifest_path(&desk.project, run)).expect("the run is committed");
    serde_json::from_str(&text).expect("a manifest is JSON")
}

/// Returns the ids that a run has written, each as often as it has.
#[track_caller]
pub(crate) fn ids(run: &Run) -> Vec<i64> {
    let id = |line: &String| integer(line.split(',').next().map(ToOwned::to_owned).as_ref());
    let mut ids: Vec<i64> = lines(run).iter().map(id).collect();
    ids.sort_unstable();
    ids
}

#[track_caller]
pub(crate) fn only_run(desk: &Desk) -> Run {
    let runs = Ledger::default().audit(&desk.project);
    let [run] = runs.as_slice() else { panic!("one run expected: {runs:#?}") };
    run.clone()
}

/// Returns the ranges of a run's chunks as its manifest has them.
#[track_caller]
pub(crate) fn ranges(desk: &Desk, run: &Run) -> Vec<Value> {
    list(&manifest(desk, run)["chunks"]).iter().map(range).collect()
}

#[test]
fn chunks_end_where_they_were_planned_to_end() {
    let database = table(5_000);
    let desk =
        Desk::new(&database, &["name: it, table: t, mode: chunked, chunk_column: id, chunk_count: 5, parallel: 2"]);
    let plan = desk.plan();
    let planned = plan.ranges("it");
    assert_eq!(planned.len(), 5);
    database.execute(
        "DELETE FROM t WHERE id BETWEEN 500 AND 2500; \
         INSERT INTO t SELECT i, now() FROM generate_series(5001, 9000) i; \
         INSERT INTO t SELECT -i, now() FROM generate_series(1, 300) i; ANALYZE t",
    );
    let outcome = desk.apply_well(&[]);
    assert_eq!(outcome.export(0)["chunks"], 5);
    let run = only_run(&desk);
    assert_eq!(ranges(&desk, &run), planned);
    // What is there is what is read: the first chunk and the last one are open.
    let expected: Vec<i64> = (-300..=-1).chain(1..500).chain(2501..=9000).collect();
    assert_eq!(ids(&run), expected);
    // A plan of now would cut elsewhere.
    assert_ne!(desk.plan().ranges("it"), planned);
}

#[test]
fn an_incremental_export_ends_where_it_was_planned_to_end() {
    let database = table(1_000);
    let desk = Desk::new(&database, &["name: it, table: t, mode: incremental, cursor_column: id"]);
    for (planned_to, then, expected) in [(1_000, 1_200, 1..=1_000), (1_200, 1_500, 1_001..=1_200)] {
        let plan = desk.plan();
        let snapshot = &plan.export("it")["computed"]["cursor_snapshot"];
        assert_eq!(snapshot["watermark"]["values"][0]["value"], planned_to);
        database.execute(&format!("INSERT INTO t SELECT i, now() FROM generate_series({} , {then}) i", planned_to + 1));
        let outcome = desk.apply_well(&[]);
        assert_eq!(outcome.export(0)["cursor_before"], snapshot["before"]);
        assert_eq!(outcome.export(0)["cursor_after"], snapshot["watermark"]);
        let runs = Ledger::default().audit(&desk.project);
        let run = runs.last().expect("it is committed");
        assert_eq!(ids(run), expected.collect::<Vec<i64>>());
        assert_eq!(manifest(&desk, run)["cursor_after"], snapshot["watermark"]);
    }
    // What was added since is not lost.
    desk.run_well();
    let runs = Ledger::default().audit(&desk.project);
    let all: Vec<i64> = runs.iter().flat_map(ids).collect();
    assert_eq!(all.len(), 1_500);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 1_500);
}

#[test]
fn a_plan_without_new_rows_reads_none_though_there_are_some_now() {
    let database = table(100);
    let desk = Desk::new(&database, &["name: it, table: t, mode: incremental, cursor_column: id"]);
    desk.run_well();
    let plan = desk.plan();
    assert_eq!(plan.ranges("it"), Vec::<Value>::new());
    database.execute("INSERT INTO t VALUES (101, now())");
    let outcome = desk.apply_well(&[]);
    assert_eq!(outcome.export(0)["rows"], 0, "{}", outcome.report);
    assert_eq!(desk.run_well().export(0)["rows"], 1);
}

#[test]
fn a_plan_that_is_applied_twice_doubles_nothing() {
    let database = table(1_000);
    let desk = Desk::new(
        &database,
        &[
            "name: chunks, table: t, mode: chunked, chunk_column: id, chunk_count: 3",
            "name: cursor, table: t, mode: incremental, cursor_column: id",
            "name: whole, table: t, mode: full",
        ],
    );
    desk.plan();
    desk.apply_well(&[]);
    let first = Ledger::default().audit(&desk.project);
    assert_eq!(first.len(), 3);
    let again = desk.apply_well(&[]);
    let statuses: Vec<&Value> = list(&again.report["exports"]).iter().map(|export| &export["status"]).collect();
    assert_eq!(statuses, ["skipped"; 3], "{}", again.report);
    again.assert_said("whole: committed already by this plan");
    assert_eq!(Ledger::default().audit(&desk.project), first);
}

#[test]
fn a_run_of_the_same_plan_with_force_is_on_record_as_forced() {
    let database = table(100);
    let desk = Desk::new(&database, &["name: whole, table: t, mode: full"]);
    let plan = desk.plan();
    desk.apply_well(&[]);
    desk.apply_well(&["--force"]);
    assert_eq!(Ledger::default().audit(&desk.project).len(), 2);
    let finished = desk.command(&["metrics", "--json"]).run();
    finished.assert_code(0);
    let id = plan.value["plan_id"].as_str().expect("a plan has an id");
    assert!(finished.stdout.contains(id), "{}", finished.stdout);
    assert!(finished.stdout.contains("run again, although run"), "{}", finished.stdout);
}

#[test]
fn a_wave_and_a_name_choose_what_is_applied() {
    let database = table(100);
    let desk = Desk::new(
        &database,
        &[
            "name: early, table: t, mode: full",
            "name: late, table: t, mode: full, reconcile_required: true",
            "name: other, table: t, mode: full",
        ],
    );
    let plan = desk.plan();
    assert_eq!([plan.wave("early"), plan.wave("late"), plan.wave("other")], [1, 2, 1]);
    let names = |more: &[&str]| -> Vec<String> {
        let outcome = desk.apply(more);
        outcome.finished.assert_code(0);
        let exports = list(&outcome.report["exports"]).iter();
        exports.map(|export| export["export"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(&["--wave", "2"]), ["late"]);
    assert_eq!(Ledger::default().audit(&desk.project).len(), 1);
    assert_eq!(names(&["-e", "other"]), ["other"]);
    assert_eq!(names(&["--wave", "1", "-e", "early"]), ["early"]);
    assert_eq!(Ledger::default().audit(&desk.project).len(), 3);
    for (more, message, help) in [
        (&["--wave", "3"][..], "the plan has no export in wave 3", "There are exports in: 1, 2."),
        (&["--wave", "2", "-e", "early"], "the plan has no export in wave 2", "There are exports in: 1."),
        (&["-e", "never"], "the plan has no export named `never`", "`early`, `late`, `other`"),
    ] {
        let outcome = desk.apply(more);
        outcome.finished.assert_code(2);
        let error = &outcome.report["errors"][0];
        assert!(error["message"].as_str().is_some_and(|it| it.contains(message)), "{error}");
        assert!(error["help"].as_str().is_some_and(|it| it.contains(help)), "{error}");
    }
}

#[test]
fn a_plan_needs_neither_its_configuration_nor_its_folder() {
    let database = table(100);
    let desk = Desk::new(&database, &["name: whole, table: t, mode: full"]);
    desk.plan();
    fs::remove_file(desk.project.path("rivet.yaml")).expect("every project has one");
    let elsewhere = tempfile::tempdir().expect("the system's temporary folder can be written");
    let moved = elsewhere.path().join("moved.json");
    fs::rename(desk.project.path("plan.json"), &moved).expect("the folders are ours");
    tell(&format!("applied from {}", moved.display()));
    let arguments = ["apply", moved.to_str().expect("a temporary path is text"), "--json"];
    let finished = desk.command(&arguments).run();
    finished.assert_code(0);
    assert!(Path::new(&desk.project.path(".rivet/state.redb")).is_file(), "the state store is where it was planned");
    assert_eq!(desk.project.files("out", "csv").len(), 1);
}

/// Whether a key may be NULL decides whether there is a chunk for such rows.
#[test]
fn rows_that_no_planned_chunk_holds_are_not_left_out_in_silence() {
    let database = TestDatabase::create();
    fill(
        &database,
        "CREATE TABLE t (id bigint NOT NULL UNIQUE, word text); INSERT INTO t SELECT i FROM generate_series(1, 1000) i",
    );
    let desk = Desk::new(&database, &["name: it, table: t, mode: chunked, chunk_column: id, chunk_count: 4"]);
    desk.plan();
    database.execute("ALTER TABLE t ALTER COLUMN id DROP NOT NULL; INSERT INTO t VALUES (NULL, 'lost')");
    let outcome = desk.apply(&[]);
    let runs = Ledger::default().audit(&desk.project);
    match runs.as_slice() {
        [] => assert_eq!(outcome.report["errors"][0]["code"], "rivet::plan::changed_columns"),
        [run] => assert_eq!(run.rows, 1_001, "a row is missing: {}", outcome.finished.stderr),
        _ => panic!("{runs:?}"),
    }
}

#[test]
fn chunks_that_only_a_scan_could_find_are_found_when_the_plan_is_applied() {
    let database = TestDatabase::create();
    fill(&database, "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 1000) i");
    let desk = Desk::new(
        &database,
        &[
            "name: chunks, table: t, mode: chunked, chunk_column: id, chunk_count: 4",
            "name: cursor, table: t, mode: incremental, cursor_column: id",
        ],
    );
    let plan = desk.plan();
    for export in ["chunks", "cursor"] {
        let computed = &plan.export(export)["computed"];
        assert!(
            computed["deferred"].as_str().is_some_and(|why| why.contains("no index begins with `id`")),
            "{computed}"
        );
        assert!(computed["chunk_count"].is_null() && list(&computed["chunk_ranges"]).is_empty(), "{computed}");
    }
    database.execute("INSERT INTO t SELECT generate_series(1001, 1100)");
    let outcome = desk.apply_well(&[]);
    for export in list(&outcome.report["exports"]) {
        assert_eq!(export["rows"], 1_100, "{export:#}");
    }
    // Where it begins was planned all the same.
    desk.plan();
    database.execute("INSERT INTO t VALUES (1101)");
    desk.command(&["run", "-e", "cursor"]).run().assert_code(0);
    let outcome = desk.apply(&["-e", "cursor"]);
    assert_eq!(outcome.report["errors"][0]["code"], "rivet::plan::moved_cursor", "{}", outcome.report);
}
