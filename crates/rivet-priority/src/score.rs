use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::class::wave;
use crate::rule::Facts;
use crate::{
    Confidence, CostClass, Forecast, Points, PriorityClass, RULES, Reason, ReasonKind, RiskClass, Rule, SignalName,
    Signals,
};

/// Where every score starts.
pub const NEUTRAL_SCORE: u8 = 50;

/// The most that earlier runs take from a score: they never outweigh what the checks of today say.
const HISTORY_BOUND: i32 = 15;

/// What is advised for one export, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Which export.
    pub export_name: String,
    /// How early it should run, 0 to 100: the higher, the earlier.
    pub priority_score: u8,
    /// The score in a word.
    pub priority_class: PriorityClass,
    /// What the run costs the source.
    pub cost_class: CostClass,
    /// How likely it is to go wrong, or to do harm.
    pub risk_class: RiskClass,
    /// The wave that it should start in, 1 to 4.
    pub recommended_wave: u8,
    /// The wave that its score alone gives, where another heavy export of its source group has taken that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from_wave: Option<u8>,
    /// Whether nothing else heavy should run on its source at the same time.
    pub isolate_on_source: bool,
    /// How far all of this can be relied on.
    pub confidence: Confidence,
    /// Why, one line for every change of the score. Never empty.
    pub reasons: Vec<Reason>,
    /// What the run is expected to take, where there is a row estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// The signals that a person has set in place of a measurement, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumed: Vec<SignalName>,
}

/// Judges one export by itself. What other exports have to do with it is the matter of
/// [`campaign`](crate::campaign).
///
/// ```
/// use rivet_priority::{ReasonKind, Signals, Strategy, recommend};
///
/// let signals = Signals { estimated_rows: Some(2_000), ..Signals::new("countries", Strategy::Full) };
/// let advice = recommend(&signals);
/// let sum: i32 = advice.reasons.iter().map(|reason| reason.points).sum();
/// assert_eq!(i32::from(advice.priority_score), 50 + sum);
/// assert_eq!(advice.reasons[0].kind, ReasonKind::SmallTable);
/// ```
pub fn recommend(signals: &Signals) -> Recommendation {
    let cost_class = CostClass::of(signals);
    let confidence = Confidence::of(signals);
    let (priority_score, reasons) = score(&Facts { signals, cost: cost_class, confidence });
    Recommendation {
        export_name: signals.export_name.clone(),
        priority_score,
        priority_class: PriorityClass::of(priority_score, signals.preflight_failed),
        cost_class,
        risk_class: RiskClass::of(signals),
        recommended_wave: wave(priority_score, cost_class, signals.preflight_failed),
        moved_from_wave: None,
        isolate_on_source: false,
        confidence,
        reasons,
        forecast: Forecast::of(signals),
        assumed: signals.assumed.iter().copied().collect(),
    }
}

/// Runs the rule table.
fn score(facts: &Facts<'_>) -> (u8, Vec<Reason>) {
    let mut sum = i32::from(NEUTRAL_SCORE);
    let mut history = HISTORY_BOUND;
    let mut reasons = Vec::new();
    for rule in RULES.iter().filter(|rule| (rule.applies)(facts)) {
        let mut reason = reason(rule, facts);
        match rule.points {
            Points::Fixed(points) if rule.kind.is_history() => {
                reason.points = points.max(-history);
                history += reason.points;
                if reason.points != points {
                    reason.message.push_str("; earlier runs take 15 points in all, and no more");
                }
            }
            Points::Fixed(points) => reason.points = points,
            Points::Pull => {
                reason.points = facts.confidence.pull(sum, facts.signals.estimated_rows.is_some()) - sum;
            }
        }
        sum += reason.points;
        reasons.push(reason);
    }
    if reasons.is_empty() {
        reasons.extend(rule(ReasonKind::NothingStandsOut).map(|rule| self::reason(rule, facts)));
    }
    (clamp(sum, &mut reasons), reasons)
}

/// Returns the first rule that gives a reason of this kind.
fn rule(kind: ReasonKind) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.kind == kind)
}

/// Gives the reason of a rule, without points.
fn reason(rule: &Rule, facts: &Facts<'_>) -> Reason {
    let assumed = rule.reads.iter().any(|name| facts.signals.assumed.contains(name));
    Reason { kind: rule.kind, points: 0, message: (rule.explain)(facts), assumed }
}

/// Brings a sum into 0 to 100, and takes what is beyond that from the last reasons, so that the sum stays exact.
///
/// No reason gives up more points than it has: a penalty never turns into a bonus. `low_confidence_metadata` alone,
/// which is there to balance the sum, takes all of it.
fn clamp(sum: i32, reasons: &mut [Reason]) -> u8 {
    let score = sum.clamp(0, 100);
    let mut beyond = sum - score;
    for reason in reasons.iter_mut().rev() {
        if beyond == 0 {
            break;
        }
        let given_up = match reason.kind {
            ReasonKind::LowConfidenceMetadata => beyond,
            _ if beyond < 0 => reason.points.clamp(beyond, 0),
            _ => reason.points.clamp(0, beyond),
        };
        if given_up != 0 {
            reason.points -= given_up;
            beyond -= given_up;
            write!(reason.message, "; a score ends at {score}").expect("a string takes every write");
        }
    }
    u8::try_from(score).expect("0 to 100 fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(points: &[(ReasonKind, i32)]) -> Vec<Reason> {
        let reason = |(kind, points): &(ReasonKind, i32)| Reason {
            kind: *kind,
            points: *points,
            message: String::new(),
            assumed: false,
        };
        points.iter().map(reason).collect()
    }

    #[test]
    fn what_is_beyond_the_range_is_taken_from_the_last_reasons() {
        use ReasonKind::{LowConfidenceMetadata, PreflightEfficient, PreflightUnsafe, SlowHistory, SparseRangeRisk};
        let check = |points: &[(ReasonKind, i32)], score: u8, expected: &[i32]| {
            let mut reasons = reasons(points);
            let sum = 50 + reasons.iter().map(|reason| reason.points).sum::<i32>();
            assert_eq!(clamp(sum, &mut reasons), score);
            assert_eq!(reasons.iter().map(|reason| reason.points).collect::<Vec<_>>(), expected);
        };
        check(&[(PreflightUnsafe, -50)], 0, &[-50]);
        check(&[(PreflightUnsafe, -51)], 0, &[-50]);
        check(&[(PreflightEfficient, 8), (PreflightUnsafe, -57), (SlowHistory, -4)], 0, &[8, -57, -1]);
        check(&[(SparseRangeRisk, -40), (PreflightUnsafe, -25), (SlowHistory, -4)], 0, &[-40, -10, 0]);
        check(&[(PreflightUnsafe, -60), (PreflightEfficient, 8)], 0, &[-58, 8]);
        check(&[(PreflightUnsafe, -80), (LowConfidenceMetadata, 3)], 0, &[-80, 30]);
        check(&[(PreflightEfficient, 60), (PreflightUnsafe, -5)], 100, &[55, -5]);
        check(&[(PreflightEfficient, 10), (PreflightUnsafe, -5)], 55, &[10, -5]);
    }
}
