//! `rivet doctor`: it tries what runs need, says it line by line, goes on after a failure, and leaves nothing behind.

mod places;
mod source;
mod stores;

use rivet_testing::{Finished, Project, RivetCommand};
use serde_json::Value;

/// A password that no server of a test has.
const WRONG: &str = "swordfish";

/// What `rivet doctor --json` did and said.
struct Diagnosis {
    finished: Finished,
    report: Value,
}

/// Calls the doctor, who may find anything.
#[track_caller]
fn doctor(project: &Project) -> Diagnosis {
    doctor_command(project.command(&["doctor", "--json"]))
}

#[track_caller]
fn doctor_command(command: RivetCommand) -> Diagnosis {
    let finished = command.run();
    finished.assert_silent_about(WRONG);
    let report = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}\nstdout:\n{}\nstderr:\n{}", finished.stdout, finished.stderr));
    Diagnosis { finished, report }
}

impl Diagnosis {
    /// Returns what was found at the places of a kind.
    fn places(&self, kind: &str) -> Vec<&Value> {
        let checks = self.report["checks"].as_array().expect("the report has a list of checks");
        checks.iter().filter(|check| check["place"] == kind).collect()
    }

    /// Returns the steps at the only place of a kind, each as `step: outcome`, with the export that it was for.
    #[track_caller]
    fn steps(&self, kind: &str) -> Vec<String> {
        let places = self.places(kind);
        let [place] = places.as_slice() else { panic!("one {kind} expected: {}", self.report) };
        outcomes(place)
    }

    /// Returns every step that failed.
    fn failures(&self) -> Vec<&Value> {
        let checks = self.report["checks"].as_array().expect("the report has a list of checks");
        let steps = checks.iter().flat_map(|check| check["steps"].as_array().expect("a check has steps"));
        steps.filter(|step| step["outcome"] == "failed").collect()
    }
}

/// Returns the steps at a place, each as `step: outcome`, with the export that it was for.
fn outcomes(place: &Value) -> Vec<String> {
    let steps = place["steps"].as_array().expect("a check has steps").iter();
    steps
        .map(|step| {
            let export = step["export"].as_str().map(|export| format!(" {export}")).unwrap_or_default();
            format!("{}{export}: {}", text(step, "step"), text(step, "outcome"))
        })
        .collect()
}

#[track_caller]
fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {value}"))
}
