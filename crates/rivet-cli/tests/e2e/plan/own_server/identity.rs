//! A server is known by its identity, not by its address.

use rivet_testing::{Session, TestDatabase};
use serde_json::Value;

use super::Cluster;
use crate::plan::refusals::assert_refused;
use crate::plan::support::{Desk, fill_at, plan_of_two, swell_at};

const TABLE: &str = "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 3000) i";

#[test]
fn a_plan_is_not_applied_to_another_server_at_the_same_address() {
    let first = Cluster::start("");
    fill_at(&first.url(), TABLE);
    let (url, port) = (first.url(), first.port);
    let desk = Desk::at(&url, &["name: it, table: t, mode: full"]);
    let plan = desk.plan();
    let planned_for = plan.export("it")["resolved_plan"]["server"]["system_id"].clone();
    drop(first);
    let second = Cluster::start_at(port, "");
    fill_at(&second.url(), TABLE);
    let said = assert_refused(&desk, 1, "rivet::plan::other_server", &[]);
    for what in [planned_for.as_str().expect("a server says who it is"), "make a new plan"] {
        assert!(said.contains(what), "`{what}` is missing in: {said}");
    }
    // Nor is it with force: that is for age.
    assert_refused(&desk, 1, "rivet::plan::other_server", &["--force"]);
}

#[test]
fn heavy_exports_of_two_servers_are_no_group() {
    let (one, two) = (TestDatabase::create(), Cluster::start(""));
    for (url, table) in [(one.url().to_owned(), "first"), (two.url(), "second")] {
        fill_at(&url, &TABLE.replace("TABLE t", &format!("TABLE {table}")));
        swell_at(&Session::connect(&url), table, 8_000_000);
    }
    let plan = plan_of_two(one.url(), &two.url(), ["", ""]);
    assert_eq!(plan.warnings(), Vec::<Value>::new());
    for export in ["first", "second"] {
        assert_eq!(plan.advice(export)["isolate_on_source"], false);
        assert_eq!(plan.advice(export)["cost_class"], "high");
    }
}
