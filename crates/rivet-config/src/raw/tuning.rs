use schemars::JsonSchema;
use serde::Deserialize;

use crate::tuning::{OnBatchMemoryExceeded, Profile};

/// How hard exports may work the server and this machine. What is not given comes from the profile.
#[derive(Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTuning {
    /// Where all other values start from. Default: by `source.environment`, else `balanced`.
    pub(crate) profile: Option<Profile>,
    /// Rows of a batch, at most. A batch ends earlier where its rows are wide. Not with `batch_size_memory_mb`.
    pub(crate) batch_size: Option<u64>,
    /// MiB at which a batch ends. Not with `batch_size`.
    pub(crate) batch_size_memory_mb: Option<u64>,
    /// Milliseconds to rest between reads; it is paid per rows read.
    pub(crate) throttle_ms: Option<u64>,
    /// Seconds that a statement may take on the server; 0 for no limit.
    pub(crate) statement_timeout_s: Option<u64>,
    /// Seconds in which one statement should end, fractions allowed; larger reads are split. 0 for reads of any length.
    pub(crate) statement_budget_s: Option<f64>,
    /// Seconds to wait for a lock on the server; 0 for no limit.
    pub(crate) lock_timeout_s: Option<u64>,
    /// How often a failure that may pass is tried again.
    pub(crate) max_retries: Option<u32>,
    /// Milliseconds before the first new try; each further one waits twice as long.
    pub(crate) retry_backoff_ms: Option<u64>,
    /// MiB of resident memory above which reading pauses; 0 for no limit.
    pub(crate) memory_threshold_mb: Option<u64>,
    /// MiB that one batch may hold.
    pub(crate) max_batch_memory_mb: Option<u64>,
    /// What happens to a batch above `max_batch_memory_mb`. Default: `warn`.
    pub(crate) on_batch_memory_exceeded: Option<OnBatchMemoryExceeded>,
    /// MiB that one value may hold; a larger one fails the export. 0 for no limit. Default: 1024.
    pub(crate) max_value_mb: Option<u64>,
    /// Whether to slow down and speed up with the load of the server. Default: false.
    pub(crate) adaptive: Option<bool>,
    /// Workers that `adaptive` always leaves at work. Default: 1.
    pub(crate) min_parallel: Option<u64>,
}
