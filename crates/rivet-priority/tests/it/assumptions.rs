//! What a person supposes.

use rivet_priority::{Assumption, SignalName, Signals, Strategy, assume, prioritize, recommend};

use crate::support::{plain, replica};

fn apply(signals: &mut [Signals], texts: &[&str]) -> Result<(), String> {
    let parsed = texts.iter().map(|text| text.parse()).collect::<Result<Vec<Assumption>, _>>();
    parsed.and_then(|assumptions| assume(signals, &assumptions)).map_err(|error| error.to_string())
}

#[test]
fn assumed_signals_are_judged_and_shown_as_assumed() {
    let mut signals = replica();
    apply(&mut signals, &["orders.rows=50000000", "events.verdict=degraded"]).unwrap();
    let plan = prioritize(signals);
    let orders = plan.recommendation("orders").unwrap();
    assert_eq!(orders.assumed, [SignalName::EstimatedRows]);
    let shown: Vec<_> = orders.reasons.iter().filter(|it| it.assumed).map(|it| it.kind.as_str()).collect();
    assert_eq!(shown, ["huge_table"]);
    let events = plan.recommendation("events").unwrap();
    let shown: Vec<_> = events.reasons.iter().filter(|it| it.assumed).map(|it| it.kind.as_str()).collect();
    assert_eq!(shown, ["preflight_degraded"]);
    assert!(plan.recommendation("users_dim").unwrap().assumed.is_empty());
}

#[test]
fn every_signal_can_be_assumed_and_reads_back() {
    for (signal, value) in [
        ("source_group", "replica_b"),
        ("implied_group", "7301"),
        ("strategy", "incremental"),
        ("estimated_rows", "12"),
        ("estimated_row_bytes", "12.5"),
        ("chunk_count", "3"),
        ("cursor_quality", "fallback_only"),
        ("cursor_bounds_observed", "true"),
        ("sparse_range", "false"),
        ("verdict", "unsafe"),
        ("preflight_failed", "true"),
        ("preflight_warnings", "4"),
        ("statistics", "stale"),
        ("reconcile_required", "true"),
        ("freshness", "recent"),
    ] {
        let mut signals = [Signals::new("a.b=c", Strategy::Full)];
        apply(&mut signals, &[&format!("a.b=c.{signal}={value}")]).unwrap();
        let name: SignalName = signal.parse().unwrap();
        assert_eq!(signals[0].get(name).as_deref(), Some(value), "{signal}");
        assert!(signals[0].assumed.contains(&name), "{signal}");
    }
}

#[test]
fn a_signal_can_be_taken_away() {
    let known = || Signals {
        source_group: Some("g".to_owned()),
        estimated_row_bytes: Some(1.0),
        chunk_count: Some(1),
        sparse_range: Some(true),
        freshness: rivet_priority::Freshness::Recent,
        history: rivet_priority::History::of([rivet_priority::PastRun::new(rivet_priority::RunOutcome::Committed)]),
        ..plain("t")
    };
    for assumption in [
        "t.source_group=none",
        "t.rows=unknown",
        "t.row_bytes=unknown",
        "t.chunks=unknown",
        "t.sparse_range=unknown",
        "t.verdict=unknown",
        "t.warnings=unknown",
        "t.statistics=missing",
        "t.freshness=unknown",
        "t.history=unknown",
    ] {
        let mut signals = [known()];
        let name = assumption.parse::<Assumption>().unwrap().signal();
        assert!(signals[0].get(name).is_some(), "{assumption}");
        apply(&mut signals, &[assumption]).unwrap();
        assert_eq!(signals[0].get(name), None, "{assumption}");
    }
}

#[test]
fn the_later_of_two_assumptions_holds() {
    let mut signals = [plain("t")];
    apply(&mut signals, &["t.rows=1", "t.rows = 2_000"]).unwrap();
    assert_eq!(signals[0].estimated_rows, Some(2_000));
    assert_eq!("t.rows=1".parse::<Assumption>().unwrap().to_string(), "t.estimated_rows=1");
}

#[test]
fn mistakes_are_explained() {
    let check = |text: &str, expected: &str| {
        let mut signals = replica();
        assert_eq!(apply(&mut signals, &["orders.rows=1", text]).unwrap_err(), expected);
        assert_eq!(signals, replica(), "nothing is set where anything is wrong");
    };
    for text in ["", "orders", "orders.rows", "rows=1", ".rows=1"] {
        let expected = "is no assumption; expected `EXPORT.SIGNAL=VALUE`, as in `orders.rows=50000000`";
        check(text, &format!("`{text}` {expected}"));
    }
    check("order.rows=1", "no export `order` is planned; there is `events`, `orders`, `users_dim`");
    check(
        "orders.size=1",
        "no such signal: `size` is not known; expected one of `source_group`, `implied_group`, `strategy`, \
         `estimated_rows`, `estimated_row_bytes`, `chunk_count`, `cursor_quality`, `cursor_bounds_observed`, \
         `sparse_range`, `verdict`, `preflight_failed`, `preflight_warnings`, `statistics`, `reconcile_required`, \
         `freshness`, `history`, or for short `rows`, `row_bytes`, `chunks`, `warnings`",
    );
    let number = "expected a whole number that is not too large, or `unknown`";
    for value in ["many", "-1", "+1", "1.5", "50M", "99999999999999999999", "_", ""] {
        check(
            &format!("orders.rows={value}"),
            &format!("`{value}` is no value of the signal `estimated_rows`; {number}"),
        );
    }
    check("orders.chunks=4294967296", &format!("`4294967296` is no value of the signal `chunk_count`; {number}"));
    for value in ["-1", "NaN", "inf", "wide"] {
        let expected = "is no value of the signal `estimated_row_bytes`; expected a number of bytes, or `unknown`";
        check(&format!("orders.row_bytes={value}"), &format!("`{value}` {expected}"));
    }
    check(
        "orders.verdict=bad",
        "`bad` is no value of the signal `verdict`; expected one of `efficient`, `acceptable`, `degraded`, `unsafe`, \
         `unknown`",
    );
    check("orders.preflight_failed=1", "`1` is no value of the signal `preflight_failed`; expected `true` or `false`");
    check(
        "orders.sparse_range=1",
        "`1` is no value of the signal `sparse_range`; expected `true`, `false` or `unknown`",
    );
    check(
        "orders.history=good",
        "`good` is no value of the signal `history`; expected `unknown`, which leaves earlier runs out",
    );
    check(
        "orders.source_group=",
        "`` is no value of the signal `source_group`; expected the name of a group, or `none`",
    );
}

#[test]
fn an_assumed_row_estimate_lifts_the_confidence() {
    let unknown = Signals { estimated_rows: None, ..plain("t") };
    let mut signals = [unknown.clone()];
    apply(&mut signals, &["t.rows=10"]).unwrap();
    assert!(recommend(&signals[0]).confidence > recommend(&unknown).confidence);
}
