use serde::{Deserialize, Serialize};

use crate::word::words;

words! {
    /// Why a score is what it is, or why an export should run alone. The words are stable.
    #[non_exhaustive]
    pub enum ReasonKind {
        /// The run reads little.
        SmallTable = "small_table",
        /// The run reads much.
        LargeTable = "large_table",
        /// The run reads so much that it wants a time of its own.
        HugeTable = "huge_table",
        /// One plain scan, and not a heavy one.
        SimpleScan = "simple_scan",
        /// The new rows are found quickly and surely.
        StrongCursor = "strong_cursor",
        /// The new rows are found slowly, or not surely.
        WeakCursor = "weak_cursor",
        /// The rows are read in many windows.
        ChunkingHeavy = "chunking_heavy",
        /// No index finds the rows of the time window.
        NoTimeCursor = "no_time_cursor",
        /// Most of the windows will be nearly empty.
        SparseRangeRisk = "sparse_range_risk",
        /// The source is read once more to compare.
        ReconcileRequired = "reconcile_required",
        /// The rows are wanted soon.
        FreshnessHintRecent = "freshness_hint_recent",
        /// The checks found that everything is read by the right access path.
        PreflightEfficient = "preflight_efficient",
        /// The checks found that the run will be slow, or heavy.
        PreflightDegraded = "preflight_degraded",
        /// The checks found that the run may do harm.
        PreflightUnsafe = "preflight_unsafe",
        /// The newest run failed.
        RecentFailureHistory = "recent_failure_history",
        /// Earlier runs were retried often.
        HighRetryRateHistory = "high_retry_rate_history",
        /// Earlier runs took long.
        SlowHistory = "slow_history",
        /// Something that the score rests on is not known.
        LowConfidenceMetadata = "low_confidence_metadata",
        /// Other heavy exports read from the same server.
        SharedSourceHeavyConflict = "shared_source_heavy_conflict",
        /// Nothing moves the score from where every score starts.
        NothingStandsOut = "nothing_stands_out",
    }
}

impl ReasonKind {
    /// Returns whether the reason rests on earlier runs, so that it falls under the bound of 15 points.
    pub fn is_history(self) -> bool {
        matches!(self, Self::RecentFailureHistory | Self::HighRetryRateHistory | Self::SlowHistory)
    }
}

/// One line of the waterfall that leads from 50 to the score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What it is.
    pub kind: ReasonKind,
    /// What it does to the score. `50` and the points of all reasons are the score, always.
    pub points: i32,
    /// The same for a person.
    pub message: String,
    /// Whether it rests on a signal that a person has set in place of a measurement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
}
