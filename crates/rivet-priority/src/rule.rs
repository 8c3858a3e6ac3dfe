use std::fmt;
use std::fmt::Write as _;

use crate::class::is_large;
use crate::confidence::what_is_lacking;
use crate::number::{count, size, things};
use crate::{
    CONFIDENCE_RULES, Confidence, CostClass, CursorQuality, Freshness, History, ReasonKind, SignalName, Signals,
    Strategy, Verdict,
};

/// What a rule does to a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Points {
    /// It adds these.
    Fixed(i32),
    /// It takes the score toward 50, the further the less is known.
    Pull,
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(0) => f.write_str("0"),
            Self::Fixed(points) => write!(f, "{points:+}"),
            Self::Pull => f.write_str("toward 50"),
        }
    }
}

/// What a rule looks at: the signals, and what has been judged of them.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) signals: &'a Signals,
    pub(crate) cost: CostClass,
    pub(crate) confidence: Confidence,
}

impl Facts<'_> {
    fn follows(&self, strategy: Strategy, quality: CursorQuality) -> bool {
        self.signals.strategy == strategy && self.signals.cursor_quality == quality
    }

    fn windows(&self) -> u32 {
        self.signals.windows().unwrap_or(0)
    }

    fn history(&self, says: fn(&History) -> bool) -> bool {
        self.signals.history.as_ref().is_some_and(says)
    }

    /// Says how much the run reads.
    fn reads(&self) -> String {
        let Some(rows) = self.signals.estimated_rows else { return "an unknown number of rows".to_owned() };
        let bytes = self.signals.estimated_bytes().map(|bytes| format!(", {}", size(bytes)));
        format!("about {} rows{}", count(rows), bytes.unwrap_or_default())
    }
}

