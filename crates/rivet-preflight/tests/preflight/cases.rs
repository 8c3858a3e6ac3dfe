//! For every finding scenarios in which it is given, and ones close by in which it is not.

use std::time::Duration;

use rivet_model::{Scalar, ScalarKind};
use rivet_preflight::{ChunkPlan, FindingCode, Profile, Severity, Strategy};
use rivet_source::SourceErrorKind;

use crate::support::{Scenario, column, index, server};

/// One finding, when it is given, how grave it is then, and when it is not.
pub(crate) struct Case {
    pub(crate) code: FindingCode,
    pub(crate) given: Vec<(Severity, Scenario)>,
    pub(crate) silent: Vec<Scenario>,
}

fn case(
    code: FindingCode,
    given: impl IntoIterator<Item = (Severity, Scenario)>,
    silent: impl IntoIterator<Item = Scenario>,
) -> Case {
    Case { code, given: given.into_iter().collect(), silent: silent.into_iter().collect() }
}

pub(crate) fn cases() -> Vec<Case> {
    [failures(), paths(), keys(), relations(), sizes(), servers(), limits()].into_iter().flatten().collect()
}

fn failures() -> Vec<Case> {
    use Severity::{Info, Warning};
    let failed = SourceErrorKind::StatementTimeout;
    vec![
        case(
            FindingCode::ExplainFailed,
            [(Warning, Scenario::full().with(|it| it.explanation = Err(failed)))],
            [Scenario::full().with(|it| it.vitals = Err(failed))],
        ),
        case(
            FindingCode::StatisticsFailed,
            [(Warning, Scenario::full().with(|it| it.statistics = Err(failed)))],
            [Scenario::full().with(|it| it.explanation = Err(failed))],
        ),
        case(
            FindingCode::VitalsFailed,
            [(Info, Scenario::full().with(|it| it.vitals = Err(failed)))],
            [Scenario::full().with(|it| it.statistics = Err(failed))],
        ),
    ]
}

fn paths() -> Vec<Case> {
    use Severity::{Critical, Info, Warning};
    vec![
        case(
            FindingCode::NoUsableIndex,
            [
                (Critical, Scenario::chunked().unindexed()),
                (Critical, Scenario::time_window().unindexed().rows(50_000_000)),
                (Warning, Scenario::incremental().unindexed()),
            ],
            [Scenario::full().unindexed(), Scenario::incremental(), Scenario::incremental().scanned()],
        ),
        case(
            FindingCode::ScanPerChunk,
            [
                (Critical, Scenario::chunked().unindexed()),
                (Critical, Scenario::chunked().scanned().rows(2_000_000)),
                (Warning, Scenario::chunked().scanned()),
            ],
            [Scenario::chunked(), Scenario::chunked().scanned().rows(5_000), Scenario::incremental().unindexed()],
        ),
        case(
            FindingCode::IndexNotUsed,
            [
                (Critical, Scenario::chunked().scanned().rows(2_000_000)),
                (Warning, Scenario::incremental().query().scanned()),
                (Info, Scenario::incremental().scanned()),
            ],
            [Scenario::incremental(), Scenario::incremental().unindexed(), Scenario::full().scanned()],
        ),
        case(
            FindingCode::SortsResult,
            [(Warning, Scenario::full().query().with(|it| it.plan().sorts_result = true))],
            [Scenario::full().query()],
        ),
    ]
}

/// Rows of a chunked table whose keys go from 1 to `highest`.
pub(crate) fn spread(rows: u64, highest: i64) -> Scenario {
    let plan = ChunkPlan { count: 1, estimated_rows: Some(rows), chunk_rows: Some(100_000) };
    Scenario::chunked().rows(rows).with(|it| {
        it.request.strategy = Strategy::Chunked(plan);
        it.key().highest = Some(Scalar::Int(highest));
    })
}

fn nullable(it: &mut Scenario, fraction: Option<f64>) {
    it.request.spec.key[0].nullable = true;
    it.key().nullable = true;
    it.key().null_fraction = fraction;
}

fn with_fallback(it: &mut Scenario) {
    it.request.spec.fallback = Some(column("made", ScalarKind::Int));
    it.catalog().indexes.push(index("made"));
}

