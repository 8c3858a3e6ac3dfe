//! That nothing is without a scenario. No server takes part.

use std::collections::BTreeSet;

use rivet_priority::{CONFIDENCE_RULES, RULES, ReasonKind, SignalName};

use super::inputs::{INPUTS, NAMES};
use super::reasons::{BOUND, CONFIDENCE, REASONS};
use super::scenarios;

#[test]
fn every_signal_and_every_input_has_a_row() {
    for signal in SignalName::ALL {
        assert!(INPUTS.iter().any(|input| input.signal == *signal), "`{signal}` has no scenario");
    }
    for name in NAMES {
        assert!(INPUTS.iter().any(|input| input.name == *name), "`{name}` has no scenario");
    }
}

#[test]
fn every_reason_and_every_rule_has_a_row() {
    for kind in ReasonKind::ALL {
        assert!(REASONS.iter().any(|reason| reason.kind == *kind), "`{kind}` has no scenario");
    }
    let rules: Vec<_> = RULES.iter().map(|rule| (rule.kind, rule.points)).collect();
    let rows: Vec<_> = REASONS.iter().map(|reason| (reason.kind, reason.points)).collect();
    assert_eq!(rows, rules);
    for reason in REASONS {
        assert!(!reason.speaks.is_empty() && !reason.is_silent.is_empty(), "{reason:?}");
    }
    let rules: Vec<_> = CONFIDENCE_RULES.iter().map(|rule| rule.when).collect();
    assert_eq!(CONFIDENCE.iter().map(|lack| lack.when).collect::<Vec<_>>(), rules);
}

/// Each scenario is there, once, and for something.
#[test]
fn every_scenario_is_spoken_of() {
    let scenarios = scenarios::all();
    let names: BTreeSet<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), scenarios.len(), "a name was given twice");
    let of_inputs = INPUTS.iter().flat_map(|input| [input.speaks.0, input.is_silent.0]);
    let of_reasons = REASONS.iter().flat_map(|reason| reason.speaks.iter().chain(reason.is_silent)).copied();
    let of_confidence = CONFIDENCE.iter().flat_map(|lack| [lack.speaks, lack.is_silent]);
    let spoken: BTreeSet<&str> = of_inputs.chain(of_reasons).chain(of_confidence).chain([BOUND]).collect();
    assert_eq!(spoken, names);
    for name in scenarios.iter().flat_map(|scenario| scenario.with) {
        assert!(names.contains(name), "`{name}` is no scenario");
    }
}
