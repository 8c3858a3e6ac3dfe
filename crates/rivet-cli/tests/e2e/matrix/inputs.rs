use rivet_priority::SignalName;

/// What one signal is, and where it comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input {
    /// What a person would call it.
    pub(super) name: &'static str,
    pub(super) signal: SignalName,
    /// Where it comes from.
    pub(super) from: &'static str,
    /// The statements that were sent for it where it speaks, by their purposes.
    pub(super) asked: &'static [&'static str],
    /// A scenario in which it speaks, and what it says there.
    pub(super) speaks: (&'static str, &'static str),
    /// One in which it does not, or says the opposite.
    pub(super) is_silent: (&'static str, &'static str),
}

/// The inputs that prioritization was asked to have: each has a row in [`INPUTS`].
pub(super) const NAMES: &[&str] = &[
    "row estimate",
    "chunk count",
    "strategy",
    "cursor quality",
    "sparse range",
    "reconcile",
    "freshness",
    "source group",
    "history",
    "history: the newest run",
    "history: retries",
    "history: duration",
];

const PLAN: &str = "the plan of the scan";
const CATALOG: &str = "the catalog on the relation";
const ENDS: &str = "the ends of the key";

/// Every signal, the inputs that were asked for first.
pub(super) const INPUTS: &[Input] = &[
    Input {
        name: "row estimate",
        signal: SignalName::EstimatedRows,
        from: "EXPLAIN of the very statement of the run; of a chunked export the sum of its chunks, or the catalog",
        asked: &[PLAN],
        speaks: ("countries", "5000"),
        is_silent: ("nowhere", "unknown"),
    },
    Input {
        name: "row estimate",
        signal: SignalName::EstimatedRowBytes,
        from: "the width in the same EXPLAIN, else the size of the table by its rows",
        asked: &[PLAN],
        speaks: ("countries", "16"),
        is_silent: ("nowhere", "unknown"),
    },
    Input {
        name: "chunk count",
        signal: SignalName::ChunkCount,
        from: "the chunks that were cut while planning, from an index, statistics and samples",
        asked: &["where the pieces end"],
        speaks: ("parcels", "12"),
        is_silent: ("countries", "unknown"),
    },
    Input {
        name: "strategy",
        signal: SignalName::Strategy,
        from: "the configuration: `mode`",
        asked: &[],
        speaks: ("payments", "incremental"),
        is_silent: ("countries", "full"),
    },
    Input {
        name: "cursor quality",
        signal: SignalName::CursorQuality,
        from: "the access path in the EXPLAIN; indexes, NULLs and uniqueness from the catalog",
        asked: &[PLAN, CATALOG],
        speaks: ("payments", "strong_monotonic"),
        is_silent: ("notes", "none"),
    },
    Input {
        name: "cursor quality",
        signal: SignalName::CursorBoundsObserved,
        from: "either end of an index that begins with the column, else the statistics of the column",
        asked: &[CATALOG, ENDS],
        speaks: ("payments", "true"),
        is_silent: ("memos", "false"),
    },
    Input {
        name: "sparse range",
        signal: SignalName::SparseRange,
        from: "the rows of the catalog, by the span between the ends of the key",
        asked: &[CATALOG, ENDS],
        speaks: ("tickets", "true"),
        is_silent: ("seats", "false"),
    },
    Input {
        name: "reconcile",
        signal: SignalName::ReconcileRequired,
        from: "the configuration: `reconcile_required`",
        asked: &[],
        speaks: ("totals", "true"),
        is_silent: ("countries", "false"),
    },
    Input {
        name: "reconcile",
        signal: SignalName::ReconcileRequired,
        from: "the command line: `--reconcile`",
        asked: &[],
        speaks: ("balances", "true"),
        is_silent: ("countries", "false"),
    },
    Input {
        name: "freshness",
        signal: SignalName::Freshness,
        from: "the configuration: `days_window`",
        asked: &[],
        speaks: ("week", "recent"),
        is_silent: ("month", "stale"),
    },
    Input {
        name: "source group",
        signal: SignalName::SourceGroup,
        from: "the configuration: `source_group`",
        asked: &[],
        speaks: ("orders", "replica_a"),
        is_silent: ("countries", "unknown"),
    },
    Input {
        name: "source group",
        signal: SignalName::ImpliedGroup,
        from: "the server's system identifier and address, for exports without a `source_group`",
        asked: &[],
        speaks: ("refunds", "its server"),
        is_silent: ("orders", "set aside"),
    },
    Input {
        name: "history",
        signal: SignalName::History,
        from: "the state store: the last 20 runs of the export that have ended",
        asked: &[],
        speaks: ("stores", "3 runs, 0 failed, 0 retries"),
        is_silent: ("countries", "unknown"),
    },
    Input {
        name: "history: the newest run",
        signal: SignalName::History,
        from: "the same: how the newest of them ended",
        asked: &[],
        speaks: ("ratios", "1 run, 1 failed, the newest too, 0 retries"),
        is_silent: ("stores", "3 runs, 0 failed, 0 retries"),
    },
    Input {
        name: "history: retries",
        signal: SignalName::History,
        from: "the same: attempts beyond the first of each run",
        asked: &[],
        speaks: ("messages", "3 runs, 0 failed, 3 retries"),
        is_silent: ("stores", "3 runs, 0 failed, 0 retries"),
    },
    Input {
        name: "history: duration",
        signal: SignalName::History,
        from: "the same: the average of their wall times",
        asked: &[],
        speaks: ("archive", "3 runs, 0 failed, 0 retries, 5 minutes or more"),
        is_silent: ("stores", "3 runs, 0 failed, 0 retries"),
    },
    Input {
        name: "verdict",
        signal: SignalName::Verdict,
        from: "the access path, the sort and the rows of the EXPLAIN, and the rows of the catalog",
        asked: &[PLAN, CATALOG],
        speaks: ("countries", "efficient"),
        is_silent: ("settings", "unknown"),
    },
    Input {
        name: "failed checks",
        signal: SignalName::PreflightFailed,
        from: "whether the EXPLAIN was answered",
        asked: &[PLAN],
        speaks: ("riddle", "true"),
        is_silent: ("countries", "false"),
    },
    Input {
        name: "warnings",
        signal: SignalName::PreflightWarnings,
        from: "the findings that are warnings or graver",
        asked: &[PLAN, CATALOG],
        speaks: ("notes", "some"),
        is_silent: ("countries", "none"),
    },
    Input {
        name: "statistics",
        signal: SignalName::Statistics,
        from: "the catalog: the last analysis, the number of rows, and rows that were changed since",
        asked: &[CATALOG],
        speaks: ("countries", "fresh"),
        is_silent: ("drafts", "unknown"),
    },
    Input {
        name: "statistics",
        signal: SignalName::Statistics,
        from: "the same",
        asked: &[CATALOG],
        speaks: ("copies", "stale"),
        is_silent: ("countries", "fresh"),
    },
];

/// Says in a word or two where a signal comes from.
pub(super) fn place(signal: SignalName) -> &'static str {
    match signal {
        SignalName::EstimatedRows | SignalName::EstimatedRowBytes | SignalName::PreflightFailed => "EXPLAIN",
        SignalName::ChunkCount => "the cuts",
        SignalName::CursorQuality | SignalName::Verdict => "EXPLAIN, catalog",
        SignalName::CursorBoundsObserved | SignalName::SparseRange => "index, catalog",
        SignalName::PreflightWarnings => "findings",
        SignalName::Statistics => "catalog",
        SignalName::Strategy | SignalName::Freshness | SignalName::SourceGroup => "configuration",
        SignalName::ReconcileRequired => "configuration, command line",
        SignalName::ImpliedGroup => "server",
        SignalName::History => "state store",
    }
}
