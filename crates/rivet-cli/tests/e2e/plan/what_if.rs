//! Plans of what is not so, and plans beside older ones.

use std::fs;

use super::exact::table;
use super::support::{Desk, fill, swell};

const EXPORTS: [&str; 2] =
    ["name: whole, table: t, mode: full", "name: window, table: t, mode: time_window, time_column: at, days_window: 9"];

#[test]
fn a_signal_that_is_assumed_moves_the_advice_and_not_the_run() {
    let database = table(1_000);
    let desk = Desk::new(&database, &EXPORTS);
    let real = desk.plan();
    let assumed = desk.plan_with(&["--assume", "whole.rows=80000000", "--assume", "window.verdict=unsafe"]);
    assert_eq!(assumed.advice("whole")["cost_class"], "very_high");
    assert_eq!(assumed.advice("whole")["assumed"], serde_json::json!(["estimated_rows"]));
    assert_eq!(assumed.advice("window")["risk_class"], "high");
    assert!(assumed.score("whole") < real.score("whole") && assumed.score("window") < real.score("window"));
    for export in ["whole", "window"] {
        assert_eq!(assumed.export(export)["computed"], real.export(export)["computed"]);
        assert_eq!(assumed.export(export)["diagnostics"], real.export(export)["diagnostics"]);
    }
    assert!(desk.pretty(&["--assume", "whole.rows=80000000"]).contains("assumed"));
    for wrong in ["never.rows=1", "whole.colour=blue", "whole.rows=many", "whole"] {
        desk.command(&["plan", "--assume", wrong]).run().assert_code(2);
    }
    // It is a plan as any other.
    assert_eq!(desk.apply_well(&["-e", "whole"]).export(0)["rows"], 1_000);
}

#[test]
fn a_plan_beside_an_older_one_says_what_has_moved_and_why() {
    let database = table(1_000);
    let desk = Desk::new(&database, &EXPORTS);
    desk.plan();
    desk.project.write("old.json", &fs::read_to_string(desk.project.path("plan.json")).expect("it was planned"));
    let same = desk.pretty(&["--diff", "old.json"]);
    fill(&database, "INSERT INTO t SELECT i, '2026-01-01' FROM generate_series(1001, 3000) i");
    swell(&database, "t", 9_000_000);
    let moved = desk.pretty(&["--diff", "old.json"]);
    assert_ne!(same, moved);
    for said in ["whole", "estimated_rows", "low", "high"] {
        assert!(moved.contains(said), "`{said}` is missing in: {moved}");
    }
    let edited =
        fs::read_to_string(desk.project.path("old.json")).expect("it is there").replace("\"whole\"", "\"hole\"");
    desk.project.write("old.json", &edited);
    let refused = desk.command(&["plan", "--diff", "old.json"]).run();
    refused.assert_code(2);
    assert!(refused.stderr.contains("changed after it was sealed"), "{}", refused.stderr);
}
