//! Less is known, so less is advised: what can't be looked at never ranks higher for it.

use std::time::Duration;

use rivet_testing::{Session, TestDatabase};

use super::support::{Desk, Plan, fill, swell, text};

const ROWS: u64 = 5_000_000;

/// Two tables that are alike.
fn database() -> TestDatabase {
    let database = TestDatabase::create();
    fill(
        &database,
        "CREATE TABLE open AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, 5000) i; \
         CREATE TABLE closed AS TABLE open",
    );
    for table in ["open", "closed"] {
        swell(&database, table, ROWS);
    }
    database
}

const OPEN: &str = "name: open, table: open, mode: full";
const CLOSED: &str = "name: closed, table: closed, mode: full";

/// A role that may read both tables.
fn reader(database: &TestDatabase) -> (String, Role) {
    let role = format!("{}_reader", database.name());
    database.execute(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'reader'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    (database.url_as(&role, "reader"), Role { role, session: database.connect() })
}

/// Roles belong to the server, not to the database.
struct Role {
    role: String,
    session: Session,
}

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.session.try_execute(&format!("DROP OWNED BY {0}; DROP ROLE {0}", self.role)));
    }
}

/// Fails the test unless nothing is advised for `closed` that is not for its twin, or better.
#[track_caller]
pub(crate) fn assert_not_above(plan: &Plan, why: &str) {
    let (open, closed) = (plan.advice("open"), plan.advice("closed"));
    assert!(plan.score("closed") <= plan.score("open"), "{why}: {closed:#} above {open:#}");
    assert!(plan.wave("closed") >= plan.wave("open"), "{why}: {closed:#} before {open:#}");
    let confidence = |advice: &serde_json::Value| advice["confidence"].as_f64().expect("it is a number");
    assert!(confidence(closed) < confidence(open), "{why}: {closed:#}");
    assert!(plan.reasons("closed").contains(&"low_confidence_metadata"), "{why}: {closed:#}");
    let order = &plan.value["prioritization"]["campaign"]["ordered_exports"];
    assert_eq!(order[0]["export_name"], "open", "{why}: {order:#}");
}

/// As [`assert_not_above`], where the planner itself did not answer.
#[track_caller]
pub(crate) fn assert_failed(plan: &Plan, why: &str) {
    assert_not_above(plan, why);
    assert_eq!(plan.signals("closed")["preflight_failed"], true, "{why}");
    let closed = plan.advice("closed");
    assert_ne!(closed["priority_class"], "high", "{why}");
    assert_ne!(closed["risk_class"], "low", "{why}");
    assert_ne!(plan.wave("closed"), 1, "{why}");
}

#[test]
fn a_table_that_the_role_may_not_read_is_planned_around() {
    let database = database();
    let (url, role) = reader(&database);
    database.execute(&format!("REVOKE SELECT ON closed FROM {}", role.role));
    let plan = Desk::at(&url, &[OPEN, CLOSED]).try_plan(&[]);
    // An export that can't be planned is an error, and the plan is there all the same.
    plan.finished.assert_code(1);
    assert_failed(&plan, "no right to read");
    let error = &plan.export("closed")["error"];
    assert!(text(&error["message"]).contains("permission denied"), "{error}");
    assert!(plan.finished.stderr.contains("closed"), "{}", plan.finished.stderr);
    assert_eq!(plan.export("open")["error"], serde_json::Value::Null);
}

#[test]
fn a_catalog_that_the_role_may_not_read_costs_confidence() {
    let database = database();
    let (url, role) = reader(&database);
    // `open` can't be looked up either then, so that the same role plans twice.
    let desk = Desk::at(&url, &[CLOSED]);
    let with = desk.plan();
    database.execute("REVOKE SELECT ON pg_catalog.pg_stats FROM PUBLIC");
    let without = desk.plan();
    assert!(without.findings("closed").contains(&"statistics_failed"), "{:?}", without.findings("closed"));
    assert!(without.score("closed") <= with.score("closed"), "{:#}", without.advice("closed"));
    assert_eq!(without.signals("closed")["estimated_rows"], with.signals("closed")["estimated_rows"]);
    let confidence = |plan: &Plan| plan.advice("closed")["confidence"].as_f64().expect("it is a number");
    assert!(confidence(&without) < confidence(&with), "{:#}", without.advice("closed"));
    drop(role);
}

#[test]
fn a_planner_that_does_not_answer_in_time_is_not_waited_for() {
    let database = database();
    // The planner computes what never changes, but only where preflight asks: there a statement has its time.
    database.execute(
        "CREATE FUNCTION slow() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN \
         IF current_setting('statement_timeout') = '5s' THEN PERFORM pg_sleep(60); END IF; RETURN 0; END $$; \
         CREATE VIEW slow AS SELECT id, word FROM closed WHERE id > slow()",
    );
    let plan = Desk::new(&database, &[OPEN, "name: closed, table: slow, mode: full"]).plan();
    assert_failed(&plan, "the planner is slow");
    assert!(plan.findings("closed").contains(&"explain_failed"), "{:?}", plan.findings("closed"));
    assert!(plan.finished.elapsed < Duration::from_secs(30), "{:?}", plan.finished.elapsed);
}

#[test]
fn a_table_that_somebody_has_locked_is_not_waited_for() {
    let database = database();
    let other = database.connect();
    other.execute("BEGIN; LOCK TABLE closed IN ACCESS EXCLUSIVE MODE");
    let plan = Desk::new(&database, &[OPEN, &format!("{CLOSED}, tuning: {{ max_retries: 0 }}")]).try_plan(&[]);
    plan.finished.assert_code(1);
    assert_failed(&plan, "a lock is held");
    assert!(
        text(&plan.export("closed")["error"]["code"]).ends_with("lock_timeout"),
        "{}",
        plan.export("closed")["error"]
    );
    assert!(plan.finished.elapsed < Duration::from_secs(30), "{:?}", plan.finished.elapsed);
}
