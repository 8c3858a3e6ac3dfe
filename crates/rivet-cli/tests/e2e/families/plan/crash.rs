//! A process that applies a plan dies, and the same command goes on with the same chunks.

use rivet_testing::{Family, on_both_families};

use super::support::{desk, fill, grown, table};
use crate::ledger::recorded_parts;
use crate::plan::crash::die;
use crate::plan::exact::{ids, only_run, ranges};

fn an_applied_plan_that_was_cut_off_goes_on_with_its_chunks(family: Family) {
    let database = table(family, 6_000);
    let keys = "name: it, table: t, mode: chunked, chunk_column: id, chunk_count: 6";
    for (place, kept) in [
        ("chunk_checkpointed=3*off->return", 4),
        ("chunk_checkpointed=5*off->return", 6),
        ("part_staged=2*off->return", 2),
        ("run_begun=return", 0),
    ] {
        let desk = desk(&database, &[keys]);
        let planned = desk.plan().ranges("it");
        die(&desk, place);
        assert_eq!(recorded_parts(&desk.project).len(), kept, "{place}");
        // Where rows are has changed; where chunks end has not.
        fill(&database, &grown(6_001, 8_000));
        let outcome = desk.apply_well(&[]);
        assert_eq!(outcome.export(0)["chunks_resumed"], kept, "{place}: {}", outcome.report);
        assert_eq!(outcome.export(0)["chunks"], 6, "{place}");
        let run = only_run(&desk);
        assert_eq!(ranges(&desk, &run), planned, "{place}");
        let read = ids(&run);
        assert!(read.iter().take(5_000).copied().eq(1..=5_000), "{place}: rows are missing or doubled");
        assert!(read.is_sorted_by(|a, b| a < b), "{place}: rows are doubled");
        fill(&database, "DELETE FROM t WHERE id > 6000");
    }
}

fn an_applied_plan_that_died_behind_its_manifest_is_not_run_again(family: Family) {
    let database = table(family, 600);
    for keys in ["mode: chunked, chunk_column: id, chunk_count: 3", "mode: incremental, cursor_column: id"] {
        let desk = desk(&database, &[&format!("name: it, table: t, {keys}")]);
        desk.plan();
        die(&desk, "manifest_created=return");
        let outcome = desk.apply_well(&[]);
        assert_eq!(outcome.export(0)["status"], "skipped", "{keys}: {}", outcome.report);
        assert!(ids(&only_run(&desk)).into_iter().eq(1..=600), "{keys}");
    }
}

fn an_incremental_plan_that_was_cut_off_ends_where_it_was_planned_to(family: Family) {
    let database = table(family, 500);
    let desk = desk(&database, &["name: it, table: t, mode: incremental, cursor_column: id"]);
    desk.plan();
    die(&desk, "part_staged=return");
    database.execute(&grown(501, 600));
    desk.apply_well(&[]);
    assert!(ids(&only_run(&desk)).into_iter().eq(1..=500));
}

on_both_families!(
    an_applied_plan_that_was_cut_off_goes_on_with_its_chunks,
    an_applied_plan_that_died_behind_its_manifest_is_not_run_again,
    an_incremental_plan_that_was_cut_off_ends_where_it_was_planned_to,
);
