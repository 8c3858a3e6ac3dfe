use std::time::Duration;

use rivet_model::ColumnName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::document::Path;
use crate::raw::{ModeName, RawExport};
use crate::size;

/// How much of its relation an export reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Mode {
    /// All rows, in one statement.
    Full,
    /// The rows above the stored cursor.
    Incremental(Incremental),
    /// All rows, cut into chunks.
    Chunked(Chunked),
    /// The rows of the last days.
    TimeWindow(TimeWindow),
}

impl Mode {
    /// Returns the word of the configuration.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental(_) => "incremental",
            Self::Chunked(_) => "chunked",
            Self::TimeWindow(_) => "time_window",
        }
    }
}

/// How an export follows a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incremental {
    /// The column to follow.
    pub cursor: ColumnName,
    /// The column that stands in where `cursor` is NULL.
    pub fallback: Option<ColumnName>,
    /// Columns that order rows of one cursor value; empty for the primary key.
    pub tiebreak: Vec<ColumnName>,
    /// How far a run stays behind the newest rows.
    pub lag: Duration,
}

/// Whether a second column stands in for the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CursorMode {
    /// The cursor column alone.
    SingleColumn,
    /// The fallback column where the cursor column is NULL.
    Coalesce,
}

/// How an export is cut into chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chunked {
    /// The column to cut by; none for the primary key.
    pub column: Option<ColumnName>,
    /// Where the cuts are.
    pub split: ChunkSplit,
    /// Chunks that are read at a time.
    pub parallel: usize,
    /// Whether finished chunks are remembered.
    pub checkpoint: bool,
    /// How often one chunk is tried; none for what the tuning says.
    pub max_attempts: Option<u32>,
    /// Whether all chunks show the source at one moment.
    pub consistency: ChunkConsistency,
}

/// Where the cuts between chunks are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkSplit {
    /// Ranges of the column.
    Rows {
        /// Rows of a chunk.
        rows: u64,
        /// Whether rows are counted, so that gaps in the keys do not matter.
        dense: bool,
    },
    /// This many chunks.
    Count(u32),
    /// Ranges of this many days.
    Days(u32),
    /// Chunks of about this many bytes.
    Bytes(u64),
    /// Pages along a unique column.
    Key {
        /// The column.
        column: ColumnName,
        /// Rows of a page.
        rows: u64,
    },
}

/// Rows of a chunk where nothing is said.
const CHUNK_ROWS: u64 = 100_000;

/// How much of a chunked run shows the source at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChunkConsistency {
    /// Each chunk for itself: nothing is held open on the server.
    Chunk,
    /// The whole run: one snapshot is held open.
    Snapshot,
}

/// How an export follows the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimeWindow {
    /// The column that holds the time.
    pub column: ColumnName,
    /// What it holds.
    pub column_type: TimeColumnType,
    /// Days to look back, at least 1.
    pub days: u32,
}

/// What a time column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeColumnType {
    /// A date or a timestamp.
    Timestamp,
    /// Seconds since 1970 as a number.
    Unix,
}

/// The keys of each mode.
const MODE_KEYS: &[(ModeName, &[&str])] = &[
    (
        ModeName::Incremental,
        &["cursor_column", "incremental_cursor_mode", "cursor_fallback_column", "cursor_tiebreak", "cursor_lag"],
    ),
    (
        ModeName::Chunked,
        &[
            "chunk_column",
            "chunk_size",
            "chunk_count",
            "chunk_by_days",
            "chunk_dense",
            "chunk_by_key",
            "chunk_size_memory_mb",
            "parallel",
            "chunk_checkpoint",
            "chunk_max_attempts",
            "consistency",
        ],
    ),
    (ModeName::TimeWindow, &["time_column", "time_column_type", "days_window"]),
];

