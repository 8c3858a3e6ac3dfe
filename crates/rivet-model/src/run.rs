use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Chunk, ChunkId, Consistency, CursorPosition, ExportName, PartitionValue, ReadView, Retry};

/// One execution of one export: a UUID of version 7, so that runs sort by the time they began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

impl RunId {
    /// Makes a new identifier from the clock and the system's randomness.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// A digest, in lower hexadecimal, of everything that decides which bytes an export writes.
///
/// Two runs with one fingerprint may share checkpoints; two with different ones never do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Begun and not ended, or its process died.
    Running,
    /// Its manifest was written and its state advanced.
    Committed,
    /// It ended without a row to write, and `skip_empty` asked for no file.
    Skipped,
    /// It ended with an error; nothing of it is visible.
    Failed,
    /// A signal stopped it; nothing of it is visible.
    Interrupted,
    /// A later process found it dead and removed what it had written.
    Abandoned,
}

/// One finished object of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// The object's name below the destination's root.
    pub name: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, lower hexadecimal.
    pub sha256: String,
    /// What its rows have in common, level by level, where they are sorted into folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition: Vec<PartitionValue>,
}

/// The durable word that a chunk is done: it is never read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkCheckpoint {
    /// Which chunk.
    pub chunk: ChunkId,
    /// Its parts, all durable. Empty for a chunk without rows.
    pub parts: Vec<PartRecord>,
    /// Rows that the source says it sent.
    pub rows: u64,
    /// Values that became NULL because their Arrow type has no form for them, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nulled: BTreeMap<String, u64>,
    /// What the chunk's read view was.
    pub consistency: Consistency,
    /// The longest statement that the chunk sent, in milliseconds.
    pub statement_ms: u64,
    /// NULLs in the columns whose ratio of them `quality` limits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub null_counts: BTreeMap<String, u64>,
}

/// Where an incremental run begins and ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorRecord {
    /// The run reads what comes after it; none for everything.
    pub before: Option<CursorPosition>,
    /// The high watermark, fixed when the run began: the run reads up to it, and the export stands there once the
    /// run is committed. None where there was no row to read.
    pub watermark: Option<CursorPosition>,
    /// The newest position that could be seen when the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<CursorSighting>,
    /// The oldest sighting that is still to become old enough to read up to. It is handed on from run to run until it
    /// is, so that it comes to that however many runs there are meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited: Option<CursorSighting>,
}

/// A position of a cursor, and when it was the newest one, by the clock of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorSighting {
    /// When.
    pub at: Timestamp,
    /// What.
    pub position: CursorPosition,
}

/// Where an incremental export stands: what its last committed run advanced it to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorState {
    /// The position.
    pub position: CursorPosition,
    /// The server and database that it is a position in, as they name themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The run that advanced it.
    pub run_id: RunId,
    /// When.
    pub advanced_at: Timestamp,
}

/// Where a run writes, as its record keeps it, so that a later process can settle it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationRecord {
    /// `local` or `stdout` (later also `s3`, `gcs` and `azure`).
    pub kind: String,
    /// The root that part names are relative to, placeholders filled in: an absolute folder, or a URL without
    /// secrets. Empty for `stdout`.
    pub root: String,
}

/// The process that began a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// The process id.
    pub pid: u32,
    /// The machine's host name.
    pub host: String,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRecord {
    /// The stable code, for example `rivet::source::connect`.
    pub code: String,
    /// The message, without secrets and without values of cells.
    pub message: String,
    /// Whether the same command may succeed later.
    pub retry: Retry,
}

/// What a run took and gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMetrics {
    /// Rows committed.
    pub rows: u64,
    /// Parts committed.
    pub parts: u64,
    /// Bytes committed.
    pub bytes: u64,
    /// Wall time in milliseconds.
    pub duration_ms: u64,
    /// Attempts beyond the first, over all chunks.
    pub retries: u64,
    /// The longest statement on the source, in milliseconds.
    pub longest_statement_ms: u64,
}

/// The plan that a run was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// Which plan.
    pub plan_id: Uuid,
    /// What was done although the plan's own rules are against it, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forced: Vec<String>,
}

/// One run, as the state store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Which run.
    pub run_id: RunId,
    /// Of which export.
    pub export: ExportName,
    /// What decides its bytes.
    pub fingerprint: Fingerprint,
    /// The server and database that it reads, as they name themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Where it writes.
    pub destination: DestinationRecord,
    /// Who runs it.
    pub process: ProcessRecord,
    /// The split: every chunk of the run, fixed before the first of them is read.
    #[serde(default)]
    pub chunks: Vec<Chunk>,
    /// What its chunks see in common. Only chunks with views of their own can be read by a later process.
    #[serde(default = "shared")]
    pub view: ReadView,
    /// Where it begins and ends, where the export follows a cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorRecord>,
    /// The plan that it was run from, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanRecord>,
    /// Chunks that are done, in the order of their ids.
    pub checkpoints: Vec<ChunkCheckpoint>,
    /// What it took and gave, once it ended.
    pub metrics: Option<RunMetrics>,
    /// Why it failed.
    pub error: Option<ErrorRecord>,
}

/// Records without a view are of full exports.
fn shared() -> ReadView {
    ReadView::Shared
}

impl RunRecord {
    /// Returns the chunks that have no checkpoint yet, in their order.
    pub fn remaining(&self) -> impl Iterator<Item = &Chunk> {
        let done =
            |chunk: &Chunk| self.checkpoints.binary_search_by_key(&chunk.id, |checkpoint| checkpoint.chunk).is_ok();
        self.chunks.iter().filter(move |chunk| !done(chunk))
    }

    /// Returns all parts of all checkpointed chunks.
    pub fn parts(&self) -> impl Iterator<Item = &PartRecord> {
        self.checkpoints.iter().flat_map(|checkpoint| &checkpoint.parts)
    }
}
