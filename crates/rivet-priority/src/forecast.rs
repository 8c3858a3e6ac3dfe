use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::number::{float, whole};
use crate::word::words;
use crate::{Signals, Statistics};

/// Bytes per second that a run is taken to read where no earlier run was measured: low, expected, high.
///
/// Rivet reads about 100 MB/s over one connection on a loopback (`docs/benchmarks.md`): the best case. Half of that,
/// and a tenth, are what a network and a busy server are guessed to leave of it.
const DEFAULT_BYTES: [f64; 3] = [10e6, 50e6, 100e6];

/// Rows per second where no earlier run was measured and nothing is known of the size of a row: what
/// [`DEFAULT_BYTES`] gives for rows of 500 bytes.
const DEFAULT_ROWS: [f64; 3] = [20e3, 100e3, 200e3];

/// Rows per second that no default goes beyond, however narrow the rows: 6 M rows in 7.9 s (`docs/benchmarks.md`).
const MOST_ROWS: f64 = 760e3;

/// Runs that must have been measured for their speed to be believed, as for every other average.
const MEASURED_RUNS: u32 = 3;

words! {
    /// What the speed of a forecast rests on.
    pub enum ForecastBasis {
        /// The speed of earlier runs of the same export.
        History = "history",
        /// A speed that was taken for lack of earlier runs.
        Default = "default",
    }
}

/// A number that is not known exactly: `low <= expected <= high`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// If all goes well.
    pub low: u64,
    /// Most likely.
    pub expected: u64,
    /// If all goes badly.
    pub high: u64,
}

impl Estimate {
    fn of(low: f64, expected: f64, high: f64) -> Self {
        let expected = whole(expected);
        Self { low: whole(low).min(expected), expected, high: whole(high).max(expected) }
    }

    fn map(self, function: impl Fn(f64) -> f64) -> Self {
        Self::of(function(float(self.low)), function(float(self.expected)), function(float(self.high)))
    }
}

impl AddAssign for Estimate {
    /// Adds each of the three; a sum that is too large stays at the largest number.
    fn add_assign(&mut self, other: Self) {
        self.low = self.low.saturating_add(other.low);
        self.expected = self.expected.saturating_add(other.expected);
        self.high = self.high.saturating_add(other.high);
    }
}

/// What a run is expected to take. It is advice: nothing stops where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// Rows that it reads. The range is as wide as the statistics are poor.
    pub rows: Estimate,
    /// Bytes that it reads from the source, where the size of a row is known. Files are smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Estimate>,
    /// Seconds that it takes, rounded up.
    pub seconds: Estimate,
    /// What the speed rests on.
    pub basis: ForecastBasis,
}

impl Forecast {
    /// Forecasts a run; `None` where there is no row estimate.
    pub fn of(signals: &Signals) -> Option<Self> {
        let estimate = float(signals.estimated_rows?);
        let spread = spread(signals.statistics);
        let rows = Estimate::of(estimate / spread, estimate, estimate * spread);
        let row_bytes = signals.row_bytes();
        let measured = signals.history.as_ref().and_then(|history| history.throughput);
        let measured = measured.filter(|speed| speed.runs >= MEASURED_RUNS && speed.is_usable());
        let [slow, median, fast] = measured.map_or_else(|| default_speed(row_bytes), |it| [it.low, it.median, it.high]);
        let seconds = |rows: u64, speed: f64| (float(rows) / speed).ceil();
        Some(Self {
            rows,
            bytes: row_bytes.map(|bytes| rows.map(|rows| rows * bytes)),
            seconds: Estimate::of(seconds(rows.low, fast), seconds(rows.expected, median), seconds(rows.high, slow)),
            basis: if measured.is_some() { ForecastBasis::History } else { ForecastBasis::Default },
        })
    }
}

/// Returns the factor by which a row estimate may be wrong either way: a guess that grows as the statistics age.
fn spread(statistics: Statistics) -> f64 {
    match statistics {
        Statistics::Fresh => 1.25,
        Statistics::Stale => 2.0,
        Statistics::Missing => 4.0,
    }
}

/// Returns rows per second for rows of which no run was measured.
fn default_speed(row_bytes: Option<f64>) -> [f64; 3] {
    match row_bytes {
        Some(bytes) if bytes > 0.0 => DEFAULT_BYTES.map(|speed| (speed / bytes).min(MOST_ROWS)),
        _ => DEFAULT_ROWS,
    }
}

/// The forecasts of several runs, added up: what they take one after the other.
///
/// A sum that no run has anything to add to is `None`, which is not the same as 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForecastTotal {
    /// Rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Estimate>,
    /// Bytes from the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Estimate>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<Estimate>,
    /// `history` where every forecast rests on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<ForecastBasis>,
    /// Exports of which rows, bytes or seconds are not known, sorted. They are missing from the sums.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<String>,
}

