//! What is expected of an export, and what it then reads.
//!
//! Samples of a table may be off by half of its rows, and so may what follows from them. Ranges of some pages are
//! counted.

use rivet_testing::{Family, MysqlDatabase, on_both_families};

use super::support::{KEYS, desk, expected_rows, fill, grown, insert};
use crate::plan::support::Desk;

/// Plans an export, applies the plan, and fails the test unless no more than half of the rows that were read were
/// missing from the estimate, or too many in it. InnoDB doubles what it reckons for a range, which nobody can see of a
/// query, and takes half of its own sample for a range of more than that: a first run may be a third of what is there.
#[track_caller]
fn assert_near(desk: &Desk, what: &str) -> u64 {
    let plan = desk.plan();
    let expected = expected_rows(&plan, "it");
    let read = desk.apply_well(&[]).export(0)["rows"].as_u64().expect("it is a number");
    let most = if what.contains("query: ") { read * 5 / 2 } else { read * 3 / 2 };
    let asked = &plan.export("it")["probes"];
    assert!(read > 0 && expected >= read / 3 && expected <= most, "{what}: {read} rows, not {expected}: {asked:#}");
    let forecast = &plan.advice("it")["forecast"]["rows"];
    let bounds = [&forecast["low"], &forecast["high"]].map(|bound| bound.as_u64().expect("it is forecast"));
    assert!(bounds[0] <= expected && expected <= bounds[1], "{what}: {forecast}");
    read
}

fn estimates_are_near_the_truth(family: Family) {
    let database = MysqlDatabase::create(family);
    let rows = grown(1, 60_000).replace("INTO t", "INTO t (id, at)");
    let sql = format!("CREATE TABLE t ({KEYS}, pad varchar(100) NOT NULL DEFAULT 'some words to fill a row with')");
    fill(&database, &format!("{sql}; {rows}"));
    for keys in [
        "table: t, mode: full",
        "table: t, mode: incremental, cursor_column: at",
        "table: t, mode: chunked, chunk_column: id, chunk_size: 7000",
        "table: t, mode: chunked, chunk_column: at, chunk_by_days: 1",
        "query: 'SELECT id, pad FROM t WHERE id BETWEEN 100 AND 4000', mode: full",
        "query: 'SELECT id, at FROM t', mode: incremental, cursor_column: id",
    ] {
        assert_near(&desk(&database, &[&format!("name: it, {keys}")]), keys);
    }
}

fn what_is_new_is_estimated_by_its_own_rows(family: Family) {
    let database = super::support::table(family, 60_000);
    for cursor in ["id", "at"] {
        let desk = desk(&database, &[&format!("name: it, table: t, mode: incremental, cursor_column: {cursor}")]);
        desk.run_well();
        let from = database.count("t") + 1;
        for rows in [30, 2_000, 12_000] {
            let from = database.count("t").max(from - 1) + 1;
            database.execute(&grown(from, from + rows - 1));
            assert_eq!(assert_near(&desk, cursor), rows);
        }
    }
}

/// A third of the rows have no moment of change, for which that of their creation stands in.
fn rows_by_one_column_or_another_are_estimated_one_by_one(family: Family) {
    let database = MysqlDatabase::create(family);
    let moment = "TIMESTAMP'2026-01-01 00:00:00' + INTERVAL n SECOND";
    let rows = |from, to| insert("t", &format!("n, {moment}, IF(n % 3 > 0, {moment}, NULL), 'word'"), from, to);
    let table = "CREATE TABLE t (id bigint PRIMARY KEY, made datetime NOT NULL, upd datetime, pad varchar(90), \
                 KEY by_made (made, id), KEY by_upd (upd, id))";
    fill(&database, &format!("{table}; {}", rows(1, 30_000)));
    let desk = desk(
        &database,
        &["name: it, table: t, mode: incremental, cursor_column: upd, incremental_cursor_mode: coalesce, \
           cursor_fallback_column: made"],
    );
    let plan = desk.plan();
    assert_eq!(plan.signals("it")["cursor_quality"], "fallback_only");
    assert_near(&desk, "all of them");
    for (from, to) in [(30_001, 30_060), (30_061, 33_000)] {
        database.execute(&rows(from, to));
        assert_eq!(assert_near(&desk, "the new ones"), to + 1 - from);
    }
}

on_both_families!(
    estimates_are_near_the_truth,
    what_is_new_is_estimated_by_its_own_rows,
    rows_by_one_column_or_another_are_estimated_one_by_one,
);
