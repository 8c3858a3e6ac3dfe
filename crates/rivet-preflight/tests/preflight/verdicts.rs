//! Every line of the verdict table.

use rivet_model::{RowRange, ScalarKind};
use rivet_preflight::{ChunkPlan, Strategy, Verdict, verdict_table};
use rivet_source::{AccessPath, SourceErrorKind};

use crate::support::{Scenario, access, after, column, index};

#[track_caller]
fn check(scenario: &Scenario, expected: Verdict) {
    assert_eq!(scenario.report().verdict, expected, "{scenario:#?}");
}

#[test]
fn what_is_read_by_the_right_way_is_efficient() {
    for scenario in Scenario::all() {
        check(&scenario, Verdict::Efficient);
        check(&scenario.clone().rows(9_999_999), Verdict::Efficient);
    }
    check(&Scenario::full().rows(5_000), Verdict::Efficient);
    check(&Scenario::full().query(), Verdict::Efficient);
    check(&Scenario::incremental().query(), Verdict::Efficient);
    for path in [AccessPath::IndexOnlyScan, AccessPath::BitmapScan] {
        let unlisted = |it: &mut Scenario| it.plan().accesses = vec![access(path, true)];
        check(&Scenario::incremental().unindexed().with(unlisted), Verdict::Efficient);
    }
}

#[test]
fn ten_million_rows_are_acceptable() {
    for scenario in Scenario::all() {
        check(&scenario.clone().rows(10_000_000), Verdict::Acceptable);
        check(&scenario.rows(90_000_000), Verdict::Acceptable);
    }
}

#[test]
fn an_unknown_number_of_rows_is_not_efficient() {
    for scenario in Scenario::all() {
        let unknown = scenario.with(|it| {
            it.plan().estimated_rows = None;
            it.catalog().estimated_rows = None;
            if let Strategy::Chunked(plan) = &mut it.request.strategy {
                plan.estimated_rows = None;
            }
        });
        check(&unknown, Verdict::Acceptable);
    }
}

#[test]
fn a_delta_of_a_large_table_counts_as_what_it_is() {
    let delta = Scenario::incremental().rows(500_000_000).with(|it| it.plan().estimated_rows = Some(1_000));
    check(&delta, Verdict::Efficient);
    let window = Scenario::time_window().rows(500_000_000).with(|it| it.plan().estimated_rows = Some(70_000));
    check(&window, Verdict::Efficient);
}

#[test]
fn rows_that_no_index_finds_are_degraded_and_then_unsafe() {
    for scenario in [Scenario::incremental(), Scenario::time_window()] {
        let unindexed = scenario.unindexed();
        check(&unindexed.clone().rows(100), Verdict::Degraded);
        check(&unindexed.clone().rows(1_000_000), Verdict::Degraded);
        check(&unindexed.clone().rows(1_000_001), Verdict::Unsafe);
        // A scan for few rows reads the whole table.
        let few = unindexed.clone().rows(1_000_001).with(|it| it.plan().estimated_rows = Some(5));
        check(&few, Verdict::Unsafe);
        let unknown = unindexed.with(|it| {
            it.plan().estimated_rows = None;
            it.catalog().estimated_rows = None;
        });
        check(&unknown, Verdict::Degraded);
    }
}

#[test]
fn an_index_must_be_whole_usable_and_begin_with_the_column() {
    let with = |change: fn(&mut rivet_source::IndexFacts)| {
        let mut listed = index("id");
        change(&mut listed);
        Scenario::incremental().unindexed().with(|it| it.catalog().indexes = vec![listed])
    };
    check(&with(|_| {}), Verdict::Efficient);
    check(&with(|it| it.columns = vec!["id".to_owned(), "other".to_owned()]), Verdict::Efficient);
    check(&with(|it| it.columns = vec!["other".to_owned(), "id".to_owned()]), Verdict::Degraded);
    check(&with(|it| it.columns = vec![String::new()]), Verdict::Degraded);
    check(&with(|it| it.partial = true), Verdict::Degraded);
    check(&with(|it| it.usable = false), Verdict::Degraded);
    // An index that is read from end to end finds nothing.
    let whole = |it: &mut Scenario| it.plan().accesses = vec![access(AccessPath::IndexScan, false)];
    check(&Scenario::incremental().unindexed().with(whole), Verdict::Degraded);
}

