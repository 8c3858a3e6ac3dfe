use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    CostClass, Prioritization, PriorityClass, Recommendation, RiskClass, SignalName, Signals, SourceGroupWarning,
    recommend,
};

/// A value in an earlier and in a later plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<T> {
    /// In the earlier one.
    pub before: T,
    /// In the later one.
    pub after: T,
}

impl<T: PartialEq> Change<T> {
    fn new(before: T, after: T) -> Self {
        Self { before, after }
    }

    /// Returns whether the two differ.
    pub fn differs(&self) -> bool {
        self.before != self.after
    }
}

/// A signal that changed, and what that did by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalChange {
    /// Which signal.
    pub signal: SignalName,
    /// What it was, as a person reads it; `None` where it was not known.
    pub before: Option<String>,
    /// What it is now.
    pub after: Option<String>,
    /// What the change did to the score.
    pub points: i32,
    /// Whether a person has set the later value in place of a measurement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
}

/// An export that is advised differently now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Which export.
    pub export_name: String,
    /// Its score.
    pub priority_score: Change<u8>,
    /// Its class by the score.
    pub priority_class: Change<PriorityClass>,
    /// What it costs the source.
    pub cost_class: Change<CostClass>,
    /// Its risk.
    pub risk_class: Change<RiskClass>,
    /// Its wave.
    pub recommended_wave: Change<u8>,
    /// Whether it is to run alone.
    pub isolate_on_source: Change<bool>,
    /// The signals that did it, in the order of their declaration. Signals that changed to no effect are left out.
    pub signals: Vec<SignalChange>,
    /// What is left of the change of the score: the earlier plan was made by other rules. With the points of the
    /// signals it makes up the whole change, always.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub points_by_rules: i32,
    /// Whether what else reads from its source has a part in it: other heavy exports isolate it, or move it further or
    /// less far, than they did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_source_group: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(points: &i32) -> bool {
    *points == 0
}

/// What changed from one plan to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Exports that the later plan has and the earlier one had not, sorted.
    pub added: Vec<String>,
    /// Exports that the earlier plan had, sorted.
    pub removed: Vec<String>,
    /// Exports that are advised differently, sorted by name.
    pub moved: Vec<Move>,
    /// Exports that are advised as before.
    pub unmoved: usize,
    /// Warnings that are new, or that speak of other exports than before.
    pub warnings_added: Vec<SourceGroupWarning>,
    /// Warnings that no longer hold in that form.
    pub warnings_removed: Vec<SourceGroupWarning>,
}

impl Difference {
    /// Returns whether both plans advise the same.
    pub fn is_empty(&self) -> bool {
        let Self { added, removed, moved, unmoved: _, warnings_added, warnings_removed } = self;
        added.is_empty()
            && removed.is_empty()
            && moved.is_empty()
            && warnings_added.is_empty()
            && warnings_removed.is_empty()
    }
}

/// Compares two plans: what moved, and which signal moved it.
///
/// The signals are changed one after the other, in the order of [`SignalName::ALL`], and each one accounts for what it
/// did at its turn; so the points always add up to the whole change.
pub fn diff(before: &Prioritization, after: &Prioritization) -> Difference {
    let (old, new) = (by_name(before), by_name(after));
    let mut difference = Difference::default();
    for (name, (signals, recommendation)) in &new {
        let Some((old_signals, old_recommendation)) = old.get(name) else {
            difference.added.push((*name).to_owned());
            continue;
        };
        match compare((old_signals, old_recommendation), (signals, recommendation)) {
            Some(moved) => difference.moved.push(moved),
            None => difference.unmoved += 1,
        }
    }
    difference.removed = old.keys().filter(|name| !new.contains_key(*name)).map(|name| (*name).to_owned()).collect();
    let (old, new) = (warnings(before), warnings(after));
    let missing_in = |these: &[SourceGroupWarning], those: &[SourceGroupWarning]| {
        those.iter().filter(|warning| !these.iter().any(|other| is_same(other, warning))).cloned().collect()
    };
    difference.warnings_added = missing_in(old, new);
    difference.warnings_removed = missing_in(new, old);
    difference
}

