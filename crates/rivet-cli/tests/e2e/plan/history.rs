//! What earlier runs of an export were like, and what that costs it.

use jiff::{SignedDuration, Timestamp};
use rivet_history::{RedbStore, RunEnd, StateStore as _};
use rivet_model::{ExportName, RunId, RunMetrics, RunStatus};
use rivet_testing::TestDatabase;
use tokio::runtime::Builder;

use super::support::{Desk, Plan, list};

const HISTORY: [&str; 3] = ["recent_failure_history", "high_retry_rate_history", "slow_history"];

/// A view whose rows end with what `mood` says.
fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE base AS SELECT i AS id FROM generate_series(1, 500) i; ANALYZE base; \
         CREATE TABLE mood AS SELECT 'good' AS now; \
         CREATE FUNCTION felt(id int) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN \
         IF (SELECT now FROM mood) = 'bad' THEN RAISE EXCEPTION 'not today'; END IF; \
         IF (SELECT now FROM mood) = 'busy' THEN RAISE EXCEPTION 'later' USING ERRCODE = '40001'; END IF; \
         RETURN id; END $$; \
         CREATE VIEW v AS SELECT felt(id) AS id FROM base",
    );
    database
}

fn desk(database: &TestDatabase) -> Desk {
    Desk::new(database, &["name: it, table: v, mode: full, tuning: { max_retries: 2, retry_backoff_ms: 1 }"])
}

fn feel(database: &TestDatabase, mood: &str) {
    database.execute(&format!("UPDATE mood SET now = '{mood}'"));
}

/// Returns what reasons of the history cost, by their kinds.
pub(crate) fn costs(plan: &Plan) -> Vec<(String, i64)> {
    let of_history = |kind: &str| HISTORY.contains(&kind);
    let reasons = list(&plan.advice("it")["reasons"]).iter();
    let costs = reasons.map(|reason| (reason["kind"].as_str().unwrap_or_default(), reason["points"].as_i64()));
    costs.filter(|(kind, _)| of_history(kind)).map(|(kind, points)| (kind.to_owned(), points.unwrap_or(0))).collect()
}

#[track_caller]
pub(crate) fn assert_costs(plan: &Plan, before: &Plan, expected: &[(&str, i64)]) {
    let expected: Vec<_> = expected.iter().map(|(kind, points)| ((*kind).to_owned(), *points)).collect();
    assert_eq!(costs(plan), expected, "{:#}", plan.signals("it")["history"]);
    let lost = before.score("it") - plan.score("it");
    assert!((0..=15).contains(&lost), "{lost} points: {:#}", plan.advice("it"));
}

#[test]
fn runs_that_went_well_are_no_reason_against_an_export() {
    let database = database();
    let desk = desk(&database);
    let before = desk.plan();
    for runs in 1..=3 {
        desk.run_well();
        let plan = desk.plan();
        let history = &plan.signals("it")["history"];
        assert_eq!((&history["runs"], &history["failures"]), (&runs.into(), &0.into()), "{history}");
        assert_eq!(history["newest_failed"], false);
        assert_eq!(plan.score("it"), before.score("it"));
        assert_costs(&plan, &before, &[]);
        // Fewer runs say little of how fast the next one will be.
        let basis = if runs < 3 { "default" } else { "history" };
        assert_eq!(plan.advice("it")["forecast"]["basis"], basis, "{:#}", plan.advice("it")["forecast"]);
    }
}

#[test]
fn a_run_that_was_applied_counts_as_any_other() {
    let database = database();
    let desk = desk(&database);
    desk.plan();
    desk.apply_well(&[]);
    let plan = desk.plan();
    assert_eq!(plan.signals("it")["history"]["runs"], 1);
    assert_costs(&plan, &plan, &[]);
}

#[test]
fn a_run_that_failed_costs_points_until_one_goes_well() {
    let database = database();
    let desk = desk(&database);
    desk.run_well();
    let before = desk.plan();
    feel(&database, "bad");
    desk.run().finished.assert_code(1);
    assert_costs(&desk.plan(), &before, &[("recent_failure_history", -8)]);
    feel(&database, "good");
    desk.run_well();
    let plan = desk.plan();
    assert_eq!(plan.signals("it")["history"]["failures"], 1);
    assert_costs(&plan, &before, &[]);
    assert_eq!(plan.score("it"), before.score("it"));
}

#[test]
fn retries_of_real_runs_are_counted() {
    let database = database();
    let desk = desk(&database);
    let before = desk.plan();
    feel(&database, "busy");
    for _ in 0..2 {
        let outcome = desk.run();
        assert_ne!(outcome.finished.code(), Some(0));
        assert_eq!(outcome.export(0)["retries"], 2, "{}", outcome.report);
    }
    // Two runs are too few for an average.
    assert_costs(&desk.plan(), &before, &[("recent_failure_history", -8)]);
    feel(&database, "good");
    desk.run_well();
    let plan = desk.plan();
    assert_eq!(plan.signals("it")["history"]["retries"], 4);
    assert_costs(&plan, &before, &[("high_retry_rate_history", -5)]);
}

/// Nobody waits for hours here: what runs of some minutes leave on record is written there as a run does it.
pub(crate) fn record_slow_failures(desk: &Desk) {
    desk.run().finished.assert_code(1);
    let store = RedbStore::open(desk.project.path(".rivet/state.redb")).expect("nobody else has it");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime is made");
    let export: ExportName = "it".parse().expect("it is a name");
    let real = runtime.block_on(store.runs(&export, 1)).expect("it can be read").remove(0);
    for minutes in 1..=3 {
        let started_at = Timestamp::now() + SignedDuration::from_mins(minutes);
        let mut run = real.clone();
        (run.run_id, run.started_at, run.status) = (RunId::generate(), started_at, RunStatus::Running);
        (run.finished_at, run.metrics, run.error) = (None, None, None);
        let metrics = RunMetrics { duration_ms: 1_800_000, retries: 9, ..RunMetrics::default() };
        let end = RunEnd::new(RunStatus::Failed, started_at).with_metrics(metrics);
        runtime.block_on(async {
            store.begin(&run).await.expect("it can be written");
            store.finish(run.run_id, end).await.expect("it can be written");
        });
    }
}

#[test]
fn the_worst_history_costs_15_points() {
    let database = database();
    let desk = desk(&database);
    let before = desk.plan();
    feel(&database, "bad");
    record_slow_failures(&desk);
    let plan = desk.plan();
    let expected = [("recent_failure_history", -8), ("high_retry_rate_history", -5), ("slow_history", -2)];
    assert_costs(&plan, &before, &expected);
    // What is not known of a view draws the score toward the middle, this part of it as any other.
    assert!(before.score("it") - plan.score("it") > 8, "{:#}", plan.advice("it"));
}
