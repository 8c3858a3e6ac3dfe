use std::path::PathBuf;
use std::sync::Arc;

use rivet_config::{ExportConfig, SourceReference};
use rivet_model::{Chunk, CursorRecord, ErrorRecord, ExportName, Fingerprint, ReadView};
use rivet_preflight::Diagnostics;
use rivet_priority::{Signals, Strategy};
use rivet_source::{Probe, ServerInfo};
use rivet_writer::ManifestField;
use serde::{Deserialize, Serialize};

use crate::EngineError;

/// What one export would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedExport {
    /// Which.
    pub export_name: ExportName,
    /// How it selects its rows.
    pub strategy: Strategy,
    /// What decides its bytes; absent where the source did not say what there is to read.
    pub plan_fingerprint: Option<Fingerprint>,
    /// All that it takes to run it.
    pub resolved_plan: ResolvedPlan,
    /// What was computed: its chunks, its position, its size.
    pub computed: Computed,
    /// What preflight found.
    pub diagnostics: Diagnostics,
    /// What a person should know of it, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why it could not be planned, where it could not. Such an export is not applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorRecord>,
    /// The same with its advice, its causes and the place in the text that is wrong. No plan file keeps it.
    #[serde(skip)]
    pub cause: Cause,
    /// Every statement that planning sent for it, in order; those that were sent again and again for one purpose once.
    pub probes: Vec<Probe>,
    /// What the score is made of. A plan keeps it with the scores, as `prioritization.signals`.
    #[serde(skip, default = "nothing_known")]
    pub signals: Signals,
}

/// Why an export could not be planned, in full. It takes no part in comparisons.
#[derive(Debug, Clone, Default)]
pub struct Cause(Option<Arc<EngineError>>);

impl Cause {
    /// Returns the error; none where there was none, and where the plan was read from a file.
    pub fn error(&self) -> Option<&EngineError> {
        self.0.as_deref()
    }
}

impl From<EngineError> for Cause {
    fn from(error: EngineError) -> Self {
        Self(Some(Arc::new(error)))
    }
}

impl PartialEq for Cause {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// All that it takes to run an export, without its secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResolvedPlan {
    /// The server, and where its password is.
    pub source: SourceReference,
    /// What the server said of itself.
    pub server: ServerInfo,
    /// The file of the state store.
    pub state_path: PathBuf,
    /// The export's configuration, complete.
    pub export: ExportConfig,
    /// What its chunks see in common.
    pub view: ReadView,
    /// The first statement that reads its rows, as far as it is known before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// The columns of its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ManifestField>,
}

/// What was computed for an export.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Computed {
    /// The chunks that are read. None of them where a run would have nothing to read, and where they are
    /// [`deferred`](Self::deferred).
    pub chunk_ranges: Vec<Chunk>,
    /// How many these are; not known where they are deferred.
    pub chunk_count: Option<u32>,
    /// Where an incremental export begins and ends.
    pub cursor_snapshot: Option<CursorRecord>,
    /// Rows that the run is expected to read.
    pub row_estimate: Option<u64>,
    /// Why the chunks, or the end of a cursor, are found when the plan is applied: to find them now would read the
    /// table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred: Option<String>,
}

/// Takes the place of signals that are kept elsewhere in a plan.
fn nothing_known() -> Signals {
    Signals::new("", Strategy::Full)
}

#[cfg(test)]
mod tests {
    use rivet_source::Probe;

    /// Plans of before had no number of statements.
    #[test]
    fn a_probe_without_a_number_is_one_statement() {
        let text = r#"{"purpose":"p","statement":"s","milliseconds":2,"rows":3}"#;
        let read: Probe = serde_json::from_str(text).unwrap();
        assert_eq!(read.times, 1);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        let several = serde_json::to_string(&Probe { times: 9, ..read }).unwrap();
        assert_eq!(several, r#"{"purpose":"p","statement":"s","times":9,"milliseconds":2,"rows":3}"#);
    }
}
