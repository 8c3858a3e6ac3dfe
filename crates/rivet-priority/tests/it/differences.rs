//! What moved from one plan to the next, and why.

use rivet_priority::{
    Difference, Freshness, Signals, SourceGroupWarning, SourceGroupWarningKind, Verdict, diff, prioritize,
};

use crate::support::{heavy, plain, replica};

fn compare(before: impl IntoIterator<Item = Signals>, after: impl IntoIterator<Item = Signals>) -> Difference {
    diff(&prioritize(before), &prioritize(after))
}

/// Writes each move as `name score wave: signal before->after points`.
fn moves(difference: &Difference) -> Vec<String> {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".to_owned());
    let line = |it: &rivet_priority::Move| {
        let signals = it.signals.iter().map(|signal| {
            format!(" {} {}->{} {:+}", signal.signal, value(&signal.before), value(&signal.after), signal.points)
        });
        let score = format!("{}->{}", it.priority_score.before, it.priority_score.after);
        let wave = format!("{}->{}", it.recommended_wave.before, it.recommended_wave.after);
        let group = if it.by_source_group { " by its group" } else { "" };
        format!("{} score {score}, wave {wave}:{}{group}", it.export_name, signals.collect::<String>())
    };
    difference.moved.iter().map(line).collect()
}

#[test]
fn equal_plans_do_not_differ() {
    let difference = compare(replica(), replica());
    assert!(difference.is_empty());
    assert_eq!(difference.unmoved, 3);
}

#[test]
fn the_signal_that_moved_an_export_is_named_and_others_are_not() {
    let [orders, events, users] = replica();
    let users_later = Signals {
        estimated_rows: Some(8_000_000),
        verdict: Verdict::Degraded,
        preflight_warnings: Some(1),
        ..users.clone()
    };
    let difference = compare([orders.clone(), events.clone(), users], [orders, events, users_later]);
    assert_eq!(
        moves(&difference),
        ["users_dim score 67->30, wave 2->4: estimated_rows 40000->8000000 -25 verdict acceptable->degraded -12"]
    );
    assert_eq!(difference.unmoved, 2);
}

#[test]
fn a_signal_that_is_gone_or_assumed_is_shown_so() {
    let [orders, ..] = replica();
    let mut unknown = Signals { estimated_rows: None, ..orders.clone() };
    unknown.assumed.insert(rivet_priority::SignalName::EstimatedRows);
    let difference = compare([orders], [unknown]);
    assert_eq!(moves(&difference), ["orders score 68->65, wave 2->2: estimated_rows 8000000->? -3"]);
    assert!(difference.moved[0].signals[0].assumed);
}

#[test]
fn a_neighbour_that_grows_moves_an_export() {
    let light = Signals { estimated_rows: Some(10_000), ..heavy("a", "g") };
    let difference = compare([light, heavy("b", "g")], [heavy("a", "g"), heavy("b", "g")]);
    assert_eq!(
        moves(&difference),
        [
            "a score 62->42, wave 2->3: estimated_rows 10000->8000000 -20 by its group",
            "b score 42->42, wave 3->4: by its group",
        ]
    );
    let added: Vec<_> = difference.warnings_added.iter().map(|warning| warning.kind).collect();
    assert_eq!((added, difference.warnings_removed.len()), (vec![SourceGroupWarningKind::HeavyCollision], 0));
}

#[test]
fn a_third_heavy_export_moves_the_last_one_further() {
    let early = |name| Signals { verdict: Verdict::Efficient, freshness: Freshness::Recent, ..heavy(name, "g") };
    let difference = compare([early("a"), early("c")], [early("a"), early("b"), early("c")]);
    assert_eq!(moves(&difference), ["c score 56->56, wave 3->4: by its group"]);
    let about = |warnings: &[SourceGroupWarning]| warnings.iter().flat_map(|it| it.exports.clone()).collect::<String>();
    assert_eq!(about(&difference.warnings_added), "abc");
    assert_eq!(about(&difference.warnings_removed), "ac");
}

#[test]
fn a_change_of_group_is_a_signal_too() {
    let difference = compare([heavy("a", "g"), heavy("b", "h")], [heavy("a", "g"), heavy("b", "g")]);
    assert_eq!(
        moves(&difference),
        ["a score 42->42, wave 3->3: by its group", "b score 42->42, wave 3->4: source_group h->g +0 by its group"]
    );
}

#[test]
fn exports_come_and_go() {
    let difference = compare([plain("a"), plain("b")], [plain("b"), plain("c")]);
    assert_eq!((difference.added, difference.removed, difference.unmoved), (vec!["c".into()], vec!["a".into()], 1));
}

#[test]
fn what_other_rules_did_is_kept_apart_from_what_signals_did() {
    let (mut before, after) =
        (prioritize([plain("a")]), prioritize([Signals { reconcile_required: true, ..plain("a") }]));
    before.recommendations[0].priority_score = 60;
    let difference = diff(&before, &after);
    assert_eq!(moves(&difference), ["a score 60->38, wave 3->3: reconcile_required false->true -12"]);
    assert_eq!(difference.moved[0].points_by_rules, -10);
}

#[test]
fn a_difference_reads_back() {
    let [orders, events, users] = replica();
    let difference = compare([orders, events], [users]);
    let json = serde_json::to_string(&difference).unwrap();
    assert_eq!(serde_json::from_str::<Difference>(&json).unwrap(), difference);
}
