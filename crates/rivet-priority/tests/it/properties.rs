//! What holds for any signals at all.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rivet_priority::{
    Assumption, CostClass, CursorQuality, Freshness, History, PastRun, Prioritization, PriorityClass, RiskClass,
    RunOutcome, SignalName, Signals, Statistics, Strategy as Mode, Verdict, diff, prioritize, recommend,
};

use crate::support::sum;

fn one_of<T: Copy + std::fmt::Debug + 'static>(values: &'static [T]) -> impl Strategy<Value = T> {
    select(values)
}

/// Rows of every size, and the numbers at which a class begins.
fn rows() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..200_000_u64,
        0..100_000_000_u64,
        select(vec![0, 99_999, 100_000, 999_999, 1_000_000, 4_999_999, 5_000_000, 49_999_999, 50_000_000, u64::MAX]),
    ]
}

/// Sizes of rows in eighths of a byte: fine enough, and the same in JSON as in memory.
fn row_bytes() -> impl Strategy<Value = f64> {
    (0..10_000_000_u32).prop_map(|eighths| f64::from(eighths) / 8.0)
}

fn windows() -> impl Strategy<Value = u32> {
    prop_oneof![0..12_u32, 60..70_u32, any::<u32>()]
}

fn past_run() -> impl Strategy<Value = PastRun> {
    let outcome = one_of(RunOutcome::ALL);
    let age = option::of(0..10_000_000_u64);
    (outcome, 0..3_u64, option::of(0..1_000_000_u64), option::of(0..10_000_000_u64), age).prop_map(
        |(outcome, retries, duration_ms, rows, age_seconds)| PastRun {
            outcome,
            retries,
            duration_ms,
            rows,
            bytes: rows,
            age_seconds,
        },
    )
}

fn history() -> impl Strategy<Value = History> {
    proptest::collection::vec(past_run(), 1..30).prop_filter_map("no run has ended", History::of)
}

fn group() -> impl Strategy<Value = Option<String>> {
    option::of(select(vec!["a".to_owned(), "b".to_owned()]))
}

prop_compose! {
    fn signals()(
        (source_group, implied_group) in (group(), group()),
        strategy in one_of(Mode::ALL),
        (estimated_rows, estimated_row_bytes) in (option::of(rows()), option::of(row_bytes())),
        chunk_count in option::of(windows()),
        cursor_quality in one_of(CursorQuality::ALL),
        sparse_range in option::of(any::<bool>()),
        verdict in one_of(Verdict::ALL),
        preflight_warnings in option::of(0..6_u32),
        statistics in one_of(Statistics::ALL),
        [cursor_bounds_observed, preflight_failed, reconcile_required] in any::<[bool; 3]>(),
        freshness in one_of(Freshness::ALL),
        history in option::of(history()),
        assumed in proptest::collection::btree_set(one_of(SignalName::ALL), 0..4),
    ) -> Signals {
        Signals {
            export_name: "t".to_owned(),
            source_group,
            implied_group,
            strategy,
            estimated_rows,
            estimated_row_bytes,
            chunk_count,
            cursor_quality,
            cursor_bounds_observed,
            sparse_range,
            verdict,
            preflight_failed,
            preflight_warnings,
            statistics,
            reconcile_required,
            freshness,
            history,
            assumed,
        }
    }
}

/// Several exports with names of their own, not in the order of their names. Half of them tend to be heavy.
fn exports() -> impl Strategy<Value = Vec<Signals>> {
    let export = (signals(), any::<bool>()).prop_map(|(signals, heavy)| Signals {
        estimated_rows: if heavy { Some(8_000_000) } else { signals.estimated_rows },
        ..signals
    });
    let named = |exports: Vec<Signals>| {
        let name = |(number, export)| Signals { export_name: format!("e{number}"), ..export };
        exports.into_iter().enumerate().map(name).collect::<Vec<_>>()
    };
    proptest::collection::vec(export, 0..12).prop_map(named).prop_shuffle()
}

