//! Judgements that are easily wrong, each on a real table.

use rivet_testing::TestDatabase;
use serde_json::Value;

use super::support::{Desk, Plan, fill, list, swell, text};

/// Plans one export of one table, `t`, which is said to have so many rows.
#[track_caller]
fn plan(sql: &str, said: Option<u64>, keys: &str) -> Plan {
    let database = TestDatabase::create();
    fill(&database, sql);
    if let Some(rows) = said {
        swell(&database, "t", rows);
    }
    Desk::new(&database, &[&format!("name: it, {keys}")]).plan()
}

#[test]
fn a_lookup_table_of_5000_rows_is_in_the_first_wave() {
    let sql = "CREATE TABLE t AS SELECT i AS id, 'country ' || i AS name FROM generate_series(1, 5000) i";
    let plan = plan(sql, None, "table: t, mode: full");
    assert_eq!(plan.verdict("it"), "efficient");
    assert_eq!(plan.reasons("it"), ["small_table", "simple_scan", "preflight_efficient"]);
    assert_eq!((plan.wave("it"), plan.score("it")), (1, 75));
    assert_eq!(plan.advice("it")["confidence"], 1.0);
    assert_eq!(plan.signals("it")["estimated_rows"], 5_000);
}

/// A year of rows, as dense as 50 M of them.
const YEAR: &str = "CREATE TABLE t AS SELECT i AS id, now() - i * interval '1 minute' * 40 AS at \
     FROM generate_series(0, 13000) i; CREATE INDEX ON t (at)";

#[test]
fn a_week_of_a_large_table_with_an_index_is_not_unsafe() {
    let plan = plan(YEAR, Some(50_000_000), "table: t, mode: time_window, time_column: at, days_window: 7");
    assert_eq!(plan.verdict("it"), "efficient", "{:#}", plan.export("it")["diagnostics"]);
    assert!(plan.reasons("it").contains(&"freshness_hint_recent"), "{:?}", plan.reasons("it"));
    assert!(!plan.reasons("it").contains(&"no_time_cursor"), "{:?}", plan.reasons("it"));
    let rows = plan.signals("it")["estimated_rows"].as_u64().expect("it is known");
    // A week, and what has passed of today, of a year.
    assert!((800_000..1_300_000).contains(&rows), "{rows}");
}

#[test]
fn a_week_of_a_large_table_without_an_index_is_unsafe() {
    let plan = plan(
        &YEAR.replace("CREATE INDEX ON t (at)", "SELECT"),
        Some(50_000_000),
        "table: t, mode: time_window, time_column: at, days_window: 7",
    );
    assert_eq!(plan.verdict("it"), "unsafe");
    assert!(plan.findings("it").contains(&"no_usable_index"), "{:?}", plan.findings("it"));
    assert!(plan.reasons("it").contains(&"no_time_cursor"), "{:?}", plan.reasons("it"));
}

#[test]
fn a_table_is_explained_as_itself() {
    let sql = "CREATE TABLE t (id int PRIMARY KEY, \"Two Words\" text, hidden int); \
               INSERT INTO t SELECT i, i, i FROM generate_series(1, 3000) i";
    let plan = plan(sql, None, "table: t, mode: full, exclude: [hidden]");
    let statement = "SELECT \"id\", \"Two Words\" FROM \"t\"";
    let export = plan.export("it");
    assert_eq!(export["resolved_plan"]["statement"], statement);
    let explained = format!("EXPLAIN (FORMAT JSON) {statement}");
    let probes: Vec<&str> = list(&export["probes"]).iter().map(|probe| text(&probe["statement"])).collect();
    assert!(probes.contains(&explained.as_str()), "{probes:#?}");
    assert_eq!(plan.signals("it")["estimated_rows"], 3_000);
}

