//! Judgements that are easily wrong, each on a real table.

use rivet_testing::{Family, MysqlDatabase, on_both_families};
use serde_json::Value;

use super::support::{KEYS, desk, expected_rows, fill, grown, insert, swell};
use crate::plan::support::{Plan, list, text};

/// Plans one export of one table, `t`, which is said to have so many rows.
#[track_caller]
fn plan(family: Family, sql: &str, said: Option<u64>, keys: &str) -> Plan {
    let database = MysqlDatabase::create(family);
    fill(&database, sql);
    if let Some(rows) = said {
        swell(&database, "t", rows);
    }
    desk(&database, &[&format!("name: it, {keys}")]).plan()
}

fn a_lookup_table_of_5000_rows_is_in_the_first_wave(family: Family) {
    let rows = insert("t", "n, CONCAT('country ', n)", 1, 5_000);
    let sql = format!("CREATE TABLE t (id int PRIMARY KEY, name varchar(40)); {rows}");
    let plan = plan(family, &sql, None, "table: t, mode: full");
    assert_eq!(plan.verdict("it"), "efficient");
    assert_eq!(plan.reasons("it"), ["small_table", "simple_scan", "preflight_efficient"]);
    assert_eq!((plan.wave("it"), plan.score("it")), (1, 75));
    assert_eq!(plan.advice("it")["confidence"], 1.0);
    let rows = expected_rows(&plan, "it");
    assert!((2_500..=10_000).contains(&rows), "{rows}");
}

/// A year of rows, which are said to be 50 M.
fn year(index: &str) -> String {
    let rows = insert("t", "n, UTC_TIMESTAMP() - INTERVAL n * 40 MINUTE", 0, 13_000);
    format!("CREATE TABLE t (id int PRIMARY KEY, at datetime NOT NULL{index}); {rows}")
}

const WEEK: &str = "table: t, mode: time_window, time_column: at, days_window: 7";

fn a_week_of_a_large_table_with_an_index_is_not_unsafe(family: Family) {
    let plan = plan(family, &year(", KEY (at)"), Some(50_000_000), WEEK);
    assert_eq!(plan.verdict("it"), "efficient", "{:#}", plan.export("it")["diagnostics"]);
    assert!(plan.reasons("it").contains(&"freshness_hint_recent"), "{:?}", plan.reasons("it"));
    assert!(!plan.reasons("it").contains(&"no_time_cursor"), "{:?}", plan.reasons("it"));
    // A week, and what has passed of today, of the rows that the index has.
    let rows = expected_rows(&plan, "it");
    assert!((200..=400).contains(&rows), "{rows}");
}

fn a_week_of_a_large_table_without_an_index_is_unsafe(family: Family) {
    let plan = plan(family, &year(""), Some(50_000_000), WEEK);
    assert_eq!(plan.verdict("it"), "unsafe");
    assert!(plan.findings("it").contains(&"no_usable_index"), "{:?}", plan.findings("it"));
    assert!(plan.reasons("it").contains(&"no_time_cursor"), "{:?}", plan.reasons("it"));
}

fn a_table_is_explained_as_itself(family: Family) {
    let rows = insert("t", "n, n, n", 1, 3_000);
    let sql = format!("CREATE TABLE t (id int PRIMARY KEY, `Two Words` text, hidden int); {rows}");
    let plan = plan(family, &sql, None, "table: t, mode: full, exclude: [hidden]");
    let export = plan.export("it");
    let statement = text(&export["resolved_plan"]["statement"]);
    assert!(statement.starts_with("SELECT `id`, `Two Words`"), "{statement}");
    assert!(statement.contains(" FROM `t`") && !statement.contains("hidden"), "{statement}");
    let explained = format!("EXPLAIN FORMAT=JSON {statement}");
    let probes: Vec<&str> = list(&export["probes"]).iter().map(|probe| text(&probe["statement"])).collect();
    assert!(probes.contains(&explained.as_str()), "{probes:#?}");
    let rows = expected_rows(&plan, "it");
    assert!((1_500..=6_000).contains(&rows), "{rows}");
}

