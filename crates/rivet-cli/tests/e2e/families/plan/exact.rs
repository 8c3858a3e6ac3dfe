//! Exactly the run that was planned, whatever happens to the table in between.

use std::collections::BTreeSet;

use rivet_testing::{Family, MysqlDatabase, on_both_families};
use serde_json::Value;

use super::support::{desk, fill, grown, insert, table};
use crate::ledger::Ledger;
use crate::plan::exact::{ids, manifest, only_run, ranges};
use crate::plan::support::list;

fn every_mode_is_applied_as_it_was_planned(family: Family) {
    let database = table(family, 5_000);
    database.execute("CREATE VIEW seen AS SELECT id, at FROM t WHERE id % 5 = 0");
    let exports = [
        ("whole", "table: t, mode: full", 5_000),
        ("query", "query: 'SELECT id FROM t WHERE id % 2 = 0', mode: full", 2_500),
        ("view", "table: seen, mode: full", 1_000),
        ("rows", "table: t, mode: chunked, chunk_column: id, chunk_size: 900, parallel: 2", 5_000),
        ("dense", "table: t, mode: chunked, chunk_column: id, chunk_size: 900, chunk_dense: true", 5_000),
        ("count", "table: t, mode: chunked, chunk_column: at, chunk_count: 3", 5_000),
        ("days", "table: t, mode: chunked, chunk_column: at, chunk_by_days: 1", 5_000),
        ("key", "table: t, mode: chunked, chunk_by_key: [id], chunk_size: 2000", 5_000),
        ("number", "table: t, mode: incremental, cursor_column: id", 5_000),
        ("moment", "table: t, mode: incremental, cursor_column: at", 5_000),
        ("window", "table: t, mode: time_window, time_column: at, days_window: 36500", 5_000),
    ];
    let written: Vec<String> = exports.iter().map(|(name, keys, _)| format!("name: {name}, {keys}")).collect();
    let desk = desk(&database, &written.iter().map(String::as_str).collect::<Vec<_>>());
    let plan = desk.plan();
    let outcome = desk.apply_well(&[]);
    let runs = Ledger::default().audit(&desk.project);
    assert_eq!(runs.len(), exports.len());
    for (name, keys, rows) in exports {
        let run = runs.iter().find(|run| run.export == name).expect("all of them are committed");
        let read = ids(run);
        assert_eq!(read.iter().collect::<BTreeSet<_>>().len(), rows, "{keys}: rows that are missing");
        assert_eq!(read.len(), rows, "{keys}: rows that came twice");
        let deferred = !plan.export(name)["computed"]["deferred"].is_null();
        assert_eq!(deferred, name == "dense", "{keys}");
        if !deferred && keys.contains("chunked") {
            assert_eq!(ranges(&desk, run), plan.ranges(name), "{keys}");
        }
    }
    // Twice is once.
    let again = desk.apply_well(&[]);
    let statuses: BTreeSet<String> =
        list(&again.report["exports"]).iter().map(|export| export["status"].to_string()).collect();
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), ["\"skipped\""], "{}", again.report);
    assert_eq!(Ledger::default().audit(&desk.project), runs, "{}", outcome.report);
}

fn chunks_end_where_they_were_planned_to_end(family: Family) {
    let database = table(family, 5_000);
    let keys = "name: it, table: t, mode: chunked, chunk_column: id, chunk_count: 5, parallel: 2";
    let desk = desk(&database, &[keys]);
    let planned = desk.plan().ranges("it");
    assert_eq!(planned.len(), 5);
    let below = insert("t", "-n, UTC_TIMESTAMP()", 1, 300);
    fill(&database, &format!("DELETE FROM t WHERE id BETWEEN 500 AND 2500; {}; {below}", grown(5_001, 9_000)));
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

fn an_incremental_export_ends_where_it_was_planned_to_end(family: Family) {
    let database = table(family, 1_000);
    let desk = desk(&database, &["name: it, table: t, mode: incremental, cursor_column: id"]);
    for (planned_to, then, expected) in [(1_000, 1_200, 1..=1_000), (1_200, 1_500, 1_001..=1_200)] {
        let plan = desk.plan();
        let snapshot = &plan.export("it")["computed"]["cursor_snapshot"];
        assert_eq!(snapshot["watermark"]["values"][0]["value"], planned_to);
        database.execute(&grown(planned_to + 1, then));
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
    let all: Vec<i64> = Ledger::default().audit(&desk.project).iter().flat_map(ids).collect();
    assert_eq!(all.len(), 1_500);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 1_500);
}

fn a_plan_without_new_rows_reads_none_though_there_are_some_now(family: Family) {
    let database = table(family, 100);
    let desk = desk(&database, &["name: it, table: t, mode: incremental, cursor_column: id"]);
    desk.run_well();
    let plan = desk.plan();
    assert_eq!(plan.ranges("it"), Vec::<Value>::new());
    database.execute(&grown(101, 101));
    let outcome = desk.apply_well(&[]);
    assert_eq!(outcome.export(0)["rows"], 0, "{}", outcome.report);
    assert_eq!(desk.run_well().export(0)["rows"], 1);
}

fn chunks_that_only_a_scan_could_find_are_found_when_the_plan_is_applied(family: Family) {
    let database = MysqlDatabase::create(family);
    fill(&database, &format!("CREATE TABLE t (id int NOT NULL); {}", insert("t", "n", 1, 1_000)));
    let desk = desk(
        &database,
        &[
            "name: chunks, table: t, mode: chunked, chunk_column: id, chunk_count: 4",
            "name: cursor, table: t, mode: incremental, cursor_column: id",
        ],
    );
    let plan = desk.plan();
    for export in ["chunks", "cursor"] {
        let computed = &plan.export(export)["computed"];
        let why = computed["deferred"].as_str().unwrap_or_default();
        assert!(why.contains("no index begins with `id`"), "{computed}");
        assert!(computed["chunk_count"].is_null() && list(&computed["chunk_ranges"]).is_empty(), "{computed}");
    }
    database.execute(&insert("t", "n", 1_001, 1_100));
    let outcome = desk.apply_well(&[]);
    for export in list(&outcome.report["exports"]) {
        assert_eq!(export["rows"], 1_100, "{export:#}");
    }
}

on_both_families!(
    every_mode_is_applied_as_it_was_planned,
    chunks_end_where_they_were_planned_to_end,
    an_incremental_export_ends_where_it_was_planned_to_end,
    a_plan_without_new_rows_reads_none_though_there_are_some_now,
    chunks_that_only_a_scan_could_find_are_found_when_the_plan_is_applied,
);
