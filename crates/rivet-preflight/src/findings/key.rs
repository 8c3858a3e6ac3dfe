//! The column that an export follows, or is cut by.

use super::{Facts, FindingRule, Note};
use crate::evidence::Nulls;
use crate::number::{about_rows, count, percent};
use crate::reach::Reach;
use crate::sparse::Spread;
use crate::{CursorQuality, FindingCode, Strategy};

/// Below this, following the order of the key jumps about on the disk: our own choice, in the middle between order
/// and none.
const WEAK_CORRELATION_LIMIT: f64 = 0.5;

/// Rows from which such jumping is felt.
const LARGE_READ: u64 = 1_000_000;

pub(super) const SPARSE_RANGE: FindingRule = FindingRule {
    code: FindingCode::SparseRange,
    when: "the integer key of a chunked export has less than 0.1 rows for each value of its span, which makes more than \
           10 windows of the width of a chunk",
    find: |facts| {
        let spread = facts.spread.filter(Spread::is_sparse)?;
        let message = format!(
            "{} are spread over {} values of {}: of {} windows of {} values, most would be empty",
            about_rows(Some(spread.rows)),
            count(spread.span),
            facts.evidence.key_name(),
            count(spread.windows),
            count(spread.width),
        );
        let help = "Go by its rows, not by its span: chunks are cut where rows are, and where these are few, \
                    `mode: full` does.";
        Some(Note::warning(message, help))
    },
};

pub(super) const WEAK_CURSOR: FindingRule = FindingRule {
    code: FindingCode::WeakCursor,
    when: "an incremental export whose cursor is not `strong_monotonic`",
    find: |facts| {
        let evidence = &facts.evidence;
        if evidence.request.strategy != Strategy::Incremental || facts.cursor == CursorQuality::StrongMonotonic {
            return None;
        }
        let mut why = evidence.cursor_weaknesses();
        if facts.cursor == CursorQuality::None {
            why.insert(0, "no index finds rows by it");
        }
        let message = format!("the cursor {} is `{}`: {}", evidence.key_name(), facts.cursor, why.join("; "));
        let help = "Follow a column that an index begins with and that is never NULL, and name a unique \
                    `cursor_tiebreak`.";
        Some(Note::info(message, help))
    },
};

pub(super) const NULL_KEY: FindingRule = FindingRule {
    code: FindingCode::NullKey,
    when: "statistics saw NULLs in the key: a warning where rows without a key would be missed, for information where a \
           fallback or a chunk of their own takes them, or where statistics are silent on a column that allows them",
    find: |facts| {
        let evidence = &facts.evidence;
        let key = evidence.key_name();
        let follows = match evidence.request.strategy {
            Strategy::Full => return None,
            Strategy::Chunked(_) => false,
            Strategy::Incremental | Strategy::TimeWindow { .. } => evidence.request.spec.fallback.is_none(),
        };
        evidence.request.key_column()?;
        match evidence.nulls() {
            Nulls::Never => None,
            Nulls::Unknown if follows => Some(Note::info(
                format!("{key} may be NULL, and nobody knows in how many rows"),
                "Declare it NOT NULL where it never is, and analyze the table.",
            )),
            Nulls::Unknown => None,
            Nulls::Some(part) if follows => Some(Note::warning(
                format!("{key} is NULL in {} of the rows, which no range of it finds", percent(part)),
                "Fill the column, or let another stand in with `incremental_cursor_mode: coalesce`, or say with \
                 `cursor_nulls` what becomes of these rows.",
            )),
            Nulls::Some(part) => Some(Note::info(
                format!("{key} is NULL in {} of the rows, which are read by themselves", percent(part)),
                "Fill the column, where these rows should be found by it as well.",
            )),
        }
    },
};

pub(super) const KEY_NOT_UNIQUE: FindingRule = FindingRule {
    code: FindingCode::KeyNotUnique,
    when: "no index says that the key tells all rows apart: a warning for an incremental export, for information for a \
           chunked one",
    find: |facts| {
        let request = facts.evidence.request;
        let columns: Vec<_> = request.spec.key.iter().map(|column| format!("`{}`", column.name)).collect();
        if columns.is_empty() || request.key.unique {
            return None;
        }
        let key = columns.join(", ");
        match request.strategy {
            Strategy::Full | Strategy::TimeWindow { .. } => None,
            Strategy::Incremental => Some(Note::warning(
                format!(
                    "several rows can have one value of {key}: one that appears after its value was read is missed"
                ),
                "Name unique columns as `cursor_tiebreak`.",
            )),
            Strategy::Chunked(_) => Some(Note::info(
                format!("several rows can have one value of {key}: no chunk ends between them"),
                "Cut by a unique key, where chunks of one size matter.",
            )),
        }
    },
};

pub(super) const BOUNDS_NOT_OBSERVED: FindingRule = FindingRule {
    code: FindingCode::BoundsNotObserved,
    when: "an incremental or chunked export whose key's smallest and largest value are in no index and no statistics",
    find: |facts| {
        let evidence = &facts.evidence;
        let needed = matches!(evidence.request.strategy, Strategy::Incremental | Strategy::Chunked(_));
        // That the catalog could not be asked at all is a finding of its own.
        let asked = evidence.answers.statistics().is_some() && evidence.request.key_column().is_some();
        let message = format!("the smallest and the largest value of {} are not known", evidence.key_name());
        let help = "Analyze the table, or create an index that begins with this column.";
        (needed && asked && !evidence.bounds_observed()).then(|| Note::info(message, help))
    },
};

pub(super) const WEAK_CORRELATION: FindingRule = FindingRule {
    code: FindingCode::WeakCorrelation,
    when: "1 M rows or more are read by an index, and the order of its column has little to do with the order on disk \
           (a correlation between -0.5 and 0.5)",
    find: |facts| {
        let evidence = &facts.evidence;
        let correlation = evidence.key_statistics()?.correlation?;
        let weak = correlation.abs() < WEAK_CORRELATION_LIMIT;
        let large = evidence.rows.is_some_and(|rows| rows >= LARGE_READ);
        let message = format!(
            "{} follows the order on disk little (correlation {correlation:.2}): {} are fetched from all over the table",
            evidence.key_name(),
            about_rows(evidence.rows),
        );
        (weak && large && evidence.reach == Reach::Index).then(|| Note::warning(message, help(facts)))
    },
};

fn help(facts: &Facts<'_>) -> &'static str {
    match facts.evidence.request.strategy {
        Strategy::Chunked(_) => {
            "Cut by a column that grows as rows are added, or use `mode: full`, which reads in the order on disk."
        }
        Strategy::Full | Strategy::Incremental | Strategy::TimeWindow { .. } => {
            "Run it more often, so that each run reads less, or keep the table in the order of this column."
        }
    }
}