#[test]
fn a_query_is_explained_as_itself() {
    let sql = "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 3000) i";
    let plan = plan(sql, None, "query: 'SELECT id FROM t WHERE id <= 30', mode: full");
    let statement = text(&plan.export("it")["resolved_plan"]["statement"]);
    assert!(statement.contains("SELECT id FROM t WHERE id <= 30"), "{statement}");
    let rows = plan.signals("it")["estimated_rows"].as_u64().expect("it is known");
    assert!((20..=40).contains(&rows), "{rows}");
}

/// 2,000 rows, 25,000 keys apart.
const SPARSE: &str =
    "CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t SELECT i * 25000 FROM generate_series(1, 2000) i";

#[test]
fn few_rows_over_a_wide_span_of_keys_are_a_sparse_range_and_no_huge_table() {
    let plan = plan(SPARSE, None, "table: t, mode: chunked, chunk_column: id, chunk_size: 100000");
    let (signals, advice) = (plan.signals("it"), plan.advice("it"));
    assert_eq!(signals["sparse_range"], true);
    assert_eq!(signals["estimated_rows"], 2_000);
    assert_eq!(advice["cost_class"], "low");
    assert_eq!(advice["risk_class"], "high");
    assert!(plan.findings("it").contains(&"sparse_range"), "{:?}", plan.findings("it"));
    let reasons = plan.reasons("it");
    assert!(reasons.contains(&"sparse_range_risk") && reasons.contains(&"small_table"), "{reasons:?}");
    assert!(!reasons.contains(&"huge_table") && !reasons.contains(&"large_table"), "{reasons:?}");
    // They are cut where rows are.
    assert_eq!(plan.export("it")["computed"]["chunk_count"], 1);
}

#[test]
fn rows_close_together_are_no_sparse_range() {
    let dense = SPARSE.replace("i * 25000", "i");
    let plan = plan(&dense, None, "table: t, mode: chunked, chunk_column: id, chunk_size: 100");
    assert_eq!(plan.signals("it")["sparse_range"], false);
    assert!(!plan.reasons("it").contains(&"sparse_range_risk"), "{:?}", plan.reasons("it"));
}

/// An incremental export is judged by what is new, not by its table.
#[test]
fn the_rows_after_a_cursor_count_and_not_the_table() {
    let database = TestDatabase::create();
    fill(
        &database,
        "CREATE TABLE t (id bigint PRIMARY KEY, word text NOT NULL); \
         INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 12000) i",
    );
    let desk = Desk::new(&database, &["name: it, table: t, mode: incremental, cursor_column: id"]);
    desk.run_well();
    fill(&database, "INSERT INTO t SELECT i, md5(i::text) FROM generate_series(12001, 12100) i");
    swell(&database, "t", 60_500_000);
    let plan = desk.plan();
    let rows = plan.signals("it")["estimated_rows"].as_u64().expect("it is known");
    // A hundred of 12,100 rows.
    assert!((250_000..1_000_000).contains(&rows), "{rows} rows: {:#}", plan.export("it")["computed"]);
    assert_eq!(plan.verdict("it"), "efficient");
    assert_eq!(
        plan.export("it")["computed"]["cursor_snapshot"]["watermark"]["values"][0]["value"],
        Value::from(12_100)
    );
    assert!(plan.reasons("it").contains(&"strong_cursor"), "{:?}", plan.reasons("it"));
}

/// A first run of more rows than one statement should send is cut up, and all pieces of it count.
#[test]
fn all_of_a_first_run_counts_and_not_one_of_its_pieces() {
    let sql = "CREATE UNLOGGED TABLE t (id bigint NOT NULL); INSERT INTO t SELECT generate_series(1, 2100000); \
               ALTER TABLE t ADD PRIMARY KEY (id)";
    let plan = plan(sql, None, "table: t, mode: incremental, cursor_column: id");
    assert_eq!(plan.ranges("it").len(), 3);
    let rows = plan.signals("it")["estimated_rows"].as_u64().expect("it is known");
    assert!((1_900_000..2_300_000).contains(&rows), "{rows}");
}
