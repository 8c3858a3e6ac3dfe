use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::class::LAST_WAVE;
use crate::group::{GroupKey, Members};
use crate::{
    CostClass, ForecastTotal, PriorityClass, Reason, ReasonKind, Recommendation, RiskClass, SignalName, Signals,
    SourceGroup, SourceGroupWarning, recommend,
};

/// One export in the order of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedExport {
    /// Which export.
    pub export_name: String,
    /// [`Recommendation::priority_score`]
    pub priority_score: u8,
    /// [`Recommendation::priority_class`]
    pub priority_class: PriorityClass,
    /// [`Recommendation::cost_class`]
    pub cost_class: CostClass,
    /// [`Recommendation::risk_class`]
    pub risk_class: RiskClass,
    /// [`Recommendation::recommended_wave`]
    pub recommended_wave: u8,
    /// [`Recommendation::isolate_on_source`]
    pub isolate_on_source: bool,
}

/// Exports that are advised to start together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// Its number, 1 to 4.
    pub wave: u8,
    /// Its exports, the highest score first.
    pub exports: Vec<String>,
    /// What they take, one after the other.
    pub forecast: ForecastTotal,
}

/// What is advised for several exports that are run for one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// All exports, by score, the highest first, and by name where scores are equal.
    pub ordered_exports: Vec<OrderedExport>,
    /// The waves that have any exports, the first one first. Every export is in one of them.
    pub waves: Vec<Wave>,
    /// The exports of each source, sorted by its name.
    pub source_groups: Vec<SourceGroup>,
    /// What to look after on a source that several exports read from, sorted by its name; one for each at most.
    pub source_group_warnings: Vec<SourceGroupWarning>,
}

/// Everything that is advised, with the signals that it was made of, so that a later one can be compared with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prioritization {
    /// One for each export, in the order of the campaign.
    pub recommendations: Vec<Recommendation>,
    /// How the exports fit together, where there are two or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Campaign>,
    /// What was measured, in the same order.
    pub signals: Vec<Signals>,
}

impl Prioritization {
    /// Returns the recommendation for an export.
    pub fn recommendation(&self, export_name: &str) -> Option<&Recommendation> {
        self.recommendations.iter().find(|recommendation| recommendation.export_name == export_name)
    }
}

/// Judges exports, alone and together. The order that they come in changes nothing.
pub fn prioritize(signals: impl IntoIterator<Item = Signals>) -> Prioritization {
    let judged = |signals| {
        let recommendation = recommend(&signals);
        (signals, recommendation)
    };
    let mut exports: Vec<_> = signals.into_iter().map(judged).collect();
    let campaign = (exports.len() >= 2).then(|| campaign(&mut exports));
    exports.sort_by(in_order);
    let (signals, recommendations) = exports.into_iter().unzip();
    Prioritization { recommendations, campaign, signals }
}

/// Judges exports together that have been judged alone.
///
/// Where heavy ones share a source it writes into their recommendations that they are to be isolated, why, and the
/// wave that keeps them apart. Called again with the same exports it changes nothing more. Names are unique.
pub fn campaign(exports: &mut [(Signals, Recommendation)]) -> Campaign {
    let mut ordered: Vec<&mut (Signals, Recommendation)> = exports.iter_mut().collect();
    ordered.sort_by(|a, b| in_order(a, b));
    let mut heavy: BTreeMap<GroupKey, Vec<usize>> = BTreeMap::new();
    for (place, (signals, recommendation)) in ordered.iter_mut().map(|export| &mut **export).enumerate() {
        forget_campaign(recommendation);
        if let Some(key) = GroupKey::of(signals).filter(|_| recommendation.cost_class.is_heavy()) {
            heavy.entry(key).or_default().push(place);
        }
    }
    for (key, places) in heavy.iter().filter(|(_, places)| places.len() >= 2) {
        let mut taken = [false; LAST_WAVE as usize];
        for place in places {
            if let Some((signals, recommendation)) = ordered.get_mut(*place).map(|export| &mut **export) {
                take_wave(recommendation, &mut taken);
                isolate(signals, recommendation, key, places.len());
            }
        }
    }
    view(&ordered.iter().map(|export| (&export.0, &export.1)).collect::<Vec<_>>())
}

