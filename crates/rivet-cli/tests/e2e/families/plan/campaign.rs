//! Several exports together: the example that the feature was asked for with, and waves.

use insta::assert_snapshot;
use rivet_testing::{Family, MysqlDatabase, on_both_families};
use serde_json::Value;

use super::support::{desk, expected_rows, fill, insert, swell};
use crate::plan::campaign::{assert_campaign, filters};
use crate::plan::support::{Plan, list, text};

/// What `orders` and `events` have by their statistics.
const ROWS: u64 = 8_000_000;

const EXPORTS: [&str; 3] = [
    "name: orders, table: orders, source_group: replica_a, mode: incremental, cursor_column: updated_at",
    "name: events, table: events, source_group: replica_a, mode: chunked, chunk_column: id, chunk_count: 12",
    "name: users_dim, table: users_dim, mode: full",
];

/// Two large tables and a small one. The first run of `orders` is cut into pieces of a million rows by what its index
/// holds, so that it has to hold more than one of them.
fn database(family: Family) -> MysqlDatabase {
    let database = MysqlDatabase::create(family);
    let orders = "n, TIMESTAMP'2026-01-01 00:00:00' + INTERVAL n MINUTE, n / 7.0";
    let more = insert("orders", orders, 1, 550_000) + "; " + &insert("orders", orders, 550_001, 1_100_000);
    let sql = [
        "CREATE TABLE orders (id bigint PRIMARY KEY, updated_at datetime NOT NULL, total decimal(12, 2), \
         KEY orders_updated_at (updated_at))",
        &more,
        "CREATE TABLE events (id bigint PRIMARY KEY, kind int NOT NULL)",
        &insert("events", "n, n % 9", 1, 12_000),
        "CREATE TABLE users_dim (id int PRIMARY KEY, name varchar(40) NOT NULL)",
        &insert("users_dim", "n, CONCAT('user ', n)", 1, 2_000),
    ];
    fill(&database, &sql.join("; "));
    for table in ["orders", "events"] {
        swell(&database, table, ROWS);
    }
    database
}

