//! What the planner was asked about is what runs, word for word, as the server gets it.

use std::collections::BTreeMap;

use rivet_testing::{Family, on_both_families};

use super::recorder::Recorder;
use super::support::{grown, table};
use crate::plan::support::{Desk, list, text};

/// Every way to read rows, by the name of its export.
const EXPORTS: [&str; 7] = [
    "name: whole, table: t, mode: full, exclude: [at]",
    "name: query, query: 'SELECT id, at FROM t WHERE id % 2 = 0 -- half of them', mode: full",
    "name: first_time, table: t, mode: incremental, cursor_column: at",
    "name: again, table: t, mode: incremental, cursor_column: id",
    "name: chunks, table: t, mode: chunked, chunk_column: id, chunk_count: 4",
    "name: days, table: t, mode: chunked, chunk_column: at, chunk_by_days: 1",
    "name: window, table: t, mode: time_window, time_column: at, days_window: 36500",
];

fn the_statement_that_was_explained_is_the_one_that_runs(family: Family) {
    let database = table(family, 5_000);
    let recorder = Recorder::start(database.url());
    let desk = Desk::at(&recorder.url(database.url()), &EXPORTS);
    desk.command(&["run", "-e", "again"]).run().assert_code(0);
    database.execute(&grown(5_001, 5_050));
    recorder.take();
    let plan = desk.plan();
    let asked = recorder.take();
    let statements: BTreeMap<&str, &str> = list(&plan.value["exports"])
        .iter()
        .map(|export| (text(&export["export_name"]), text(&export["resolved_plan"]["statement"])))
        .collect();
    assert_eq!(statements.len(), EXPORTS.len());
    for (export, statement) in &statements {
        let explained = format!("EXPLAIN FORMAT=JSON {statement}");
        assert!(asked.contains(&explained), "{export}: not explained: {statement}");
    }
    desk.apply_well(&[]);
    let sent = recorder.take();
    for (export, statement) in &statements {
        assert!(sent.iter().any(|sent| sent == statement), "{export}: never sent: {statement}\nin {sent:#?}");
    }
}

on_both_families!(the_statement_that_was_explained_is_the_one_that_runs);
