//! How a score comes about: from where every score starts, reason by reason, with what each of them rests on.

use rivet_core::PlannedExport;
use rivet_priority::{NEUTRAL_SCORE, RULES, Reason, Recommendation, SignalName, Signals};

use super::evidence;
use super::view::PlanView;

/// One step of the way from 50 to the score.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) reason: &'a Reason,
    /// The sum before it.
    pub(super) before: i32,
    /// The sum after it.
    pub(super) after: i32,
    /// What it rests on.
    pub(super) evidence: Vec<Evidence>,
}

/// A signal that a reason rests on.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) signal: SignalName,
    /// As a person reads it.
    pub(super) value: String,
    /// Where it comes from.
    pub(super) origin: String,
}

/// Returns the steps that lead to the score of an export. The last one ends at the score.
pub(super) fn steps<'a>(view: &PlanView<'_>, export: &PlannedExport, advice: &'a Recommendation) -> Vec<Step<'a>> {
    let signals = view.signals(&advice.export_name);
    let mut sum = i32::from(NEUTRAL_SCORE);
    let step = |reason: &'a Reason| {
        let before = sum;
        sum += reason.points;
        let evidence = signals.map(|signals| evidence_of(reason, export, signals)).unwrap_or_default();
        Step { reason, before, after: sum, evidence }
    };
    advice.reasons.iter().map(step).collect()
}

fn evidence_of(reason: &Reason, export: &PlannedExport, signals: &Signals) -> Vec<Evidence> {
    let mut read: Vec<SignalName> = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.kind == reason.kind) {
        read.extend(rule.reads.iter().filter(|name| is_told(**name, signals)));
    }
    read.sort_unstable();
    read.dedup();
    let evidence = |name: SignalName| Evidence {
        signal: name,
        value: evidence::value(name, signals),
        origin: evidence::origin(name, export, signals),
    };
    read.into_iter().map(evidence).collect()
}

/// Returns whether a signal that a rule looks at can have had a part in what it says.
fn is_told(name: SignalName, signals: &Signals) -> bool {
    match name {
        SignalName::CursorBoundsObserved => signals.needs_cursor_bounds(),
        SignalName::ChunkCount => signals.windows().is_some(),
        SignalName::SourceGroup => signals.source_group.is_some(),
        SignalName::ImpliedGroup => signals.source_group.is_none(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::plan::sample;

    #[test]
    fn the_steps_lead_from_fifty_to_the_score() {
        let exports = vec![sample::orders(), sample::events(), sample::users(), sample::missing()];
        let plan = sample::plan(exports, &["orders.verdict=unsafe", "events.sparse_range=true"]);
        let view = PlanView::new(&plan);
        for (export, advice) in view.exports() {
            let advice = advice.unwrap();
            let steps = steps(&view, export, advice);
            let mut sum = 50;
            for step in &steps {
                assert_eq!((step.before, step.after), (sum, sum + step.reason.points), "{}", advice.export_name);
                sum = step.after;
            }
            assert_eq!(sum, i32::from(advice.priority_score), "{}", advice.export_name);
            assert_eq!(steps.len(), advice.reasons.len());
        }
    }

    #[test]
    fn what_was_assumed_is_told_to_be() {
        let plan = sample::plan(vec![sample::events()], &["events.rows=7"]);
        let view = PlanView::new(&plan);
        let advice = &plan.prioritization.recommendations[0];
        let steps = steps(&view, &plan.exports[0], advice);
        let all: Vec<String> = steps
            .iter()
            .flat_map(|step| &step.evidence)
            .filter(|evidence| evidence.signal == SignalName::EstimatedRows)
            .map(|evidence| format!("{}: {}", evidence.value, evidence.origin))
            .collect();
        assert!(!all.is_empty());
        assert!(all.iter().all(|evidence| evidence == "7: assumed by `--assume`"), "{all:?}");
    }
}
