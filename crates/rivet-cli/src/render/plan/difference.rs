//! What has changed since an older plan, for every form that it is shown in.

use std::fmt::Display;

use rivet_core::{Plan, PlannedExport};
use rivet_priority::{Change, Difference, Move, SignalChange, SignalName, diff};

use super::paper::Tone;
use super::sheet::{Line, in_words};
use crate::render::moment;

/// One thing that has changed, and why.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) what: Line,
    pub(super) why: Vec<String>,
}

/// Says which plan a plan is compared with.
pub(super) fn since(older: &Plan) -> String {
    format!("since the plan of {}", moment(older.created_at))
}

/// Returns what has changed.
pub(super) fn changes(older: &Plan, newer: &Plan) -> Vec<Changed> {
    let difference = diff(&older.prioritization, &newer.prioritization);
    let mut changes: Vec<Changed> = difference.moved.iter().map(moved).collect();
    changes.extend(difference.added.iter().map(|name| added(name, newer)));
    let removed = |name: &String| Line::headed(Tone::Warning, format!("{name}:"), "gone");
    changes.extend(difference.removed.iter().map(|name| plain(removed(name))));
    changes.extend(difference.warnings_added.iter().map(|it| warning("new warning:", Tone::Warning, &it.message)));
    changes.extend(difference.warnings_removed.iter().map(|it| warning("no longer:", Tone::Good, &it.message)));
    changes.extend(rewritten(older, newer));
    changes.push(plain(unmoved(&difference, changes.is_empty())));
    changes
}

fn plain(what: Line) -> Changed {
    Changed { what, why: Vec::new() }
}

fn warning(head: &str, tone: Tone, message: &str) -> Changed {
    plain(Line::headed(tone, head, message))
}

fn unmoved(difference: &Difference, nothing_else: bool) -> Line {
    match (difference.unmoved, nothing_else) {
        (0, _) => "no export is advised as before".into(),
        (1, false) => "1 export is advised as before".into(),
        (unmoved, false) => format!("{unmoved} exports are advised as before").into(),
        (1, true) => Line::headed(Tone::Good, "nothing has changed:", "the one export is advised as before"),
        (unmoved, true) => {
            Line::headed(Tone::Good, "nothing has changed:", format!("all {unmoved} exports are advised as before"))
        }
    }
}

fn added(name: &str, newer: &Plan) -> Changed {
    let advice = newer.prioritization.recommendation(name);
    let advice = advice.map(|advice| format!(", score {}, wave {}", advice.priority_score, advice.recommended_wave));
    plain(Line::headed(Tone::Strong, format!("{name}:"), format!("new{}", advice.unwrap_or_default())))
}

fn moved(moved: &Move) -> Changed {
    let points = i32::from(moved.priority_score.after) - i32::from(moved.priority_score.before);
    let mut parts = Vec::new();
    if points == 0 {
        parts.push(format!("score {} as before", moved.priority_score.after));
    } else {
        parts.extend(changed("score", &moved.priority_score).map(|score| format!("{score} ({points:+})")));
    }
    parts.extend(changed("class", &moved.priority_class));
    parts.extend(changed("wave", &moved.recommended_wave));
    parts.extend(changed("cost", &moved.cost_class));
    parts.extend(changed("risk", &moved.risk_class));
    match (moved.isolate_on_source.before, moved.isolate_on_source.after) {
        (false, true) => parts.push("to run alone on its source now".to_owned()),
        (true, false) => parts.push("no longer to run alone on its source".to_owned()),
        _ => {}
    }
    let mut why: Vec<String> = moved.signals.iter().map(signal).collect();
    if moved.points_by_rules != 0 {
        why.push(format!("{:+} points by other rules: another release made the older plan", moved.points_by_rules));
    }
    if moved.by_source_group {
        why.push("the other heavy exports of its source have changed".to_owned());
    }
    let tone = if points < 0 { Tone::Warning } else { Tone::Good };
    Changed { what: Line::headed(tone, format!("{}:", moved.export_name), parts.join(", ")), why }
}

fn changed<T: Display + PartialEq>(name: &str, change: &Change<T>) -> Option<String> {
    change.differs().then(|| format!("{name} {} → {}", change.before, change.after))
}

fn signal(change: &SignalChange) -> String {
    let value = |text: &Option<String>| match text {
        Some(text) => in_words(change.signal, text),
        None if matches!(change.signal, SignalName::SourceGroup | SignalName::ImpliedGroup) => "none".to_owned(),
        None => "not known".to_owned(),
    };
    let points = match change.points {
        0 => "no points".to_owned(),
        1 | -1 => format!("{:+} point", change.points),
        points => format!("{points:+} points"),
    };
    let assumed = if change.assumed { ", assumed" } else { "" };
    format!("{} {} → {}{assumed}: {points}", change.signal, value(&change.before), value(&change.after))
}

/// Returns exports whose files would differ whatever the rows are: other columns, another query, another form.
fn rewritten(older: &Plan, newer: &Plan) -> Vec<Changed> {
    let before = |export: &PlannedExport| older.exports.iter().find(|old| old.export_name == export.export_name);
    let differs = |export: &&PlannedExport| {
        let before = before(export).and_then(|old| old.plan_fingerprint.as_ref());
        before.zip(export.plan_fingerprint.as_ref()).is_some_and(|(before, after)| before != after)
    };
    let text = "what decides its bytes is another: its columns, what it reads, or how it is written";
    let line = |export: &PlannedExport| Line::headed(Tone::Warning, format!("{}:", export.export_name), text);
    newer.exports.iter().filter(differs).map(|export| plain(line(export))).collect()
}