#[test]
fn the_planner_may_prefer_a_scan_to_an_index() {
    for scenario in [Scenario::incremental(), Scenario::time_window()] {
        check(&scenario.clone().scanned(), Verdict::Efficient);
        check(&scenario.scanned().rows(50_000_000), Verdict::Acceptable);
    }
}

#[test]
fn a_scan_for_each_chunk_is_unsafe_unless_the_table_is_small_and_indexed() {
    check(&Scenario::chunked().unindexed().rows(5_000), Verdict::Unsafe);
    check(&Scenario::chunked().unindexed().rows(50_000_000), Verdict::Unsafe);
    check(&Scenario::chunked().scanned().rows(5_000), Verdict::Efficient);
    check(&Scenario::chunked().scanned().rows(100_000), Verdict::Efficient);
    check(&Scenario::chunked().scanned().rows(100_001), Verdict::Degraded);
    check(&Scenario::chunked().scanned().rows(1_000_000), Verdict::Degraded);
    check(&Scenario::chunked().scanned().rows(1_000_001), Verdict::Unsafe);
    let unknown = Scenario::chunked().scanned().with(|it| {
        it.plan().estimated_rows = None;
        it.catalog().estimated_rows = None;
        it.request.strategy = Strategy::Chunked(ChunkPlan { count: 4, estimated_rows: None, chunk_rows: None });
    });
    check(&unknown, Verdict::Degraded);
}

#[test]
fn one_chunk_is_a_full_export() {
    let one = |scenario: Scenario| {
        scenario.with(|it| {
            if let Strategy::Chunked(plan) = &mut it.request.strategy {
                plan.count = 1;
            }
        })
    };
    check(&one(Scenario::chunked().unindexed()), Verdict::Efficient);
    check(&one(Scenario::chunked().unindexed().rows(50_000_000)), Verdict::Acceptable);
}

#[test]
fn ranges_of_pages_need_no_index() {
    let pages = |path| {
        Scenario::chunked().unindexed().with(|it| {
            it.request.spec.key.clear();
            it.request.spec.range = RowRange::Pages { partition: None, from: 100, to: Some(200) };
            it.plan().accesses = vec![access(path, true)];
        })
    };
    check(&pages(AccessPath::PageRange), Verdict::Efficient);
    check(&pages(AccessPath::PageRange).rows(20_000_000), Verdict::Acceptable);
    check(&pages(AccessPath::SequentialScan), Verdict::Unsafe);
    let full = Scenario::full().with(|it| it.plan().accesses = vec![access(AccessPath::PageRange, true)]);
    check(&full, Verdict::Efficient);
}

#[test]
fn a_sort_of_the_whole_result_is_degraded_at_best() {
    for scenario in Scenario::all() {
        let sorted = scenario.with(|it| it.plan().sorts_result = true);
        check(&sorted, Verdict::Degraded);
        check(&sorted.rows(20_000_000), Verdict::Degraded);
    }
    check(
        &Scenario::incremental().unindexed().rows(2_000_000).with(|it| it.plan().sorts_result = true),
        Verdict::Unsafe,
    );
}

#[test]
fn around_a_query_the_plan_says_whether_an_index_is_reached() {
    // The index of the table underneath is known, and the condition does not reach it.
    let unreached = Scenario::incremental().query().scanned();
    check(&unreached, Verdict::Degraded);
    check(&unreached.clone().rows(1_000_001), Verdict::Unsafe);
    check(&unreached.clone().rows(5_000), Verdict::Efficient);
    // The first run reads everything anyway.
    let first = unreached.clone().with(|it| it.request.spec.range = RowRange::Key { lower: None, upper: None });
    check(&first, Verdict::Efficient);
    // A join that reads a small table whole.
    let join = Scenario::incremental().query().with(|it| {
        it.plan().accesses.push(access(AccessPath::SequentialScan, false));
    });
    check(&join, Verdict::Efficient);
    check(&unreached.unindexed().rows(1_000_001), Verdict::Unsafe);
}