fn a_query_is_explained_as_itself(family: Family) {
    let sql = format!("CREATE TABLE t (id int PRIMARY KEY); {}", insert("t", "n", 1, 3_000));
    let plan = plan(family, &sql, None, "query: 'SELECT id FROM t WHERE id <= 30', mode: full");
    let statement = text(&plan.export("it")["resolved_plan"]["statement"]);
    assert!(statement.contains("SELECT id FROM t WHERE id <= 30"), "{statement}");
    let rows = expected_rows(&plan, "it");
    assert!((20..=40).contains(&rows), "{rows}");
}

/// 2,000 rows, so many keys apart.
fn apart(keys: u32) -> String {
    format!("CREATE TABLE t (id bigint PRIMARY KEY); {}", insert("t", &format!("n * {keys}"), 1, 2_000))
}

fn few_rows_over_a_wide_span_of_keys_are_a_sparse_range_and_no_huge_table(family: Family) {
    let keys = "table: t, mode: chunked, chunk_column: id, chunk_size: 100000";
    let plan = plan(family, &apart(25_000), None, keys);
    let advice = plan.advice("it");
    assert_eq!(plan.signals("it")["sparse_range"], true);
    assert!((1_000..=4_000).contains(&expected_rows(&plan, "it")), "{}", expected_rows(&plan, "it"));
    assert_eq!((&advice["cost_class"], &advice["risk_class"]), (&"low".into(), &"high".into()));
    assert!(plan.findings("it").contains(&"sparse_range"), "{:?}", plan.findings("it"));
    let reasons = plan.reasons("it");
    assert!(reasons.contains(&"sparse_range_risk") && reasons.contains(&"small_table"), "{reasons:?}");
    assert!(!reasons.contains(&"huge_table") && !reasons.contains(&"large_table"), "{reasons:?}");
    // They are cut where rows are.
    assert_eq!(plan.export("it")["computed"]["chunk_count"], 1);
}

fn rows_close_together_are_no_sparse_range(family: Family) {
    let plan = plan(family, &apart(1), None, "table: t, mode: chunked, chunk_column: id, chunk_size: 100");
    assert_eq!(plan.signals("it")["sparse_range"], false);
    assert!(!plan.reasons("it").contains(&"sparse_range_risk"), "{:?}", plan.reasons("it"));
}

/// An incremental export is judged by what is new, not by its table.
fn the_rows_after_a_cursor_count_and_not_the_table(family: Family) {
    let database = MysqlDatabase::create(family);
    fill(&database, &format!("CREATE TABLE t ({KEYS}); {}", grown(1, 12_000)));
    let desk = desk(&database, &["name: it, table: t, mode: incremental, cursor_column: id"]);
    desk.run_well();
    fill(&database, &grown(12_001, 12_100));
    swell(&database, "t", 60_500_000);
    let plan = desk.plan();
    let rows = expected_rows(&plan, "it");
    assert!((50..=200).contains(&rows), "{rows} rows: {:#}", plan.export("it")["computed"]);
    assert_eq!(plan.verdict("it"), "efficient");
    let watermark = &plan.export("it")["computed"]["cursor_snapshot"]["watermark"];
    assert_eq!(watermark["values"][0]["value"], Value::from(12_100));
    let reasons = plan.reasons("it");
    assert!(reasons.contains(&"strong_cursor") && reasons.contains(&"small_table"), "{reasons:?}");
}

on_both_families!(
    a_lookup_table_of_5000_rows_is_in_the_first_wave,
    a_week_of_a_large_table_with_an_index_is_not_unsafe,
    a_week_of_a_large_table_without_an_index_is_unsafe,
    a_table_is_explained_as_itself,
    a_query_is_explained_as_itself,
    few_rows_over_a_wide_span_of_keys_are_a_sparse_range_and_no_huge_table,
    rows_close_together_are_no_sparse_range,
    the_rows_after_a_cursor_count_and_not_the_table,
);
