//! The state store adds what earlier runs were like, and nothing else depends on it.

use std::fs;

use rivet_history::RedbStore;

use super::exact::table;
use super::support::{Desk, Plan, text};

/// An export of the table, whole.
pub(crate) const FULL: &str = "name: whole, table: t, mode: full";
/// One of its new rows.
pub(crate) const CURSOR: &str = "name: cursor, table: t, mode: incremental, cursor_column: id";

/// Fails the test unless all is planned but for the history.
#[track_caller]
fn assert_without_history(plan: &Plan, why: &str) {
    assert!(plan.finished.stderr.contains(why), "`{why}` is missing in: {}", plan.finished.stderr);
    for export in ["whole", "cursor"] {
        assert!(plan.signals(export)["history"].is_null(), "{}", plan.signals(export));
        assert!(plan.export(export)["error"].is_null(), "{}", plan.export(export)["error"]);
        assert_eq!(plan.verdict(export), "efficient");
    }
    assert_eq!(plan.wave("whole"), 1);
    // Where it stands is not known, so neither is what it would read.
    let computed = &plan.export("cursor")["computed"];
    assert!(text(&computed["deferred"]).contains("where it stands is not known"), "{computed}");
}

#[test]
fn a_plan_beside_a_run_knows_no_history() {
    let database = table(1_000);
    let add = || database.execute("INSERT INTO t SELECT i, now() FROM generate_series(1001, 1010) i");
    assert_planned_beside_a_run(&Desk::new(&database, &[FULL, CURSOR]), add);
}

/// Plans while the state store is in use, and applies that after ten rows were added.
#[track_caller]
pub(crate) fn assert_planned_beside_a_run(desk: &Desk, add: impl FnOnce()) {
    desk.run_well();
    let with = desk.plan();
    assert_eq!(with.signals("whole")["history"]["runs"], 1);
    let holder = RedbStore::open(desk.project.path(".rivet/state.redb")).expect("nobody else has it");
    let without = desk.plan();
    assert_without_history(&without, "in use by process");
    drop(holder);
    // What was left open is found when it is applied.
    add();
    let outcome = desk.apply_well(&["-e", "cursor"]);
    assert_eq!(outcome.export(0)["rows"], 10, "{}", outcome.report);
}

#[test]
fn a_damaged_state_store_costs_a_plan_its_history_alone_and_is_left_as_it_is() {
    let database = table(1_000);
    assert_planned_with_a_damaged_store(&Desk::new(&database, &[FULL, CURSOR]));
}

/// Plans with state stores that are none any more.
#[track_caller]
pub(crate) fn assert_planned_with_a_damaged_store(desk: &Desk) {
    desk.run_well();
    let path = desk.project.path(".rivet/state.redb");
    let sound = fs::read(&path).expect("the run has made it");
    for damaged in [sound[..sound.len() / 2].to_vec(), Vec::new(), b"a text of somebody else\n".repeat(400)] {
        fs::write(&path, &damaged).expect("the folder is ours");
        assert_without_history(&desk.plan(), "state.redb");
        assert_eq!(fs::read(&path).expect("it is there"), damaged, "planning has changed it");
    }
}

#[test]
fn planning_makes_no_state_store_and_touches_no_destination() {
    let database = table(1_000);
    assert_planning_makes_nothing(&Desk::new(&database, &[FULL, CURSOR]));
}

/// Plans, checks and applies where nothing was run before.
#[track_caller]
pub(crate) fn assert_planning_makes_nothing(desk: &Desk) {
    let plan = desk.plan();
    assert!(plan.signals("whole")["history"].is_null());
    desk.command(&["check"]).run().assert_code(0);
    assert!(!desk.project.path(".rivet").exists(), "a state store was made");
    assert!(!desk.project.path("out").exists(), "a destination was made");
    // Applying makes both.
    desk.apply_well(&[]);
    assert!(desk.project.path(".rivet/state.redb").is_file() && desk.project.path("out").is_dir());
}

#[test]
fn planning_moves_nothing_in_a_state_store_that_is_there() {
    let database = table(1_000);
    assert_planning_moves_nothing(&Desk::new(&database, &[FULL, CURSOR]));
}

/// Plans and checks after a run.
#[track_caller]
pub(crate) fn assert_planning_moves_nothing(desk: &Desk) {
    desk.run_well();
    let shown = || {
        let finished = desk.command(&["state", "show", "--json"]).run();
        finished.assert_code(0);
        finished.stdout
    };
    let before = shown();
    desk.plan();
    desk.command(&["check"]).run().assert_code(0);
    assert_eq!(shown(), before);
}
