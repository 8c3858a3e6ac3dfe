use crate::number::float;
use crate::word::words;
use crate::{CursorQuality, Signals, Strategy, Verdict};

const MIB: f64 = 1024.0 * 1024.0;
const GIB: f64 = 1024.0 * MIB;

/// From this many windows on, a `high` cost is a `very_high` one.
const MANY_WINDOWS: u32 = 64;

/// Warnings of the checks before a run that are still no risk.
const HARMLESS_WARNINGS: u32 = 3;

/// The last wave.
pub(crate) const LAST_WAVE: u8 = 4;

words! {
    /// What a run costs the source.
    ///
    /// By rows and by bytes, the worse of the two: `low` under 100 k rows and 64 MiB, `medium` under 5 M and 2 GiB,
    /// `high` under 50 M and 50 GiB, else `very_high`. 64 windows or more make `very_high` of `high`. Without a row
    /// estimate the cost is taken for `medium`.
    pub enum CostClass {
        /// Nobody will notice.
        Low = "low",
        /// An ordinary read.
        Medium = "medium",
        /// A heavy read.
        High = "high",
        /// A read that wants a time of its own.
        VeryHigh = "very_high",
    }
}

/// Rows and bytes that a class stays under.
const COST_LIMITS: [(CostClass, u64, f64); 3] = [
    (CostClass::Low, 100_000, 64.0 * MIB),
    (CostClass::Medium, 5_000_000, 2.0 * GIB),
    (CostClass::High, 50_000_000, 50.0 * GIB),
];

impl CostClass {
    /// Judges what a run costs the source.
    pub fn of(signals: &Signals) -> Self {
        let Some(rows) = signals.estimated_rows else { return Self::Medium };
        let bytes = signals.estimated_bytes().unwrap_or(0.0);
        let fits = |(_, most_rows, most_bytes): &&(Self, u64, f64)| rows < *most_rows && bytes < *most_bytes;
        let class = COST_LIMITS.iter().find(fits).map_or(Self::VeryHigh, |(class, ..)| *class);
        let many_windows = signals.windows().is_some_and(|windows| windows >= MANY_WINDOWS);
        if class == Self::High && many_windows { Self::VeryHigh } else { class }
    }

    /// Returns whether two such runs should not meet on one server.
    pub fn is_heavy(self) -> bool {
        matches!(self, Self::High | Self::VeryHigh)
    }
}

/// Returns whether a run is worth a word about its size: 1 M rows or more, or 1 GiB or more.
pub(crate) fn is_large(signals: &Signals) -> bool {
    let by_rows = signals.estimated_rows.is_some_and(|rows| float(rows) >= 1e6);
    by_rows || signals.estimated_bytes().is_some_and(|bytes| bytes >= GIB)
}

words! {
    /// How likely a run is to go wrong, or to do harm.
    ///
    /// `high` for an unsafe verdict or a sparse range; `medium` for a degraded verdict, an incremental export whose
    /// cursor is not strong, failed checks, or more than 3 warnings; else `low`.
    pub enum RiskClass {
        /// Nothing speaks against it.
        Low = "low",
        /// Keep an eye on it.
        Medium = "medium",
        /// Look into it first.
        High = "high",
    }
}

impl RiskClass {
    /// Judges how likely a run is to go wrong, or to do harm.
    pub fn of(signals: &Signals) -> Self {
        let warned = signals.preflight_warnings.is_some_and(|warnings| warnings > HARMLESS_WARNINGS);
        if signals.verdict == Verdict::Unsafe || signals.sparse_range == Some(true) {
            Self::High
        } else if signals.verdict == Verdict::Degraded
            || follows_weak_cursor(signals)
            || signals.preflight_failed
            || warned
        {
            Self::Medium
        } else {
            Self::Low
        }
    }
}

/// Returns whether an incremental export follows a cursor that is not strong.
pub(crate) fn follows_weak_cursor(signals: &Signals) -> bool {
    signals.strategy == Strategy::Incremental && signals.cursor_quality != CursorQuality::StrongMonotonic
}

words! {
    /// How soon a run is advised: `high` from a score of 70, `medium` from 40, else `low`.
    ///
    /// An export whose checks failed is never `high`.
    pub enum PriorityClass {
        /// It can wait.
        Low = "low",
        /// In its turn.
        Medium = "medium",
        /// Early.
        High = "high",
    }
}

impl PriorityClass {
    pub(crate) fn of(score: u8, preflight_failed: bool) -> Self {
        match score {
            70.. if !preflight_failed => Self::High,
            40.. => Self::Medium,
            _ => Self::Low,
        }
    }
}

