use std::fmt::Write as _;

use crate::Strategy;
use crate::evidence::{Evidence, Nulls};
use crate::reach::Reach;
use crate::word::words;

words! {
    /// How far the column that an export follows can be relied on. [`CURSOR_RULES`] say when.
    #[derive(Default)]
    pub enum CursorQuality {
        /// An index finds every row by it, each row has a place of its own in its order, and its ends were seen.
        StrongMonotonic = "strong_monotonic",
        /// A day or a moment that rows can share, that some rows lack, or whose ends nobody has seen.
        WeakTime = "weak_time",
        /// Anything else with these weaknesses: other columns would do as well, and none of them stands out.
        WeakMultiCandidate = "weak_multi_candidate",
        /// Some rows lack it, and only a second column that stands in for it makes it complete.
        FallbackOnly = "fallback_only",
        /// There is no such column, or no index finds rows by it.
        #[default]
        None = "none",
    }
}

/// One line of the table of cursor qualities.
#[derive(Debug, Clone, Copy)]
pub struct CursorRule {
    /// What it says.
    pub quality: CursorQuality,
    /// When it says so.
    pub when: &'static str,
    applies: fn(&Evidence<'_>) -> bool,
}

/// How a cursor is judged: by the first rule that applies. The last one always does.
pub const CURSOR_RULES: &[CursorRule] = &[
    CursorRule {
        quality: CursorQuality::None,
        when: "a full export, or no column to follow, or none by which an index finds rows",
        applies: |evidence| !evidence.follows_index(),
    },
    CursorRule {
        quality: CursorQuality::FallbackOnly,
        when: "the column holds NULLs, or may hold them, and a fallback stands in for them",
        applies: |evidence| evidence.request.spec.fallback.is_some() && evidence.nulls() != Nulls::Never,
    },
    CursorRule {
        quality: CursorQuality::StrongMonotonic,
        when: "no NULLs (declared, or none seen by statistics), unique together with its tie-break, and the smallest \
               and largest value known",
        applies: |evidence| evidence.cursor_weaknesses().is_empty(),
    },
    CursorRule {
        quality: CursorQuality::WeakTime,
        when: "one of these is lacking, and the column holds days or moments",
        applies: |evidence| evidence.request.key.temporal,
    },
    CursorRule {
        quality: CursorQuality::WeakMultiCandidate,
        when: "one of these is lacking, and the column holds anything else",
        applies: |_| true,
    },
];

impl Evidence<'_> {
    /// Returns whether the export follows a column by which an index finds rows.
    fn follows_index(&self) -> bool {
        let found = match self.reach {
            Reach::Scan | Reach::ScanDespiteIndex => false,
            Reach::Index | Reach::Whole | Reach::Pages | Reach::Unseen => self.has_key_index(),
        };
        found && self.request.strategy != Strategy::Full && self.request.key_column().is_some()
    }

    /// Returns what a cursor lacks, in the words of a message.
    pub(crate) fn cursor_weaknesses(&self) -> Vec<&'static str> {
        let all = [
            (self.nulls() != Nulls::Never, "it may be NULL"),
            (!self.request.key.unique, "rows can share a value, and nothing tells them apart"),
            (!self.bounds_observed(), "its smallest and largest value are not known"),
        ];
        all.into_iter().filter_map(|(lacks, what)| lacks.then_some(what)).collect()
    }
}

impl CursorQuality {
    pub(crate) fn of(evidence: &Evidence<'_>) -> Self {
        let rule = CURSOR_RULES.iter().find(|rule| (rule.applies)(evidence));
        rule.map_or(Self::None, |rule| rule.quality)
    }
}

/// Renders [`CURSOR_RULES`] as a Markdown table.
pub fn cursor_table() -> String {
    let mut table = "| cursor quality | when |\n|---|---|\n".to_owned();
    for CursorRule { quality, when, .. } in CURSOR_RULES {
        writeln!(table, "| `{quality}` | {when} |").expect("a string takes every write");
    }
    table
}
