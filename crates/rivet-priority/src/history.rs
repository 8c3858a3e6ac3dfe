use std::fmt;

use serde::{Deserialize, Serialize};

use crate::number::{float, things};
use crate::word::words;

/// Runs that are looked back on.
const RUNS: usize = 20;

/// Seconds after which the speed of a run says half as much: a week. A table grows and a server is moved in months,
/// and most exports run daily or more often; the number is a judgement, not a measurement.
const HALF_LIFE_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

words! {
    /// How an earlier run ended.
    pub enum RunOutcome {
        /// Its rows are there.
        Committed = "committed",
        /// There was nothing to write.
        Skipped = "skipped",
        /// It ended with an error, or its process died.
        Failed = "failed",
        /// Somebody stopped it, which says nothing about the export.
        Interrupted = "interrupted",
        /// It has not ended; it does not count.
        Running = "running",
    }
}

/// One earlier run of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// How it ended.
    pub outcome: RunOutcome,
    /// Attempts beyond the first, over all its chunks.
    #[serde(default)]
    pub retries: u64,
    /// Wall time in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Rows that it wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Bytes of the files that it wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Seconds since it began. Only the time between runs matters, so that the moment of asking changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<u64>,
}

impl PastRun {
    /// Makes a run of which nothing but its end is known.
    pub fn new(outcome: RunOutcome) -> Self {
        Self { outcome, retries: 0, duration_ms: None, rows: None, bytes: None, age_seconds: None }
    }

    /// Returns rows per second, where the run wrote any and its time was measured.
    fn throughput(&self) -> Option<f64> {
        let (rows, milliseconds) = (self.rows?, self.duration_ms?);
        let measured = self.outcome == RunOutcome::Committed && rows > 0 && milliseconds > 0;
        measured.then(|| float(rows) * 1000.0 / float(milliseconds))
    }
}

/// How fast earlier runs were, in rows per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Runs that were measured: committed, with rows and a duration.
    pub runs: u32,
    /// The lower quartile; of fewer than five runs, the slowest.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The upper quartile; of fewer than five runs, the fastest.
    pub high: f64,
}

impl Throughput {
    /// Sums up runs, the newest first. A run counts by half for each week that it is older than the newest one.
    fn of(runs: &[PastRun]) -> Option<Self> {
        let newest = runs.iter().filter_map(|run| run.age_seconds).min().unwrap_or_default();
        let weight = |run: &PastRun| {
            let older = run.age_seconds.unwrap_or(newest).saturating_sub(newest);
            (-float(older) / HALF_LIFE_SECONDS).exp2()
        };
        let mut speeds: Vec<(f64, f64)> =
            runs.iter().filter_map(|run| Some((run.throughput()?, weight(run)))).collect();
        speeds.sort_by(|a, b| a.0.total_cmp(&b.0));
        if speeds.is_empty() {
            return None;
        }
        // Thousandths are more than enough, and every reader of JSON gives them back exactly.
        let thousandths = |speed: f64| (speed * 1000.0).round() / 1000.0;
        let (low, high) = if speeds.len() < 5 { (0.0, 1.0) } else { (0.25, 0.75) };
        Some(Self {
            runs: u32::try_from(speeds.len()).unwrap_or(u32::MAX),
            low: thousandths(quantile(&speeds, low)),
            median: thousandths(quantile(&speeds, 0.5)),
            high: thousandths(quantile(&speeds, high)),
        })
    }

    /// Returns whether the numbers can be reckoned with: finite, above zero and in order.
    pub fn is_usable(&self) -> bool {
        self.high.is_finite() && 0.0 < self.low && self.low <= self.median && self.median <= self.high
    }
}

