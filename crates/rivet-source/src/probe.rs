use serde::{Deserialize, Serialize};

/// A statement that was sent to find something out before anything is read.
///
/// What opens a connection or a transaction, or ends it, is no question and has no probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What it was for, in a few words.
    pub purpose: String,
    /// The text that was sent.
    pub statement: String,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// Rows that it returned.
    pub rows: u64,
    /// Why it failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