/// The same signals without one of them.
fn without(signals: &Signals) -> Vec<Signals> {
    vec![
        Signals { estimated_rows: None, ..signals.clone() },
        Signals { estimated_row_bytes: None, ..signals.clone() },
        Signals { chunk_count: None, ..signals.clone() },
        Signals { cursor_quality: CursorQuality::None, ..signals.clone() },
        Signals { cursor_bounds_observed: false, ..signals.clone() },
        Signals { sparse_range: None, ..signals.clone() },
        Signals { verdict: Verdict::Unknown, ..signals.clone() },
        Signals { preflight_failed: true, ..signals.clone() },
        Signals { preflight_warnings: None, ..signals.clone() },
        Signals { statistics: Statistics::Missing, ..signals.clone() },
        Signals { freshness: Freshness::Unknown, ..signals.clone() },
        Signals { history: None, ..signals.clone() },
    ]
}

fn heavy_group(signals: &Signals) -> Option<(bool, String)> {
    let configured = signals.source_group.clone().map(|name| (false, name));
    let group = configured.or_else(|| signals.implied_group.clone().map(|name| (true, name)));
    group.filter(|_| CostClass::of(signals).is_heavy())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_points_make_up_the_score(signals in signals()) {
        let recommendation = recommend(&signals);
        prop_assert_eq!(sum(&recommendation), i32::from(recommendation.priority_score));
        prop_assert!(recommendation.priority_score <= 100);
        prop_assert!(!recommendation.reasons.is_empty());
        prop_assert!((1..=4).contains(&recommendation.recommended_wave));
    }

    #[test]
    fn history_takes_fifteen_points_at_most_and_gives_none(signals in signals(), history in history()) {
        let without = recommend(&Signals { history: None, ..signals.clone() });
        let with = recommend(&Signals { history: Some(history), ..signals });
        let taken = i32::from(without.priority_score) - i32::from(with.priority_score);
        prop_assert!((0..=15).contains(&taken), "{taken}");
        let reasons: Vec<_> = with.reasons.iter().filter(|it| it.kind.is_history()).map(|it| it.points).collect();
        prop_assert!(reasons.iter().all(|points| *points <= 0));
        prop_assert!(reasons.iter().sum::<i32>() >= -15);
    }

    #[test]
    fn less_knowledge_never_gives_more_confidence(signals in signals()) {
        let confidence = recommend(&signals).confidence;
        prop_assert!((0.35..=1.0).contains(&confidence.value()));
        for weaker in without(&signals) {
            prop_assert!(recommend(&weaker).confidence <= confidence, "{weaker:?}");
        }
    }

    #[test]
    fn failed_checks_never_give_strong_advice(signals in signals()) {
        let recommendation = recommend(&Signals { preflight_failed: true, ..signals });
        prop_assert_ne!(recommendation.priority_class, PriorityClass::High);
        prop_assert_ne!(recommendation.recommended_wave, 1);
        prop_assert_ne!(recommendation.risk_class, RiskClass::Low);
    }

    #[test]
    fn more_work_never_comes_earlier_or_cheaper(signals in signals(), rows in [rows(), rows()], windows in windows()) {
        let [fewer, more] = if rows[0] <= rows[1] { rows } else { [rows[1], rows[0]] };
        let less = Signals { estimated_rows: Some(fewer), ..signals.clone() };
        let heavier = [
            (less.clone(), Signals { estimated_rows: Some(more), ..less }),
            (
                Signals { chunk_count: signals.chunk_count.map(|chunks| chunks.min(windows)), ..signals.clone() },
                Signals { chunk_count: Some(windows), ..signals.clone() },
            ),
            (
                Signals { reconcile_required: false, ..signals.clone() },
                Signals { reconcile_required: true, ..signals },
            ),
        ];
        for (less, more) in heavier {
            let (less, more) = (recommend(&less), recommend(&more));
            prop_assert!(more.priority_score <= less.priority_score);
            prop_assert!(more.cost_class >= less.cost_class);
            prop_assert!(more.recommended_wave >= less.recommended_wave);
        }
    }

    #[test]
    fn an_estimate_is_in_order(signals in signals()) {
        let forecast = recommend(&signals).forecast;
        prop_assert_eq!(forecast.is_some(), signals.estimated_rows.is_some());
        for estimate in forecast.into_iter().flat_map(|it| [Some(it.rows), it.bytes, Some(it.seconds)]).flatten() {
            prop_assert!(estimate.low <= estimate.expected && estimate.expected <= estimate.high, "{estimate:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_order_of_the_exports_changes_nothing((exports, shuffled) in exports().prop_flat_map(|exports| {
        (Just(exports.clone()), Just(exports).prop_shuffle())
    })) {
        let (plan, other) = (prioritize(exports), prioritize(shuffled));
        prop_assert_eq!(&plan, &other);
        prop_assert_eq!(serde_json::to_string(&plan).unwrap(), serde_json::to_string(&other).unwrap());
    }

    #[test]
    fn every_export_is_in_one_wave_and_colliding_ones_are_isolated(exports in exports()) {
        let plan = prioritize(exports.clone());
        let Some(campaign) = &plan.campaign else { return Ok(()) };
        let mut in_waves: Vec<_> = campaign.waves.iter().flat_map(|wave| wave.exports.clone()).collect();
        in_waves.sort();
        let mut names: Vec<_> = exports.iter().map(|export| export.export_name.clone()).collect();
        names.sort();
        prop_assert_eq!(in_waves, names);
        for (signals, recommendation) in plan.signals.iter().zip(&plan.recommendations) {
            let group = heavy_group(signals);
            let others = exports.iter().filter(|it| it.export_name != signals.export_name);
            let collides = group.is_some() && others.into_iter().any(|other| heavy_group(other) == group);
            prop_assert_eq!(recommendation.isolate_on_source, collides);
            prop_assert_eq!(sum(recommendation), i32::from(recommendation.priority_score));
            let wave = campaign.waves.iter().find(|it| it.wave == recommendation.recommended_wave).unwrap();
            prop_assert!(wave.exports.contains(&recommendation.export_name));
        }
    }

    #[test]
    fn heavy_exports_of_a_group_share_no_wave_while_a_later_one_is_free(exports in exports()) {
        let plan = prioritize(exports);
        let heavy: Vec<_> = plan.signals.iter().zip(&plan.recommendations)
            .filter_map(|(signals, recommendation)| Some((heavy_group(signals)?, recommendation)))
            .collect();
        for (group, recommendation) in &heavy {
            let in_wave = |wave: u8| heavy.iter().filter(|it| it.0 == *group && it.1.recommended_wave == wave).count();
            prop_assert!(in_wave(recommendation.recommended_wave) == 1 || recommendation.recommended_wave == 4);
            if let Some(from) = recommendation.moved_from_wave {
                prop_assert!(from < recommendation.recommended_wave);
                prop_assert!((from..=4).take_while(|wave| *wave < recommendation.recommended_wave).all(|wave| in_wave(wave) > 0));
            }
        }
    }

    #[test]
    fn everything_reads_back(exports in exports()) {
        let plan = prioritize(exports);
        let text = serde_json::to_string(&plan).unwrap();
        let back: Prioritization = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&back, &plan);
        prop_assert_eq!(serde_json::to_string(&back).unwrap(), text);
    }

    #[test]
    fn the_signals_account_for_the_whole_change(before in exports(), after in exports()) {
        let (before, after) = (prioritize(before), prioritize(after));
        let difference = diff(&before, &after);
        for moved in &difference.moved {
            let points: i32 = moved.signals.iter().map(|signal| signal.points).sum();
            let change = i32::from(moved.priority_score.after) - i32::from(moved.priority_score.before);
            prop_assert_eq!((points, moved.points_by_rules), (change, 0));
            let by_nothing = moved.signals.is_empty() && !moved.by_source_group;
            prop_assert!(!by_nothing, "{moved:?}");
        }
        let same = difference.moved.len() + difference.unmoved;
        prop_assert_eq!(same + difference.added.len(), after.recommendations.len());
        prop_assert_eq!(same + difference.removed.len(), before.recommendations.len());
    }

    #[test]
    fn an_assumption_reads_back(text in ".{0,20}", signal in one_of(SignalName::ALL), value in "[a-z_0-9. =]{0,8}") {
        for text in [text.clone(), format!("{text}.{signal}={value}")] {
            if let Ok(assumption) = text.parse::<Assumption>() {
                prop_assert_eq!(assumption.to_string().parse::<Assumption>(), Ok(assumption));
            }
        }
    }
}
