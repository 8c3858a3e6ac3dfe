//! What earlier runs of an export were like, and what that costs it.

use rivet_testing::{Family, MysqlDatabase, on_both_families};

use super::support::{desk, fill, insert};
use crate::plan::history::{assert_costs, record_slow_failures};
use crate::plan::support::Desk;

/// A view that fails as long as `mood` is bad.
fn database(family: Family) -> MysqlDatabase {
    let database = MysqlDatabase::create(family);
    fill(
        &database,
        &format!(
            "CREATE TABLE base (id int PRIMARY KEY); {}; CREATE TABLE mood (is_bad int); INSERT INTO mood VALUES (0); \
             CREATE VIEW v AS SELECT id, IF((SELECT is_bad FROM mood) = 1 AND id > 250, \
             (SELECT id FROM base b WHERE b.id < 3), 0) AS felt FROM base",
            insert("base", "n", 1, 500)
        ),
    );
    database
}

fn moody(database: &MysqlDatabase) -> Desk {
    desk(database, &["name: it, table: v, mode: full, tuning: { max_retries: 2, retry_backoff_ms: 1 }"])
}

fn feel(database: &MysqlDatabase, is_bad: bool) {
    database.execute(&format!("UPDATE mood SET is_bad = {is_bad}"));
}

fn runs_that_went_well_are_no_reason_against_an_export(family: Family) {
    let database = database(family);
    let desk = moody(&database);
    let before = desk.plan();
    for runs in 1..=3 {
        // By a plan or without one.
        if runs == 2 {
            desk.apply_well(&[])
        } else {
            desk.run_well()
        };
        let plan = desk.plan();
        let history = &plan.signals("it")["history"];
        assert_eq!((&history["runs"], &history["failures"]), (&runs.into(), &0.into()), "{history}");
        assert_eq!((&history["newest_failed"], plan.score("it")), (&false.into(), before.score("it")));
        assert_costs(&plan, &before, &[]);
        // Fewer runs say little of how fast the next one will be.
        let basis = if runs < 3 { "default" } else { "history" };
        assert_eq!(plan.advice("it")["forecast"]["basis"], basis, "{:#}", plan.advice("it")["forecast"]);
    }
}

fn a_run_that_failed_costs_points_until_one_goes_well(family: Family) {
    let database = database(family);
    let desk = moody(&database);
    desk.run_well();
    let before = desk.plan();
    feel(&database, true);
    desk.run().finished.assert_code(1);
    assert_costs(&desk.plan(), &before, &[("recent_failure_history", -8)]);
    feel(&database, false);
    desk.run_well();
    let plan = desk.plan();
    assert_eq!(plan.signals("it")["history"]["failures"], 1);
    assert_costs(&plan, &before, &[]);
    assert_eq!(plan.score("it"), before.score("it"));
}

fn the_worst_history_costs_15_points(family: Family) {
    let database = database(family);
    let desk = moody(&database);
    let before = desk.plan();
    feel(&database, true);
    record_slow_failures(&desk);
    let expected = [("recent_failure_history", -8), ("high_retry_rate_history", -5), ("slow_history", -2)];
    assert_costs(&desk.plan(), &before, &expected);
}

on_both_families!(
    runs_that_went_well_are_no_reason_against_an_export,
    a_run_that_failed_costs_points_until_one_goes_well,
    the_worst_history_costs_15_points,
);
