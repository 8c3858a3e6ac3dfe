//! What the planner was asked about is what runs, word for word, as the server itself logs it.

use std::collections::BTreeMap;

use super::Cluster;
use crate::plan::support::{Desk, fill_at, list, text};

/// Every way to read rows, by the name of its export.
const EXPORTS: [&str; 7] = [
    "name: whole, table: t, mode: full, exclude: [note]",
    "name: query, query: 'SELECT id, at FROM t WHERE id % 2 = 0 -- half of them', mode: full",
    "name: first_time, table: t, mode: incremental, cursor_column: at",
    "name: again, table: grows, mode: incremental, cursor_column: id",
    "name: chunks, table: t, mode: chunked, chunk_column: id, chunk_count: 4",
    "name: pages, table: t, mode: chunked, chunk_count: 3, consistency: snapshot",
    "name: window, table: t, mode: time_window, time_column: at, days_window: 7",
];

#[test]
fn the_statement_that_was_explained_is_the_one_that_runs() {
    let server = Cluster::start("-c log_statement=all -c log_line_prefix='@@ '");
    fill_at(
        &server.url(),
        "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz NOT NULL, note text); \
         INSERT INTO t SELECT i, now() - i * interval '1 hour', md5(i::text) FROM generate_series(1, 5000) i; \
         CREATE INDEX ON t (at); \
         CREATE TABLE grows (id bigint PRIMARY KEY); INSERT INTO grows SELECT generate_series(1, 100)",
    );
    let desk = Desk::at(&server.url(), &EXPORTS);
    desk.command(&["run", "-e", "again"]).run().assert_code(0);
    server.connect().execute("INSERT INTO grows SELECT generate_series(101, 150)");
    let plan = desk.plan();
    let statements: BTreeMap<&str, &str> = list(&plan.value["exports"])
        .iter()
        .map(|export| (text(&export["export_name"]), text(&export["resolved_plan"]["statement"])))
        .collect();
    assert_eq!(statements.len(), EXPORTS.len());

    let before = server.log();
    for (export, statement) in &statements {
        let explained = format!("EXPLAIN (FORMAT JSON) {statement}");
        assert!(logged(&before).any(|line| line.contains(&explained)), "{export}: not explained: {statement}");
        assert!(!before.contains(&format!("COPY ({statement})")), "{export}: planning has read rows");
    }
    desk.apply_well(&[]);
    let log = server.log();
    let copies: Vec<String> =
        logged(log.strip_prefix(&before).expect("a log grows")).filter(|line| line.contains("COPY (")).collect();
    for (export, statement) in &statements {
        let sent = format!("COPY ({statement}) TO STDOUT (FORMAT binary)");
        let count = copies.iter().filter(|line| line.contains(&sent)).count();
        assert_eq!(count, 1, "{export}: {sent}\nin {copies:#?}");
    }
    // One statement for each chunk, and no other one reads rows.
    let chunks: usize =
        list(&plan.value["exports"]).iter().map(|export| list(&export["computed"]["chunk_ranges"]).len()).sum();
    assert_eq!(copies.len(), chunks, "{copies:#?}");
}

/// The entries of a log, each with its lines as the statement has them.
fn logged(log: &str) -> impl Iterator<Item = String> + '_ {
    // What a statement breaks into lines the server indents.
    log.split("@@ ").map(|entry| entry.replace("\n\t", "\n"))
}
