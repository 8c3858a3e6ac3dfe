use std::fmt::Write as _;

use crate::evidence::Evidence;
use crate::reach::Reach;
use crate::word::words;

words! {
    /// What a run does to its source. [`VERDICT_RULES`] say when.
    #[derive(Default)]
    pub enum Verdict {
        /// Everything is read by the right access path: a full export by one scan of its table, any other by an index.
        Efficient = "efficient",
        /// The same with 10 M rows or more: of a full export, so many that it could be chunked.
        Acceptable = "acceptable",
        /// No usable index, and up to 1 M rows; or the whole result is sorted.
        Degraded = "degraded",
        /// No usable index, and more rows than that; or each chunk reads the whole relation. It may harm the source.
        Unsafe = "unsafe",
        /// Nobody could see how it reads.
        #[default]
        Unknown = "unknown",
    }
}

/// Rows above which a scan for the sake of some of them harms the source.
const SCAN_ROWS: u64 = 1_000_000;

/// Rows from which a run is much, however well it reads.
pub(crate) const MANY_ROWS: u64 = 10_000_000;

/// One line of the verdict table.
#[derive(Debug, Clone, Copy)]
pub struct VerdictRule {
    /// What it says.
    pub verdict: Verdict,
    /// When it says so.
    pub when: &'static str,
    applies: fn(&Evidence<'_>) -> bool,
}

/// How a run is judged: by the first rule that applies. The last one always does.
pub const VERDICT_RULES: &[VerdictRule] = &[
    VerdictRule {
        verdict: Verdict::Unsafe,
        when: "2 chunks or more, and for want of an index each of them reads the whole relation",
        applies: |evidence| evidence.reach == Reach::Scan && evidence.request.chunk_count() > 1,
    },
    VerdictRule {
        verdict: Verdict::Unsafe,
        when: "no usable index for the rows that are wanted, and more than 1 M rows in the relation",
        applies: |evidence| evidence.reach == Reach::Scan && evidence.scans_much(),
    },
    VerdictRule {
        verdict: Verdict::Unsafe,
        when: "there is an index, but each chunk, or the query, reads the whole relation all the same, and it has \
               more than 1 M rows",
        applies: |evidence| evidence.reach == Reach::ScanDespiteIndex && evidence.scans_much(),
    },
    VerdictRule {
        verdict: Verdict::Degraded,
        when: "no usable index for the rows that are wanted, and up to 1 M rows in the relation, or nobody knows how \
               many",
        applies: |evidence| evidence.reach == Reach::Scan,
    },
    VerdictRule {
        verdict: Verdict::Degraded,
        when: "there is an index, but each chunk, or the query, reads the whole relation all the same, and it has more \
               than 100 k rows, or nobody knows how many",
        applies: |evidence| evidence.reach == Reach::ScanDespiteIndex,
    },
    VerdictRule {
        verdict: Verdict::Degraded,
        when: "the whole result is sorted before its first row comes",
        applies: |evidence| evidence.sorts_result(),
    },
    VerdictRule {
        verdict: Verdict::Unknown,
        when: "the plan could not be had, or does not show how rows are reached",
        applies: |evidence| evidence.reach == Reach::Unseen,
    },
    VerdictRule {
        verdict: Verdict::Acceptable,
        when: "the right way, and 10 M rows or more, which a full export could read in chunks, or nobody knows how many",
        applies: |evidence| evidence.rows.is_none_or(|rows| rows >= MANY_ROWS),
    },
    VerdictRule {
        verdict: Verdict::Efficient,
        when: "the right way: a full export by a scan or by ranges of pages, any other by an index on its column, or \
               by a scan that the planner prefers to it: of up to 100 k rows, or one statement over a table",
        applies: |_| true,
    },
];

impl Evidence<'_> {
    /// Returns whether a scan of the relation reads more rows than it bears.
    pub(crate) fn scans_much(&self) -> bool {
        self.scanned_rows.is_some_and(|rows| rows > SCAN_ROWS)
    }

    /// Returns whether the whole result is sorted before its first row comes.
    pub(crate) fn sorts_result(&self) -> bool {
        self.answers.explanation().is_some_and(|explanation| explanation.sorts_result)
    }
}

impl Verdict {
    pub(crate) fn of(evidence: &Evidence<'_>) -> Self {
        let rule = VERDICT_RULES.iter().find(|rule| (rule.applies)(evidence));
        rule.map_or(Self::Unknown, |rule| rule.verdict)
    }
}

/// Renders [`VERDICT_RULES`] as a Markdown table.
pub fn verdict_table() -> String {
    let mut table = "| verdict | when |\n|---|---|\n".to_owned();
    for VerdictRule { verdict, when, .. } in VERDICT_RULES {
        writeln!(table, "| `{verdict}` | {when} |").expect("a string takes every write");
    }
    table
}
