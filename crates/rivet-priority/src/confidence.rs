use std::fmt;

use serde::{Deserialize, Serialize};

use crate::number::whole;
use crate::{SignalName, Signals, Statistics};

/// How far a recommendation can be relied on: 0.35 to 1.
///
/// It is kept in ten-thousandths, which the factors of [`CONFIDENCE_RULES`] never leave, so that equal signals give
/// equal bytes on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "f64", into = "f64")]
pub struct Confidence(i32);

/// Ten-thousandths in 1.
const ONE: i32 = 10_000;

/// The lowest confidence, in ten-thousandths: however little is known, a score still tells a little.
const LEAST: i32 = 3_500;

/// What a run without a row estimate is set back by, beyond the pull toward 50.
const NO_ESTIMATE: i32 = 3;

/// One thing that takes confidence away.
#[derive(Debug, Clone, Copy)]
pub struct ConfidenceRule {
    /// When it does.
    pub when: &'static str,
    /// What the confidence is multiplied by, in tenths.
    pub tenths: i32,
    /// The signals that it reads.
    pub reads: &'static [SignalName],
    missing: &'static str,
    applies: fn(&Signals) -> bool,
}

/// Everything that takes confidence away.
pub const CONFIDENCE_RULES: &[ConfidenceRule] = &[
    ConfidenceRule {
        when: "the checks before the run came to no end",
        tenths: 5,
        reads: &[SignalName::PreflightFailed],
        missing: "the checks failed",
        applies: |signals| signals.preflight_failed,
    },
    ConfidenceRule {
        when: "there is no row estimate",
        tenths: 7,
        reads: &[SignalName::EstimatedRows],
        missing: "no row estimate",
        applies: |signals| signals.estimated_rows.is_none(),
    },
    ConfidenceRule {
        when: "the server has no statistics of the table",
        tenths: 7,
        reads: &[SignalName::Statistics],
        missing: "no statistics",
        applies: |signals| signals.statistics == Statistics::Missing,
    },
    ConfidenceRule {
        when: "the statistics are far from the live number of rows",
        tenths: 9,
        reads: &[SignalName::Statistics],
        missing: "stale statistics",
        applies: |signals| signals.statistics == Statistics::Stale,
    },
    ConfidenceRule {
        when: "the export is `incremental` or `chunked` and the bounds of its column were not observed",
        tenths: 9,
        reads: &[SignalName::CursorBoundsObserved, SignalName::Strategy],
        missing: "bounds of the cursor not observed",
        applies: |signals| signals.needs_cursor_bounds() && !signals.cursor_bounds_observed,
    },
];

impl Confidence {
    /// Judges how far the signals carry.
    pub fn of(signals: &Signals) -> Self {
        let product = lacking(signals).fold(ONE, |confidence, rule| confidence * rule.tenths / 10);
        Self(product.max(LEAST))
    }

    /// Returns the confidence as a number from 0.35 to 1.
    pub fn value(self) -> f64 {
        f64::from(self.0) / f64::from(ONE)
    }

    /// Returns whether nothing is lacking.
    pub fn is_full(self) -> bool {
        self.0 == ONE
    }

    /// Takes a sum toward 50 by what is lacking, rounding halves away from 50.
    pub(crate) fn pull(self, sum: i32, has_estimate: bool) -> i32 {
        let product = self.0 * (sum - 50);
        let rounded = (product.abs() + ONE / 2) / ONE * product.signum();
        50 + rounded - if has_estimate { 0 } else { NO_ESTIMATE }
    }
}

/// Returns the rules that take confidence away from these signals.
fn lacking(signals: &Signals) -> impl Iterator<Item = &'static ConfidenceRule> {
    CONFIDENCE_RULES.iter().filter(|rule| (rule.applies)(signals))
}

/// Says what is lacking, separated by commas.
pub(crate) fn what_is_lacking(signals: &Signals) -> String {
    lacking(signals).map(|rule| rule.missing).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.value())
    }
}

impl From<Confidence> for f64 {
    fn from(confidence: Confidence) -> Self {
        confidence.value()
    }
}

impl From<f64> for Confidence {
    /// Takes the nearest confidence that there is.
    fn from(value: f64) -> Self {
        let ten_thousandths = whole(value * f64::from(ONE));
        Self(i32::try_from(ten_thousandths).unwrap_or(ONE).clamp(LEAST, ONE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Strategy;

    fn known(strategy: Strategy) -> Signals {
        Signals {
            estimated_rows: Some(1),
            statistics: Statistics::Fresh,
            cursor_bounds_observed: true,
            ..Signals::new("t", strategy)
        }
    }

    #[test]
    fn what_is_missing_takes_confidence_away() {
        let check = |signals: Signals, value: f64, lacking: &str| {
            let confidence = Confidence::of(&signals);
            assert_eq!(serde_json::to_value(confidence).unwrap(), serde_json::json!(value), "{signals:?}");
            assert_eq!(what_is_lacking(&signals), lacking);
        };
        let known = known(Strategy::Incremental);
        check(known.clone(), 1.0, "");
        check(Signals { preflight_failed: true, ..known.clone() }, 0.5, "the checks failed");
        check(Signals { estimated_rows: None, ..known.clone() }, 0.7, "no row estimate");
        check(Signals { statistics: Statistics::Missing, ..known.clone() }, 0.7, "no statistics");
        check(Signals { statistics: Statistics::Stale, ..known.clone() }, 0.9, "stale statistics");
        check(Signals { cursor_bounds_observed: false, ..known.clone() }, 0.9, "bounds of the cursor not observed");
        check(
            Signals { statistics: Statistics::Stale, estimated_rows: None, ..known },
            0.63,
            "no row estimate, stale statistics",
        );
        check(
            Signals { preflight_failed: true, ..Signals::new("t", Strategy::Chunked) },
            0.35,
            "the checks failed, no row estimate, no statistics, bounds of the cursor not observed",
        );
    }

    #[test]
    fn a_full_scan_and_a_time_window_need_no_bounds() {
        for (strategy, full) in [
            (Strategy::Full, true),
            (Strategy::TimeWindow, true),
            (Strategy::Incremental, false),
            (Strategy::Chunked, false),
        ] {
            let signals = Signals { cursor_bounds_observed: false, ..known(strategy) };
            assert_eq!(Confidence::of(&signals).is_full(), full, "{strategy}");
        }
    }

    #[test]
    fn the_pull_rounds_halves_away_from_fifty() {
        let half = Confidence(5_000);
        for (sum, expected) in [(50, 50), (51, 51), (53, 52), (49, 49), (47, 48), (-49, 0), (94, 72)] {
            assert_eq!(half.pull(sum, true), expected, "{sum}");
            assert_eq!(half.pull(sum, false), expected - 3, "{sum} without an estimate");
        }
        assert_eq!(Confidence(ONE).pull(-49, true), -49);
    }

    #[test]
    fn any_number_reads_as_a_confidence() {
        for (value, expected) in [(0.0, LEAST), (f64::NAN, LEAST), (0.2205, LEAST), (0.441, 4_410), (7.0, ONE)] {
            assert_eq!(Confidence::from(value).0, expected, "{value}");
        }
    }
}
