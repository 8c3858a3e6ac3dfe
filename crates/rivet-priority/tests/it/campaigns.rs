//! Exports together: order, waves, groups.

use rivet_priority::{ReasonKind, Signals, SourceGroupWarningKind, Verdict, campaign, prioritize, recommend};

use crate::support::{heavy, plain, replica, waterfall};

/// Writes each export as `name: wave`, with `!` where it is to be isolated, in the order of the campaign.
fn waves(signals: impl IntoIterator<Item = Signals>) -> String {
    let plan = prioritize(signals);
    let line = |export: &rivet_priority::Recommendation| {
        let moved = export.moved_from_wave.map(|wave| format!("{wave}->")).unwrap_or_default();
        let alone = if export.isolate_on_source { "!" } else { "" };
        format!("{}: {moved}{}{alone}", export.export_name, export.recommended_wave)
    };
    plan.recommendations.iter().map(line).collect::<Vec<_>>().join(", ")
}

#[test]
fn two_heavy_exports_of_one_replica_are_kept_apart_and_the_third_is_left_alone() {
    let plan = prioritize(replica());
    let campaign = plan.campaign.as_ref().unwrap();
    let messages: Vec<_> = campaign.source_group_warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        messages,
        ["source group `replica_a` has 2 heavy-cost exports (events, orders): run them one at a time"]
    );
    let isolated = |name: &str| plan.recommendation(name).unwrap().isolate_on_source;
    assert!(isolated("orders") && isolated("events") && !isolated("users_dim"));
    let users = plan.recommendation("users_dim").unwrap();
    assert!(!waterfall(&users.reasons).contains("shared_source_heavy_conflict"));
    let orders = plan.recommendation("orders").unwrap();
    let reason = orders.reasons.last().unwrap();
    assert_eq!((reason.kind, reason.points), (ReasonKind::SharedSourceHeavyConflict, 0));
    assert_eq!(reason.message, "one of 2 heavy exports of source group `replica_a`: run it alone on that source");
    assert_eq!(waves(replica()), "orders: 2!, users_dim: 2, events: 4!");
}

#[test]
fn order_is_by_score_and_then_by_name() {
    let slow = Signals { verdict: Verdict::Degraded, ..plain("a") };
    let plan = prioritize([slow, plain("c"), plain("b")]);
    let campaign = plan.campaign.unwrap();
    let ordered: Vec<_> =
        campaign.ordered_exports.iter().map(|export| (export.export_name.as_str(), export.priority_score)).collect();
    assert_eq!(ordered, [("b", 50), ("c", 50), ("a", 38)]);
    let waves: Vec<_> = campaign.waves.iter().map(|wave| (wave.wave, wave.exports.join(" "))).collect();
    assert_eq!(waves, [(3, "b c a".to_owned())]);
    assert_eq!(
        (campaign.waves[0].forecast.rows.unwrap().expected, campaign.waves[0].forecast.incomplete.len()),
        (1_500_000, 3)
    );
}

#[test]
fn a_campaign_takes_two() {
    assert_eq!(prioritize([plain("a")]).campaign, None);
    assert!(prioritize([plain("a"), plain("b")]).campaign.is_some());
}

#[test]
fn heavy_exports_of_a_group_take_waves_of_their_own_until_the_last() {
    let some = |names: &str| names.split(' ').map(|name| heavy(name, "g")).collect::<Vec<_>>();
    assert_eq!(waves(some("a b")), "a: 3!, b: 3->4!");
    assert_eq!(waves(some("a b c")), "a: 3!, b: 3->4!, c: 3->4!");

    let early = |name| Signals {
        verdict: Verdict::Efficient,
        freshness: rivet_priority::Freshness::Recent,
        ..heavy(name, "g")
    };
    assert_eq!(waves([early("a"), early("b"), early("c")]), "a: 2!, b: 2->3!, c: 2->4!");
    assert_eq!(waves([early("a"), early("b"), heavy("c", "g")]), "a: 2!, b: 2->3!, c: 3->4!");
    assert_eq!(waves([early("a"), heavy("c", "g"), heavy("d", "other")]), "a: 2!, c: 3!, d: 3");
}

#[test]
fn a_heavier_export_with_a_later_wave_leaves_the_earlier_one_free() {
    let very_heavy = Signals {
        estimated_rows: Some(60_000_000),
        strategy: rivet_priority::Strategy::Incremental,
        cursor_quality: rivet_priority::CursorQuality::StrongMonotonic,
        verdict: Verdict::Efficient,
        ..heavy("huge", "g")
    };
    let large =
        Signals { verdict: Verdict::Efficient, freshness: rivet_priority::Freshness::Recent, ..heavy("large", "g") };
    // 61 points and a wave later for its cost; 56 points.
    assert_eq!(waves([very_heavy, large]), "huge: 3!, large: 2!");
}