fn by_name(plan: &Prioritization) -> BTreeMap<&str, (&Signals, &Recommendation)> {
    let signals = plan.signals.iter().map(|signals| (signals.export_name.as_str(), signals));
    let signals: BTreeMap<&str, &Signals> = signals.collect();
    let recommendations = plan.recommendations.iter();
    let both =
        recommendations.filter_map(|it| Some((it.export_name.as_str(), (*signals.get(it.export_name.as_str())?, it))));
    both.collect()
}

fn warnings(plan: &Prioritization) -> &[SourceGroupWarning] {
    plan.campaign.as_ref().map_or(&[], |campaign| &campaign.source_group_warnings)
}

/// Returns whether two warnings say the same, in whatever words.
fn is_same(a: &SourceGroupWarning, b: &SourceGroupWarning) -> bool {
    let key = |it: &SourceGroupWarning| (it.source_group.clone(), it.implied, it.kind);
    key(a) == key(b) && a.exports == b.exports && a.sharing_last_wave == b.sharing_last_wave
}

type Export<'a> = (&'a Signals, &'a Recommendation);

fn compare((old_signals, old): Export<'_>, (signals, new): Export<'_>) -> Option<Move> {
    let (changes, by_signals) = attribute(old_signals, signals);
    let points = i32::from(new.priority_score) - i32::from(old.priority_score);
    let moved_by =
        |it: &Recommendation| it.recommended_wave.saturating_sub(it.moved_from_wave.unwrap_or(it.recommended_wave));
    let moved = Move {
        export_name: new.export_name.clone(),
        priority_score: Change::new(old.priority_score, new.priority_score),
        priority_class: Change::new(old.priority_class, new.priority_class),
        cost_class: Change::new(old.cost_class, new.cost_class),
        risk_class: Change::new(old.risk_class, new.risk_class),
        recommended_wave: Change::new(old.recommended_wave, new.recommended_wave),
        isolate_on_source: Change::new(old.isolate_on_source, new.isolate_on_source),
        signals: changes,
        points_by_rules: points - by_signals,
        by_source_group: old.isolate_on_source != new.isolate_on_source || moved_by(old) != moved_by(new),
    };
    moved.differs().then_some(moved)
}

impl Move {
    fn differs(&self) -> bool {
        self.priority_score.differs()
            || self.priority_class.differs()
            || self.cost_class.differs()
            || self.risk_class.differs()
            || self.recommended_wave.differs()
            || self.isolate_on_source.differs()
    }
}

/// Returns the signals that had an effect, and the points of all of them together.
fn attribute(old: &Signals, new: &Signals) -> (Vec<SignalChange>, i32) {
    let first = recommend(old);
    let mut signals = old.clone();
    let mut current = first.clone();
    let mut changes = Vec::new();
    for name in SignalName::ALL.iter().copied() {
        let before = signals.clone();
        signals.take(name, new);
        let next = recommend(&signals);
        if has_effect(&current, &next) || (is_group(name) && before != signals) {
            changes.push(SignalChange {
                signal: name,
                before: before.get(name),
                after: signals.get(name),
                points: i32::from(next.priority_score) - i32::from(current.priority_score),
                assumed: new.assumed.contains(&name),
            });
        }
        current = next;
    }
    (changes, i32::from(current.priority_score) - i32::from(first.priority_score))
}

/// Returns whether a signal decides only which other exports an export meets.
fn is_group(name: SignalName) -> bool {
    matches!(name, SignalName::SourceGroup | SignalName::ImpliedGroup)
}

fn has_effect(a: &Recommendation, b: &Recommendation) -> bool {
    let outcome =
        |it: &Recommendation| (it.priority_score, it.priority_class, it.cost_class, it.risk_class, it.recommended_wave);
    outcome(a) != outcome(b)
}
