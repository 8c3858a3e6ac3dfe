//! Every rule, where it begins and where it ends.

use rivet_priority::{
    CursorQuality, Freshness, History, PriorityClass, RULES, ReasonKind, RiskClass, Signals, Statistics, Strategy,
    Verdict, recommend,
};

use crate::support::{plain, sum, waterfall};

#[track_caller]
fn check(signals: &Signals, expected: &str) {
    let recommendation = recommend(signals);
    assert_eq!(waterfall(&recommendation.reasons), expected, "{signals:?}");
    assert_eq!(sum(&recommendation), i32::from(recommendation.priority_score));
}

fn cursor(strategy: Strategy, cursor_quality: CursorQuality) -> Signals {
    Signals { strategy, cursor_quality, ..plain("t") }
}

fn chunked(chunk_count: Option<u32>) -> Signals {
    Signals { strategy: Strategy::Chunked, chunk_count, ..plain("t") }
}

fn history(newest_failed: bool, retries: u64, average_duration_ms: u64) -> History {
    History {
        runs: 20,
        failures: 1,
        newest_failed,
        retries,
        average_duration_ms: Some(average_duration_ms),
        average_bytes: None,
        throughput: None,
    }
}

#[test]
fn a_recommendation_is_never_without_a_reason() {
    check(&plain("t"), "nothing_stands_out +0");
}

#[test]
fn size() {
    let rows = |rows| Signals { estimated_rows: Some(rows), ..plain("t") };
    check(&rows(0), "small_table +12");
    check(&rows(99_999), "small_table +12");
    check(&rows(100_000), "nothing_stands_out +0");
    check(&rows(999_999), "nothing_stands_out +0");
    check(&rows(1_000_000), "large_table +0");
    check(&rows(4_999_999), "large_table +0");
    check(&rows(5_000_000), "large_table -8");
    check(&rows(49_999_999), "large_table -8");
    check(&rows(50_000_000), "huge_table -15");
    let wide = |row_bytes| Signals { estimated_row_bytes: Some(row_bytes), ..rows(1 << 10) };
    check(&wide(f64::from(1 << 10)), "small_table +12");
    check(&wide(f64::from((1 << 20) - 1)), "nothing_stands_out +0");
    check(&wide(f64::from(1 << 20)), "large_table +0");
    check(&wide(f64::from(1 << 21)), "large_table -8");
}

#[test]
fn plain_scans() {
    let full = |rows| Signals { strategy: Strategy::Full, estimated_rows: Some(rows), ..plain("t") };
    check(&full(10), "small_table +12, simple_scan +5");
    check(&full(500_000), "simple_scan +5");
    check(&full(5_000_000), "large_table -8");
    check(&full(50_000_000), "huge_table -15");
}

#[test]
fn cursors() {
    let incremental = |quality| cursor(Strategy::Incremental, quality);
    check(&incremental(CursorQuality::StrongMonotonic), "strong_cursor +18");
    check(&incremental(CursorQuality::WeakTime), "weak_cursor -8");
    check(&incremental(CursorQuality::WeakMultiCandidate), "weak_cursor -8");
    check(&incremental(CursorQuality::None), "weak_cursor -12");
    check(&incremental(CursorQuality::FallbackOnly), "weak_cursor -14");
    for quality in CursorQuality::ALL.iter().copied() {
        check(&cursor(Strategy::Full, quality), "simple_scan +5");
        check(&cursor(Strategy::Chunked, quality), "nothing_stands_out +0");
        let none = quality == CursorQuality::None;
        let expected = if none { "no_time_cursor -6" } else { "nothing_stands_out +0" };
        check(&cursor(Strategy::TimeWindow, quality), expected);
    }
}

#[test]
fn windows() {
    for (windows, expected) in [
        (None, "nothing_stands_out +0"),
        (Some(0), "nothing_stands_out +0"),
        (Some(1), "nothing_stands_out +0"),
        (Some(2), "chunking_heavy -4"),
        (Some(7), "chunking_heavy -4"),
        (Some(8), "chunking_heavy -10"),
        (Some(u32::MAX), "chunking_heavy -10"),
    ] {
        check(&chunked(windows), expected);
    }
    check(&Signals { estimated_rows: Some(8_000_000), ..chunked(Some(63)) }, "large_table -8, chunking_heavy -10");
    check(&Signals { estimated_rows: Some(8_000_000), ..chunked(Some(64)) }, "huge_table -15, chunking_heavy -10");
    check(&Signals { chunk_count: Some(64), ..plain("t") }, "nothing_stands_out +0");
}

#[test]
fn flags_and_verdicts() {
    check(&Signals { sparse_range: Some(true), ..plain("t") }, "sparse_range_risk -18");
    check(&Signals { sparse_range: Some(false), ..plain("t") }, "nothing_stands_out +0");
    check(&Signals { reconcile_required: true, ..plain("t") }, "reconcile_required -12");
    for (freshness, expected) in [
        (Freshness::Recent, "freshness_hint_recent +6"),
        (Freshness::Stale, "nothing_stands_out +0"),
        (Freshness::Unknown, "nothing_stands_out +0"),
    ] {
        check(&Signals { freshness, ..plain("t") }, expected);
    }
    for (verdict, expected) in [
        (Verdict::Efficient, "preflight_efficient +8"),
        (Verdict::Acceptable, "nothing_stands_out +0"),
        (Verdict::Degraded, "preflight_degraded -12"),
        (Verdict::Unsafe, "preflight_unsafe -25"),
        (Verdict::Unknown, "nothing_stands_out +0"),
    ] {
        check(&Signals { verdict, ..plain("t") }, expected);
    }
}

