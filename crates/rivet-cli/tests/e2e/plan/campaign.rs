//! Several exports together: the example that the feature was asked for with, and waves.

use insta::{Settings, assert_snapshot};
use rivet_testing::TestDatabase;
use serde_json::Value;

use super::support::{Desk, Plan, fill, list, swell, text};

/// What `orders` and `events` have by their statistics.
const ROWS: u64 = 8_000_000;

const ORDERS: &str =
    "name: orders, table: orders, source_group: replica_a, mode: incremental, cursor_column: updated_at";
const EVENTS: &str =
    "name: events, table: events, source_group: replica_a, mode: chunked, chunk_column: id, chunk_count: 12";
const USERS: &str = "name: users_dim, table: users_dim, mode: full";

/// Two large tables and a small one.
fn database() -> TestDatabase {
    let database = TestDatabase::create();
    fill(
        &database,
        "CREATE TABLE orders (id bigint PRIMARY KEY, updated_at timestamptz NOT NULL, total numeric(12, 2)); \
         INSERT INTO orders SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '1 minute', i / 7.0 \
         FROM generate_series(1, 12000) i; \
         CREATE INDEX orders_updated_at ON orders (updated_at); \
         CREATE TABLE events (id bigint PRIMARY KEY, kind int NOT NULL); \
         INSERT INTO events SELECT i, i % 9 FROM generate_series(1, 12000) i; \
         CREATE TABLE users_dim (id int PRIMARY KEY, name text NOT NULL); \
         INSERT INTO users_dim SELECT i, 'user ' || i FROM generate_series(1, 2000) i",
    );
    for table in ["orders", "events"] {
        swell(&database, table, ROWS);
    }
    database
}

/// Takes out what is another one on each machine and in each run.
pub(crate) fn filters() -> Settings {
    let mut settings = Settings::clone_current();
    for (pattern, replacement) in [
        // They are as long as the name of the folder, of the database or of the server's version.
        (r"(?m)^(  Source     : |  Writes     : CSV of \d+ columns to ).*(\n {15}.*)*", "$1[place]"),
        (r"planning sent \d+ statements, \d+ ms", "planning sent [n] statements, [ms]"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[id]"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00)?", "[moment]"),
    ] {
        settings.add_filter(pattern, replacement);
    }
    settings
}

#[track_caller]
pub(crate) fn assert_campaign(plan: &Plan) {
    let [warning] = plan.warnings() else { panic!("one warning expected: {:#?}", plan.warnings()) };
    assert_eq!(warning["kind"], "heavy_collision");
    assert_eq!(warning["source_group"], "replica_a");
    assert_eq!(warning["implied"], false);
    assert_eq!(warning["exports"], Value::from(vec!["events", "orders"]));
    assert!(text(&warning["message"]).contains("2 heavy-cost exports (events, orders)"), "{warning}");
    for (export, isolated, heavy) in [("orders", true, true), ("events", true, true), ("users_dim", false, false)] {
        let advice = plan.advice(export);
        assert_eq!(advice["isolate_on_source"], isolated, "{advice:#}");
        assert_eq!(advice["cost_class"] == "high", heavy, "{advice:#}");
        assert_eq!(plan.reasons(export).contains(&"shared_source_heavy_conflict"), isolated, "{advice:#}");
    }
}

#[test]
fn two_heavy_exports_of_one_group_are_warned_of_and_isolated_and_nothing_else_is() {
    let database = database();
    let desk = Desk::new(&database, &[ORDERS, EVENTS, USERS]);
    let plan = desk.plan();
    assert_campaign(&plan);
    assert_eq!(plan.export("events")["computed"]["chunk_count"], 12);
    for export in ["orders", "events"] {
        let rows = plan.signals(export)["estimated_rows"].as_u64().expect("it is known");
        assert!((ROWS * 9 / 10..=ROWS * 11 / 10).contains(&rows), "{export}: {rows} rows");
    }
    assert_eq!(plan.signals("orders")["cursor_quality"], "strong_monotonic");
    assert_eq!(plan.wave("users_dim"), 1);
    assert_ne!(plan.wave("orders"), plan.wave("events"));
    for export in ["orders", "events", "users_dim"] {
        let points: i64 = list(&plan.advice(export)["reasons"]).iter().filter_map(|it| it["points"].as_i64()).sum();
        assert_eq!(50 + points, plan.score(export), "{:#}", plan.advice(export));
    }
}