impl ForecastTotal {
    /// Adds up forecasts.
    pub fn of<'a>(forecasts: impl IntoIterator<Item = (&'a str, Option<Forecast>)>) -> Self {
        let mut total = Self::default();
        for (export_name, forecast) in forecasts {
            if forecast.and_then(|forecast| forecast.bytes).is_none() {
                total.incomplete.push(export_name.to_owned());
            }
            add(&mut total.rows, forecast.map(|forecast| forecast.rows));
            add(&mut total.bytes, forecast.and_then(|forecast| forecast.bytes));
            add(&mut total.seconds, forecast.map(|forecast| forecast.seconds));
            // `Default` is the greater of the two, and one of it makes the whole a guess.
            total.basis = total.basis.max(forecast.map(|forecast| forecast.basis));
        }
        total.incomplete.sort();
        total
    }
}

/// Adds what is known to a sum.
fn add(sum: &mut Option<Estimate>, estimate: Option<Estimate>) {
    if let Some(estimate) = estimate {
        *sum.get_or_insert_default() += estimate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{History, Strategy, Throughput};

    fn signals(rows: Option<u64>, row_bytes: Option<f64>, speed: Option<Throughput>) -> Signals {
        let history = History {
            runs: 20,
            failures: 0,
            newest_failed: false,
            retries: 0,
            average_duration_ms: None,
            average_bytes: None,
            throughput: speed,
        };
        Signals {
            estimated_rows: rows,
            estimated_row_bytes: row_bytes,
            statistics: Statistics::Fresh,
            history: Some(history),
            ..Signals::new("t", Strategy::Full)
        }
    }

    fn estimate(low: u64, expected: u64, high: u64) -> Estimate {
        Estimate { low, expected, high }
    }

    const SPEED: Throughput = Throughput { runs: 3, low: 500.0, median: 1000.0, high: 2000.0 };

    #[test]
    fn the_speed_of_earlier_runs_is_taken_where_there_is_one() {
        let forecast = Forecast::of(&signals(Some(10_000), Some(100.0), Some(SPEED))).unwrap();
        assert_eq!(forecast.rows, estimate(8_000, 10_000, 12_500));
        assert_eq!(forecast.bytes, Some(estimate(800_000, 1_000_000, 1_250_000)));
        assert_eq!((forecast.seconds, forecast.basis), (estimate(4, 10, 25), ForecastBasis::History));
    }

    #[test]
    fn a_speed_that_cannot_be_believed_is_not_taken() {
        for speed in [
            None,
            Some(Throughput { runs: 2, ..SPEED }),
            Some(Throughput { low: 0.0, ..SPEED }),
            Some(Throughput { median: f64::NAN, ..SPEED }),
            Some(Throughput { high: f64::INFINITY, ..SPEED }),
            Some(Throughput { high: 1.0, ..SPEED }),
        ] {
            let forecast = Forecast::of(&signals(Some(10_000), None, speed)).unwrap();
            assert_eq!(forecast.basis, ForecastBasis::Default, "{speed:?}");
        }
    }

    #[test]
    fn defaults_follow_the_bytes_and_then_the_rows() {
        let seconds = |rows, row_bytes| {
            let forecast = Forecast::of(&signals(Some(rows), row_bytes, None)).unwrap();
            (forecast.seconds.low, forecast.seconds.expected, forecast.seconds.high)
        };
        assert_eq!(seconds(1_000_000, Some(1000.0)), (8, 20, 125));
        assert_eq!(seconds(7_600_000, Some(1.0)), (8, 10, 13), "narrow rows are bound by their number");
        assert_eq!(seconds(1_000_000, None), (4, 10, 63));
        assert_eq!(seconds(1_000_000, Some(0.0)), (4, 10, 63));
        assert_eq!(seconds(0, None), (0, 0, 0));
        assert_eq!(seconds(1, None), (1, 1, 1));
    }

    #[test]
    fn without_a_row_estimate_there_is_no_forecast() {
        assert_eq!(Forecast::of(&signals(None, Some(10.0), Some(SPEED))), None);
    }

    #[test]
    fn sums_say_what_they_rest_on_and_what_they_lack() {
        let forecast = |rows, bytes, speed| Forecast::of(&signals(rows, bytes, speed));
        let (known, guessed) = (forecast(Some(10), Some(1.0), Some(SPEED)), forecast(Some(10), None, None));
        let total = ForecastTotal::of([("b", known), ("c", guessed), ("a", None)]);
        let expected = |sum: Option<Estimate>| sum.map(|sum| sum.expected);
        assert_eq!([total.rows, total.bytes, total.seconds].map(expected), [Some(20), Some(10), Some(2)]);
        assert_eq!(
            (total.basis, total.incomplete),
            (Some(ForecastBasis::Default), vec!["a".to_owned(), "c".to_owned()])
        );
        assert_eq!(ForecastTotal::of([("b", known)]).basis, Some(ForecastBasis::History));
        assert_eq!(ForecastTotal::of([("c", guessed)]).bytes, None, "not known is not 0");
        let nothing = ForecastTotal { incomplete: vec!["a".to_owned()], ..ForecastTotal::default() };
        assert_eq!(ForecastTotal::of([("a", None)]), nothing);
        let endless = forecast(Some(u64::MAX), Some(1e9), None);
        assert_eq!(ForecastTotal::of([("a", endless), ("b", endless)]).bytes.unwrap().high, u64::MAX);
    }
}
