//! Exports of one server that nobody has put into a group.

use rivet_testing::TestDatabase;
use serde_json::Value;

use super::support::{Desk, URL, fill, list, plan_of_two, swell, text};

/// A database with a heavy table.
fn heavy(table: &str) -> TestDatabase {
    let database = TestDatabase::create();
    fill(&database, &format!("CREATE TABLE {table} AS SELECT i AS id FROM generate_series(1, 3000) i"));
    swell(&database, table, 8_000_000);
    database
}

#[test]
fn heavy_exports_of_one_server_are_a_group_that_nobody_named() {
    // Two databases are one server.
    let (one, two) = (heavy("first"), heavy("second"));
    let plan = plan_of_two(one.url(), two.url(), ["", ""]);
    let [warning] = plan.warnings() else { panic!("one warning expected: {:#?}", plan.warnings()) };
    assert_eq!(warning["implied"], true);
    assert_eq!(warning["kind"], "heavy_collision");
    assert_eq!(warning["exports"], serde_json::json!(["first", "second"]));
    let message = text(&warning["message"]);
    assert!(message.contains("2 heavy-cost exports (first, second)"), "{message}");
    assert!(message.contains("implied") && message.contains("source_group"), "{message}");
    let system = one.query_value("SELECT system_identifier FROM pg_control_system()");
    assert!(text(&warning["source_group"]).contains(&system), "{warning}");
    for export in ["first", "second"] {
        assert_eq!(plan.advice(export)["isolate_on_source"], true);
        assert!(plan.signals(export)["source_group"].is_null(), "nobody has named it");
    }
    // One group for both names it, and one each opts out.
    let named = plan_of_two(one.url(), two.url(), [", source_group: shop", ", source_group: shop"]);
    assert_eq!(
        (&named.warnings()[0]["implied"], &named.warnings()[0]["source_group"]),
        (&false.into(), &"shop".into())
    );
    let apart = plan_of_two(one.url(), two.url(), [", source_group: shop", ", source_group: other"]);
    assert_eq!(apart.warnings(), Vec::<Value>::new());
    assert_eq!(apart.advice("first")["isolate_on_source"], false);
}

#[test]
fn two_configurations_with_one_name_for_two_exports_are_refused() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE first (id int)");
    let desk = Desk::new(&database, &["name: first, table: first, mode: full"]);
    let config = std::fs::read_to_string(desk.project.path("rivet.yaml")).expect("every project has one");
    assert!(config.contains(URL));
    desk.project.write("other.yaml", &config);
    let finished = desk.command(&["plan", "-c", "rivet.yaml", "-c", "other.yaml"]).run();
    finished.assert_code(2);
    assert!(finished.stderr.contains("two configurations have an export named `first`"), "{}", finished.stderr);
}

#[test]
fn exports_of_two_configurations_keep_their_runs_where_each_is_configured() {
    let (one, two) = (heavy("first"), heavy("second"));
    let desk = Desk::new(&one, &["name: first, table: first, mode: full"]);
    let other = "state: { path: elsewhere/runs.redb }\nsource: { type: postgres, url_env: OTHER_URL }\n\
                 exports: [{ name: second, table: second, mode: full, format: csv, destination: { type: local, path: out } }]\n";
    desk.project.write("other.yaml", other);
    let arguments = ["plan", "-c", "rivet.yaml", "-c", "other.yaml", "-o", "plan.json"];
    desk.command(&arguments).env("OTHER_URL", two.url()).run().assert_code(0);
    let finished = desk.command(&["apply", "plan.json", "--json"]).env("OTHER_URL", two.url()).run();
    finished.assert_code(0);
    let report: Value = serde_json::from_str(&finished.stdout).expect("`--json` prints a report");
    let exports: Vec<&str> = list(&report["exports"]).iter().map(|it| text(&it["export"])).collect();
    assert_eq!(exports, ["first", "second"], "in the order of the campaign");
    assert!(desk.project.path(".rivet/state.redb").is_file() && desk.project.path("elsewhere/runs.redb").is_file());
    for (config, export) in [("rivet.yaml", "first"), ("other.yaml", "second")] {
        let shown = desk.command(&["metrics", "-c", config, "--json"]).env("OTHER_URL", two.url()).run();
        shown.assert_code(0);
        let runs: Value = serde_json::from_str(&shown.stdout).expect("`--json` prints a document");
        assert_eq!(runs["runs"][0]["export"], export, "{runs:#}");
        assert_eq!(list(&runs["runs"]).len(), 1, "{runs:#}");
    }
}
