//! Every line of the table of cursor qualities.

use rivet_model::ScalarKind;
use rivet_preflight::{CursorQuality, cursor_table};
use rivet_source::{AccessPath, SourceErrorKind};

use crate::support::{Scenario, access, column, index};

#[track_caller]
fn check(scenario: &Scenario, expected: CursorQuality) {
    assert_eq!(scenario.report().cursor_quality, expected, "{scenario:#?}");
}

/// A cursor that statistics know to hold NULLs.
fn with_nulls(it: &mut Scenario) {
    it.request.spec.key[0].nullable = true;
    it.key().nullable = true;
    it.key().null_fraction = Some(0.2);
}

fn with_fallback(it: &mut Scenario) {
    it.request.spec.fallback = Some(column("made", ScalarKind::Int));
    it.catalog().indexes.push(index("made"));
}

#[test]
fn a_cursor_without_a_weakness_is_strong() {
    check(&Scenario::incremental(), CursorQuality::StrongMonotonic);
    check(&Scenario::incremental().with(|it| it.request.key.temporal = true), CursorQuality::StrongMonotonic);
    check(&Scenario::chunked(), CursorQuality::StrongMonotonic);
    check(&Scenario::incremental().scanned().rows(5_000), CursorQuality::StrongMonotonic);
    // It may be NULL, and never is.
    let never = |it: &mut Scenario| {
        with_nulls(it);
        it.key().null_fraction = Some(0.0);
    };
    check(&Scenario::incremental().with(never), CursorQuality::StrongMonotonic);
    check(&Scenario::incremental().with(with_fallback).with(never), CursorQuality::StrongMonotonic);
    // An empty table has no bounds to know.
    let empty = |it: &mut Scenario| {
        it.key().lowest = None;
        it.key().highest = None;
    };
    check(&Scenario::incremental().rows(0).with(empty), CursorQuality::StrongMonotonic);
}

#[test]
fn one_weakness_makes_it_weak() {
    let weaknesses: [fn(&mut Scenario); 4] = [
        with_nulls,
        |it| it.request.key.unique = false,
        |it| it.key().lowest = None,
        |it| {
            with_nulls(it);
            it.key().null_fraction = None;
        },
    ];
    for weakness in weaknesses {
        let weak = Scenario::incremental().with(weakness);
        check(&weak, CursorQuality::WeakMultiCandidate);
        check(&weak.with(|it| it.request.key.temporal = true), CursorQuality::WeakTime);
    }
}

#[test]
fn nulls_that_another_column_stands_in_for_leave_the_fallback_only() {
    let both = Scenario::incremental().with(with_nulls).with(with_fallback);
    check(&both, CursorQuality::FallbackOnly);
    check(&both.clone().with(|it| it.request.key.temporal = true), CursorQuality::FallbackOnly);
    check(&both.with(|it| it.key().null_fraction = None), CursorQuality::FallbackOnly);
    check(&Scenario::incremental().with(with_fallback), CursorQuality::StrongMonotonic);
}

#[test]
fn without_an_index_there_is_none() {
    check(&Scenario::full(), CursorQuality::None);
    check(&Scenario::incremental().unindexed(), CursorQuality::None);
    check(&Scenario::time_window().unindexed(), CursorQuality::None);
    check(&Scenario::incremental().unindexed().with(with_nulls).with(with_fallback), CursorQuality::None);
    check(&Scenario::incremental().query().scanned(), CursorQuality::None);
    check(&Scenario::incremental().with(|it| it.request.spec.key.clear()), CursorQuality::None);
    let nothing_known = |it: &mut Scenario| {
        it.request.key.indexed = false;
        it.explanation = Err(SourceErrorKind::Permission);
        it.statistics = Err(SourceErrorKind::Permission);
    };
    check(&Scenario::incremental().with(nothing_known), CursorQuality::None);
}

#[test]
fn the_plan_may_know_an_index_that_the_catalog_does_not() {
    let unlisted = |it: &mut Scenario| it.plan().accesses = vec![access(AccessPath::BitmapScan, true)];
    check(&Scenario::incremental().unindexed().with(unlisted), CursorQuality::StrongMonotonic);
}

#[test]
fn statistics_that_are_lacking_weaken_it() {
    let lacking = Scenario::incremental().with(|it| it.statistics = Err(SourceErrorKind::Permission));
    check(&lacking, CursorQuality::WeakMultiCandidate);
}

#[test]
fn the_table_reads_well() {
    insta::assert_snapshot!(cursor_table(), @"
    | cursor quality | when |
    |---|---|
    | `none` | a full export, or no column to follow, or none by which an index finds rows |
    | `fallback_only` | the column holds NULLs, or may hold them, and a fallback stands in for them |
    | `strong_monotonic` | no NULLs (declared, or none seen by statistics), unique together with its tie-break, and the smallest and largest value known |
    | `weak_time` | one of these is lacking, and the column holds days or moments |
    | `weak_multi_candidate` | one of these is lacking, and the column holds anything else |
    ");
}
