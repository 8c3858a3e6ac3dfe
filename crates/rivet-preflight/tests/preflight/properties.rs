//! What holds for every run, however it is made up.

use proptest::prelude::*;
use rivet_model::RowRange;
use rivet_preflight::{ChunkPlan, Strategy as ReadStrategy, Verdict};
use rivet_source::{AccessPath, SourceErrorKind};

use crate::support::{Scenario, access, index};

/// How bad a verdict is. What nobody has seen is worse than what is fine.
fn badness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Efficient => 0,
        Verdict::Acceptable => 1,
        Verdict::Unknown => 2,
        Verdict::Degraded => 3,
        Verdict::Unsafe => 4,
    }
}

fn strategies() -> impl Strategy<Value = Scenario> {
    prop_oneof![
        Just(Scenario::full()),
        Just(Scenario::incremental()),
        Just(Scenario::time_window()),
        (0_u32..20).prop_map(|count| {
            Scenario::chunked().with(|it| {
                let plan = ChunkPlan { count, estimated_rows: None, chunk_rows: None };
                it.request.strategy = ReadStrategy::Chunked(plan);
            })
        }),
    ]
}

fn paths() -> impl Strategy<Value = AccessPath> {
    prop::sample::select(vec![
        AccessPath::SequentialScan,
        AccessPath::PageRange,
        AccessPath::IndexScan,
        AccessPath::IndexOnlyScan,
        AccessPath::BitmapScan,
        AccessPath::Other,
    ])
}

fn kinds() -> impl Strategy<Value = &'static str> {
    let kinds = ["table", "unlogged table", "partitioned table", "view", "materialized view", "foreign table", "query"];
    prop::sample::select(kinds.to_vec())
}

/// Rows around the numbers at which something changes.
fn rows() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..200_000, 900_000_u64..1_100_000, 9_000_000_u64..11_000_000, 0_u64..1_000_000_000]
}

prop_compose! {
    /// Any run without an index that the catalog knows of.
    fn unindexed()(
        mut scenario in strategies(),
        accesses in prop::collection::vec((paths(), any::<bool>()), 0..4),
        kind in kinds(),
        rows in rows(),
        known in any::<bool>(),
        range in prop::sample::select(vec![0, 1, 2]),
        flags in any::<[bool; 4]>(),
    ) -> Scenario {
        let [sorts, explained, cataloged, nullable] = flags;
        scenario = scenario.unindexed().rows(rows);
        scenario.plan().accesses = accesses.into_iter().map(|(path, bounded)| access(path, bounded)).collect();
        scenario.plan().sorts_result = sorts;
        kind.clone_into(&mut scenario.catalog().kind);
        scenario.request.spec.key[0].nullable = nullable;
        match range {
            0 => {}
            1 => scenario.request.spec.range = RowRange::Key { lower: None, upper: None },
            _ => scenario.request.spec.range = RowRange::Pages { partition: None, from: 5, to: None },
        }
        if kind == "query" {
            scenario = scenario.query();
        }
        if !known {
            scenario.catalog().estimated_rows = None;
        }
        if !explained {
            scenario.explanation = Err(SourceErrorKind::Permission);
        }
        if !cataloged {
            scenario.statistics = Err(SourceErrorKind::Permission);
        }
        scenario
    }
}

/// The same run with an index on its key, listed or told by the description.
fn with_index(scenario: &Scenario, listed: bool) -> Scenario {
    scenario.clone().with(|it| match &mut it.statistics {
        Ok(catalog) if listed => catalog.indexes.push(index("id")),
        _ => it.request.key.indexed = true,
    })
}

/// The same run with so many times the rows, wherever a number of them is known.
fn with_more(scenario: &Scenario, run: u64, relation: u64) -> Scenario {
    scenario.clone().with(|it| {
        let grow = |rows: &mut Option<u64>, by: u64| *rows = rows.map(|rows| rows.saturating_add(by));
        if let Ok(plan) = &mut it.explanation {
            grow(&mut plan.estimated_rows, run);
        }
        if let Ok(catalog) = &mut it.statistics {
            grow(&mut catalog.estimated_rows, relation);
        }
        if let ReadStrategy::Chunked(plan) = &mut it.request.strategy {
            grow(&mut plan.estimated_rows, run);
        }
    })
}

proptest! {
    // What makes a difference needs several things at once: it takes many runs to meet it.
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn an_index_never_makes_it_worse(scenario in unindexed(), listed in any::<bool>()) {
        let (without, with) = (scenario.report().verdict, with_index(&scenario, listed).report().verdict);
        prop_assert!(badness(with) <= badness(without), "{without} without, {with} with");
    }

    #[test]
    fn more_rows_never_make_it_better(
        scenario in unindexed(),
        indexed in any::<bool>(),
        run in rows(),
        relation in rows(),
    ) {
        let scenario = if indexed { with_index(&scenario, true) } else { scenario };
        let (few, many) = (scenario.report().verdict, with_more(&scenario, run, relation).report().verdict);
        prop_assert!(badness(many) >= badness(few), "{few} with few, {many} with many");
    }

    #[test]
    fn knowing_less_is_never_called_efficient(scenario in unindexed(), indexed in any::<bool>()) {
        let scenario = if indexed { with_index(&scenario, true) } else { scenario };
        let blind = scenario.with(|it| it.explanation = Err(SourceErrorKind::Permission)).report();
        prop_assert!(badness(blind.verdict) >= badness(Verdict::Unknown));
        prop_assert!(blind.failed);
    }

    #[test]
    fn advice_keeps_its_bounds(scenario in unindexed(), connections in 0_u64..200, count in 0_u32..1_000) {
        let report = scenario.with(|it| {
            it.server().connections = Some(connections);
            if let ReadStrategy::Chunked(plan) = &mut it.request.strategy {
                plan.count = count;
            }
        }).report();
        prop_assert!((1..=8).contains(&report.advice.parallelism));
        if matches!(report.verdict, Verdict::Degraded | Verdict::Unsafe | Verdict::Unknown) {
            prop_assert_eq!(report.advice.parallelism, 1);
        }
        prop_assert!(!report.advice.profile_reason.is_empty() && !report.advice.parallelism_reason.is_empty());
    }
}
