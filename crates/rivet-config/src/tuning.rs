use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::document::Path;
use crate::raw::RawTuning;
use crate::source::EnvironmentKind;

/// A set of values that a [`Tuning`] starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// As fast as it goes: batches of 50,000 rows, no rest, no limits on the server, statements that should end in
    /// 10 s, 1 retry.
    Fast,
    /// A fair guest: batches of 10,000 rows, 50 ms of rest, statements of 300 s that should end in 2 s, locks of 30 s,
    /// 3 retries.
    Balanced,
    /// Hardly felt: batches of 2,000 rows, 500 ms of rest, statements of 120 s that should end in 0.5 s, locks of 10 s,
    /// 5 retries.
    Safe,
}

impl Profile {
    /// Returns the profile of a server where none is named.
    pub fn for_environment(environment: Option<EnvironmentKind>) -> Self {
        match environment {
            Some(EnvironmentKind::Local) => Self::Fast,
            Some(EnvironmentKind::Replica | EnvironmentKind::Production) | None => Self::Balanced,
        }
    }

    /// Returns the word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Balanced => "balanced",
            Self::Safe => "safe",
        }
    }

    fn tuning(self) -> Tuning {
        let (batch_rows, throttle, statement, budget, lock, retries, backoff, memory_mib) = match self {
            Self::Fast => (50_000, 0, 0, 10_000, 0, 1, 1, 0),
            Self::Balanced => (10_000, 50, 300, 2_000, 30, 3, 2, 4096),
            Self::Safe => (2_000, 500, 120, 500, 10, 5, 5, 2048),
        };
        Tuning {
            profile: self,
            batch_rows,
            batch_bytes: None,
            throttle: Duration::from_millis(throttle),
            statement_timeout: Duration::from_secs(statement),
            statement_budget: Duration::from_millis(budget),
            lock_timeout: Duration::from_secs(lock),
            max_retries: retries,
            retry_backoff: Duration::from_secs(backoff),
            memory_threshold: limit(memory_mib << 20),
            max_batch_bytes: None,
            on_batch_memory_exceeded: OnBatchMemoryExceeded::Warn,
            max_value_bytes: Some(MAX_VALUE_MIB << 20),
            adaptive: false,
            min_parallel: 1,
        }
    }
}

/// What PostgreSQL and MySQL themselves hold in one value, in MiB.
const MAX_VALUE_MIB: u64 = 1024;

/// What happens to a batch that is larger than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBatchMemoryExceeded {
    /// It is told.
    Warn,
    /// The export fails.
    Fail,
    /// It is told, and later batches have fewer rows.
    AutoShrink,
}

/// How hard one export may work the server and this machine, fully resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// The profile that values come from where the file does not say them.
    pub profile: Profile,
    /// Rows of a batch, at most; a reader ends a batch earlier where its rows are wide.
    pub batch_rows: u64,
    /// Bytes at which a batch ends, where that is said.
    pub batch_bytes: Option<u64>,
    /// Rest between reads. Zero for none.
    pub throttle: Duration,
    /// The longest a statement may take. Zero for no limit.
    pub statement_timeout: Duration,
    /// The time in which one statement should end: larger reads are split. Zero for reads of any length.
    pub statement_budget: Duration,
    /// The longest to wait for a lock. Zero for no limit.
    pub lock_timeout: Duration,
    /// New tries after a failure that may pass.
    pub max_retries: u32,
    /// The wait before the first new try; each further one waits twice as long.
    pub retry_backoff: Duration,
    /// Bytes of resident memory above which reading pauses. None for no limit.
    pub memory_threshold: Option<u64>,
    /// Bytes that one batch may hold. None for no limit.
    pub max_batch_bytes: Option<u64>,
    /// What happens above that.
    pub on_batch_memory_exceeded: OnBatchMemoryExceeded,
    /// Bytes that one value may hold. None for no limit.
    pub max_value_bytes: Option<u64>,
    /// Whether to follow the load of the server.
    pub adaptive: bool,
    /// Workers that `adaptive` always leaves at work.
    pub min_parallel: usize,
}

/// Zero stands for no limit.
fn limit(number: u64) -> Option<u64> {
    (number > 0).then_some(number)
}