/// Returns the value below which this part of the weight lies, 0 to 1; between two values where it falls on their
/// border. The values are sorted, and each comes with its weight.
fn quantile(weighted: &[(f64, f64)], part: f64) -> f64 {
    let goal = part * weighted.iter().map(|(_, weight)| weight).sum::<f64>();
    let mut sum = 0.0;
    for (index, (value, weight)) in weighted.iter().enumerate() {
        sum += weight;
        let next = weighted.get(index + 1).map_or(*value, |(next, _)| *next);
        // Sums of weights are not exact.
        if (sum - goal).abs() < 1e-9 && goal > 0.0 {
            return f64::midpoint(*value, next);
        }
        if sum > goal {
            return *value;
        }
    }
    weighted.last().map_or(0.0, |(value, _)| *value)
}

/// How the last runs of an export went, 20 at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Runs that have ended; those that had nothing to write count too.
    pub runs: u32,
    /// Those of them that failed.
    pub failures: u32,
    /// Whether the newest of them failed.
    pub newest_failed: bool,
    /// Attempts beyond the first, over all of them.
    pub retries: u64,
    /// Wall time on average, in milliseconds, over those whose time is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_duration_ms: Option<u64>,
    /// Bytes of files on average, over those that committed any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_bytes: Option<u64>,
    /// How fast those were that committed rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<Throughput>,
}

impl History {
    /// Sums up runs, the newest first. Runs that are still going are passed over, and beyond 20 none is looked at.
    /// `None` where that leaves nothing.
    ///
    /// ```
    /// use rivet_priority::{History, PastRun, RunOutcome};
    ///
    /// let run = |outcome| PastRun { duration_ms: Some(2_000), rows: Some(500), ..PastRun::new(outcome) };
    /// let history = History::of([run(RunOutcome::Running), run(RunOutcome::Failed), run(RunOutcome::Committed)]);
    /// assert!(history.is_some_and(|history| history.runs == 2 && history.newest_failed));
    /// ```
    pub fn of(newest_first: impl IntoIterator<Item = PastRun>) -> Option<Self> {
        let ended = newest_first.into_iter().filter(|run| run.outcome != RunOutcome::Running);
        let runs: Vec<PastRun> = ended.take(RUNS).collect();
        let newest = runs.first()?;
        let failures = runs.iter().filter(|run| run.outcome == RunOutcome::Failed).count();
        let committed = runs.iter().filter(|run| run.outcome == RunOutcome::Committed);
        Some(Self {
            runs: u32::try_from(runs.len()).unwrap_or(u32::MAX),
            failures: u32::try_from(failures).unwrap_or(u32::MAX),
            newest_failed: newest.outcome == RunOutcome::Failed,
            retries: runs.iter().fold(0, |sum: u64, run| sum.saturating_add(run.retries)),
            average_duration_ms: average(runs.iter().filter_map(|run| run.duration_ms)),
            average_bytes: average(committed.filter_map(|run| run.bytes)),
            throughput: Throughput::of(&runs),
        })
    }

    /// Returns whether there are enough runs for an average to say anything.
    pub(crate) fn is_large_enough(&self) -> bool {
        self.runs >= 3
    }

    /// Returns whether the newest run failed.
    pub(crate) fn failed_last(&self) -> bool {
        self.runs > 0 && self.newest_failed
    }

    /// Returns whether there were more than 0.3 retries a run.
    pub(crate) fn retries_often(&self) -> bool {
        self.is_large_enough() && u128::from(self.retries) * 10 > u128::from(self.runs) * 3
    }

    /// Returns whether a run takes 5 minutes or more on average.
    pub(crate) fn is_slow(&self) -> bool {
        self.is_large_enough() && self.average_duration_ms.is_some_and(|average| average >= 5 * 60 * 1000)
    }
}

