use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use rivet_config::{Environment, Overrides, parse_str};
use rivet_core::{Cause, Computed, Plan, PlannedExport, ResolvedPlan};
use rivet_model::{Chunk, ChunkId, ErrorRecord, ExportName, Fingerprint, ReadView, Retry, RowRange};
use rivet_preflight::{Diagnostics, Profile, Verdict};
use rivet_priority::{Signals, Strategy};
use rivet_source::ServerInfo;
use rivet_testing::{Finished, Project};
use serde_json::Value;

use crate::{config, project};

/// Port 1 is nobody's: what these tests look at comes before a connection, or is that there is none.
const NOWHERE: u16 = 1;

/// A configuration whose password is in a variable.
fn with_variable() -> String {
    config("127.0.0.1", NOWHERE).replace("password: swordfish", "password_env: SHOP_PASSWORD")
}

fn planned(project: &Project, name: &str) -> PlannedExport {
    let environment = Environment::from_iter([("SHOP_PASSWORD", "swordfish")]);
    let path = project.path("rivet.yaml");
    let config = parse_str(&with_variable(), &path, &environment, &Overrides::default()).expect("a configuration");
    let export = config.exports.iter().find(|export| export.name.as_str() == name).expect("an export of it").clone();
    PlannedExport {
        export_name: export.name.clone(),
        strategy: Strategy::Full,
        plan_fingerprint: Some(Fingerprint("aa".repeat(32))),
        resolved_plan: ResolvedPlan {
            source: config.source_reference(),
            server: ServerInfo {
                product: "PostgreSQL 16.2".to_owned(),
                version: 160_002,
                replica: false,
                pooled: false,
                role: "reader".to_owned(),
                system_id: Some("7123456789".to_owned()),
                database: "shop".to_owned(),
            },
            state_path: config.state.path.clone(),
            export,
            view: ReadView::Shared,
            statement: None,
            columns: Vec::new(),
        },
        computed: Computed {
            chunk_ranges: vec![Chunk { id: ChunkId(0), range: RowRange::All, estimated_rows: None }],
            chunk_count: Some(1),
            ..Computed::default()
        },
        diagnostics: Diagnostics {
            verdict: Verdict::Efficient,
            findings: Vec::new(),
            warnings: Vec::new(),
            recommended_profile: Profile::Balanced,
            recommended_profile_reason: String::new(),
            recommended_parallelism: 1,
            recommended_parallelism_reason: String::new(),
        },
        notes: Vec::new(),
        error: None,
        cause: Cause::default(),
        probes: Vec::new(),
        signals: Signals::new(name, Strategy::Full),
    }
}

/// A project with a plan of its two exports, made so many hours ago.
fn project_with_plan(age: i64) -> Project {
    let project = project(&with_variable());
    let exports = ["orders", "lines"].map(|name| planned(&project, name));
    write(&project, exports.into(), age);
    project
}

fn write(project: &Project, exports: Vec<PlannedExport>, age: i64) {
    let made = Timestamp::now() - SignedDuration::from_hours(age);
    let plan = Plan::seal(exports, vec!["rivet.yaml".into()], &[], made).expect("different names");
    assert!(!plan.to_json().contains("swordfish"));
    project.write("plan.json", &plan.to_json());
}

fn apply(project: &Project, arguments: &[&str]) -> Finished {
    let mut all = vec!["apply"];
    all.extend(arguments);
    let finished = project.command(&all).env("SHOP_PASSWORD", "swordfish").run();
    finished.assert_silent_about("swordfish");
    finished
}

/// The plan is refused as a whole, and nothing is touched.
#[track_caller]
fn refused(project: &Project, arguments: &[&str]) -> String {
    let finished = apply(project, arguments);
    finished.assert_code(2);
    assert_eq!(finished.stdout, "");
    assert!(!project.path(".rivet").exists(), "a plan that is refused makes no state store");
    assert!(project.all_files("out").is_empty());
    finished.stderr
}