impl Mode {
    pub(crate) fn check(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<Self> {
        // A mode that could not be read would make all its keys foreign.
        if cx.mistakes.is_wrong(&at.key("mode")) {
            return None;
        }
        let name = raw.mode.unwrap_or(ModeName::Full);
        refuse_foreign(name, at, cx);
        match name {
            ModeName::Full => Some(Self::Full),
            ModeName::Incremental => incremental(raw, at, cx).map(Self::Incremental),
            ModeName::Chunked => chunked(raw, at, cx).map(Self::Chunked),
            ModeName::TimeWindow => time_window(raw, at, cx).map(Self::TimeWindow),
        }
    }
}

/// Refuses the keys of other modes, unless `defaults` brought them.
fn refuse_foreign(name: ModeName, at: &Path, cx: &mut Checker<'_>) {
    for (owner, keys) in MODE_KEYS.iter().filter(|(owner, _)| *owner != name) {
        for key in *keys {
            let place = at.key(key);
            if cx.has(&place) && !cx.is_inherited(&place) {
                let (own, owner) = (name.as_str(), owner.as_str());
                let message = format!("`{key}` has no meaning for `mode: {own}`; it belongs to `mode: {owner}`");
                cx.meaningless(&place, message, format!("Remove it, or set `mode: {owner}`."));
            }
        }
    }
}

fn required(name: Option<&String>, key: &str, what: &str, at: &Path, cx: &mut Checker<'_>) -> Option<ColumnName> {
    let Some(name) = name else {
        cx.missing(&at.key(key), format!("{what} needs `{key}`"), format!("Add `{key}:` to the export."));
        return None;
    };
    cx.column(&at.key(key), name)
}

fn incremental(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<Incremental> {
    let cursor = required(raw.cursor_column.as_ref(), "cursor_column", "`mode: incremental`", at, cx);
    let mode = raw.incremental_cursor_mode.unwrap_or(CursorMode::SingleColumn);
    let key = "cursor_fallback_column";
    let fallback = match (mode, &raw.cursor_fallback_column) {
        (CursorMode::SingleColumn, None) => None,
        (CursorMode::SingleColumn, Some(_)) => {
            let message = format!("`{key}` has no meaning without `incremental_cursor_mode: coalesce`");
            cx.meaningless(&at.key(key), message, "Add `incremental_cursor_mode: coalesce`, or remove the key.");
            None
        }
        (CursorMode::Coalesce, name) => required(name.as_ref(), key, "`incremental_cursor_mode: coalesce`", at, cx),
    };
    let tiebreak = cx.columns(&at.key("cursor_tiebreak"), raw.cursor_tiebreak.as_ref());
    let lag = raw.cursor_lag.as_ref().map_or(Some(Duration::ZERO), size::duration);
    if lag.is_none() {
        let help = "Give seconds, or a text such as `30s`, `5m`, `2h` or `1d`.";
        cx.invalid(&at.key("cursor_lag"), "`cursor_lag` is no duration", help);
    }
    Some(Incremental { cursor: cursor?, fallback, tiebreak, lag: lag? })
}

fn chunked(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<Chunked> {
    let column = raw.chunk_column.as_ref().and_then(|name| cx.column(&at.key("chunk_column"), name));
    let split = split(raw, at, cx);
    let parallel = cx.positive(&at.key("parallel"), Some(raw.parallel.unwrap_or(1)));
    let attempts = cx.positive(&at.key("chunk_max_attempts"), raw.chunk_max_attempts);
    Some(Chunked {
        column,
        split: split?,
        parallel: usize::try_from(parallel?).unwrap_or(usize::MAX),
        checkpoint: raw.chunk_checkpoint.unwrap_or(true),
        max_attempts: attempts,
        consistency: raw.consistency.unwrap_or(ChunkConsistency::Chunk),
    })
}

/// Keys of which at most one says where the cuts are. `chunk_size` beside `chunk_by_key` is the size of its pages.
const SPLIT_KEYS: &[&str] = &["chunk_size", "chunk_count", "chunk_by_days", "chunk_by_key", "chunk_size_memory_mb"];

fn split(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<ChunkSplit> {
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
    if let Some(other) = given.first().filter(|key| dense && **key != "chunk_size") {
        cx.exclusive(at, other, "chunk_dense", "`chunk_dense` counts rows: use it with `chunk_size` alone.");
        return None;
    }
    let size = at.key("chunk_size");
    if let Some(name) = &raw.chunk_by_key {
        let rows = cx.positive(&size, Some(raw.chunk_size.unwrap_or(CHUNK_ROWS)));
        return Some(ChunkSplit::Key { column: cx.column(&at.key("chunk_by_key"), name)?, rows: rows? });
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

fn time_window(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<TimeWindow> {
    let column = required(raw.time_column.as_ref(), "time_column", "`mode: time_window`", at, cx);
    let days = at.key("days_window");
    if raw.days_window.is_none() {
        cx.missing(&days, "`mode: time_window` needs `days_window`", "Add `days_window:` with a number of days.");
    }
    let days = cx.positive(&days, raw.days_window);
    let column_type = raw.time_column_type.unwrap_or(TimeColumnType::Timestamp);
    Some(TimeWindow { column: column?, column_type, days: days? })
}