fn keys() -> Vec<Case> {
    use Severity::{Info, Warning};
    let shared = |it: &mut Scenario| it.request.key.unique = false;
    let jumping = |it: &mut Scenario| it.key().correlation = Some(-0.499);
    vec![
        case(
            FindingCode::SparseRange,
            [(Warning, spread(2_000, 50_000_000)), (Warning, spread(99_999, 1_000_001))],
            [
                spread(2_000, 1_000_000),
                spread(5_000_000, 50_000_000),
                spread(2_000, 50_000_000).with(|it| it.request.strategy = Strategy::Incremental),
                spread(2_000, 50_000_000).with(|it| it.key().lowest = Some(Scalar::Text("a".to_owned()))),
                spread(2_000, 50_000_000).with(|it| it.key().lowest = None),
            ],
        ),
        case(
            FindingCode::WeakCursor,
            [
                (Info, Scenario::incremental().with(shared)),
                (Info, Scenario::incremental().unindexed().with(|it| nullable(it, Some(0.2)))),
            ],
            [Scenario::incremental(), Scenario::chunked().with(shared), Scenario::time_window().with(shared)],
        ),
        case(
            FindingCode::NullKey,
            [
                (Warning, Scenario::incremental().with(|it| nullable(it, Some(0.0004)))),
                (Warning, Scenario::time_window().with(|it| nullable(it, Some(0.25)))),
                (Info, Scenario::incremental().with(with_fallback).with(|it| nullable(it, Some(0.25)))),
                (Info, Scenario::chunked().with(|it| nullable(it, Some(0.25)))),
                (Info, Scenario::incremental().with(|it| nullable(it, None))),
            ],
            [
                Scenario::incremental().with(|it| nullable(it, Some(0.0))),
                Scenario::incremental(),
                Scenario::chunked().with(|it| nullable(it, None)),
                Scenario::full().with(|it| nullable(it, Some(0.5))),
            ],
        ),
        case(
            FindingCode::KeyNotUnique,
            [(Warning, Scenario::incremental().with(shared)), (Info, Scenario::chunked().with(shared))],
            [Scenario::incremental(), Scenario::full().with(shared), Scenario::time_window().with(shared)],
        ),
        case(
            FindingCode::BoundsNotObserved,
            [
                (Info, Scenario::incremental().with(|it| it.key().highest = None)),
                (Info, Scenario::chunked().with(|it| it.catalog().columns.clear())),
            ],
            [
                Scenario::incremental(),
                Scenario::full().with(|it| it.key().highest = None),
                Scenario::time_window().with(|it| it.key().highest = None),
                Scenario::incremental().rows(0).with(|it| it.key().highest = None),
            ],
        ),
        case(
            FindingCode::WeakCorrelation,
            [
                (Warning, Scenario::chunked().rows(1_000_000).with(jumping)),
                (Warning, Scenario::incremental().rows(1_000_000).with(jumping)),
            ],
            [
                Scenario::chunked().rows(999_999).with(jumping),
                Scenario::chunked().rows(1_000_000).with(|it| it.key().correlation = Some(-0.5)),
                Scenario::chunked().rows(1_000_000).with(|it| it.key().correlation = None),
                Scenario::full().rows(1_000_000).with(jumping),
                Scenario::incremental().unindexed().rows(1_000_000).with(jumping),
            ],
        ),
    ]
}

pub(crate) fn of_kind(kind: &str) -> Scenario {
    Scenario::full().with(|it| kind.clone_into(&mut it.catalog().kind))
}

fn relations() -> Vec<Case> {
    use Severity::{Info, Warning};
    let unknown = |it: &mut Scenario| {
        it.catalog().analyzed_at = None;
        it.catalog().estimated_rows = None;
    };
    let mut cases = vec![
        case(
            FindingCode::StatisticsMissing,
            [(Warning, Scenario::full().with(unknown)), (Info, Scenario::full().query().with(unknown))],
            [Scenario::full(), Scenario::full().with(|it| it.statistics = Err(SourceErrorKind::Permission))],
        ),
        case(
            FindingCode::StatisticsStale,
            [
                (Warning, Scenario::full().with(|it| it.catalog().changed_rows = Some(20_001))),
                (Warning, Scenario::full().with(|it| it.catalog().analyzed_at = None)),
            ],
            [
                Scenario::full().with(|it| it.catalog().changed_rows = Some(20_000)),
                Scenario::full().rows(5).with(|it| it.catalog().changed_rows = Some(1_000)),
                Scenario::full().with(unknown),
            ],
        ),
    ];
    let kinds = [
        (FindingCode::View, "view"),
        (FindingCode::MaterializedView, "materialized view"),
        (FindingCode::PartitionedTable, "partitioned table"),
        (FindingCode::ForeignTable, "foreign table"),
        (FindingCode::UnloggedTable, "unlogged table"),
    ];
    cases.extend(kinds.map(|(code, kind)| case(code, [(Info, of_kind(kind))], [of_kind("table"), of_kind("query")])));
    cases
}

