use std::sync::Arc;
use std::time::Duration;

use miette::Diagnostic as _;
use rivet_model::ExportName;
use rivet_writer::{ProbeOutcome, ProbeStep};

use crate::EngineError;

/// What [`Engine::doctor`](crate::Engine::doctor) found.
#[derive(Debug, Clone)]
pub struct DoctorReport {
    /// One for each place: the configuration, the state file, the destinations in the order of their exports, the
    /// source.
    pub checks: Vec<Checkup>,
    /// Whether somebody stopped it, so that not everything was tried.
    pub interrupted: bool,
    /// Wall time.
    pub duration: Duration,
}

impl DoctorReport {
    /// Returns every step with its place.
    pub fn steps(&self) -> impl Iterator<Item = (&Checkup, &CheckStep)> {
        self.checks.iter().flat_map(|check| check.steps.iter().map(move |step| (check, step)))
    }

    /// Returns what no run could do.
    pub fn failures(&self) -> impl Iterator<Item = &Arc<EngineError>> {
        self.steps().filter_map(|(_, step)| match &step.outcome {
            CheckOutcome::Failed(error) => Some(error),
            CheckOutcome::Passed(_) | CheckOutcome::Warning { .. } | CheckOutcome::Skipped(_) => None,
        })
    }
}

/// What was found at one place.
#[derive(Debug, Clone)]
pub struct Checkup {
    /// What kind of place it is.
    pub place: CheckedPlace,
    /// Its name, without secrets; empty for the configuration.
    pub name: String,
    /// The exports that write there, for a destination.
    pub exports: Vec<ExportName>,
    /// What was tried there, in order.
    pub steps: Vec<CheckStep>,
}

/// A kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckedPlace {
    /// What the configuration asks for.
    Configuration,
    /// The file of the state store.
    State,
    /// Where exports write.
    Destination,
    /// The database.
    Source,
}

impl CheckedPlace {
    /// Returns a word for it that does not change.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::State => "state",
            Self::Destination => "destination",
            Self::Source => "source",
        }
    }
}

/// One thing that was tried.
#[derive(Debug, Clone)]
pub struct CheckStep {
    /// A word for it that does not change.
    pub step: &'static str,
    /// What was tried, for a person.
    pub tried: &'static str,
    /// The export that it was tried for, where it concerns one alone.
    pub export: Option<ExportName>,
    /// What came back.
    pub outcome: CheckOutcome,
}

/// What came back.
#[derive(Debug, Clone)]
pub enum CheckOutcome {
    /// It worked; with what there is to say of it.
    Passed(Option<String>),
    /// Runs work without it, and not as well, or not now.
    Warning {
        /// The code of the error that it is, where it is one.
        code: Option<String>,
        /// What came back.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// It did not work, and no run could do without it.
    Failed(Arc<EngineError>),
    /// It was not tried, for this reason.
    Skipped(String),
}

impl CheckOutcome {
    /// Makes a warning of an error.
    pub(super) fn warning(error: &EngineError) -> Self {
        let code = error.code().map(|code| code.to_string());
        Self::Warning { code, message: error.to_string(), help: error.help().map(|help| help.to_string()) }
    }
}

impl Checkup {
    pub(super) fn new(place: CheckedPlace, name: &str) -> Self {
        Self { place, name: name.to_owned(), exports: Vec::new(), steps: Vec::new() }
    }

    /// Adds a step, and returns it.
    pub(super) fn push(
        &mut self,
        step: &'static str,
        tried: &'static str,
        found: Result<Option<String>, EngineError>,
    ) -> &mut CheckStep {
        let outcome = match found {
            Ok(found) => CheckOutcome::Passed(found),
            Err(EngineError::Interrupted) => CheckOutcome::Skipped("interrupted".to_owned()),
            Err(error) => CheckOutcome::Failed(Arc::new(error)),
        };
        self.put(step, tried, outcome)
    }

    /// Adds a step with what came back, and returns it.
    pub(super) fn put(&mut self, step: &'static str, tried: &'static str, outcome: CheckOutcome) -> &mut CheckStep {
        self.steps.push(CheckStep { step, tried, export: None, outcome });
        self.steps.last_mut().expect("it was pushed a moment ago")
    }
}

impl From<ProbeStep> for CheckStep {
    fn from(ProbeStep { action, outcome }: ProbeStep) -> Self {
        let outcome = match outcome {
            ProbeOutcome::Passed(found) => CheckOutcome::Passed(found),
            ProbeOutcome::Warning { message, help } => CheckOutcome::Warning { code: None, message, help: Some(help) },
            ProbeOutcome::Failed(error) => CheckOutcome::Failed(Arc::new(error.into())),
            ProbeOutcome::Skipped(reason) => CheckOutcome::Skipped(reason.to_owned()),
        };
        Self { step: action.as_str(), tried: action.described(), export: None, outcome }
    }
}
