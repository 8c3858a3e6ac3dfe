use serde::{Deserialize, Serialize};

use crate::word::words;

words! {
    /// How much a finding matters.
    pub enum Severity {
        /// Good to know.
        Info = "info",
        /// Look into it.
        Warning = "warning",
        /// The run may harm the source, or fail.
        Critical = "critical",
    }
}

words! {
    /// What a finding is about. The words are stable. [`FINDING_RULES`](crate::FINDING_RULES) say when each is given.
    pub enum FindingCode {
        /// The planner could not be asked.
        ExplainFailed = "rivet::preflight::explain_failed",
        /// The catalog could not be asked.
        StatisticsFailed = "rivet::preflight::statistics_failed",
        /// The server could not be asked how it is doing.
        VitalsFailed = "rivet::preflight::vitals_failed",
        /// No index finds the rows that are wanted.
        NoUsableIndex = "rivet::preflight::no_usable_index",
        /// Each chunk reads everything.
        ScanPerChunk = "rivet::preflight::scan_per_chunk",
        /// There is an index, and the planner goes another way.
        IndexNotUsed = "rivet::preflight::index_not_used",
        /// The whole result is sorted before its first row comes.
        SortsResult = "rivet::preflight::sorts_result",
        /// The keys are spread thinly over their span.
        SparseRange = "rivet::preflight::sparse_range",
        /// The cursor is not a strong one.
        WeakCursor = "rivet::preflight::weak_cursor",
        /// The key holds NULLs.
        NullKey = "rivet::preflight::null_key",
        /// Several rows can have one key.
        KeyNotUnique = "rivet::preflight::key_not_unique",
        /// The smallest and the largest key are not known.
        BoundsNotObserved = "rivet::preflight::bounds_not_observed",
        /// The order of the key is not the order on disk.
        WeakCorrelation = "rivet::preflight::weak_correlation",
        /// The source has no statistics of the relation.
        StatisticsMissing = "rivet::preflight::statistics_missing",
        /// The statistics are behind the rows.
        StatisticsStale = "rivet::preflight::statistics_stale",
        /// Much will be read.
        LargeResult = "rivet::preflight::large_result",
        /// A large export in one piece could be cut.
        CouldBeChunked = "rivet::preflight::could_be_chunked",
        /// The relation is a view.
        View = "rivet::preflight::view",
        /// The relation is a materialized view.
        MaterializedView = "rivet::preflight::materialized_view",
        /// The relation is a partitioned table.
        PartitionedTable = "rivet::preflight::partitioned_table",
        /// The relation is a foreign table.
        ForeignTable = "rivet::preflight::foreign_table",
        /// The relation is an unlogged table.
        UnloggedTable = "rivet::preflight::unlogged_table",
        /// The server is a replica.
        Replica = "rivet::preflight::replica",
        /// The replica is behind.
        ReplicaLag = "rivet::preflight::replica_lag",
        /// A very large read goes to a primary.
        LargeReadOnPrimary = "rivet::preflight::large_read_on_primary",
        /// A connection pooler is in front of the server.
        Pooler = "rivet::preflight::pooler",
        /// A transaction has been open for long.
        LongTransaction = "rivet::preflight::long_transaction",
        /// Old versions of many rows are still kept.
        LongHistory = "rivet::preflight::long_history",
        /// The server has few connections left.
        ConnectionHeadroom = "rivet::preflight::connection_headroom",
        /// A bolder profile was asked for than is advised.
        ProfileAboveAdvice = "rivet::preflight::profile_above_advice",
        /// More connections were asked for than are advised.
        ParallelismAboveAdvice = "rivet::preflight::parallelism_above_advice",
    }
}

/// One thing that preflight has to say of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub code: FindingCode,
    /// How much it matters.
    pub severity: Severity,
    /// What was found, with its numbers: a lowercase fragment without values of cells.
    pub message: String,
    /// What to do: a full imperative sentence.
    pub help: String,
}