#[test]
fn partitions_are_all_to_be_entered_where_the_table_has_no_index() {
    let partitioned = |indexed: bool, sequential: bool| {
        let scenario = if indexed { Scenario::incremental() } else { Scenario::incremental().unindexed() };
        scenario.with(|it| {
            it.catalog().kind = "partitioned table".to_owned();
            let second = if sequential { AccessPath::SequentialScan } else { AccessPath::IndexScan };
            it.plan().accesses = vec![access(AccessPath::IndexScan, true), access(second, !sequential)];
        })
    };
    check(&partitioned(false, false), Verdict::Efficient);
    check(&partitioned(false, true), Verdict::Degraded);
    check(&partitioned(true, true), Verdict::Efficient);
}

#[test]
fn a_fallback_needs_an_index_as_well() {
    let fallback = |indexes: &[&str]| {
        let indexes = indexes.iter().map(|name| index(name)).collect();
        Scenario::incremental().scanned().with(|it| {
            it.request.spec.key[0].nullable = true;
            it.request.spec.fallback = Some(column("made", ScalarKind::Int));
            it.catalog().indexes = indexes;
        })
    };
    check(&fallback(&["id", "made"]), Verdict::Efficient);
    check(&fallback(&["id"]), Verdict::Degraded);
    // A column that is never NULL needs nobody to stand in.
    check(&fallback(&["id"]).with(|it| it.request.spec.key[0].nullable = false), Verdict::Efficient);
}

#[test]
fn what_nobody_sees_is_unknown() {
    let unseen = |scenario: Scenario| scenario.with(|it| it.explanation = Err(SourceErrorKind::StatementTimeout));
    for scenario in Scenario::all() {
        check(&unseen(scenario.clone()), Verdict::Unknown);
        check(&unseen(scenario).with(|it| it.statistics = Err(SourceErrorKind::Permission)), Verdict::Unknown);
    }
    // The catalog alone proves that an index is missing.
    check(&unseen(Scenario::incremental().unindexed()), Verdict::Degraded);
    check(&unseen(Scenario::incremental().unindexed().rows(2_000_000)), Verdict::Unsafe);
    check(&unseen(Scenario::incremental().unindexed().query()), Verdict::Unknown);
    // Another server reads a foreign table.
    let foreign = Scenario::incremental().unindexed().with(|it| {
        it.catalog().kind = "foreign table".to_owned();
        it.plan().accesses = vec![access(AccessPath::Other, false)];
    });
    check(&foreign, Verdict::Unknown);
}

#[test]
fn a_statement_that_reads_nothing_is_judged_by_the_catalog() {
    let nothing = |it: &mut Scenario| it.plan().accesses.clear();
    check(&Scenario::chunked().with(nothing), Verdict::Efficient);
    check(&Scenario::incremental().unindexed().with(nothing), Verdict::Degraded);
    check(&Scenario::incremental().query().with(nothing), Verdict::Unknown);
    let unkeyed = |it: &mut Scenario| it.request.spec.key.clear();
    check(&Scenario::incremental().scanned().with(unkeyed), Verdict::Degraded);
    check(&Scenario::chunked().with(|it| it.request.spec.range = after(1)), Verdict::Efficient);
}

#[test]
fn the_table_reads_well() {
    insta::assert_snapshot!(verdict_table(), @"
    | verdict | when |
    |---|---|
    | `unsafe` | 2 chunks or more, and for want of an index each of them reads the whole relation |
    | `unsafe` | no usable index for the rows that are wanted, and more than 1 M rows in the relation |
    | `unsafe` | there is an index, but each chunk, or the query, reads the whole relation all the same, and it has more than 1 M rows |
    | `degraded` | no usable index for the rows that are wanted, and up to 1 M rows in the relation, or nobody knows how many |
    | `degraded` | there is an index, but each chunk, or the query, reads the whole relation all the same, and it has more than 100 k rows, or nobody knows how many |
    | `degraded` | the whole result is sorted before its first row comes |
    | `unknown` | the plan could not be had, or does not show how rows are reached |
    | `acceptable` | the right way, and 10 M rows or more, which a full export could read in chunks, or nobody knows how many |
    | `efficient` | the right way: a full export by a scan or by ranges of pages, any other by an index on its column, or by a scan that the planner prefers to it: of up to 100 k rows, or one statement over a table |
    ");
}
