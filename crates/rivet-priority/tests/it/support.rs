use rivet_priority::{CursorQuality, Reason, Recommendation, Signals, Statistics, Strategy, Verdict};

/// Signals of which nothing is lacking, and on which no rule has anything to say.
pub(crate) fn plain(name: &str) -> Signals {
    Signals {
        estimated_rows: Some(500_000),
        cursor_quality: CursorQuality::WeakTime,
        cursor_bounds_observed: true,
        verdict: Verdict::Acceptable,
        preflight_warnings: Some(0),
        statistics: Statistics::Fresh,
        ..Signals::new(name, Strategy::TimeWindow)
    }
}

/// A heavy export of a group: 42 points, wave 3.
pub(crate) fn heavy(name: &str, group: &str) -> Signals {
    Signals { source_group: Some(group.to_owned()), estimated_rows: Some(8_000_000), ..plain(name) }
}

/// Two large exports on one replica, and a small one that has nothing to do with them.
pub(crate) fn replica() -> [Signals; 3] {
    let orders = Signals {
        strategy: Strategy::Incremental,
        cursor_quality: CursorQuality::StrongMonotonic,
        verdict: Verdict::Efficient,
        ..heavy("orders", "replica_a")
    };
    let events = Signals { strategy: Strategy::Chunked, chunk_count: Some(12), ..heavy("events", "replica_a") };
    let users = Signals { strategy: Strategy::Full, estimated_rows: Some(40_000), ..plain("users_dim") };
    [orders, events, users]
}

/// Writes reasons as `kind points`, one after the other.
pub(crate) fn waterfall(reasons: &[Reason]) -> String {
    let lines = reasons.iter().map(|reason| format!("{} {:+}", reason.kind, reason.points));
    lines.collect::<Vec<_>>().join(", ")
}

/// Returns what the score must be.
pub(crate) fn sum(recommendation: &Recommendation) -> i32 {
    50 + recommendation.reasons.iter().map(|reason| reason.points).sum::<i32>()
}
