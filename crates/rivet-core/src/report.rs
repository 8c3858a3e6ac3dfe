use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rivet_model::{Consistency, CursorPosition, ErrorRecord, ExportName, PartRecord, PlanRecord, RunId, RunStatus};
use serde::{Serialize, Serializer};

use crate::EngineError;

pub(crate) fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn as_record<S: Serializer>(error: &Option<Arc<EngineError>>, serializer: S) -> Result<S::Ok, S::Error> {
    error.as_deref().map(ErrorRecord::from).serialize(serializer)
}

/// How one export ended.
#[derive(Debug, Clone, Serialize)]
pub struct ExportReport {
    /// Which.
    pub export: ExportName,
    /// Its run; absent where it failed before one was begun.
    pub run_id: Option<RunId>,
    /// How it ended.
    pub status: RunStatus,
    /// Rows committed.
    pub rows: u64,
    /// Bytes committed.
    pub bytes: u64,
    /// The parts committed.
    pub parts: Vec<PartRecord>,
    /// Wall time.
    #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
    pub duration: Duration,
    /// Chunks that it consists of.
    pub chunks: u32,
    /// Chunks of these that an earlier process had read.
    pub chunks_resumed: u32,
    /// Statements that read rows.
    pub statements: u64,
    /// Attempts beyond the first.
    pub retries: u64,
    /// The longest statement on the source.
    #[serde(rename = "longest_statement_ms", serialize_with = "milliseconds")]
    pub longest_statement: Duration,
    /// Values that became NULL because their type has no form for them, by column.
    pub nulled: BTreeMap<String, u64>,
    /// What was really held of one moment of the source.
    pub consistency: Option<Consistency>,
    /// The position that it began after; absent where no cursor is followed, or from the beginning.
    pub cursor_before: Option<CursorPosition>,
    /// The position that the next run begins after.
    pub cursor_after: Option<CursorPosition>,
    /// Where it wrote, without secrets.
    pub destination: String,
    /// The manifest's name below the destination; absent where there is none.
    pub manifest: Option<String>,
    /// Whether the parts were read back and found as the manifest says; absent where nobody asked.
    pub validated: Option<bool>,
    /// The plan that it was run from, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanRecord>,
    /// The run that had committed it by the same plan before, so that nothing was run now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub committed_by: Option<RunId>,
    /// Why it failed.
    #[serde(serialize_with = "as_record")]
    pub error: Option<Arc<EngineError>>,
}

impl ExportReport {
    /// Begins the report of an export that has not run yet.
    pub(crate) fn new(export: &ExportName, destination: &str) -> Self {
        Self {
            export: export.clone(),
            run_id: None,
            status: RunStatus::Running,
            rows: 0,
            bytes: 0,
            parts: Vec::new(),
            duration: Duration::ZERO,
            chunks: 0,
            chunks_resumed: 0,
            statements: 0,
            retries: 0,
            longest_statement: Duration::ZERO,
            nulled: BTreeMap::new(),
            consistency: None,
            cursor_before: None,
            cursor_after: None,
            destination: destination.to_owned(),
            manifest: None,
            validated: None,
            plan: None,
            committed_by: None,
            error: None,
        }
    }

    /// Says that nothing was run because of an error that came before.
    pub(crate) fn not_run(self, error: Arc<EngineError>) -> Self {
        let is_interrupted = matches!(*error, EngineError::Interrupted);
        let status = if is_interrupted { RunStatus::Interrupted } else { RunStatus::Failed };
        Self { status, error: Some(error), ..self }
    }
}

/// How a call of [`Engine::run`](crate::Engine::run) ended.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// One for each export, in the order of the configuration.
    pub exports: Vec<ExportReport>,
    /// Wall time.
    #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
    pub duration: Duration,
}

impl RunReport {
    /// Returns whether every export was committed, or skipped as it asked for.
    pub fn is_success(&self) -> bool {
        self.exports.iter().all(|export| matches!(export.status, RunStatus::Committed | RunStatus::Skipped))
    }

    /// Returns whether a signal stopped an export.
    pub fn is_interrupted(&self) -> bool {
        self.exports.iter().any(|export| export.status == RunStatus::Interrupted)
    }
}
