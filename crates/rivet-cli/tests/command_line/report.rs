use std::fs;

use serde_json::{Value, json};

use crate::{config, project};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_report_is_written_where_the_run_does_not_begin() {
    let project = project("source: {}");
    let finished = project.command(&["run", "--json", "--summary-output", "report.json"]).run();
    finished.assert_code(2);
    let report = parsed(&finished.stdout);
    assert_eq!(report, parsed(&fs::read_to_string(project.path("report.json")).unwrap()));
    assert_eq!((&report["status"], &report["exit_code"]), (&json!("failed"), &json!(2)));
    assert_eq!(report["exports"], json!([]));
    assert!(report["errors"].as_array().is_some_and(|errors| !errors.is_empty()));
}

#[test]
fn the_report_is_written_where_the_run_fails() {
    let project = project(&config("127.0.0.1", 1));
    let finished = project.command(&["run", "-e", "orders", "--summary-output", "report.json"]).run();
    finished.assert_code(5);
    assert_eq!(finished.stdout, "");
    let report = parsed(&fs::read_to_string(project.path("report.json")).unwrap());
    assert_eq!((&report["status"], &report["exit_code"]), (&json!("failed"), &json!(5)));
    assert_eq!(report["errors"][0]["code"], json!("rivet::source::connect"));
    assert_eq!(report["errors"][0]["retry"], json!("backoff"));
}

#[test]
fn json_takes_the_place_of_the_summary() {
    let project = project(&config("127.0.0.1", 1));
    let finished = project.command(&["run", "-e", "orders", "--json", "--no-progress"]).run();
    finished.assert_code(5);
    assert_eq!(parsed(&finished.stdout)["exit_code"], json!(5));
    assert!(!finished.stderr.contains("total: "), "{}", finished.stderr);
    assert!(finished.stderr.contains("rivet::source::connect"), "{}", finished.stderr);
}
