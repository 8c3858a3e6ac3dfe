//! Less is known, so less is advised: what can't be looked at never ranks higher for it.

use std::time::Duration;

use rivet_testing::{Family, MysqlDatabase, on_both_families};

use super::support::{User, desk, fill, insert, swell};
use crate::plan::failed_preflight::assert_failed;
use crate::plan::support::{Desk, list, text};

const ROWS: u64 = 5_000_000;

/// Two tables that are alike.
fn database(family: Family) -> MysqlDatabase {
    let database = MysqlDatabase::create(family);
    let both = ["open", "closed"];
    let tables = both.map(|table| {
        let rows = insert(table, "n, CONCAT('the word with the number ', n)", 1, 5_000);
        format!("CREATE TABLE {table} (id int PRIMARY KEY, word varchar(40) NOT NULL); {rows}")
    });
    fill(&database, &tables.join("; "));
    for table in both {
        swell(&database, table, ROWS);
    }
    database
}

const OPEN: &str = "name: open, table: open, mode: full";
const CLOSED: &str = "name: closed, table: closed, mode: full";

fn a_table_that_the_user_may_not_read_is_planned_around(family: Family) {
    let database = database(family);
    let user = User::create(&database, "reader", &[("SELECT", "open")]);
    let plan = Desk::at(&user.url("reader"), &[OPEN, CLOSED]).try_plan(&[]);
    // An export that can't be planned is an error, and the plan is there all the same.
    plan.finished.assert_code(1);
    assert_failed(&plan, "no right to read");
    let error = &plan.export("closed")["error"];
    assert!(text(&error["message"]).contains("denied"), "{error}");
    assert!(plan.finished.stderr.contains("closed"), "{}", plan.finished.stderr);
    assert_eq!(plan.export("open")["error"], serde_json::Value::Null);
}

/// To read a view, and to have it explained, are two rights.
fn a_view_that_the_user_may_read_and_not_explain_is_planned_around(family: Family) {
    let database = database(family);
    database.execute("CREATE VIEW seen AS SELECT id, word FROM closed");
    let user = User::create(&database, "reader", &[("SELECT", "open"), ("SELECT", "seen")]);
    let desk = Desk::at(&user.url("reader"), &[OPEN, "name: closed, table: seen, mode: full"]);
    let plan = desk.plan();
    assert_failed(&plan, "no right to explain");
    assert!(plan.findings("closed").contains(&"explain_failed"), "{:?}", plan.findings("closed"));
    assert_eq!(plan.verdict("closed"), "unknown");
    let probes = list(&plan.export("closed")["probes"]);
    let mut refused = probes.iter().filter(|probe| !probe["error"].is_null());
    assert!(refused.any(|probe| text(&probe["statement"]).starts_with("EXPLAIN")), "{probes:#?}");
    // It can be read all the same.
    assert_eq!(desk.apply_well(&["-e", "closed"]).export(0)["rows"], 5_000);
}

/// Nothing but the right to read the tables: not the server's own statistics, not its transactions, not other users.
fn a_user_with_no_other_rights_gets_a_plan_that_is_no_better(family: Family) {
    let database = database(family);
    let user = User::create(&database, "reader", &[("SELECT", "open"), ("SELECT", "closed")]);
    let (best, plan) = (desk(&database, &[OPEN, CLOSED]).plan(), Desk::at(&user.url("reader"), &[OPEN, CLOSED]).plan());
    let failed: Vec<&str> = list(&plan.value["exports"])
        .iter()
        .flat_map(|export| list(&export["probes"]))
        .filter(|probe| !probe["error"].is_null())
        .map(|probe| text(&probe["purpose"]))
        .collect();
    assert!(failed.contains(&"when statistics were gathered"), "{failed:?}");
    assert!(failed.contains(&"the oldest transaction"), "{failed:?}");
    for export in ["open", "closed"] {
        assert!(plan.score(export) <= best.score(export), "{:#}", plan.advice(export));
        assert!(plan.wave(export) >= best.wave(export), "{:#}", plan.advice(export));
        assert_eq!(plan.signals(export)["estimated_rows"], best.signals(export)["estimated_rows"]);
        assert_eq!(plan.verdict(export), "efficient");
    }
}

fn a_table_that_somebody_has_locked_is_not_waited_for(family: Family) {
    let database = database(family);
    let other = database.connect();
    other.execute("LOCK TABLES closed WRITE");
    let plan = desk(&database, &[OPEN, &format!("{CLOSED}, tuning: {{ max_retries: 0 }}")]).try_plan(&[]);
    assert_failed(&plan, "a lock is held");
    assert!(plan.finished.elapsed < Duration::from_secs(45), "{:?}", plan.finished.elapsed);
    other.execute("UNLOCK TABLES");
}

on_both_families!(
    a_table_that_the_user_may_not_read_is_planned_around,
    a_view_that_the_user_may_read_and_not_explain_is_planned_around,
    a_user_with_no_other_rights_gets_a_plan_that_is_no_better,
    a_table_that_somebody_has_locked_is_not_waited_for,
);
