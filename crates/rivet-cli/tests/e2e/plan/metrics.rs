//! What earlier runs took, as a person and a program are told.

use serde_json::Value;

use super::exact::table;
use super::state::{CURSOR, FULL};
use super::support::{Desk, text};

#[track_caller]
pub(crate) fn metrics(desk: &Desk, more: &[&str]) -> Value {
    let finished = desk.command(&["metrics", "--json"]).args(more).run();
    finished.assert_code(0);
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.stdout))
}

/// Runs both exports of a table, and one of them once more by a plan.
#[track_caller]
pub(crate) fn run_some(desk: &Desk) {
    desk.run_well();
    desk.plan();
    desk.apply_well(&["-e", "whole"]);
}

fn desk_with_runs() -> (rivet_testing::TestDatabase, Desk) {
    let database = table(1_000);
    let desk = Desk::new(&database, &[FULL, CURSOR]);
    run_some(&desk);
    (database, desk)
}

/// Returns every object in a document that has this field.
pub(crate) fn with<'a>(value: &'a Value, field: &str) -> Vec<&'a Value> {
    match value {
        Value::Object(fields) if fields.contains_key(field) => vec![value],
        Value::Object(fields) => fields.values().flat_map(|value| with(value, field)).collect(),
        Value::Array(items) => items.iter().flat_map(|value| with(value, field)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn runs_are_listed_with_what_they_took_the_newest_first() {
    let (_database, desk) = desk_with_runs();
    assert_listed(&desk);
}

/// Fails the test unless the runs of [`run_some`] are listed.
#[track_caller]
pub(crate) fn assert_listed(desk: &Desk) {
    let document = metrics(desk, &[]);
    let runs = with(&document, "run_id");
    assert_eq!(runs.len(), 3, "{document:#}");
    for run in &runs {
        assert_eq!((&run["status"], &run["rows"]), (&"committed".into(), &1_000.into()), "{run:#}");
        for number in ["duration_ms", "bytes", "parts", "retries", "longest_statement_ms"] {
            assert!(with(run, number).iter().any(|it| it[number].is_u64()), "`{number}` in {run:#}");
        }
    }
    // Identifiers grow with time.
    let ids: Vec<&str> = runs.iter().map(|run| text(&run["run_id"])).collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older), "the newest is not the first: {document:#}");
    let of_whole: Vec<&&Value> = runs.iter().filter(|run| run["export"] == "whole").collect();
    assert!(
        !with(of_whole[0], "plan_id").is_empty()
            && with(of_whole[1], "plan_id").iter().all(|it| it["plan_id"].is_null())
    );
}

#[test]
fn runs_are_chosen_by_export_number_and_id() {
    let (_database, desk) = desk_with_runs();
    assert_chosen(&desk);
}

/// Fails the test unless the runs of [`run_some`] can be chosen.
#[track_caller]
pub(crate) fn assert_chosen(desk: &Desk) {
    let all = metrics(desk, &[]);
    let runs = with(&all, "run_id");
    let id = runs[0]["run_id"].as_str().expect("a run has an id");
    assert_eq!(with(&metrics(desk, &["-e", "whole"]), "run_id").len(), 2);
    assert_eq!(with(&metrics(desk, &["-e", "whole", "--last", "1"]), "run_id").len(), 1);
    let one = metrics(desk, &["--run-id", id]);
    let one = with(&one, "run_id");
    assert_eq!((one.len(), &one[0]["run_id"]), (1, &id.into()));
    desk.command(&["metrics", "-e", "never"]).run().assert_code(2);
    let pretty = desk.command(&["metrics"]).run();
    pretty.assert_code(0);
    assert!(pretty.stdout.contains(id) && pretty.stdout.contains("whole"), "{}", pretty.stdout);
}

#[test]
fn what_planning_takes_from_runs_is_what_metrics_sums_up() {
    let (_database, desk) = desk_with_runs();
    let plan = desk.plan();
    let document = metrics(&desk, &[]);
    for export in ["whole", "cursor"] {
        let history = &plan.signals(export)["history"];
        let sums = with(&document, "average_duration_ms");
        assert!(
            sums.iter().any(|sum| {
                let same = |field: &str| sum[field] == history[field];
                same("runs") && same("failures") && same("average_duration_ms") && same("throughput")
            }),
            "{history:#} is not in {document:#}"
        );
    }
}

#[test]
fn there_are_no_metrics_before_the_first_run() {
    let database = table(10);
    let desk = Desk::new(&database, &["name: whole, table: t, mode: full"]);
    assert_eq!(with(&metrics(&desk, &[]), "run_id").len(), 0);
    assert!(!desk.project.path(".rivet").exists(), "a state store was made");
}