#[test]
fn a_plan_that_was_changed_is_refused() {
    let project = project_with_plan(0);
    let text = std::fs::read_to_string(project.path("plan.json")).unwrap();
    project.write("plan.json", &text.replace("sales.orders", "sales.others"));
    assert_snapshot!(refused(&project, &["plan.json"]), @"
    rivet::plan::broken_seal

      × the plan was changed after it was sealed
      help: Change the configuration instead, make a new plan with `rivet plan`, and apply that.
    ");
}

#[test]
fn a_plan_of_a_newer_release_is_refused() {
    let project = project_with_plan(0);
    let text = std::fs::read_to_string(project.path("plan.json")).unwrap();
    project.write("plan.json", &text.replace(r#""format_version": 1"#, r#""format_version": 2"#));
    assert_snapshot!(refused(&project, &["plan.json"]), @"
    rivet::plan::newer_format

      × the plan has format 2, and this release of Rivet knows formats up to 1
      help: Apply it with the release that made it, or make a new plan with this one.
    ");
}

#[test]
fn a_plan_that_has_expired_is_refused_unless_that_is_forced() {
    let project = project_with_plan(30);
    let text = refused(&project, &["plan.json"]);
    assert!(text.contains("rivet::plan::expired") && text.contains("it was made 30 h ago"), "{text}");
    let forced = apply(&project, &["plan.json", "--force", "-e", "orders"]);
    forced.assert_code(5);
    assert!(forced.stderr.contains("the plan was made 30 h 00 min ago"), "{}", forced.stderr);
    assert!(forced.stderr.contains("rivet::source::connect"), "{}", forced.stderr);
}

#[test]
fn a_plan_that_grows_old_is_applied_with_a_warning() {
    let young = apply(&project_with_plan(0), &["plan.json", "-e", "orders"]);
    young.assert_code(5);
    assert!(!young.stderr.contains("the plan was made"), "{}", young.stderr);
    let aged = apply(&project_with_plan(2), &["plan.json", "-e", "orders", "--no-progress"]);
    aged.assert_code(5);
    assert!(aged.stderr.contains("the plan was made 2 h 00 min ago"), "{}", aged.stderr);
}

#[test]
fn what_is_no_plan_is_refused() {
    let project = project_with_plan(0);
    assert_snapshot!(refused(&project, &["rivet.yaml"]), @"
    rivet::plan::unreadable

      × the file is no plan: expected value at line 1 column 1
      help: Make a plan with `rivet plan --format json -o FILE`.
    ");
    assert_snapshot!(refused(&project, &["nowhere.json"]), @"
    rivet::cli::plan_file

      × the plan can't be read from `nowhere.json`
      ╰─▶ No such file or directory (os error 2)
      help: Name a file that `rivet plan -o FILE` has written, or `-`.
    ");
    let from_stdin = refused(&project, &["-", "--json-errors"]);
    assert!(from_stdin.contains(r#""code":"rivet::plan::unreadable""#), "{from_stdin}");
    let none = refused(&project, &[]);
    assert!(none.contains("<PLAN>"), "{none}");
}

#[test]
fn exports_and_waves_that_the_plan_does_not_have_are_refused() {
    let project = project_with_plan(0);
    assert_snapshot!(refused(&project, &["plan.json", "-e", "order"]), @"
    rivet::plan::no_such_export

      × the plan has no export named `order`
      help: The plan has `lines`, `orders`.
    ");
    assert_snapshot!(refused(&project, &["plan.json", "--wave", "4"]), @"
    rivet::plan::no_such_wave

      × the plan has no export in wave 4
      help: There are exports in: 3.
    ");
}

#[test]
fn what_can_not_go_together_with_data_on_stdout_is_refused() {
    let project = project_with_plan(0);
    let text = refused(&project, &["plan.json", "--validate"]);
    assert!(text.contains("`--validate` can't read back what export `lines` writes"), "{text}");
    let finished = apply(&project, &["plan.json", "--json"]);
    finished.assert_code(2);
    assert!(finished.stderr.contains("`--json` and export `lines` both write"), "{}", finished.stderr);
}

#[test]
fn a_password_that_is_not_there_is_asked_for_once() {
    let project = project_with_plan(0);
    let finished = project.command(&["apply", "plan.json", "--no-progress"]).run();
    finished.assert_code(2);
    let error = finished.stderr.split_once("\n\n\nrivet::").map_or(finished.stderr.as_str(), |(_, error)| error);
    assert_eq!(finished.stderr.matches("rivet::config::credentials_variable").count(), 1, "{}", finished.stderr);
    assert!(
        error.contains("exports `lines`, `orders`: the environment variable `SHOP_PASSWORD` is not set"),
        "{error}"
    );
}

#[test]
fn an_export_that_was_not_planned_fails_and_the_others_go_on() {
    let project = project_with_plan(0);
    let mut lines = planned(&project, "lines");
    lines.error = Some(ErrorRecord {
        code: "rivet::source::not_found".to_owned(),
        message: "relation \"lines\" does not exist".to_owned(),
        retry: Retry::Never,
    });
    write(&project, vec![lines, planned(&project, "orders")], 0);
    let finished = apply(&project, &["plan.json", "--no-progress", "--summary-output", "report.json"]);
    finished.assert_code(1);
    let said = &finished.stderr;
    assert!(said.contains("export `lines` could not be planned: relation \"lines\" does not exist"), "{said}");
    assert!(said.contains("Mend that, then make a new plan with `rivet plan`."), "{said}");
    assert!(said.contains("rivet::source::connect"), "{said}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(project.path("report.json")).unwrap()).unwrap();
    let codes: Vec<&str> = report["errors"].as_array().unwrap().iter().filter_map(|it| it["code"].as_str()).collect();
    assert_eq!(codes.len(), 2);
    assert!(codes.contains(&"rivet::plan::not_planned") && codes.contains(&"rivet::source::connect"), "{codes:?}");
}

#[test]
fn exports_of_several_state_stores_are_reported_together() {
    let project = project_with_plan(0);
    let mut lines = planned(&project, "lines");
    lines.resolved_plan.state_path = project.path("other/state.redb");
    let mut third = planned(&project, "orders");
    third.export_name = "third".parse::<ExportName>().unwrap();
    third.resolved_plan.export.name = third.export_name.clone();
    third.signals = Signals::new("third", Strategy::Full);
    write(&project, vec![lines, planned(&project, "orders"), third], 0);
    let finished = apply(&project, &["plan.json", "--no-progress", "--summary-output", "report.json"]);
    finished.assert_code(5);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(project.path("report.json")).unwrap()).unwrap();
    let names: Vec<&str> =
        report["exports"].as_array().unwrap().iter().filter_map(|it| it["export"].as_str()).collect();
    assert_eq!(names, ["lines", "orders", "third"], "in the order of the campaign");
    for path in [".rivet/state.redb", "other/state.redb"] {
        assert!(project.path(path).exists(), "{path}");
    }
}
