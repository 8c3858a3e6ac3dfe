use rivet_source::RelationStatistics;

use crate::word::words;

words! {
    /// How well the source knows the relation; row estimates are no better than this.
    #[derive(Default)]
    pub enum StatisticsState {
        /// Gathered, and near to the live number of rows.
        Fresh = "fresh",
        /// Never gathered by an analysis, or since then more rows were changed than a tenth of them and 1,000.
        Stale = "stale",
        /// The source has no number of rows, or could not be asked.
        #[default]
        Missing = "missing",
    }
}

/// Changed rows that leave statistics fresh however small the relation is: an analysis of so few changes nothing that
/// a plan depends on.
const HARMLESS_CHANGES: u64 = 1_000;

impl StatisticsState {
    /// Judges what a catalog says of a relation.
    pub(crate) fn of(statistics: Option<&RelationStatistics>) -> Self {
        let Some(statistics) = statistics else { return Self::Missing };
        match (statistics.analyzed_at, statistics.estimated_rows) {
            (None, None) => Self::Missing,
            // A replica is not told when its primary analyzed, nor what was changed since, but has what came of it.
            (None, Some(_)) if statistics.changed_rows.is_none() => Self::Fresh,
            (None, Some(_)) => Self::Stale,
            (Some(_), rows) => {
                let limit = (rows.unwrap_or(0) / 10).max(HARMLESS_CHANGES);
                if statistics.changed_rows.unwrap_or(0) > limit { Self::Stale } else { Self::Fresh }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn statistics_are_judged_by_their_age_in_changes() {
        use StatisticsState::{Fresh, Missing, Stale};
        let check = |analyzed: bool, rows, changed, expected| {
            let statistics = RelationStatistics {
                analyzed_at: analyzed.then_some(Timestamp::UNIX_EPOCH),
                estimated_rows: rows,
                changed_rows: changed,
                ..RelationStatistics::default()
            };
            assert_eq!(StatisticsState::of(Some(&statistics)), expected, "{statistics:?}");
        };
        check(true, Some(1_000_000), Some(100_000), Fresh);
        check(true, Some(1_000_000), Some(100_001), Stale);
        check(true, Some(50), Some(1_000), Fresh);
        check(true, Some(50), Some(1_001), Stale);
        check(true, Some(0), None, Fresh);
        check(true, None, None, Fresh);
        check(false, Some(50), Some(0), Stale);
        check(false, Some(50), None, Fresh);
        check(false, None, None, Missing);
        assert_eq!(StatisticsState::of(None), Missing);
    }
}