/// One line of the rule table: when a reason is given, and what it does to the score.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The reason that it gives.
    pub kind: ReasonKind,
    /// When it gives it.
    pub when: &'static str,
    /// What that does to the score.
    pub points: Points,
    /// The signals that it reads.
    pub reads: &'static [SignalName],
    pub(crate) applies: fn(&Facts<'_>) -> bool,
    pub(crate) explain: fn(&Facts<'_>) -> String,
}

const SIZE: &[SignalName] = &[SignalName::EstimatedRows, SignalName::EstimatedRowBytes];
const SIZE_AND_WINDOWS: &[SignalName] =
    &[SignalName::EstimatedRows, SignalName::EstimatedRowBytes, SignalName::ChunkCount];
const CURSOR: &[SignalName] = &[SignalName::Strategy, SignalName::CursorQuality];
const WINDOWS: &[SignalName] = &[SignalName::Strategy, SignalName::ChunkCount];
const HISTORY: &[SignalName] = &[SignalName::History];

fn explain_windows(facts: &Facts<'_>) -> String {
    format!("{}: more statements, and more time on the source", things(facts.windows().into(), "window"))
}

/// The rule table, in the order in which reasons are given. [`recommend`](crate::recommend) runs it, and documents
/// show it.
///
/// The points of [`ReasonKind::is_history`] reasons together are never below -15. The last two rules are given outside
/// of the first pass: `shared_source_heavy_conflict` by [`campaign`](crate::campaign), `nothing_stands_out` where no
/// other rule has spoken.
pub const RULES: &[Rule] = &[
    Rule {
        kind: ReasonKind::SmallTable,
        when: "the cost class is `low`",
        points: Points::Fixed(12),
        reads: SIZE,
        applies: |facts| facts.cost == CostClass::Low,
        explain: |facts| format!("a small read: {}", facts.reads()),
    },
    Rule {
        kind: ReasonKind::LargeTable,
        when: "the cost class is `medium`, with 1 M rows or 1 GiB and more",
        points: Points::Fixed(0),
        reads: SIZE,
        applies: |facts| facts.cost == CostClass::Medium && is_large(facts.signals),
        explain: |facts| format!("a large read, though not a heavy one: {}", facts.reads()),
    },
    Rule {
        kind: ReasonKind::LargeTable,
        when: "the cost class is `high`",
        points: Points::Fixed(-8),
        reads: SIZE,
        applies: |facts| facts.cost == CostClass::High,
        explain: |facts| format!("a heavy read: {}", facts.reads()),
    },
    Rule {
        kind: ReasonKind::HugeTable,
        when: "the cost class is `very_high`",
        points: Points::Fixed(-15),
        reads: SIZE_AND_WINDOWS,
        applies: |facts| facts.cost == CostClass::VeryHigh,
        explain: |facts| format!("a very heavy read: {}", facts.reads()),
    },
    Rule {
        kind: ReasonKind::SimpleScan,
        when: "a `full` export of cost class `low` or `medium`",
        points: Points::Fixed(5),
        reads: &[SignalName::Strategy, SignalName::EstimatedRows, SignalName::EstimatedRowBytes],
        applies: |facts| facts.signals.strategy == Strategy::Full && !facts.cost.is_heavy(),
        explain: |_| "one plain scan".to_owned(),
    },
    Rule {
        kind: ReasonKind::StrongCursor,
        when: "an `incremental` export whose cursor is `strong_monotonic`",
        points: Points::Fixed(18),
        reads: CURSOR,
        applies: |facts| facts.follows(Strategy::Incremental, CursorQuality::StrongMonotonic),
        explain: |_| "an indexed cursor that only grows: the new rows are found at once".to_owned(),
    },
    Rule {
        kind: ReasonKind::WeakCursor,
        when: "an `incremental` export whose cursor is `weak_time` or `weak_multi_candidate`",
        points: Points::Fixed(-8),
        reads: CURSOR,
        applies: |facts| {
            facts.follows(Strategy::Incremental, CursorQuality::WeakTime)
                || facts.follows(Strategy::Incremental, CursorQuality::WeakMultiCandidate)
        },
        explain: |facts| match facts.signals.cursor_quality {
            CursorQuality::WeakTime => "the cursor is a time that rows can share, or that can be set back".to_owned(),
            _ => "several columns could be the cursor, and none of them stands out".to_owned(),
        },
    },
    Rule {
        kind: ReasonKind::WeakCursor,
        when: "an `incremental` export whose cursor quality is `none`",
        points: Points::Fixed(-12),
        reads: CURSOR,
        applies: |facts| facts.follows(Strategy::Incremental, CursorQuality::None),
        explain: |_| "no cursor is known that finds the new rows without a scan".to_owned(),
    },
    Rule {
        kind: ReasonKind::WeakCursor,
        when: "an `incremental` export whose cursor is `fallback_only`",
        points: Points::Fixed(-14),
        reads: CURSOR,
        applies: |facts| facts.follows(Strategy::Incremental, CursorQuality::FallbackOnly),
        explain: |_| "the cursor is complete only with a second column in place of its NULLs".to_owned(),
    },
    Rule {
        kind: ReasonKind::ChunkingHeavy,
        when: "a `chunked` export of 2 to 7 windows",
        points: Points::Fixed(-4),
        reads: WINDOWS,
        applies: |facts| (2..8).contains(&facts.windows()),
        explain: explain_windows,
    },
    Rule {
        kind: ReasonKind::ChunkingHeavy,
        when: "a `chunked` export of 8 windows or more",
        points: Points::Fixed(-10),
        reads: WINDOWS,
        applies: |facts| facts.windows() >= 8,
        explain: explain_windows,
    },
    Rule {
        kind: ReasonKind::NoTimeCursor,
        when: "a `time_window` export whose cursor quality is `none`: no index finds its rows",
        points: Points::Fixed(-6),
        reads: CURSOR,
        applies: |facts| facts.follows(Strategy::TimeWindow, CursorQuality::None),
        explain: |_| "no index finds the rows of the time window".to_owned(),
    },
    Rule {
        kind: ReasonKind::SparseRangeRisk,
        when: "the range of keys is sparse",
        points: Points::Fixed(-18),
        reads: &[SignalName::SparseRange],
        applies: |facts| facts.signals.sparse_range == Some(true),
        explain: |_| "a sparse range of keys: most of the windows will be nearly empty".to_owned(),
    },
    Rule {
        kind: ReasonKind::ReconcileRequired,
        when: "source and files are to be compared after the run",
        points: Points::Fixed(-12),
        reads: &[SignalName::ReconcileRequired],
        applies: |facts| facts.signals.reconcile_required,
        explain: |_| "source and files are compared afterwards, which reads the source once more".to_owned(),
    },
    Rule {
        kind: ReasonKind::FreshnessHintRecent,
        when: "the freshness is `recent`",
        points: Points::Fixed(6),
        reads: &[SignalName::Freshness],
        applies: |facts| facts.signals.freshness == Freshness::Recent,
        explain: |_| "it takes the last days alone: such rows are wanted soon".to_owned(),
    },
    Rule {
        kind: ReasonKind::PreflightEfficient,
        when: "the verdict is `efficient`",
        points: Points::Fixed(8),
        reads: &[SignalName::Verdict],
        applies: |facts| facts.signals.verdict == Verdict::Efficient,
        explain: |_| "the checks found that everything is read by the right access path".to_owned(),
    },
    Rule {
        kind: ReasonKind::PreflightDegraded,
        when: "the verdict is `degraded`",
        points: Points::Fixed(-12),
        reads: &[SignalName::Verdict],
        applies: |facts| facts.signals.verdict == Verdict::Degraded,
        explain: |_| "the checks found that the run will be slow, or heavy for the source".to_owned(),
    },
    Rule {
        kind: ReasonKind::PreflightUnsafe,
        when: "the verdict is `unsafe`",
        points: Points::Fixed(-25),
        reads: &[SignalName::Verdict],
        applies: |facts| facts.signals.verdict == Verdict::Unsafe,
        explain: |_| "the checks found that the run may harm the source".to_owned(),
    },
    Rule {
        kind: ReasonKind::RecentFailureHistory,
        when: "the newest run failed",
        points: Points::Fixed(-8),
        reads: HISTORY,
        applies: |facts| facts.history(History::failed_last),
        explain: |_| "the newest run failed".to_owned(),
    },
    Rule {
        kind: ReasonKind::HighRetryRateHistory,
        when: "more than 0.3 retries a run, over 3 runs or more",
        points: Points::Fixed(-5),
        reads: HISTORY,
        applies: |facts| facts.history(History::retries_often),
        explain: |facts| explain_history(facts, "retried often"),
    },
    Rule {
        kind: ReasonKind::SlowHistory,
        when: "5 minutes or more on average, over 3 runs or more",
        points: Points::Fixed(-4),
        reads: HISTORY,
        applies: |facts| facts.history(History::is_slow),
        explain: |facts| explain_history(facts, "slow"),
    },
    Rule {
        kind: ReasonKind::LowConfidenceMetadata,
        when: "the confidence is below 1; where there is no row estimate, 3 points less on top of that",
        points: Points::Pull,
        reads: &[
            SignalName::PreflightFailed,
            SignalName::EstimatedRows,
            SignalName::Statistics,
            SignalName::CursorBoundsObserved,
        ],
        applies: |facts| !facts.confidence.is_full(),
        explain: |facts| {
            let lacking = what_is_lacking(facts.signals);
            format!("confidence {} ({lacking}): the score is drawn toward 50", facts.confidence)
        },
    },
    Rule {
        kind: ReasonKind::SharedSourceHeavyConflict,
        when: "one of two or more heavy exports of a source group",
        points: Points::Fixed(0),
        reads: &[SignalName::SourceGroup, SignalName::ImpliedGroup],
        applies: |_| false,
        explain: |_| "other heavy exports read from the same source".to_owned(),
    },
    Rule {
        kind: ReasonKind::NothingStandsOut,
        when: "no other rule has spoken",
        points: Points::Fixed(0),
        reads: &[],
        applies: |_| false,
        explain: |_| "nothing speaks for an early or for a late run".to_owned(),
    },
];

fn explain_history(facts: &Facts<'_>, what: &str) -> String {
    let history = facts.signals.history.as_ref().map(ToString::to_string);
    format!("{what}: {}", history.unwrap_or_default())
}

/// Renders [`RULES`] as a Markdown table.
pub fn rules_table() -> String {
    let mut table = "| reason | when | points |\n|---|---|---|\n".to_owned();
    for Rule { kind, when, points, .. } in RULES {
        writeln!(table, "| `{kind}` | {when} | {points} |").expect("a string takes every write");
    }
    table
}

/// Renders [`CONFIDENCE_RULES`] as a Markdown table.
pub fn confidence_table() -> String {
    let mut table = "| when | confidence |\n|---|---|\n".to_owned();
    for rule in CONFIDENCE_RULES {
        writeln!(table, "| {} | x0.{} |", rule.when, rule.tenths).expect("a string takes every write");
    }
    table
}