fn sizes() -> Vec<Case> {
    use Severity::Info;
    let primary = |it: &mut Scenario| it.request.server = Some(server(false, false));
    let replica = |it: &mut Scenario| it.request.server = Some(server(true, false));
    let wide = |it: &mut Scenario| it.plan().row_bytes = Some(512.0 * 1024.0);
    vec![
        case(
            FindingCode::LargeResult,
            [(Info, Scenario::full().rows(2_048).with(wide))],
            [Scenario::full().rows(2_047).with(wide), Scenario::full()],
        ),
        case(
            FindingCode::CouldBeChunked,
            [
                (Info, Scenario::full().rows(10_000_000)),
                (Info, Scenario::full().unindexed().rows(10_000_000)),
                (Info, Scenario::full().rows(10_000_000).with(|it| it.request.spec.key_columns.clear())),
            ],
            [
                Scenario::full().rows(9_999_999),
                Scenario::chunked().rows(10_000_000),
                Scenario::full().query().unindexed().rows(10_000_000),
            ],
        ),
        case(
            FindingCode::LargeReadOnPrimary,
            [
                (Info, Scenario::full().rows(50_000_000).with(primary)),
                (Info, Scenario::full().rows(102_400).with(wide).with(primary)),
            ],
            [
                Scenario::full().rows(49_999_999).with(primary),
                Scenario::full().rows(50_000_000).with(replica),
                Scenario::full().rows(50_000_000),
            ],
        ),
    ]
}

fn servers() -> Vec<Case> {
    use Severity::{Info, Warning};
    let on = |replica, pooled| Scenario::full().with(|it| it.request.server = Some(server(replica, pooled)));
    let lag = |seconds| on(true, false).with(|it| it.server().replica_lag = Some(Duration::from_secs(seconds)));
    let history = |length| Scenario::full().with(|it| it.server().history_list_length = Some(length));
    let open = |scenario: Scenario, seconds| {
        scenario.with(|it| it.server().oldest_transaction = Some(Duration::from_secs(seconds)))
    };
    vec![
        case(
            FindingCode::Replica,
            [(Info, on(true, false)), (Info, lag(5))],
            [on(false, false), on(false, true), Scenario::full()],
        ),
        case(FindingCode::ReplicaLag, [(Warning, lag(60))], [lag(59), on(true, false)]),
        case(FindingCode::Pooler, [(Info, on(false, true))], [on(true, false), Scenario::full()]),
        case(
            FindingCode::LongTransaction,
            [(Warning, open(Scenario::full(), 3_600)), (Warning, open(Scenario::incremental(), 200_000))],
            [open(Scenario::full(), 3_599), Scenario::full()],
        ),
        case(FindingCode::LongHistory, [(Warning, history(1_000_000))], [history(999_999), Scenario::full()]),
    ]
}

fn limits() -> Vec<Case> {
    use Severity::{Critical, Info, Warning};
    let workers = |workers, connections| {
        Scenario::chunked().with(|it| {
            it.request.workers = workers;
            it.server().connections = Some(connections);
        })
    };
    let asks = |profile| Scenario::full().with(|it| it.request.profile = Some(profile));
    vec![
        case(
            FindingCode::ConnectionHeadroom,
            [(Critical, workers(9, 92)), (Critical, workers(1, 120)), (Warning, workers(1, 90))],
            [workers(1, 89), workers(80, 10), workers(9, 92).with(|it| it.server().max_connections = None)],
        ),
        case(
            FindingCode::ProfileAboveAdvice,
            [(Info, asks(Profile::Fast))],
            [asks(Profile::Balanced), asks(Profile::Safe), Scenario::full()],
        ),
        case(FindingCode::ParallelismAboveAdvice, [(Info, workers(2, 10))], [workers(1, 10)]),
    ]
}
