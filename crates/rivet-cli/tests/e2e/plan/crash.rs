//! A process that applies a plan dies, and the same command goes on with the same chunks.

use super::exact::{ids, only_run, ranges, table};
use super::support::Desk;
use crate::ledger::recorded_parts;

/// Applies `plan.json` and dies at a place.
#[track_caller]
pub(crate) fn die(desk: &Desk, place: &str) {
    let died = desk.command(&["apply", "plan.json"]).env("FAILPOINTS", place).run();
    assert_eq!(died.code(), None, "`{place}` was not reached: {}", died.stderr);
}

#[test]
fn an_applied_plan_that_was_cut_off_goes_on_with_its_chunks() {
    let database = table(6_000);
    let keys = "name: it, table: t, mode: chunked, chunk_column: id, chunk_count: 6";
    for (place, kept) in [
        ("chunk_checkpointed=3*off->return", 4),
        ("chunk_checkpointed=5*off->return", 6),
        ("part_staged=2*off->return", 2),
        ("run_begun=return", 0),
    ] {
        let desk = Desk::new(&database, &[keys]);
        let planned = desk.plan().ranges("it");
        die(&desk, place);
        assert_eq!(recorded_parts(&desk.project).len(), kept, "{place}");
        // Where rows are has changed; where chunks end has not.
        database.execute("INSERT INTO t SELECT i, now() FROM generate_series(6001, 8000) i; ANALYZE t");
        let outcome = desk.apply_well(&[]);
        assert_eq!(outcome.export(0)["chunks_resumed"], kept, "{place}: {}", outcome.report);
        assert_eq!(outcome.export(0)["chunks"], 6, "{place}");
        let run = only_run(&desk);
        assert_eq!(ranges(&desk, &run), planned, "{place}");
        let read = ids(&run);
        assert!(read.iter().take(5_000).copied().eq(1..=5_000), "{place}: rows are missing or doubled");
        assert!(read.is_sorted_by(|a, b| a < b), "{place}: rows are doubled");
        database.execute("DELETE FROM t WHERE id > 6000; ANALYZE t");
    }
}

#[test]
fn an_applied_plan_that_died_behind_its_manifest_is_not_run_again() {
    let database = table(600);
    for keys in ["mode: chunked, chunk_column: id, chunk_count: 3", "mode: incremental, cursor_column: id"] {
        let desk = Desk::new(&database, &[&format!("name: it, table: t, {keys}")]);
        desk.plan();
        die(&desk, "manifest_created=return");
        let outcome = desk.apply_well(&[]);
        assert_eq!(outcome.export(0)["status"], "skipped", "{keys}: {}", outcome.report);
        assert!(ids(&only_run(&desk)).into_iter().eq(1..=600), "{keys}");
    }
}

#[test]
fn a_run_that_another_plan_has_begun_is_not_gone_on_with() {
    let database = table(3_000);
    let desk = Desk::new(&database, &["name: it, table: t, mode: chunked, chunk_column: id, chunk_count: 3"]);
    desk.plan();
    die(&desk, "chunk_checkpointed=1*off->return");
    database.execute("DELETE FROM t WHERE id <= 1500; ANALYZE t");
    let planned = desk.plan().ranges("it");
    let outcome = desk.apply_well(&[]);
    assert_eq!(outcome.export(0)["chunks_resumed"], 0, "{}", outcome.report);
    let run = only_run(&desk);
    assert_eq!(ranges(&desk, &run), planned);
    assert!(ids(&run).into_iter().eq(1_501..=3_000));
}

#[test]
fn an_incremental_plan_that_was_cut_off_ends_where_it_was_planned_to() {
    let database = table(500);
    let desk = Desk::new(&database, &["name: it, table: t, mode: incremental, cursor_column: id"]);
    desk.plan();
    die(&desk, "part_staged=return");
    database.execute("INSERT INTO t SELECT i, now() FROM generate_series(501, 600) i");
    desk.apply_well(&[]);
    assert!(ids(&only_run(&desk)).into_iter().eq(1..=500));
}

/// What one export has read stays there for it, whatever else is applied or run meanwhile.
#[test]
fn chunks_of_one_export_are_kept_while_another_one_is_applied() {
    let database = table(4_000);
    let export = |name: &str| format!("name: {name}, table: t, mode: chunked, chunk_column: id, chunk_count: 4");
    let desk = Desk::new(&database, &[&export("one"), &export("two")]);
    desk.plan();
    let died = desk.command(&["apply", "plan.json", "-e", "one"]).env("FAILPOINTS", "chunk_checkpointed=2*off->return");
    assert_eq!(died.run().code(), None);
    desk.apply_well(&["-e", "two"]);
    let outcome = desk.apply_well(&["-e", "one"]);
    assert_eq!(outcome.export(0)["chunks_resumed"], 3, "{}", outcome.finished.stderr);
}

#[test]
fn chunks_of_a_run_are_kept_while_a_plan_of_another_export_is_applied() {
    let database = table(4_000);
    let export = |name: &str| format!("name: {name}, table: t, mode: chunked, chunk_column: id, chunk_count: 4");
    let desk = Desk::new(&database, &[&export("one"), &export("two")]);
    desk.plan_with(&["-e", "two"]);
    let died = desk.command(&["run", "-e", "one"]).env("FAILPOINTS", "chunk_checkpointed=2*off->return");
    assert_eq!(died.run().code(), None);
    desk.apply_well(&[]);
    let outcome = desk.run_well();
    assert_eq!(outcome.export(0)["export"], "one");
    assert_eq!(outcome.export(0)["chunks_resumed"], 3, "{}", outcome.finished.stderr);
}
