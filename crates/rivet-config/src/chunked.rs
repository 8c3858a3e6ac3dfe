use rivet_model::ColumnName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::document::Path;
use crate::raw::RawExport;

/// How an export is cut into chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunked {
    /// The column to cut by; none for the primary key. [`ChunkSplit::Key`] names columns of its own.
    pub column: Option<ColumnName>,
    /// Where the cuts are.
    pub split: ChunkSplit,
    /// Chunks that are read at a time, at least 1.
    pub parallel: usize,
    /// Whether finished chunks are remembered, so that a later process can go on with the run.
    pub checkpoint: bool,
    /// How often one chunk is tried, at least 1; none for what the tuning says.
    pub max_attempts: Option<u32>,
    /// Whether all chunks show the source at one moment.
    pub consistency: ChunkConsistency,
}

/// Where the cuts between chunks are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkSplit {
    /// Ranges of the column with about the same number of rows.
    Rows {
        /// Rows of a chunk, at least 1.
        rows: u64,
        /// Whether rows are counted, rather than estimated from statistics and samples.
        dense: bool,
    },
    /// About this many chunks of the same number of rows, at least 1.
    Count(u32),
    /// Ranges of this many whole days (UTC), at least 1.
    Days(u32),
    /// Chunks of about this many bytes.
    Bytes(u64),
    /// Ranges of a unique key with about the same number of rows.
    Key {
        /// The columns of the key, in its order; at least one.
        columns: Vec<ColumnName>,
        /// Rows of a chunk, at least 1.
        rows: u64,
    },
}

/// Rows of a chunk where nothing is said.
const CHUNK_ROWS: u64 = 100_000;

/// How much of a chunked run shows the source at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChunkConsistency {
    /// Each chunk for itself: nothing is held open on the server between two of them.
    Chunk,
    /// The whole run: one snapshot is held open from its first chunk to its last.
    Snapshot,
}

/// Keys of which at most one says where the cuts are. `chunk_size` beside `chunk_by_key` is the size of its chunks.
const SPLIT_KEYS: &[&str] = &["chunk_size", "chunk_count", "chunk_by_days", "chunk_by_key", "chunk_size_memory_mb"];

impl Chunked {
    pub(crate) fn check(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<Self> {
        let column = raw.chunk_column.as_ref().and_then(|name| cx.column(&at.key("chunk_column"), name));
        let split = split(raw, at, cx);
        let parallel = cx.positive(&at.key("parallel"), Some(raw.parallel.unwrap_or(1)));
        let attempts = cx.positive(&at.key("chunk_max_attempts"), raw.chunk_max_attempts);
        Some(Self {
            column,
            split: split?,
            parallel: usize::try_from(parallel?).unwrap_or(usize::MAX),
            checkpoint: raw.chunk_checkpoint.unwrap_or(true),
            max_attempts: attempts,
            consistency: raw.consistency.unwrap_or(ChunkConsistency::Chunk),
        })
    }
}

fn split(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<ChunkSplit> {
    let dense = refuse_two(raw, at, cx)?;
    let size = at.key("chunk_size");
    if raw.chunk_by_key.is_some() {
        let columns = key_columns(raw, &at.key("chunk_by_key"), cx);
        let rows = cx.positive(&size, Some(raw.chunk_size.unwrap_or(CHUNK_ROWS)));
        return Some(ChunkSplit::Key { columns: columns?, rows: rows? });
    }
    if raw.chunk_count.is_some() {
        return cx.positive(&at.key("chunk_count"), raw.chunk_count).map(ChunkSplit::Count);
    }
    if raw.chunk_by_days.is_some() {
        return cx.positive(&at.key("chunk_by_days"), raw.chunk_by_days).map(ChunkSplit::Days);
    }
    if raw.chunk_size_memory_mb.is_some() {
        let memory = at.key("chunk_size_memory_mb");
        let number = cx.positive(&memory, raw.chunk_size_memory_mb);
        return cx.mebibytes(&memory, number).map(ChunkSplit::Bytes);
    }
    cx.positive(&size, Some(raw.chunk_size.unwrap_or(CHUNK_ROWS))).map(|rows| ChunkSplit::Rows { rows, dense })
}

/// Refuses two answers to where the cuts are. Returns whether rows are counted; none where there are two.
fn refuse_two(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<bool> {
    let by_key = cx.has(&at.key("chunk_by_key"));
    let given: Vec<&str> =
        SPLIT_KEYS.iter().copied().filter(|key| cx.has(&at.key(key)) && !(by_key && *key == "chunk_size")).collect();
    if let [first, second, ..] = given.as_slice() {
        cx.exclusive(at, first, second, "Keep the one that says how the table is cut.");
        return None;
    }
    if by_key && cx.has(&at.key("chunk_column")) {
        cx.exclusive(at, "chunk_column", "chunk_by_key", "Keep the one that names the column.");
        return None;
    }
    let dense = raw.chunk_dense.unwrap_or(false);
    let Some(other) = given.first().filter(|key| dense && **key != "chunk_size") else { return Some(dense) };
    if cx.is_inherited(&at.key("chunk_dense")) {
        return Some(false);
    }
    cx.exclusive(at, other, "chunk_dense", "`chunk_dense` counts rows: use it with `chunk_size` alone.");
    None
}

fn key_columns(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<Vec<ColumnName>> {
    let columns = cx.columns(at, raw.chunk_by_key.as_ref());
    // A name that can't be read has been told.
    let named = raw.chunk_by_key.as_ref().is_some_and(|names| !names.0.is_empty());
    if !named {
        cx.invalid(at, "`chunk_by_key` names no column", "Name the columns of a unique key, or leave the key out.");
    }
    (!columns.is_empty()).then_some(columns)
}
