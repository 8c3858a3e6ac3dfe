use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::History;
use crate::number::float;
use crate::word::words;

words! {
    /// How an export selects its rows.
    pub enum Strategy {
        /// Every row, by one scan.
        Full = "full",
        /// The rows beyond the last value of a cursor.
        Incremental = "incremental",
        /// Every row, window by window.
        Chunked = "chunked",
        /// The rows of the last days.
        TimeWindow = "time_window",
    }
}

words! {
    /// How far the column that an export follows can be relied on.
    #[derive(Default)]
    pub enum CursorQuality {
        /// Indexed, never NULL, and growing with every change.
        StrongMonotonic = "strong_monotonic",
        /// A time that several rows can share, or that can be set back.
        WeakTime = "weak_time",
        /// Several columns would do, and none of them stands out.
        WeakMultiCandidate = "weak_multi_candidate",
        /// Only a second column, taken where the first is NULL, makes it complete.
        FallbackOnly = "fallback_only",
        /// There is no column to follow, or none that an index helps with, or nothing is known of it.
        #[default]
        None = "none",
    }
}

words! {
    /// What the checks before a run say of the statement that it will send.
    #[derive(Default)]
    pub enum Verdict {
        /// Everything is read by the right access path: a full export by one scan of its table, any other by an index.
        Efficient = "efficient",
        /// The same with 10 M rows or more: of a full export, so many that it could be chunked.
        Acceptable = "acceptable",
        /// No usable index, and up to 1 M rows; or the whole result is sorted. It will be slow, or heavy for the server.
        Degraded = "degraded",
        /// No usable index, and more rows than that; or each chunk reads the whole table. It may harm the server.
        Unsafe = "unsafe",
        /// Nobody has looked.
        #[default]
        Unknown = "unknown",
    }
}

words! {
    /// How well the server knows its own table; row estimates are no better than this.
    #[derive(Default)]
    pub enum Statistics {
        /// Gathered, and near to the live number of rows.
        Fresh = "fresh",
        /// Gathered, and far from the live number of rows.
        Stale = "stale",
        /// Never gathered, or not known.
        #[default]
        Missing = "missing",
    }
}

words! {
    /// Whether the rows of this run are wanted soon.
    #[derive(Default)]
    pub enum Freshness {
        /// A time window of 7 days or less.
        Recent = "recent",
        /// A longer time window.
        Stale = "stale",
        /// The configuration says nothing of it.
        #[default]
        Unknown = "unknown",
    }
}

words! {
    /// The name of a signal: the field of [`Signals`] that holds it.
    pub enum SignalName {
        /// [`Signals::source_group`]
        SourceGroup = "source_group",
        /// [`Signals::implied_group`]
        ImpliedGroup = "implied_group",
        /// [`Signals::strategy`]
        Strategy = "strategy",
        /// [`Signals::estimated_rows`]
        EstimatedRows = "estimated_rows",
        /// [`Signals::estimated_row_bytes`]
        EstimatedRowBytes = "estimated_row_bytes",
        /// [`Signals::chunk_count`]
        ChunkCount = "chunk_count",
        /// [`Signals::cursor_quality`]
        CursorQuality = "cursor_quality",
        /// [`Signals::cursor_bounds_observed`]
        CursorBoundsObserved = "cursor_bounds_observed",
        /// [`Signals::sparse_range`]
        SparseRange = "sparse_range",
        /// [`Signals::verdict`]
        Verdict = "verdict",
        /// [`Signals::preflight_failed`]
        PreflightFailed = "preflight_failed",
        /// [`Signals::preflight_warnings`]
        PreflightWarnings = "preflight_warnings",
        /// [`Signals::statistics`]
        Statistics = "statistics",
        /// [`Signals::reconcile_required`]
        ReconcileRequired = "reconcile_required",
        /// [`Signals::freshness`]
        Freshness = "freshness",
        /// [`Signals::history`]
        History = "history",
    }
}

/// What was measured of one export before it runs.
///
/// What nobody has measured is `None`, `unknown` or `missing`, and that is never the same as zero.
/// [`Signals::new`] knows nothing yet; fill in what you have:
///
/// ```
/// use rivet_priority::{Signals, Strategy, Verdict};
///
/// let signals = Signals {
///     estimated_rows: Some(8_000_000),
///     verdict: Verdict::Efficient,
///     ..Signals::new("orders", Strategy::Full)
/// };
/// assert_eq!(signals.estimated_bytes(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// The name of the export, unique among those that are planned together.
    pub export_name: String,
    /// The exports with this name here share a server that a person wants spared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_group: Option<String>,
    /// What identifies the server that the export reads from, where somebody has asked it: the system identifier of
    /// PostgreSQL, the `server_uuid` of MySQL. It makes a group of the exports that have no `source_group`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implied_group: Option<String>,
    /// How the rows are selected.
    pub strategy: Strategy,
    /// Rows that this run will read, by the server's own plan of the very statement: for an incremental export the
    /// new rows, not the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_rows: Option<u64>,
    /// The average size of a row in bytes. A negative number, or none at all (NaN), counts as not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_row_bytes: Option<f64>,
    /// Windows that the rows are read in. Only a chunked export has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk_count: Option<u32>,
    /// How far the column that the export follows can be relied on.
    #[serde(default)]
    pub cursor_quality: CursorQuality,
    /// Whether the smallest and the largest value of that column have been seen. An incremental and a chunked export
    /// need them; a time window takes its bounds from the calendar.
    #[serde(default)]
    pub cursor_bounds_observed: bool,
    /// Whether most of the windows will be nearly empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse_range: Option<bool>,
    /// What the checks before the run say.
    #[serde(default)]
    pub verdict: Verdict,
    /// Whether those checks came to no end, so that the signals here may be wrong.
    #[serde(default)]
    pub preflight_failed: bool,
    /// Warnings that those checks gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preflight_warnings: Option<u32>,
    /// How well the server knows the table.
    #[serde(default)]
    pub statistics: Statistics,
    /// Whether source and files are to be compared after the run, which reads the source once more.
    #[serde(default)]
    pub reconcile_required: bool,
    /// Whether the rows are wanted soon.
    #[serde(default)]
    pub freshness: Freshness,
    /// How earlier runs went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// The signals that a person has set in place of a measurement.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub assumed: BTreeSet<SignalName>,
}