#[test]
fn a_person_sees_priorities_and_the_campaign() {
    let database = database();
    let desk = Desk::new(&database, &[ORDERS, EVENTS, USERS]);
    filters().bind(|| {
        assert_snapshot!(desk.pretty(&[]), @r"
            Plan of rivet.yaml
              Made       : [moment] by Rivet 0.1.0; plan [id]

            users_dim
              Strategy   : full: every row
              Source     : [place]
              Reads      : table `users_dim`
              Writes     : CSV of 2 columns to [place]
              Estimate   : about 2,000 rows (1,600 to 2,500), 26.0 kB
                           about 1 s, at a usual speed, for lack of 3 runs that were measured
              Verdict    : efficient — everything is read by the right access path
              Profile    : fast, as configured — it reads about 2.0 k rows: the source will hardly notice
              Resources  : 1 connection, statement budget 10 s, no statement timeout, no lock timeout
                           planning sent [n] statements, [ms] in all
              Classes    : cost low, risk low, confidence 1.00
              Priority   : score 75 — High (wave 1)
              Prioritize :
                • [small_table] a small read: about 2.0 k rows, 25.4 KiB
                • [simple_scan] one plain scan
                • [preflight_efficient] the checks found that everything is read by the right access path

            orders
              Strategy   : incremental: new rows by `updated_at`
              Source     : [place]
              Reads      : table `orders`
                           from the beginning: it has no position yet
                           up to updated_at [moment], id 12000
              Writes     : CSV of 3 columns to [place]
              Estimate   : about 8,000,000 rows (6,400,000 to 10,000,000), 176.0 MB
                           about 11 s (9 s to 22 s), at a usual speed, for lack of 3 runs that were measured
              Verdict    : efficient — everything is read by the right access path
              Profile    : balanced advised, fast configured — it reads about 8.0 M rows from a server that
                           others may need
              Findings   :
                • info [index_not_used] the index `orders_updated_at` begins with `updated_at`, but the planner
                  reads all of about 8.0 M rows
                  Leave it so: for few rows, or for most of them, a scan is the cheaper way.
              Resources  : 1 connection, statement budget 10 s, no statement timeout, no lock timeout
                           planning sent [n] statements, [ms] in all
              Classes    : cost high, risk low, confidence 1.00
              Isolate    : alone on `replica_a`, without other heavy exports
              Priority   : score 68 — Medium (wave 2)
              Prioritize :
                • [large_table] a heavy read: about 8.0 M rows, 167.8 MiB
                • [strong_cursor] an indexed cursor that only grows: the new rows are found at once
                • [preflight_efficient] the checks found that everything is read by the right access path
                • [shared_source_heavy_conflict] one of 2 heavy exports of source group `replica_a`: run it
                  alone on that source

            events
              Strategy   : chunked: every row, by `id`; each chunk as it is when it is read
              Source     : [place]
              Reads      : table `events`
                           12 chunks of about 1,000 rows, 1 at a time
                           first `id` < 1001, last `id` >= 11001
              Writes     : CSV of 2 columns to [place]
              Estimate   : about 8,000,000 rows (6,400,000 to 10,000,000), 96.0 MB
                           about 11 s (9 s to 14 s), at a usual speed, for lack of 3 runs that were measured
              Verdict    : efficient — everything is read by the right access path
              Profile    : balanced advised, fast configured — it reads about 8.0 M rows from a server that
                           others may need
                           4 connections advised, 1 configured — the profile `balanced` takes no more
              Resources  : 1 connection, statement budget 10 s, no statement timeout, no lock timeout
                           planning sent [n] statements, [ms] in all
              Classes    : cost high, risk low, confidence 1.00
              Isolate    : alone on `replica_a`, without other heavy exports
              Priority   : score 40 — Medium (wave 3)
              Prioritize :
                • [large_table] a heavy read: about 8.0 M rows, 91.6 MiB
                • [chunking_heavy] 12 windows: more statements, and more time on the source
                • [preflight_efficient] the checks found that everything is read by the right access path
                • [shared_source_heavy_conflict] one of 2 heavy exports of source group `replica_a`: run it
                  alone on that source

              Campaign   :
                • source group `replica_a` has 2 heavy-cost exports (events, orders): run them one at a time
              Waves      :
                1: users_dim; about 2,000 rows, 26.0 kB, 1 s
                2: orders; about 8,000,000 rows, 176.0 MB, 11 s (9 s to 22 s)
                3: events; about 8,000,000 rows, 96.0 MB, 11 s (9 s to 14 s)
              Sources    :
                source group `replica_a`: 2 exports, 2 of them heavy; about 16,000,000 rows, 272.0 MB, 22 s
                   (18 s to 36 s) one after the other
              Order      :
                export     score  class   wave  cost  risk       rows  time
                users_dim     75  high       1  low   low       2,000   1 s
                orders        68  medium     2  high  low   8,000,000  11 s  alone
                events        40  medium     3  high  low   8,000,000  11 s  alone
        ");
    });
}

/// What exports say of their waves and of their group, for so many large tables.
fn giants(count: usize) -> Plan {
    let database = TestDatabase::create();
    let names: Vec<String> = (1..=count).map(|number| format!("giant_{number}")).collect();
    let tables = names.iter().map(|name| {
        format!("CREATE TABLE {name} (id bigint PRIMARY KEY); INSERT INTO {name} SELECT generate_series(1, 2000)")
    });
    fill(&database, &tables.collect::<Vec<_>>().join("; "));
    for name in &names {
        swell(&database, name, ROWS);
    }
    let export = |name: &String| format!("name: {name}, table: {name}, mode: full, source_group: one");
    let exports: Vec<String> = names.iter().map(export).collect();
    Desk::new(&database, &exports.iter().map(String::as_str).collect::<Vec<_>>()).plan()
}

#[test]
fn giants_of_one_group_never_share_a_wave_while_another_is_free() {
    // Each alone would start in wave 3.
    let plan = giants(2);
    assert_eq!([plan.wave("giant_1"), plan.wave("giant_2")], [3, 4]);
    let reasons = list(&plan.advice("giant_2")["reasons"]);
    let why = reasons.iter().find(|reason| reason["kind"] == "shared_source_heavy_conflict").expect("it was moved");
    assert!(text(&why["message"]).contains("from wave 3 to wave 4"), "{why}");
    assert_eq!(plan.warnings()[0]["sharing_last_wave"], Value::Null);
    assert_eq!(list(&plan.value["prioritization"]["campaign"]["waves"]).len(), 2);
}

#[test]
fn giants_that_have_to_share_the_last_wave_are_named() {
    let plan = giants(4);
    assert_eq!((1..=4).map(|number| plan.wave(&format!("giant_{number}"))).collect::<Vec<_>>(), [3, 4, 4, 4]);
    let warning = &plan.warnings()[0];
    assert_eq!(warning["sharing_last_wave"], Value::from(vec!["giant_2", "giant_3", "giant_4"]));
    assert!(text(&warning["message"]).contains("share wave 4"), "{warning}");
}
