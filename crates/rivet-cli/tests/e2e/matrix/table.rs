//! That scenarios show what is claimed, and that the page says what they show.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rivet_priority::{CONFIDENCE_RULES, Points, RULES, Reason, SignalName};

use super::inputs::{INPUTS, Input, place};
use super::page;
use super::reasons::{BOUND, CONFIDENCE, REASONS};
use super::scenario::{Past, Scenario};
use super::shown::shown;
use super::stage::{self, Seen};
use super::{reasons, scenarios};

type All = BTreeMap<&'static str, Seen>;

#[test]
fn scenarios_show_what_is_claimed_and_the_page_says_so() {
    let scenarios = scenarios::all();
    let seen = stage::play(&scenarios);
    let mut wrong = Vec::new();
    for input in INPUTS {
        check_input(&seen, input, &mut wrong);
    }
    for reason in REASONS {
        check_reason(&seen, reason, &mut wrong);
    }
    check_confidence(&seen, &mut wrong);
    check_bound(&seen, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let tables = [
        ("inputs", inputs_table(&seen)),
        ("reasons", reasons_table()),
        ("lacks", lacks_table(&seen)),
        ("scenarios", list(&scenarios, &seen)),
    ];
    page::hold(&tables);
}

fn check_input(seen: &All, input: &Input, wrong: &mut Vec<String>) {
    for (name, expected) in [input.speaks, input.is_silent] {
        let found = shown(&seen[name].signals, input.signal);
        if found != expected {
            wrong.push(format!("{}: `{}` is `{found}` for `{name}`, not `{expected}`", input.name, input.signal));
        }
    }
    let (name, _) = input.speaks;
    for purpose in input.asked {
        if seen[name].probes.iter().all(|probe| probe.purpose != *purpose) {
            let purposes: Vec<_> = seen[name].probes.iter().map(|probe| &probe.purpose).collect();
            wrong.push(format!("{}: nobody asked for {purpose}; `{name}`: {purposes:?}", input.name));
        }
    }
}

fn check_reason(seen: &All, claim: &reasons::Reason, wrong: &mut Vec<String>) {
    let given = |name: &str| seen[name].advice.reasons.iter().find(|reason| reason.kind == claim.kind);
    for name in claim.speaks {
        let is_right = given(name).is_some_and(|reason| match claim.points {
            Points::Fixed(points) => reason.points == points,
            Points::Pull => true,
        });
        if !is_right {
            wrong.push(format!("`{}` ({}) is not given for `{name}`: {:#?}", claim.kind, claim.points, seen[*name]));
        }
    }
    for name in claim.is_silent {
        if let Some(reason) = given(name) {
            wrong.push(format!("`{}` is given for `{name}`: {reason:?}", claim.kind));
        }
    }
}

fn check_confidence(seen: &All, wrong: &mut Vec<String>) {
    for lack in CONFIDENCE {
        for (name, expected) in [(lack.speaks, true), (lack.is_silent, false)] {
            let reasons = &seen[name].advice.reasons;
            if reasons.iter().any(|reason| reason.message.contains(lack.text)) != expected {
                wrong.push(format!("`{}` of `{name}`: {expected} was claimed: {reasons:#?}", lack.text));
            }
        }
    }
}

/// Earlier runs take 15 points at most, also where their reasons come to more.
fn check_bound(seen: &All, wrong: &mut Vec<String>) {
    let of_history = |reason: &&Reason| reason.kind.is_history();
    let points: Vec<i32> = seen[BOUND].advice.reasons.iter().filter(of_history).map(|reason| reason.points).collect();
    if points != [-8, -5, -2] {
        wrong.push(format!("earlier runs of `{BOUND}` take {points:?}"));
    }
}

fn line(table: &mut String, cells: &[String]) {
    writeln!(table, "| {} |", cells.join(" | ")).expect("a string takes every write");
}

fn code(text: impl std::fmt::Display) -> String {
    format!("`{text}`")
}

fn codes(names: &[&str]) -> String {
    names.iter().map(code).collect::<Vec<_>>().join(", ")
}

fn inputs_table(seen: &All) -> String {
    let mut table = "| input | signal | from | speaks | does not |\n|---|---|---|---|---|\n".to_owned();
    for input in INPUTS {
        let says = |name: &str| format!("{}: {}", code(name), shown(&seen[name].signals, input.signal));
        let signal = code(input.signal);
        let (speaks, is_silent) = (says(input.speaks.0), says(input.is_silent.0));
        line(&mut table, &[input.name.to_owned(), signal, input.from.to_owned(), speaks, is_silent]);
    }
    table
}

fn reasons_table() -> String {
    let mut table =
        "| reason | points | signals, and where from | speaks | does not |\n|---|---|---|---|---|\n".to_owned();
    for (rule, claim) in RULES.iter().zip(REASONS) {
        let signals = if rule.reads.is_empty() { "none of them".to_owned() } else { read(rule.reads) };
        let (speaks, is_silent) = (codes(claim.speaks), codes(claim.is_silent));
        line(&mut table, &[code(rule.kind), rule.points.to_string(), signals, speaks, is_silent]);
    }
    table
}

/// Names signals, each with where it comes from.
fn read(signals: &[SignalName]) -> String {
    signals.iter().map(|signal| format!("`{signal}` ({})", place(*signal))).collect::<Vec<_>>().join(", ")
}

fn lacks_table(seen: &All) -> String {
    let mut table =
        "| what lowers confidence | signals, and where from | speaks | does not |\n|---|---|---|---|\n".to_owned();
    for (rule, lack) in CONFIDENCE_RULES.iter().zip(CONFIDENCE) {
        let says = |name: &str| format!("{}: {}", code(name), seen[name].advice.confidence);
        line(&mut table, &[rule.when.to_owned(), read(rule.reads), says(lack.speaks), says(lack.is_silent)]);
    }
    table
}

fn list(scenarios: &[&Scenario], seen: &All) -> String {
    let header =
        "| scenario | what there is | export | confidence | reasons | score | wave |\n|---|---|---|---|---|---|---|\n";
    let mut table = header.to_owned();
    for scenario in scenarios {
        let advice = &seen[scenario.name].advice;
        let reason = |reason: &Reason| format!("`{}` {}", reason.kind, Points::Fixed(reason.points));
        let reasons: Vec<String> = advice.reasons.iter().map(reason).collect();
        line(
            &mut table,
            &[
                code(scenario.name),
                what(scenario),
                code(scenario.export),
                advice.confidence.to_string(),
                reasons.join(", "),
                advice.priority_score.to_string(),
                advice.recommended_wave.to_string(),
            ],
        );
    }
    table
}

fn what(scenario: &Scenario) -> String {
    let mut what = scenario.what.to_owned();
    for past in scenario.past {
        match past {
            Past::Run(runs) => write!(what, "; {runs} x run before"),
            Past::Cut(runs) => write!(what, "; {runs} x run before, with one cut connection each"),
            Past::Told { runs, seconds, retries } => {
                let retries = if *retries == 1 { "1 retry".to_owned() } else { format!("{retries} retries") };
                write!(what, "; {runs} x on record before, with {} minutes and {retries} each", seconds / 60)
            }
        }
        .expect("a string takes every write");
    }
    if !scenario.with.is_empty() {
        write!(what, "; planned with {}", codes(scenario.with)).expect("a string takes every write");
    }
    what
}
