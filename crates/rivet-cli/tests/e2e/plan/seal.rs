//! A plan is applied as it was sealed, or not at all.

use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use rivet_core::Plan as Document;
use rivet_testing::TestDatabase;
use serde_json::Value;

use super::exact::table;
use super::refusals::assert_refused;
use super::support::Desk;
use crate::ledger::Ledger;

fn desk(database: &TestDatabase) -> Desk {
    let desk = Desk::new(database, &["name: it, table: t, mode: chunked, chunk_column: id, chunk_count: 4"]);
    desk.plan();
    desk
}

fn read(desk: &Desk) -> Value {
    let text = fs::read_to_string(desk.project.path("plan.json")).expect("it was planned");
    serde_json::from_str(&text).expect("a plan is JSON")
}

fn write(desk: &Desk, plan: &Value) {
    desk.project.write("plan.json", &plan.to_string());
}

#[test]
fn an_edited_plan_is_refused() {
    let database = table(1_000);
    let desk = desk(&database);
    let plan = read(&desk);
    let edits: [fn(&mut Value); 7] = [
        |plan| plan["exports"][0]["computed"]["chunk_ranges"][1]["upper"]["values"][0]["value"] = 751.into(),
        |plan| plan["exports"][0]["resolved_plan"]["export"]["name"] = "other".into(),
        |plan| plan["expires_at"] = "2999-01-01T00:00:00Z".into(),
        |plan| plan["plan_id"] = "00000000-0000-7000-8000-000000000000".into(),
        |plan| plan["prioritization"]["recommendations"][0]["recommended_wave"] = 4.into(),
        |plan| plan["exports"][0]["more"] = true.into(),
        |plan| plan["seal"] = "00".repeat(32).into(),
    ];
    for edit in edits {
        let mut edited = plan.clone();
        edit(&mut edited);
        assert_ne!(edited, plan, "nothing was edited");
        write(&desk, &edited);
        for more in [&[][..], &["--force"]] {
            let said = assert_refused(&desk, 2, "rivet::plan::broken_seal", more);
            assert!(said.contains("was changed after it was sealed"), "{said}");
            assert!(said.contains("Change the configuration instead"), "{said}");
        }
    }
    for key in ["seal", "plan_id", "prioritization"] {
        let mut without = plan.clone();
        without.as_object_mut().expect("a plan is an object").remove(key);
        write(&desk, &without);
        assert_refused(&desk, 2, "rivet::plan::broken_seal", &[]);
    }
}

#[test]
fn one_digit_of_a_bound_is_enough() {
    let database = table(1_000);
    let desk = desk(&database);
    let text = fs::read_to_string(desk.project.path("plan.json")).expect("it was planned");
    let bound = read(&desk)["exports"][0]["computed"]["chunk_ranges"][0]["upper"]["values"][0]["value"].clone();
    let (place, _) = text.match_indices(&format!("\"value\": {bound}")).next().expect("it stands there");
    let mut bytes = text.into_bytes();
    let digit = place + "\"value\": ".len();
    bytes[digit] = if bytes[digit] == b'9' { b'8' } else { bytes[digit] + 1 };
    fs::write(desk.project.path("plan.json"), bytes).expect("the folder is ours");
    assert_refused(&desk, 2, "rivet::plan::broken_seal", &[]);
}

#[test]
fn white_space_and_the_order_of_keys_are_no_edit() {
    let database = table(1_000);
    let desk = desk(&database);
    let plan = read(&desk);
    let mut text = String::from("\n\t{");
    let fields: Vec<String> =
        plan.as_object().expect("a plan is an object").iter().map(|(key, it)| format!("{key:?} : {it}\r\n")).collect();
    text.push_str(&fields.iter().rev().map(String::as_str).collect::<Vec<_>>().join(" ,"));
    text.push('}');
    assert_ne!(text, plan.to_string());
    desk.project.write("plan.json", &text);
    desk.apply_well(&[]);
    assert_eq!(Ledger::default().audit(&desk.project).len(), 1);
}

#[test]
fn a_plan_of_a_newer_format_is_refused_as_that() {
    let database = table(100);
    let desk = desk(&database);
    let mut plan = read(&desk);
    plan["format_version"] = 2.into();
    plan["of_the_future"] = Value::from(vec![1]);
    write(&desk, &plan);
    for more in [&[][..], &["--force"]] {
        let said = assert_refused(&desk, 2, "rivet::plan::newer_format", more);
        assert!(said.contains("the plan has format 2") && said.contains("with the release that made it"), "{said}");
    }
}

#[test]
fn what_is_no_plan_is_refused_as_that() {
    let database = table(100);
    let desk = desk(&database);
    for text in ["", "{}", "[1, 2]", "exports: []", "{\"format_version\": \"one\"}"] {
        desk.project.write("plan.json", text);
        let said = assert_refused(&desk, 2, "rivet::plan::unreadable", &[]);
        assert!(said.contains("rivet plan"), "{said}");
    }
    let missing = desk.command(&["apply", "nowhere.json"]).run();
    missing.assert_code(2);
    assert!(missing.stderr.contains("nowhere.json"), "{}", missing.stderr);
}

/// Seals the same plan at another time.
fn age(desk: &Desk, age: SignedDuration) {
    let text = fs::read_to_string(desk.project.path("plan.json")).expect("it was planned");
    let plan = Document::from_json(&text).expect("it was sealed");
    let made = Timestamp::now() - age;
    let aged = Document::seal(plan.exports, vec![PathBuf::from("rivet.yaml")], &[], made).expect("it was one plan");
    desk.project.write("plan.json", &aged.to_json());
}

#[test]
fn a_plan_that_has_expired_is_refused_unless_that_is_forced() {
    let database = table(1_000);
    let desk = desk(&database);
    age(&desk, SignedDuration::from_hours(25));
    let said = assert_refused(&desk, 2, "rivet::plan::expired", &[]);
    assert!(said.contains("it was made 25 h ago") && said.contains("`--force`"), "{said}");
    desk.apply_well(&["--force"]);
    let metrics = desk.command(&["metrics", "--json"]).run();
    metrics.assert_code(0);
    assert!(metrics.stdout.contains("applied 25 h after it was made, past its expiry"), "{}", metrics.stdout);
    let shown = desk.command(&["metrics"]).run();
    shown.assert_code(0);
    let said = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("past its expiry"), "{}", shown.stdout);
}

#[test]
fn a_plan_of_some_hours_is_applied_with_a_warning_and_a_young_one_without() {
    let database = table(100);
    let desk = desk(&database);
    let warning = "the source may have changed since";
    age(&desk, SignedDuration::from_mins(59));
    let young = desk.apply_well(&[]);
    assert!(!young.finished.stderr.contains(warning), "{}", young.finished.stderr);
    age(&desk, SignedDuration::from_mins(61));
    desk.apply_well(&[]).assert_said("the plan was made 1 h 01 min ago; the source may have changed since");
    age(&desk, SignedDuration::from_mins(24 * 60 - 1));
    desk.apply_well(&[]).assert_said("the plan was made 23 h 59 min ago");
}

#[test]
fn a_plan_comes_through_a_pipe_as_well() {
    let database = table(100);
    let desk = desk(&database);
    let script = format!("exec {} apply - --json < plan.json", env!("CARGO_BIN_EXE_rivet"));
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(desk.project.path("."))
        .env(super::support::URL, database.url())
        .output()
        .expect("every machine of a test has `sh`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(Ledger::default().audit(&desk.project).len(), 1);
}
