//! The form that a plan file keeps.

use rivet_preflight::{Diagnostics, PreflightReport, ScriptedInspector, preflight};

use crate::support::{Scenario, server};

fn loaded() -> Scenario {
    Scenario::incremental().unindexed().with(|it| {
        it.request.server = Some(server(true, true));
        it.catalog().changed_rows = Some(1_000_000);
    })
}

#[test]
fn a_report_reads_back() {
    for scenario in Scenario::all().into_iter().chain([loaded()]) {
        let report = scenario.report();
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<PreflightReport>(&json).unwrap(), report);
        let diagnostics = report.diagnostics();
        let json = serde_json::to_string(&diagnostics).unwrap();
        assert_eq!(serde_json::from_str::<Diagnostics>(&json).unwrap(), diagnostics);
    }
}

#[test]
fn equal_answers_give_equal_bytes() {
    let bytes = || serde_json::to_string(&loaded().report()).unwrap();
    assert_eq!(bytes(), bytes());
}

#[test]
fn diagnostics_are_stable_json() {
    let diagnostics = loaded().report().diagnostics();
    insta::assert_snapshot!(serde_json::to_string_pretty(&diagnostics).unwrap(), @r#"
    {
      "verdict": "degraded",
      "findings": [
        {
          "code": "rivet::preflight::no_usable_index",
          "severity": "warning",
          "message": "no index finds rows by `id`: each run reads the whole relation, about 200.0 k rows",
          "help": "Create an index that begins with `id`, or use `mode: full`, which reads everything on purpose."
        },
        {
          "code": "rivet::preflight::statistics_stale",
          "severity": "warning",
          "message": "1.0 M rows were changed since the last analysis, of 200.0 k",
          "help": "Analyze the table, then plan again."
        },
        {
          "code": "rivet::preflight::weak_cursor",
          "severity": "info",
          "message": "the cursor `id` is `none`: no index finds rows by it",
          "help": "Follow a column that an index begins with and that is never NULL, and name a unique `cursor_tiebreak`."
        },
        {
          "code": "rivet::preflight::replica",
          "severity": "info",
          "message": "PostgreSQL 16.2 is a replica",
          "help": "Keep statements short: a replica may cancel one that is in the way of what its primary sends."
        },
        {
          "code": "rivet::preflight::pooler",
          "severity": "info",
          "message": "a connection pooler stands in front of the server, and its own limits hold as well",
          "help": "Read from the server itself, where long statements or many connections get into trouble."
        }
      ],
      "warnings": [
        "no index finds rows by `id`: each run reads the whole relation, about 200.0 k rows",
        "1.0 M rows were changed since the last analysis, of 200.0 k"
      ],
      "recommended_profile": "balanced",
      "recommended_profile_reason": "the verdict is `degraded`",
      "recommended_parallelism": 1,
      "recommended_parallelism_reason": "it is read over one connection"
    }
    "#);
}

#[tokio::test]
async fn the_very_scan_of_the_run_is_asked_about() {
    let scenario = Scenario::incremental();
    let mut inspector = ScriptedInspector::default()
        .explanation(scenario.explanation.clone())
        .statistics(scenario.statistics.clone())
        .vitals(scenario.vitals.clone());
    let report = preflight(&mut inspector, &scenario.request).await;
    assert_eq!(inspector.asked(), [scenario.request.spec.clone(), scenario.request.spec.clone()]);
    assert_eq!(inspector.limits(), Some(&scenario.request.limits));
    assert_eq!(report.explanation.unwrap().statement, "SELECT id FROM orders");
    assert_eq!(report.server_address.as_deref(), Some("10.0.0.1:5432"));
    let purposes: Vec<_> = report.probes.iter().map(|probe| probe.purpose.as_str()).collect();
    assert_eq!(purposes, ["plan of the statement", "statistics of the relation", "state of the server"]);
}

#[test]
fn a_row_is_as_wide_as_the_plan_says_or_the_disk() {
    let width = |scenario: Scenario| scenario.report().estimated_row_bytes;
    assert_eq!(width(Scenario::full()), Some(100.0));
    assert_eq!(width(Scenario::full().with(|it| it.plan().row_bytes = None)), Some(100.0));
    assert_eq!(width(Scenario::full().with(|it| it.plan().row_bytes = Some(f64::NAN))), Some(100.0));
    let unknown = |it: &mut Scenario| {
        it.plan().row_bytes = None;
        it.catalog().estimated_rows = Some(0);
    };
    assert_eq!(width(Scenario::full().with(unknown)), None);
}
