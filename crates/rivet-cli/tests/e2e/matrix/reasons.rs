use rivet_priority::{Points, ReasonKind};

/// Where one rule of the scores speaks, and where not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reason {
    pub(super) kind: ReasonKind,
    pub(super) points: Points,
    /// Scenarios with this reason and these points.
    pub(super) speaks: &'static [&'static str],
    /// Scenarios without any reason of this kind.
    pub(super) is_silent: &'static [&'static str],
}

const fn reason(
    kind: ReasonKind,
    points: i32,
    speaks: &'static [&'static str],
    is_silent: &'static [&'static str],
) -> Reason {
    Reason { kind, points: Points::Fixed(points), speaks, is_silent }
}

/// Every rule, in the order of the table of rules.
pub(super) const REASONS: &[Reason] = &[
    reason(ReasonKind::SmallTable, 12, &["countries", "tickets"], &["suppliers"]),
    reason(ReasonKind::LargeTable, 0, &["customers"], &["suppliers"]),
    reason(ReasonKind::LargeTable, -8, &["invoices"], &["suppliers", "clicks"]),
    reason(ReasonKind::HugeTable, -15, &["clicks", "lines"], &["invoices", "events", "tickets"]),
    reason(ReasonKind::SimpleScan, 5, &["countries", "customers"], &["invoices", "seats"]),
    reason(ReasonKind::StrongCursor, 18, &["payments", "orders"], &["logins", "countries"]),
    reason(ReasonKind::WeakCursor, -8, &["logins", "readings"], &["payments"]),
    reason(ReasonKind::WeakCursor, -12, &["notes"], &["payments", "week_unindexed"]),
    reason(ReasonKind::WeakCursor, -14, &["profiles"], &["payments"]),
    reason(ReasonKind::ChunkingHeavy, -4, &["shipments"], &["seats", "countries"]),
    reason(ReasonKind::ChunkingHeavy, -10, &["parcels", "events"], &["seats", "countries"]),
    reason(ReasonKind::NoTimeCursor, -6, &["week_unindexed"], &["week", "notes"]),
    reason(ReasonKind::SparseRangeRisk, -18, &["tickets"], &["seats"]),
    reason(ReasonKind::ReconcileRequired, -12, &["totals", "balances"], &["countries"]),
    reason(ReasonKind::FreshnessHintRecent, 6, &["week", "week_unindexed"], &["month", "countries"]),
    reason(ReasonKind::PreflightEfficient, 8, &["countries", "payments", "week"], &["clicks", "sorted"]),
    reason(ReasonKind::PreflightDegraded, -12, &["sorted", "notes"], &["countries", "traces"]),
    reason(ReasonKind::PreflightUnsafe, -25, &["traces"], &["notes", "countries"]),
    reason(ReasonKind::RecentFailureHistory, -8, &["ratios", "trouble"], &["stores"]),
    reason(ReasonKind::HighRetryRateHistory, -5, &["messages", "trouble"], &["stores", "attic"]),
    reason(ReasonKind::SlowHistory, -4, &["archive"], &["stores", "attic"]),
    Reason {
        kind: ReasonKind::LowConfidenceMetadata,
        points: Points::Pull,
        speaks: &["drafts", "copies", "memos", "nowhere", "riddle"],
        is_silent: &["countries", "payments"],
    },
    reason(
        ReasonKind::SharedSourceHeavyConflict,
        0,
        &["orders", "events", "refunds"],
        &["users", "sessions", "invoices"],
    ),
    reason(ReasonKind::NothingStandsOut, 0, &["settings"], &["countries"]),
];

/// Where one thing takes confidence away, and where not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lack {
    /// When it does.
    pub(super) when: &'static str,
    /// What the reason says then.
    pub(super) text: &'static str,
    /// A scenario in which it does.
    pub(super) speaks: &'static str,
    /// One in which it does not.
    pub(super) is_silent: &'static str,
}

/// Everything that takes confidence away, in the order of its table.
pub(super) const CONFIDENCE: &[Lack] = &[
    Lack {
        when: "the checks before the run came to no end",
        text: "the checks failed",
        speaks: "riddle",
        is_silent: "drafts",
    },
    Lack { when: "there is no row estimate", text: "no row estimate", speaks: "nowhere", is_silent: "drafts" },
    Lack {
        when: "the server has no statistics of the table",
        text: "no statistics",
        speaks: "drafts",
        is_silent: "copies",
    },
    Lack {
        when: "the statistics are far from the live number of rows",
        text: "stale statistics",
        speaks: "copies",
        is_silent: "drafts",
    },
    Lack {
        when: "the export is `incremental` or `chunked` and the bounds of its column were not observed",
        text: "bounds of the cursor not observed",
        speaks: "memos",
        is_silent: "payments",
    },
];

/// A scenario that earlier runs would take more points from than they may in all.
pub(super) const BOUND: &str = "trouble";