fn average(numbers: impl Iterator<Item = u64>) -> Option<u64> {
    let (sum, count) = numbers.fold((0_u128, 0_u128), |(sum, count), number| (sum + u128::from(number), count + 1));
    sum.checked_div(count).and_then(|average| u64::try_from(average).ok())
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} failed", things(self.runs.into(), "run"), self.failures)?;
        if self.newest_failed {
            f.write_str(", the newest too")?;
        }
        let retries = if self.retries == 1 { "retry" } else { "retries" };
        write!(f, ", {} {retries}", self.retries)?;
        match self.average_duration_ms {
            Some(average) => write!(f, ", {:.1} s on average", float(average) / 1000.0),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(outcome: RunOutcome, rows: u64, duration_ms: u64) -> PastRun {
        PastRun { retries: 1, duration_ms: Some(duration_ms), rows: Some(rows), ..PastRun::new(outcome) }
    }

    #[test]
    fn the_last_twenty_runs_count_and_one_that_is_still_going_does_not() {
        let mut runs = vec![run(RunOutcome::Running, 0, 1), run(RunOutcome::Skipped, 0, 1000)];
        runs.extend(vec![run(RunOutcome::Failed, 0, 1000); 30]);
        let history = History::of(runs).unwrap();
        assert_eq!((history.runs, history.failures, history.newest_failed, history.retries), (20, 19, false, 20));
        assert_eq!((history.average_duration_ms, history.throughput), (Some(1000), None));
        assert_eq!(history.to_string(), "20 runs, 19 failed, 20 retries, 1.0 s on average");
        assert_eq!(History::of([run(RunOutcome::Running, 0, 1)]), None);
    }

    #[test]
    fn speed_is_taken_from_runs_that_committed_rows() {
        let committed = |rows| run(RunOutcome::Committed, rows, 1000);
        let speed = |runs: &[PastRun]| {
            let speed = History::of(runs.iter().copied())?.throughput?;
            Some((speed.runs, speed.low, speed.median, speed.high))
        };
        assert_eq!(speed(&[committed(0), run(RunOutcome::Failed, 5, 5), run(RunOutcome::Committed, 5, 0)]), None);
        assert_eq!(speed(&[committed(40)]), Some((1, 40.0, 40.0, 40.0)));
        assert_eq!(speed(&[committed(40), committed(20)]), Some((2, 20.0, 30.0, 40.0)));
        let five = [50, 10, 40, 20, 30].map(committed);
        assert_eq!(speed(&five), Some((5, 20.0, 30.0, 40.0)));
    }

    #[test]
    fn a_run_says_less_the_older_it_is() {
        const WEEK: u64 = 7 * 24 * 3600;
        let median = |now: u64, ages: [u64; 5]| {
            let speeds = [500, 400, 300, 200, 100];
            let runs = speeds.into_iter().zip(ages).map(|(rows, age)| PastRun {
                age_seconds: Some(now + age),
                bytes: Some(rows * 2),
                ..run(RunOutcome::Committed, rows, 1000)
            });
            let history = History::of(runs).unwrap();
            assert_eq!(history.average_bytes, Some(600));
            history.throughput.unwrap().median
        };
        assert!((median(0, [0; 5]) - 300.0).abs() < 1e-9);
        let grown = [0, WEEK, 2 * WEEK, 3 * WEEK, 4 * WEEK];
        assert!((median(0, grown) - 500.0).abs() < 1e-9, "the newest run weighs more than all before it");
        assert!((median(0, grown) - median(90 * WEEK, grown)).abs() < 1e-9, "the moment of asking changes nothing");
    }

    #[test]
    fn thresholds_of_the_history() {
        let history = |runs, retries, average| History {
            runs,
            failures: 0,
            newest_failed: true,
            retries,
            average_duration_ms: average,
            average_bytes: None,
            throughput: None,
        };
        assert!(!history(0, 0, None).failed_last(), "no run has failed");
        assert!(history(1, 0, None).failed_last());
        for (runs, retries, often) in [(2, 9, false), (3, 0, false), (3, 1, true), (10, 3, false), (10, 4, true)] {
            assert_eq!(history(runs, retries, None).retries_often(), often, "{retries} in {runs}");
        }
        for (runs, average, slow) in
            [(2, Some(300_000), false), (3, None, false), (3, Some(299_999), false), (3, Some(300_000), true)]
        {
            assert_eq!(history(runs, 0, average).is_slow(), slow, "{average:?} over {runs}");
        }
    }
}