#[test]
fn who_must_share_the_last_wave_is_said() {
    let plan = prioritize(["a", "b", "c", "d"].map(|name| heavy(name, "g")));
    let warnings = plan.campaign.as_ref().unwrap().source_group_warnings.clone();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].sharing_last_wave, ["b", "c", "d"]);
    insta::assert_snapshot!(warnings[0].message, @"source group `g` has 4 heavy-cost exports (a, b, c, d): run them one at a time; no later wave is free for b, c, d, which share wave 4");
    let reason = &plan.recommendation("c").unwrap().reasons.last().unwrap().message;
    insta::assert_snapshot!(reason, @"one of 4 heavy exports of source group `g`: run it alone on that source; moved from wave 3 to wave 4");
}

#[test]
fn light_members_of_a_collision_are_neither_named_nor_isolated() {
    let light = Signals { source_group: Some("g".to_owned()), ..plain("light") };
    let plan = prioritize([heavy("a", "g"), light, heavy("b", "g")]);
    let campaign = plan.campaign.as_ref().unwrap();
    let warning = &campaign.source_group_warnings[0];
    assert_eq!((warning.kind, warning.exports.join(" ")), (SourceGroupWarningKind::HeavyCollision, "a b".to_owned()));
    assert!(!warning.message.contains("light"));
    let light = plan.recommendation("light").unwrap();
    assert!(!light.isolate_on_source && light.moved_from_wave.is_none());
    let group = &campaign.source_groups[0];
    assert_eq!((group.exports.join(" "), group.heavy_exports.join(" ")), ("a b light".to_owned(), "a b".to_owned()));
    assert_eq!(group.forecast.rows.unwrap().expected, 16_500_000);
}

#[test]
fn three_members_without_a_collision_are_a_milder_matter() {
    let member =
        |name: &str, rows| Signals { source_group: Some("g".to_owned()), estimated_rows: Some(rows), ..plain(name) };
    let warnings = |signals: Vec<Signals>| {
        let warnings = prioritize(signals).campaign.unwrap().source_group_warnings;
        warnings.into_iter().map(|it| (it.kind, it.message)).collect::<Vec<_>>()
    };
    assert_eq!(warnings(vec![member("a", 10), heavy("b", "g")]), []);
    let many = SourceGroupWarningKind::ManyMembers;
    assert_eq!(
        warnings(vec![member("a", 10), heavy("b", "g"), member("c", 200_000)]),
        [(many, "source group `g` has 3 exports: start the larger ones (b, c) some time apart".to_owned())]
    );
    assert_eq!(
        warnings(vec![member("a", 10), member("b", 10), member("c", 10)]),
        [(many, "source group `g` has 3 exports: start the larger ones some time apart".to_owned())]
    );
}

#[test]
fn exports_that_read_from_one_server_are_an_implied_group() {
    let implied = |name: &str, group: Option<&str>| Signals {
        source_group: group.map(ToOwned::to_owned),
        implied_group: Some("7301".to_owned()),
        ..heavy(name, "")
    };
    let plan = prioritize([implied("a", None), implied("b", None), implied("c", Some("own"))]);
    let campaign = plan.campaign.as_ref().unwrap();
    assert_eq!(campaign.source_group_warnings.len(), 1);
    let warning = &campaign.source_group_warnings[0];
    assert!(warning.implied);
    assert_eq!(warning.exports, ["a", "b"]);
    insta::assert_snapshot!(warning.message, @"implied source group `7301` has 2 heavy-cost exports (a, b): run them one at a time (the group is implied: these exports read from one server, and none of them has a `source_group`; give them one `source_group` to name it, or one each to opt out)");
    let reason = &plan.recommendation("b").unwrap().reasons.last().unwrap().message;
    insta::assert_snapshot!(reason, @"one of 2 heavy exports of implied source group `7301`: run it alone on that source; moved from wave 3 to wave 4");
    assert!(!plan.recommendation("c").unwrap().isolate_on_source, "its own group opts out");
}

#[test]
fn a_configured_and_an_implied_group_of_one_name_are_two() {
    let implied = |name: &str| Signals { source_group: None, implied_group: Some("g".to_owned()), ..heavy(name, "") };
    let plan = prioritize([heavy("a", "g"), implied("b"), heavy("c", "g"), implied("d")]);
    let warnings = plan.campaign.unwrap().source_group_warnings;
    let about: Vec<_> = warnings.iter().map(|warning| (warning.implied, warning.exports.join(" "))).collect();
    assert_eq!(about, [(false, "a c".to_owned()), (true, "b d".to_owned())]);
}

#[test]
fn a_second_call_changes_nothing_more() {
    let mut exports: Vec<_> = ["a", "b", "c"]
        .map(|name| heavy(name, "g"))
        .into_iter()
        .map(|signals| {
            let recommendation = recommend(&signals);
            (signals, recommendation)
        })
        .collect();
    let first = (campaign(&mut exports), exports.clone());
    assert_eq!((campaign(&mut exports), exports.clone()), first);

    let alone = &mut exports[2..];
    campaign(alone);
    assert_eq!(alone[0].1, recommend(&alone[0].0), "and without the others nothing of them is left");
}

#[test]
fn two_exports_of_one_name_are_still_in_one_order() {
    let twin = Signals { reconcile_required: true, strategy: rivet_priority::Strategy::Full, ..heavy("a", "g") };
    let other = Signals { verdict: Verdict::Degraded, ..heavy("a", "g") };
    assert_eq!(prioritize([twin.clone(), other.clone()]), prioritize([other, twin]));
}