fn the_example_that_the_feature_was_asked_for_with(family: Family) {
    let database = database(family);
    let desk = desk(&database, &EXPORTS);
    let plan = desk.plan();
    assert_campaign(&plan);
    assert_eq!(plan.export("events")["computed"]["chunk_count"], 12);
    // Planning knows the rows of a piece, which it was asked about, and those of the table, which the run reads.
    assert_eq!(plan.ranges("orders").len(), 2);
    for export in ["orders", "events"] {
        let rows = expected_rows(&plan, export);
        assert!((ROWS * 9 / 10..=ROWS * 11 / 10).contains(&rows), "{export}: {rows} rows");
    }
    assert_eq!(plan.signals("orders")["cursor_quality"], "strong_monotonic");
    assert_eq!(plan.wave("users_dim"), 1);
    assert_ne!(plan.wave("orders"), plan.wave("events"));
    for export in ["orders", "events", "users_dim"] {
        let points: i64 = list(&plan.advice(export)["reasons"]).iter().filter_map(|it| it["points"].as_i64()).sum();
        assert_eq!(50 + points, plan.score(export), "{:#}", plan.advice(export));
    }
    let mut settings = filters();
    for (pattern, replacement) in [
        // Each server has its own bytes for a row, and what follows from them, and its own numbers between two keys.
        (r"\d[\d,.]* (kB|MB|GB|KiB|MiB|GiB)", "[size]"),
        (r"about [^,]*, at a usual speed, for lack of 3 runs that\s+were\s+measured", "about [time], at a usual speed"),
        (r"\[size\], \d[\d a-z]*[a-z](\s+\([^)]*\))?", "[size], [time]"),
        (r"\s+one after the other", " one after the other"),
        (r"planning sent \d+ statements, [\d.]+ s", "planning sent [n] statements, [ms]"),
        // Which way is the cheaper one to a million of 8 M rows is for each planner to say.
        (r"(?s)  Findings   :\n    • info \[index_not_used\].*?cheaper way\.\n", ""),
        (r"8,000,000  .*  alone", "8,000,000  [time]  alone"),
        (r"chunks of about [\d,]+ rows", "chunks of about [n] rows"),
        (r"first `id` < \d+, last `id` >= \d+", "first `id` < [n], last `id` >= [n]"),
    ] {
        settings.add_filter(pattern, replacement);
    }
    settings.bind(|| {
        assert_snapshot!(desk.pretty(&[]), @r"
            Plan of rivet.yaml
              Made       : [moment] by Rivet 0.1.0; plan [id]

            users_dim
              Strategy   : full: every row
              Source     : [place]
              Reads      : table `users_dim`
              Writes     : CSV of 2 columns to [place]
              Estimate   : about 2,000 rows (1,600 to 2,500), [size]
                           about [time], at a usual speed
              Verdict    : efficient — everything is read by the right access path
              Profile    : fast, as configured — it reads about 2.0 k rows: the source will hardly notice
              Resources  : 1 connection, statement budget 10 s, no statement timeout, no lock timeout
                           planning sent [n] statements, [ms] in all
              Classes    : cost low, risk low, confidence 1.00
              Priority   : score 75 — High (wave 1)
              Prioritize :
                • [small_table] a small read: about 2.0 k rows, [size]
                • [simple_scan] one plain scan
                • [preflight_efficient] the checks found that everything is read by the right access path

            orders
              Strategy   : incremental: new rows by `updated_at`
              Source     : [place]
              Reads      : table `orders`
                           from the beginning: it has no position yet
                           up to updated_at [moment], id 1100000
              Writes     : CSV of 3 columns to [place]
              Estimate   : about 8,000,000 rows (6,400,000 to 10,000,000), [size]
                           about [time], at a usual speed
              Verdict    : efficient — everything is read by the right access path
              Profile    : balanced advised, fast configured — it reads about 8.0 M rows from a server that
                           others may need
              Resources  : 1 connection, statement budget 10 s, no statement timeout, no lock timeout
                           planning sent [n] statements, [ms] in all
              Classes    : cost high, risk low, confidence 1.00
              Isolate    : alone on `replica_a`, without other heavy exports
              Priority   : score 68 — Medium (wave 2)
              Prioritize :
                • [large_table] a heavy read: about 8.0 M rows, [size]
                • [strong_cursor] an indexed cursor that only grows: the new rows are found at once
                • [preflight_efficient] the checks found that everything is read by the right access path
                • [shared_source_heavy_conflict] one of 2 heavy exports of source group `replica_a`: run it
                  alone on that source

            events
              Strategy   : chunked: every row, by `id`; each chunk as it is when it is read
              Source     : [place]
              Reads      : table `events`
                           12 chunks of about [n] rows, 1 at a time
                           first `id` < [n], last `id` >= [n]
              Writes     : CSV of 2 columns to [place]
              Estimate   : about 8,000,000 rows (6,400,000 to 10,000,000), [size]
                           about [time], at a usual speed
              Verdict    : efficient — everything is read by the right access path
              Profile    : balanced advised, fast configured — it reads about 8.0 M rows from a server that
                           others may need
                           4 connections advised, 1 configured — the profile `balanced` takes no more
              Notes      :
                • the pieces follow the server's estimates of how many rows are between keys
              Resources  : 1 connection, statement budget 10 s, no statement timeout, no lock timeout
                           planning sent [n] statements, [ms] in all
              Classes    : cost high, risk low, confidence 1.00
              Isolate    : alone on `replica_a`, without other heavy exports
              Priority   : score 40 — Medium (wave 3)
              Prioritize :
                • [large_table] a heavy read: about 8.0 M rows, [size]
                • [chunking_heavy] 12 windows: more statements, and more time on the source
                • [preflight_efficient] the checks found that everything is read by the right access path
                • [shared_source_heavy_conflict] one of 2 heavy exports of source group `replica_a`: run it
                  alone on that source

              Campaign   :
                • source group `replica_a` has 2 heavy-cost exports (events, orders): run them one at a time
              Waves      :
                1: users_dim; about 2,000 rows, [size], [time]
                2: orders; about 8,000,000 rows, [size], [time]
                3: events; about 8,000,000 rows, [size], [time]
              Sources    :
                source group `replica_a`: 2 exports, 2 of them heavy; about 16,000,000 rows, [size], [time] one after the other
              Order      :
                export     score  class   wave  cost  risk       rows  time
                users_dim     75  high       1  low   low       2,000   1 s
                orders        68  medium     2  high  low   8,000,000  [time]  alone
                events        40  medium     3  high  low   8,000,000  [time]  alone
        ");
    });
}

/// What exports say of their waves and of their group, for so many large tables.
fn giants(family: Family, count: usize) -> Plan {
    let database = MysqlDatabase::create(family);
    let names: Vec<String> = (1..=count).map(|number| format!("giant_{number}")).collect();
    let tables = names
        .iter()
        .map(|name| format!("CREATE TABLE {name} (id bigint PRIMARY KEY); {}", insert(name, "n", 1, 2_000)));
    fill(&database, &tables.collect::<Vec<_>>().join("; "));
    for name in &names {
        swell(&database, name, ROWS);
    }
    let export = |name: &String| format!("name: {name}, table: {name}, mode: full, source_group: one");
    let exports: Vec<String> = names.iter().map(export).collect();
    desk(&database, &exports.iter().map(String::as_str).collect::<Vec<_>>()).plan()
}

fn giants_of_one_group_never_share_a_wave_while_another_is_free(family: Family) {
    // Each alone would start in wave 3.
    let plan = giants(family, 2);
    assert_eq!([plan.wave("giant_1"), plan.wave("giant_2")], [3, 4]);
    let reasons = list(&plan.advice("giant_2")["reasons"]);
    let why = reasons.iter().find(|reason| reason["kind"] == "shared_source_heavy_conflict").expect("it was moved");
    assert!(text(&why["message"]).contains("from wave 3 to wave 4"), "{why}");
    assert_eq!(plan.warnings()[0]["sharing_last_wave"], Value::Null);
}

fn giants_that_have_to_share_the_last_wave_are_named(family: Family) {
    let plan = giants(family, 4);
    assert_eq!((1..=4).map(|number| plan.wave(&format!("giant_{number}"))).collect::<Vec<_>>(), [3, 4, 4, 4]);
    let warning = &plan.warnings()[0];
    assert_eq!(warning["sharing_last_wave"], Value::from(vec!["giant_2", "giant_3", "giant_4"]));
    assert!(text(&warning["message"]).contains("share wave 4"), "{warning}");
}

on_both_families!(
    the_example_that_the_feature_was_asked_for_with,
    giants_of_one_group_never_share_a_wave_while_another_is_free,
    giants_that_have_to_share_the_last_wave_are_named,
);