/// Orders by score, the highest first, then by name. Two exports of one name, which should not be, are told apart by
/// everything else that is known of them.
fn in_order(a: &(Signals, Recommendation), b: &(Signals, Recommendation)) -> Ordering {
    let score = |export: &(Signals, Recommendation)| export.1.priority_score;
    let name = |export: &(Signals, Recommendation)| export.1.export_name.clone();
    let rest = |export: &(Signals, Recommendation)| format!("{:?}", export.0);
    score(b).cmp(&score(a)).then_with(|| name(a).cmp(&name(b))).then_with(|| rest(a).cmp(&rest(b)))
}

/// Takes out what an earlier call has written.
fn forget_campaign(recommendation: &mut Recommendation) {
    recommendation.reasons.retain(|reason| reason.kind != ReasonKind::SharedSourceHeavyConflict);
    recommendation.isolate_on_source = false;
    if let Some(wave) = recommendation.moved_from_wave.take() {
        recommendation.recommended_wave = wave;
    }
}

/// Gives a heavy export its own wave, or where that is taken the next free one, or where none is free the last one.
fn take_wave(recommendation: &mut Recommendation, taken: &mut [bool]) {
    let own = recommendation.recommended_wave;
    let is_free = |wave: &u8| !taken.get(usize::from(*wave) - 1).is_some_and(|taken| *taken);
    let wave = (own..=LAST_WAVE).find(is_free).unwrap_or(LAST_WAVE);
    if let Some(taken) = taken.get_mut(usize::from(wave) - 1) {
        *taken = true;
    }
    if wave != own {
        recommendation.recommended_wave = wave;
        recommendation.moved_from_wave = Some(own);
    }
}

/// Marks a heavy export of a group that has more of them.
fn isolate(signals: &Signals, recommendation: &mut Recommendation, key: &GroupKey, heavy: usize) {
    let kind = if key.implied { "implied source group" } else { "source group" };
    let mut message = format!("one of {heavy} heavy exports of {kind} `{}`: run it alone on that source", key.name);
    if let Some(wave) = recommendation.moved_from_wave {
        let to = recommendation.recommended_wave;
        write!(message, "; moved from wave {wave} to wave {to}").expect("a string takes every write");
    }
    let group = if key.implied { SignalName::ImpliedGroup } else { SignalName::SourceGroup };
    let assumed = signals.assumed.contains(&group);
    recommendation.isolate_on_source = true;
    recommendation.reasons.push(Reason { kind: ReasonKind::SharedSourceHeavyConflict, points: 0, message, assumed });
}

/// Sums up exports that have all been given their waves.
fn view(ordered: &[(&Signals, &Recommendation)]) -> Campaign {
    let groups = Members::all(ordered.iter().copied());
    Campaign {
        ordered_exports: ordered.iter().map(|(_, export)| ordered_export(export)).collect(),
        waves: (1..=LAST_WAVE).map(|number| wave(number, ordered)).filter(|wave| !wave.exports.is_empty()).collect(),
        source_groups: groups.iter().map(Members::summary).collect(),
        source_group_warnings: groups.iter().filter_map(Members::warning).collect(),
    }
}

fn ordered_export(recommendation: &Recommendation) -> OrderedExport {
    OrderedExport {
        export_name: recommendation.export_name.clone(),
        priority_score: recommendation.priority_score,
        priority_class: recommendation.priority_class,
        cost_class: recommendation.cost_class,
        risk_class: recommendation.risk_class,
        recommended_wave: recommendation.recommended_wave,
        isolate_on_source: recommendation.isolate_on_source,
    }
}

fn wave(number: u8, ordered: &[(&Signals, &Recommendation)]) -> Wave {
    let members = || ordered.iter().map(|(_, export)| *export).filter(|export| export.recommended_wave == number);
    Wave {
        wave: number,
        exports: members().map(|export| export.export_name.clone()).collect(),
        forecast: ForecastTotal::of(members().map(|export| (export.export_name.as_str(), export.forecast))),
    }
}