#[test]
fn history_takes_fifteen_points_and_no_more() {
    let with = |history| Signals { history: Some(history), ..plain("t") };
    check(&with(history(false, 6, 299_999)), "nothing_stands_out +0");
    check(&with(history(true, 0, 0)), "recent_failure_history -8");
    check(&with(history(false, 7, 0)), "high_retry_rate_history -5");
    check(&with(history(false, 0, 300_000)), "slow_history -4");
    check(&with(history(true, 0, 300_000)), "recent_failure_history -8, slow_history -4");
    check(&with(history(false, 7, 300_000)), "high_retry_rate_history -5, slow_history -4");
    check(&with(history(true, 7, 300_000)), "recent_failure_history -8, high_retry_rate_history -5, slow_history -2");
}

#[test]
fn what_is_lacking_draws_the_score_toward_fifty() {
    let strong = cursor(Strategy::Incremental, CursorQuality::StrongMonotonic);
    check(
        &Signals { statistics: Statistics::Stale, ..strong.clone() },
        "strong_cursor +18, low_confidence_metadata -2",
    );
    check(
        &Signals { statistics: Statistics::Missing, ..strong.clone() },
        "strong_cursor +18, low_confidence_metadata -5",
    );
    check(
        &Signals { cursor_bounds_observed: false, ..strong.clone() },
        "strong_cursor +18, low_confidence_metadata -2",
    );
    check(&Signals { preflight_failed: true, ..strong.clone() }, "strong_cursor +18, low_confidence_metadata -9");
    check(&Signals { estimated_rows: None, ..strong.clone() }, "strong_cursor +18, low_confidence_metadata -8");
    check(&Signals { preflight_failed: true, ..plain("t") }, "low_confidence_metadata +0");
    check(
        &Signals { preflight_failed: true, verdict: Verdict::Unsafe, ..plain("t") },
        "preflight_unsafe -25, low_confidence_metadata +12",
    );
    let message = recommend(&Signals { estimated_rows: None, statistics: Statistics::Stale, ..strong }).reasons;
    let message = &message.last().unwrap().message;
    assert_eq!(message, "confidence 0.63 (no row estimate, stale statistics): the score is drawn toward 50");
}

#[test]
fn a_score_ends_at_zero() {
    let worst = Signals {
        estimated_rows: Some(50_000_000),
        sparse_range: Some(true),
        reconcile_required: true,
        verdict: Verdict::Unsafe,
        history: Some(history(true, 7, 300_000)),
        ..cursor(Strategy::Incremental, CursorQuality::FallbackOnly)
    };
    check(
        &worst,
        "huge_table -15, weak_cursor -14, sparse_range_risk -18, reconcile_required -3, preflight_unsafe +0, \
         recent_failure_history +0, high_retry_rate_history +0, slow_history +0",
    );
    check(
        &Signals { statistics: Statistics::Stale, ..worst.clone() },
        "huge_table -15, weak_cursor -14, sparse_range_risk -18, reconcile_required -12, preflight_unsafe -25, \
         recent_failure_history -8, high_retry_rate_history -5, slow_history -2, low_confidence_metadata +49",
    );
    assert!(recommend(&worst).reasons.last().unwrap().message.ends_with("; a score ends at 0"));
}

#[test]
fn failed_checks_never_give_an_early_run() {
    let best = Signals {
        estimated_rows: Some(10),
        freshness: Freshness::Recent,
        verdict: Verdict::Efficient,
        ..cursor(Strategy::Incremental, CursorQuality::StrongMonotonic)
    };
    let checked = recommend(&best);
    assert_eq!((checked.priority_score, checked.priority_class), (94, PriorityClass::High));
    assert_eq!((checked.recommended_wave, checked.risk_class), (1, RiskClass::Low));
    let unchecked = recommend(&Signals { preflight_failed: true, ..best });
    assert_eq!((unchecked.priority_score, unchecked.priority_class), (72, PriorityClass::Medium));
    assert_eq!((unchecked.recommended_wave, unchecked.risk_class), (2, RiskClass::Medium));
}

#[test]
fn every_kind_has_a_rule_and_every_reason_reads_well() {
    for kind in ReasonKind::ALL {
        assert!(RULES.iter().any(|rule| rule.kind == *kind), "{kind}");
    }
    let kinds: Vec<_> = RULES.iter().map(|rule| rule.kind).collect();
    assert!(kinds.is_sorted(), "reasons come in the order of the table");
    let signals = Signals {
        estimated_rows: Some(8_000_000),
        estimated_row_bytes: Some(200.0),
        history: Some(history(true, 7, 300_000)),
        ..chunked(Some(12))
    };
    let messages: Vec<_> = recommend(&signals).reasons.into_iter().map(|reason| reason.message).collect();
    insta::assert_snapshot!(messages.join("\n"), @r"
    a heavy read: about 8.0 M rows, 1.5 GiB
    12 windows: more statements, and more time on the source
    the newest run failed
    retried often: 20 runs, 1 failed, the newest too, 7 retries, 300.0 s on average
    slow: 20 runs, 1 failed, the newest too, 7 retries, 300.0 s on average; earlier runs take 15 points in all, and no more
    ");
}