/// Returns the wave, 1 to 4: 1 from a score of 75, 2 from 55, 3 from 35, else 4. A very heavy read goes one wave
/// later, and an export whose checks failed is never in wave 1.
pub(crate) fn wave(score: u8, cost: CostClass, preflight_failed: bool) -> u8 {
    let by_score = match score {
        75.. => 1,
        55.. => 2,
        35.. => 3,
        _ => LAST_WAVE,
    };
    let later = if cost == CostClass::VeryHigh { by_score + 1 } else { by_score };
    later.clamp(if preflight_failed { 2 } else { 1 }, LAST_WAVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_limits() {
        use CostClass::{High, Low, Medium, VeryHigh};
        let cost = |rows, row_bytes, windows| {
            CostClass::of(&Signals {
                estimated_rows: rows,
                estimated_row_bytes: row_bytes,
                chunk_count: windows,
                ..Signals::new("t", Strategy::Chunked)
            })
        };
        for (rows, expected) in [
            (0, Low),
            (99_999, Low),
            (100_000, Medium),
            (4_999_999, Medium),
            (5_000_000, High),
            (49_999_999, High),
            (50_000_000, VeryHigh),
            (u64::MAX, VeryHigh),
        ] {
            assert_eq!(cost(Some(rows), None, None), expected, "{rows} rows");
        }
        for (bytes, expected) in [
            (64.0 * MIB - 1.0, Low),
            (64.0 * MIB, Medium),
            (2.0 * GIB - 1.0, Medium),
            (2.0 * GIB, High),
            (50.0 * GIB - 1.0, High),
            (50.0 * GIB, VeryHigh),
        ] {
            assert_eq!(cost(Some(1), Some(bytes), None), expected, "{bytes} bytes");
        }
        assert_eq!(cost(None, Some(1e12), Some(1000)), Medium, "no estimate");
        assert_eq!(cost(Some(1), Some(f64::NAN), None), Low, "a width that is no number");
        assert_eq!(cost(Some(1), Some(-1.0), None), Low, "a width below zero");
        assert_eq!(cost(Some(8_000_000), None, Some(63)), High);
        assert_eq!(cost(Some(8_000_000), None, Some(64)), VeryHigh);
        assert_eq!(cost(Some(4_000_000), None, Some(64)), Medium, "windows raise `high` alone");
    }

    #[test]
    fn windows_of_an_export_that_is_not_chunked_raise_nothing() {
        let signals = Signals {
            estimated_rows: Some(8_000_000),
            chunk_count: Some(100),
            ..Signals::new("t", Strategy::Incremental)
        };
        assert_eq!(CostClass::of(&signals), CostClass::High);
    }

    #[test]
    fn large_begins_at_a_million_rows_or_a_gibibyte() {
        let large = |rows, row_bytes| {
            is_large(&Signals {
                estimated_rows: Some(rows),
                estimated_row_bytes: row_bytes,
                ..Signals::new("t", Strategy::Full)
            })
        };
        assert!(!large(999_999, None) && large(1_000_000, None));
        assert!(!large(1, Some(GIB - 1.0)) && large(1, Some(GIB)));
        assert!(!is_large(&Signals::new("t", Strategy::Full)));
    }

    #[test]
    fn risks() {
        use RiskClass::{High, Low, Medium};
        let calm =
            Signals { cursor_quality: CursorQuality::StrongMonotonic, ..Signals::new("t", Strategy::Incremental) };
        let check = |signals: Signals, expected| assert_eq!(RiskClass::of(&signals), expected, "{signals:?}");
        check(calm.clone(), Low);
        check(Signals { verdict: Verdict::Acceptable, ..calm.clone() }, Low);
        check(Signals { verdict: Verdict::Degraded, ..calm.clone() }, Medium);
        check(Signals { verdict: Verdict::Unsafe, ..calm.clone() }, High);
        check(Signals { sparse_range: Some(false), ..calm.clone() }, Low);
        check(Signals { sparse_range: Some(true), ..calm.clone() }, High);
        check(Signals { preflight_failed: true, ..calm.clone() }, Medium);
        check(Signals { preflight_warnings: Some(3), ..calm.clone() }, Low);
        check(Signals { preflight_warnings: Some(4), ..calm.clone() }, Medium);
        for quality in CursorQuality::ALL.iter().copied().filter(|it| *it != CursorQuality::StrongMonotonic) {
            check(Signals { cursor_quality: quality, ..calm.clone() }, Medium);
            check(Signals { cursor_quality: quality, strategy: Strategy::Full, ..calm.clone() }, Low);
        }
    }

    #[test]
    fn priority_classes_and_waves_begin_where_they_should() {
        use PriorityClass::{High, Low, Medium};
        for (score, class) in [(0, Low), (39, Low), (40, Medium), (69, Medium), (70, High), (100, High)] {
            assert_eq!(PriorityClass::of(score, false), class, "{score}");
            assert_eq!(PriorityClass::of(score, true), class.min(Medium), "{score} unchecked");
        }
        for (score, expected) in [(0, 4), (34, 4), (35, 3), (54, 3), (55, 2), (74, 2), (75, 1), (100, 1)] {
            assert_eq!(wave(score, CostClass::High, false), expected, "{score}");
            assert_eq!(wave(score, CostClass::VeryHigh, false), (expected + 1).min(4), "{score} very heavy");
            assert_eq!(wave(score, CostClass::Low, true), expected.max(2), "{score} unchecked");
        }
    }
}
