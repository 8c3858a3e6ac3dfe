use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::number::{about_rows, count, duration, things};
use crate::pressure::{LAGGING, LONG_HISTORY, LONG_TRANSACTION};
use crate::reach::SMALL_ROWS;
use crate::word::words;
use crate::{Strategy, Verdict};

words! {
    /// A set of tuning values, from the most careful to the boldest.
    pub enum Profile {
        /// Small batches, long rests, short statements.
        Safe = "safe",
        /// A fair guest.
        Balanced = "balanced",
        /// As fast as it goes.
        Fast = "fast",
    }
}

/// How a run is advised to read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The tuning profile.
    pub profile: Profile,
    /// Why this one, as a lowercase fragment.
    pub profile_reason: String,
    /// Connections that read at a time, at least 1.
    pub parallelism: u32,
    /// Why so many, as a lowercase fragment.
    pub parallelism_reason: String,
}

/// Bytes below which a small number of rows is a small read: the limit of the lowest cost class.
const SMALL_BYTES: f64 = 64.0 * 1024.0 * 1024.0;

/// Rows that are worth a connection of their own: about a second of reading (`docs/benchmarks.md`).
const ROWS_PER_WORKER: u64 = 500_000;

/// Connections of a run where nobody knows how many the server has left.
const BLIND_WORKERS: u64 = 2;

/// A run takes at most one of so many connections that are left.
const SHARE_OF_HEADROOM: u64 = 4;

impl Profile {
    /// Returns connections that it allows at a time.
    fn most_workers(self) -> u64 {
        match self {
            Self::Safe => 1,
            Self::Balanced => 4,
            Self::Fast => 8,
        }
    }
}

impl Advice {
    pub(crate) fn of(evidence: &Evidence<'_>, verdict: Verdict) -> Self {
        let (profile, profile_reason) = profile(evidence, verdict);
        let (parallelism, parallelism_reason) = parallelism(evidence, verdict, profile);
        Self { profile, profile_reason, parallelism, parallelism_reason }
    }
}

/// Chooses a profile: the first thing that speaks for a careful one decides.
fn profile(evidence: &Evidence<'_>, verdict: Verdict) -> (Profile, String) {
    let reads = || format!("it reads {}", about_rows(evidence.rows));
    if let Some(strain) = strain(evidence) {
        return (Profile::Safe, strain);
    }
    match verdict {
        Verdict::Unsafe => (Profile::Safe, "the verdict is `unsafe`".to_owned()),
        Verdict::Degraded if evidence.scans_much() => {
            (Profile::Safe, format!("the verdict is `degraded`, and {}", reads()))
        }
        Verdict::Degraded => (Profile::Balanced, "the verdict is `degraded`".to_owned()),
        Verdict::Unknown => (Profile::Balanced, "nobody could see how it reads".to_owned()),
        Verdict::Efficient | Verdict::Acceptable if evidence.vitals().is_none() => {
            (Profile::Balanced, "nobody knows how the server is doing".to_owned())
        }
        Verdict::Efficient | Verdict::Acceptable => {
            let server = evidence.request.server.as_ref();
            if is_small(evidence) {
                (Profile::Fast, format!("{}: the source will hardly notice", reads()))
            } else if server.is_some_and(|server| server.replica) {
                (Profile::Fast, "it reads well, and from a replica".to_owned())
            } else {
                (Profile::Balanced, format!("{} from a server that others may need", reads()))
            }
        }
    }
}

/// Says what the server suffers from already.
fn strain(evidence: &Evidence<'_>) -> Option<String> {
    let vitals = evidence.vitals()?;
    if let Some(age) = vitals.oldest_transaction.filter(|age| *age >= LONG_TRANSACTION) {
        return Some(format!("a transaction has been open on the server for {}", duration(age)));
    }
    if let Some(length) = vitals.history_list_length.filter(|length| *length >= LONG_HISTORY) {
        return Some(format!("the server keeps old versions of rows for {} transactions", count(length)));
    }
    if let Some(lag) = vitals.replica_lag.filter(|lag| *lag >= LAGGING) {
        return Some(format!("the replica is {} behind already", duration(lag)));
    }
    let (most, left) = (vitals.max_connections?, evidence.headroom()?);
    (left < most / 10).then(|| format!("the server has {} left of {most}", things(left, "connection")))
}

/// Returns whether a read is too small to be felt. What nobody knows is not small.
fn is_small(evidence: &Evidence<'_>) -> bool {
    let few = evidence.rows.is_some_and(|rows| rows < SMALL_ROWS);
    few && evidence.bytes().is_some_and(|bytes| bytes < SMALL_BYTES)
}

/// Chooses a number of connections: the smallest of several limits, the first of them where two are equal.
fn parallelism(evidence: &Evidence<'_>, verdict: Verdict, profile: Profile) -> (u32, String) {
    let limits = limits(evidence, verdict, profile);
    let smallest = limits.into_iter().min_by_key(|(workers, _)| *workers);
    let (workers, reason) = smallest.unwrap_or((1, String::new()));
    (u32::try_from(workers).unwrap_or(u32::MAX).max(1), reason)
}

fn limits(evidence: &Evidence<'_>, verdict: Verdict, profile: Profile) -> Vec<(u64, String)> {
    let Strategy::Chunked(plan) = evidence.request.strategy else {
        return vec![(1, "it is read over one connection".to_owned())];
    };
    let by_verdict = match verdict {
        Verdict::Efficient | Verdict::Acceptable => None,
        Verdict::Degraded | Verdict::Unsafe | Verdict::Unknown => {
            Some((1, format!("a second connection would double the harm: the verdict is `{verdict}`")))
        }
    };
    let by_rows = match evidence.rows {
        Some(rows) => ((rows / ROWS_PER_WORKER).max(1), format!("{} keep so many busy", about_rows(Some(rows)))),
        None => (1, "nobody knows how much it reads".to_owned()),
    };
    let by_headroom = match evidence.headroom() {
        Some(left) => {
            let reason = format!("the server has {} left, and others want some of them", things(left, "connection"));
            ((left / SHARE_OF_HEADROOM).max(1), reason)
        }
        None => (BLIND_WORKERS, "nobody knows how many connections the server has left".to_owned()),
    };
    let by_chunks = (u64::from(plan.count.max(1)), format!("it has {}", things(plan.count.into(), "chunk")));
    let by_profile = (profile.most_workers(), format!("the profile `{profile}` takes no more"));
    by_verdict.into_iter().chain([by_chunks, by_rows, by_headroom, by_profile]).collect()
}