impl Signals {
    /// Makes the signals of an export of which nothing but its name and strategy is known.
    pub fn new(export_name: impl Into<String>, strategy: Strategy) -> Self {
        Self {
            export_name: export_name.into(),
            source_group: None,
            implied_group: None,
            strategy,
            estimated_rows: None,
            estimated_row_bytes: None,
            chunk_count: None,
            cursor_quality: CursorQuality::default(),
            cursor_bounds_observed: false,
            sparse_range: None,
            verdict: Verdict::default(),
            preflight_failed: false,
            preflight_warnings: None,
            statistics: Statistics::default(),
            reconcile_required: false,
            freshness: Freshness::default(),
            history: None,
            assumed: BTreeSet::new(),
        }
    }

    /// Returns the average size of a row in bytes, where it is a number that can be reckoned with.
    pub fn row_bytes(&self) -> Option<f64> {
        self.estimated_row_bytes.filter(|bytes| bytes.is_finite() && *bytes >= 0.0)
    }

    /// Returns the bytes that this run will read, where both the rows and their size are known.
    pub fn estimated_bytes(&self) -> Option<f64> {
        Some(float(self.estimated_rows?) * self.row_bytes()?)
    }

    /// Returns the windows that the rows are read in: `None` for every strategy but `chunked`.
    pub fn windows(&self) -> Option<u32> {
        self.chunk_count.filter(|_| self.strategy == Strategy::Chunked)
    }

    /// Returns whether the export can't be planned well without the bounds of the column it follows.
    pub fn needs_cursor_bounds(&self) -> bool {
        matches!(self.strategy, Strategy::Incremental | Strategy::Chunked)
    }

    /// Returns a signal as a person reads it; `None` where it is not known.
    pub fn get(&self, name: SignalName) -> Option<String> {
        match name {
            SignalName::SourceGroup => self.source_group.clone(),
            SignalName::ImpliedGroup => self.implied_group.clone(),
            SignalName::Strategy => Some(self.strategy.to_string()),
            SignalName::EstimatedRows => self.estimated_rows.map(|rows| rows.to_string()),
            SignalName::EstimatedRowBytes => self.row_bytes().map(|bytes| bytes.to_string()),
            SignalName::ChunkCount => self.chunk_count.map(|chunks| chunks.to_string()),
            SignalName::CursorQuality => Some(self.cursor_quality.to_string()),
            SignalName::CursorBoundsObserved => Some(self.cursor_bounds_observed.to_string()),
            SignalName::SparseRange => self.sparse_range.map(|sparse| sparse.to_string()),
            SignalName::Verdict => Some(self.verdict).filter(|it| *it != Verdict::Unknown).map(|it| it.to_string()),
            SignalName::PreflightFailed => Some(self.preflight_failed.to_string()),
            SignalName::PreflightWarnings => self.preflight_warnings.map(|warnings| warnings.to_string()),
            SignalName::Statistics => {
                Some(self.statistics).filter(|it| *it != Statistics::Missing).map(|it| it.to_string())
            }
            SignalName::ReconcileRequired => Some(self.reconcile_required.to_string()),
            SignalName::Freshness => {
                Some(self.freshness).filter(|it| *it != Freshness::Unknown).map(|it| it.to_string())
            }
            SignalName::History => self.history.as_ref().map(ToString::to_string),
        }
    }

    /// Takes one signal over from other signals.
    pub(crate) fn take(&mut self, name: SignalName, other: &Self) {
        match name {
            SignalName::SourceGroup => self.source_group.clone_from(&other.source_group),
            SignalName::ImpliedGroup => self.implied_group.clone_from(&other.implied_group),
            SignalName::Strategy => self.strategy = other.strategy,
            SignalName::EstimatedRows => self.estimated_rows = other.estimated_rows,
            SignalName::EstimatedRowBytes => self.estimated_row_bytes = other.estimated_row_bytes,
            SignalName::ChunkCount => self.chunk_count = other.chunk_count,
            SignalName::CursorQuality => self.cursor_quality = other.cursor_quality,
            SignalName::CursorBoundsObserved => self.cursor_bounds_observed = other.cursor_bounds_observed,
            SignalName::SparseRange => self.sparse_range = other.sparse_range,
            SignalName::Verdict => self.verdict = other.verdict,
            SignalName::PreflightFailed => self.preflight_failed = other.preflight_failed,
            SignalName::PreflightWarnings => self.preflight_warnings = other.preflight_warnings,
            SignalName::Statistics => self.statistics = other.statistics,
            SignalName::ReconcileRequired => self.reconcile_required = other.reconcile_required,
            SignalName::Freshness => self.freshness = other.freshness,
            SignalName::History => self.history.clone_from(&other.history),
        }
    }
}