impl Tuning {
    /// Judges the keys of one `tuning` mapping.
    pub(crate) fn check(raw: &RawTuning, at: &Path, cx: &mut Checker<'_>) {
        if raw.batch_size.is_some() && raw.batch_size_memory_mb.is_some() {
            cx.exclusive(at, "batch_size", "batch_size_memory_mb", "Keep the one that should hold.");
        }
        if raw.on_batch_memory_exceeded.is_some() && raw.max_batch_memory_mb.is_none() && !inherits_cap(at, cx) {
            let message = "`on_batch_memory_exceeded` has no meaning without `max_batch_memory_mb`";
            cx.meaningless(&at.key("on_batch_memory_exceeded"), message, "Add `max_batch_memory_mb`.");
        }
        cx.positive(&at.key("batch_size"), raw.batch_size);
        cx.positive(&at.key("min_parallel"), raw.min_parallel);
        if raw.statement_budget_s.is_some() && budget(raw).is_none() {
            let message = "`statement_budget_s` is no number of seconds";
            cx.invalid(&at.key("statement_budget_s"), message, "Write for example `2` or `0.5`; 0 is for none.");
        }
        for (key, number) in
            [("batch_size_memory_mb", raw.batch_size_memory_mb), ("max_batch_memory_mb", raw.max_batch_memory_mb)]
        {
            cx.positive(&at.key(key), number);
            cx.mebibytes(&at.key(key), number);
        }
        for (key, number) in [("memory_threshold_mb", raw.memory_threshold_mb), ("max_value_mb", raw.max_value_mb)] {
            cx.mebibytes(&at.key(key), number);
        }
    }

    /// Lays an export's keys over those of the source, and both over a profile. The keys have been judged.
    pub(crate) fn resolve(
        environment: Option<EnvironmentKind>,
        source: Option<&RawTuning>,
        export: Option<&RawTuning>,
    ) -> Self {
        let layers = [source, export].map(Option::<&RawTuning>::cloned).map(Option::unwrap_or_default);
        let profile = layers.iter().filter_map(|layer| layer.profile).next_back();
        let mut tuning = profile.unwrap_or_else(|| Profile::for_environment(environment)).tuning();
        for layer in &layers {
            tuning.lay(layer);
        }
        tuning
    }

    fn lay(&mut self, raw: &RawTuning) {
        let mebibytes = |number: u64| number.saturating_mul(1 << 20);
        if let Some(rows) = raw.batch_size {
            (self.batch_rows, self.batch_bytes) = (rows, None);
        }
        if let Some(number) = raw.batch_size_memory_mb {
            // Rows are bounded by the bytes alone.
            (self.batch_rows, self.batch_bytes) = (u64::MAX, Some(mebibytes(number)));
        }
        set(&mut self.throttle, raw.throttle_ms.map(Duration::from_millis));
        set(&mut self.statement_timeout, raw.statement_timeout_s.map(Duration::from_secs));
        set(&mut self.lock_timeout, raw.lock_timeout_s.map(Duration::from_secs));
        set(&mut self.max_retries, raw.max_retries);
        set(&mut self.retry_backoff, raw.retry_backoff_ms.map(Duration::from_millis));
        set(&mut self.memory_threshold, raw.memory_threshold_mb.map(mebibytes).map(limit));
        set(&mut self.max_batch_bytes, raw.max_batch_memory_mb.map(mebibytes).map(limit));
        set(&mut self.on_batch_memory_exceeded, raw.on_batch_memory_exceeded);
        set(&mut self.max_value_bytes, raw.max_value_mb.map(mebibytes).map(limit));
        set(&mut self.adaptive, raw.adaptive);
        set(&mut self.min_parallel, raw.min_parallel.map(|number| usize::try_from(number).unwrap_or(usize::MAX)));
        set(&mut self.statement_budget, budget(raw));
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// None where it is not said, or can't be a duration.
fn budget(raw: &RawTuning) -> Option<Duration> {
    Duration::try_from_secs_f64(raw.statement_budget_s?).ok()
}

/// An export's own keys may speak about what the source's say.
fn inherits_cap(at: &Path, cx: &Checker<'_>) -> bool {
    let of_source = Path::root().key("source").key("tuning");
    *at != of_source && cx.has(&of_source.key("max_batch_memory_mb"))
}
