use std::error::Error as _;

use miette::Diagnostic as _;
use rivet_core::{CheckOutcome, CheckStep, Checkup, DoctorReport, EngineError};
use rivet_model::{ExportName, Retry};
use serde::Serialize;

use crate::exit::Exit;

/// What the doctor found.
#[derive(Debug, Serialize)]
pub(crate) struct DoctorView {
    rivet_version: &'static str,
    status: Status,
    exit_code: u8,
    duration_ms: u64,
    checks: Vec<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Healthy,
    Warning,
    Failed,
    Interrupted,
}

/// One place, and what was tried there.
#[derive(Debug, Serialize)]
pub(super) struct Place {
    #[serde(rename = "place")]
    pub(super) kind: &'static str,
    /// Its name; absent for the configuration and for standard output.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    /// The exports that write there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) exports: Vec<ExportName>,
    pub(super) steps: Vec<Step>,
}

/// One thing that was tried.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    #[serde(rename = "step")]
    pub(super) what: &'static str,
    /// The export that it was tried for, where it was one alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) export: Option<ExportName>,
    pub(super) tried: &'static str,
    pub(super) outcome: Outcome,
    /// What came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// The code of the error, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) help: Option<String>,
    /// Whether it may pass by itself, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<Retry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Ok,
    Warning,
    Failed,
    Skipped,
}

impl DoctorView {
    /// Takes a report, and how the program ends because of it.
    pub(crate) fn new(report: &DoctorReport, exit: Exit) -> Self {
        let checks: Vec<Place> = report.checks.iter().map(Place::of).collect();
        let has = |outcome| checks.iter().flat_map(|check| &check.steps).any(|step| step.outcome == outcome);
        Self {
            rivet_version: env!("CARGO_PKG_VERSION"),
            status: match exit {
                Exit::Interrupted => Status::Interrupted,
                Exit::Success if has(Outcome::Warning) => Status::Warning,
                Exit::Success => Status::Healthy,
                _ => Status::Failed,
            },
            exit_code: exit.code(),
            duration_ms: u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
            checks,
        }
    }

    pub(super) fn checks(&self) -> &[Place] {
        &self.checks
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.status == Status::Interrupted
    }

    /// Counts the steps that ended in some way.
    pub(super) fn count(&self, outcome: Outcome) -> usize {
        self.checks.iter().flat_map(|check| &check.steps).filter(|step| step.outcome == outcome).count()
    }
}

impl Place {
    fn of(check: &Checkup) -> Self {
        Self {
            kind: check.place.as_str(),
            name: check.name.clone(),
            exports: check.exports.clone(),
            steps: check.steps.iter().map(Step::of).collect(),
        }
    }
}

impl Step {
    fn of(step: &CheckStep) -> Self {
        let (outcome, message, code, help, retry) = match &step.outcome {
            CheckOutcome::Passed(found) => (Outcome::Ok, found.clone(), None, None, None),
            CheckOutcome::Warning { code, message, help } => {
                (Outcome::Warning, Some(message.clone()), code.clone(), help.clone(), None)
            }
            CheckOutcome::Failed(error) => (
                Outcome::Failed,
                Some(whole_message(error)),
                error.code().map(|code| code.to_string()),
                error.help().map(|help| help.to_string()),
                Some(error.retry()),
            ),
            CheckOutcome::Skipped(reason) => (Outcome::Skipped, Some(reason.clone()), None, None, None),
        };
        let (export, tried) = (step.export.clone(), step.tried);
        Self { what: step.step, export, tried, outcome, message, code, help, retry }
    }
}

/// An error with its causes, each once.
fn whole_message(error: &EngineError) -> String {
    let mut message = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| (*cause).source()) {
        let cause = cause.to_string();
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}
