//! Questions that were not answered.

use rivet_source::{SourceError, SourceErrorKind};

use super::{FindingRule, Note};
use crate::{FindingCode, Severity};

pub(super) const EXPLAIN: FindingRule = FindingRule {
    code: FindingCode::ExplainFailed,
    when: "the planner could not be asked about the statement of the run",
    find: |facts| {
        let error = facts.evidence.answers.explanation.as_ref().err()?;
        let lost = "the planner could not be asked about the statement, so that nobody knows how it reads";
        Some(note(Severity::Warning, lost, error))
    },
};

pub(super) const STATISTICS: FindingRule = FindingRule {
    code: FindingCode::StatisticsFailed,
    when: "the catalog could not be asked about the relation",
    find: |facts| {
        let error = facts.evidence.answers.statistics.as_ref().err()?;
        let lost = "the catalog could not be asked about rows, indexes and columns of the relation";
        Some(note(Severity::Warning, lost, error))
    },
};

pub(super) const VITALS: FindingRule = FindingRule {
    code: FindingCode::VitalsFailed,
    when: "the server could not be asked how it is doing",
    find: |facts| {
        let error = facts.evidence.answers.vitals.as_ref().err()?;
        Some(note(Severity::Info, "the server could not be asked how it is doing", error))
    },
};

fn note(severity: Severity, lost: &str, error: &SourceError) -> Note {
    let help = error.help_text().unwrap_or_else(|| advice(error.kind()));
    Note::new(severity, format!("{lost}: {error}"), help)
}

/// Says what to do where the error itself does not.
fn advice(kind: SourceErrorKind) -> &'static str {
    match kind {
        SourceErrorKind::Permission => {
            "Grant the role the right to read the relation and the catalog, then plan again."
        }
        SourceErrorKind::StatementTimeout => "Plan again when the server is less busy: the question itself is cheap.",
        SourceErrorKind::LockTimeout => {
            "Plan again when nobody changes the relation's definition: something holds a lock on it."
        }
        SourceErrorKind::NotFound | SourceErrorKind::Statement => {
            "Check the names and the query in the configuration: the run would fail in the same way."
        }
        SourceErrorKind::Connect
        | SourceErrorKind::Unavailable
        | SourceErrorKind::ConnectionLost
        | SourceErrorKind::Conflict => "Plan again: the cause may have passed by itself.",
        _ => "Plan again, and look into the server's log where it fails in the same way.",
    }
}
