//! Exports of one server that nobody has put into a group.

use rivet_testing::{Family, MysqlDatabase, on_both_families};
use serde_json::Value;

use super::support::{desk, fill, insert, swell, table};
use crate::plan::permutations::assert_same_in_every_order;
use crate::plan::support::{plan_of_two, text};

/// A database with a heavy table.
fn heavy(family: Family, table: &str) -> MysqlDatabase {
    let database = MysqlDatabase::create(family);
    fill(&database, &format!("CREATE TABLE {table} (id int PRIMARY KEY); {}", insert(table, "n", 1, 3_000)));
    swell(&database, table, 8_000_000);
    database
}

/// Returns what the server calls itself; none for a MariaDB without a name.
fn identity(database: &MysqlDatabase) -> Option<String> {
    let sql = database.family().choose("SELECT @@global.server_uuid", "SELECT @@global.server_uid");
    database.session().try_execute(sql).is_ok().then(|| database.query_value(sql))
}

fn heavy_exports_of_one_server_are_a_group_that_nobody_named(family: Family) {
    // Two databases are one server, by whatever name it is reached.
    let (one, two) = (heavy(family, "first"), heavy(family, "second"));
    let by_name = two.url().replace("127.0.0.1", "localhost");
    for second in [two.url(), &by_name] {
        let plan = plan_of_two(one.url(), second, ["", ""]);
        let [warning] = plan.warnings() else { panic!("one warning expected: {:#?}", plan.warnings()) };
        assert_eq!((&warning["implied"], &warning["kind"]), (&true.into(), &"heavy_collision".into()));
        assert_eq!(warning["exports"], serde_json::json!(["first", "second"]));
        let message = text(&warning["message"]);
        assert!(message.contains("2 heavy-cost exports (first, second)"), "{message}");
        assert!(message.contains("implied") && message.contains("source_group"), "{message}");
        // Its address is in it too: a replica may bear the name of its primary.
        let address = one.query_value("SELECT CONCAT(@@global.hostname, ':', @@global.port)");
        let group = text(&warning["source_group"]);
        assert!(group.contains(&identity(&one).unwrap_or_default()) && group.contains(&address), "{warning}");
        for export in ["first", "second"] {
            assert_eq!(plan.advice(export)["isolate_on_source"], true);
            assert!(plan.signals(export)["source_group"].is_null(), "nobody has named it");
        }
    }
    // One group for both names it, and one each opts out.
    let named = plan_of_two(one.url(), two.url(), [", source_group: shop", ", source_group: shop"]);
    let warning = &named.warnings()[0];
    assert_eq!((&warning["implied"], &warning["source_group"]), (&false.into(), &"shop".into()));
    let apart = plan_of_two(one.url(), two.url(), [", source_group: shop", ", source_group: other"]);
    assert_eq!(apart.warnings(), Vec::<Value>::new());
    assert_eq!(apart.advice("first")["isolate_on_source"], false);
}

/// A primary, with as many connections as anybody sees.
fn a_server_that_is_no_replica_is_not_taken_for_one(family: Family) {
    let database = table(family, 100);
    let plan = desk(&database, &["name: it, table: t, mode: full"]).plan();
    let server = &plan.export("it")["resolved_plan"]["server"];
    assert_eq!((&server["replica"], &server["pooled"]), (&false.into(), &false.into()), "{server}");
    assert!(text(&server["product"]).starts_with(&family.to_string()), "{server}");
    assert_eq!(server["system_id"], Value::from(identity(&database)));
    for code in ["replica_lag", "replica", "pooler"] {
        assert!(!plan.findings("it").contains(&code), "{:?}", plan.findings("it"));
    }
}

const EXPORTS: [&str; 6] = [
    "name: whole, table: t, mode: full, source_group: one",
    "name: chunks, table: big, mode: chunked, chunk_column: id, chunk_count: 9, source_group: one",
    "name: cursor, table: other, mode: full, source_group: one",
    "name: window, table: t, mode: time_window, time_column: at, days_window: 3",
    "name: query, query: 'SELECT id FROM t', mode: full",
    "name: broken, table: nowhere, mode: full",
];

fn no_byte_of_a_plan_depends_on_the_order_of_its_exports(family: Family) {
    let database = table(family, 500);
    let both = ["big", "other"];
    let tables =
        both.map(|table| format!("CREATE TABLE {table} (id bigint PRIMARY KEY); {}", insert(table, "n", 1, 9_000)));
    fill(&database, &tables.join("; "));
    for table in both {
        swell(&database, table, 6_000_000);
    }
    assert_same_in_every_order(&desk(&database, &EXPORTS));
}

on_both_families!(
    heavy_exports_of_one_server_are_a_group_that_nobody_named,
    a_server_that_is_no_replica_is_not_taken_for_one,
    no_byte_of_a_plan_depends_on_the_order_of_its_exports,
);

/// The one and the other of them are two servers.
#[test]
fn heavy_exports_of_two_servers_are_no_group_mysql_and_mariadb() {
    let (one, two) = (heavy(Family::Mysql, "first"), heavy(Family::Mariadb, "second"));
    let plan = plan_of_two(one.url(), two.url(), ["", ""]);
    assert_eq!(plan.warnings(), Vec::<Value>::new());
    for export in ["first", "second"] {
        assert_eq!(plan.advice(export)["isolate_on_source"], false);
        assert_eq!(plan.advice(export)["cost_class"], "high");
    }
}
