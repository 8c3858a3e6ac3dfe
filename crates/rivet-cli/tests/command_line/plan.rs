use insta::assert_snapshot;
use rivet_history::RedbStore;
use rivet_testing::Finished;

use crate::{config, project};

/// Port 1 is nobody's: what these tests look at comes before a connection, or is that there is none.
const NOWHERE: u16 = 1;

fn plan(arguments: &[&str]) -> Finished {
    let mut all = vec!["plan"];
    all.extend(arguments);
    let project = project(&config("localhost", NOWHERE));
    let finished = project.command(&all).run();
    assert!(!project.path(".rivet").exists(), "planning makes no state store");
    finished
}

#[test]
fn a_server_that_is_not_there_ends_the_plan_as_it_ends_a_run() {
    let finished = plan(&[]);
    finished.assert_code(5).assert_silent_about("swordfish");
    assert!(finished.stderr.contains("rivet::source::connect"), "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
}

#[test]
fn an_unknown_export_is_answered_with_those_that_there_are() {
    let finished = plan(&["-e", "order"]);
    finished.assert_code(2);
    assert_snapshot!(finished.stderr, @"
    rivet::core::no_such_export

      × no export is named `order`
      help: The configuration has `orders`, `lines`.
    ");
}

#[test]
fn two_configurations_with_one_name_are_refused() {
    let finished = plan(&["-c", "rivet.yaml", "-c", "rivet.yaml"]);
    finished.assert_code(2);
    assert_snapshot!(finished.stderr, @"
    rivet::plan::two_exports

      × two configurations have an export named `orders`
      help: Rename one of them, or plan the configurations one at a time: a plan tells exports apart
            by name.
    ");
}

#[test]
fn assumptions_are_judged_before_a_server_is_asked() {
    let finished = plan(&["--assume", "order.rows=5"]);
    finished.assert_code(2);
    assert_snapshot!(finished.stderr, @"
    rivet::plan::assume

      × no export `order` is planned; there is `lines`, `orders`
      help: Write it as `--assume EXPORT.SIGNAL=VALUE`.
    ");

    for (assumption, expected) in [
        ("orders.rows", "is no assumption"),
        ("orders.size=5", "no such signal: `size`"),
        ("orders.rows=many", "`many` is no value of the signal `estimated_rows`"),
    ] {
        let finished = plan(&["--assume", assumption]);
        finished.assert_code(2);
        assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    }
}

#[test]
fn an_older_plan_that_is_none_is_refused() {
    let finished = plan(&["--diff", "nowhere.json"]);
    finished.assert_code(2);
    assert!(finished.stderr.contains("the plan can't be read from `nowhere.json`"), "{}", finished.stderr);

    let check = |text: &str, expected: &str| {
        let project = project(&config("localhost", NOWHERE));
        std::fs::write(project.path("old.json"), text).unwrap();
        let finished = project.command(&["plan", "--diff", "old.json"]).run();
        finished.assert_code(2);
        assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    };
    check("exports: []", "rivet::plan::unreadable");
    check(r#"{"format_version": 99}"#, "rivet::plan::newer_format");
    check(r#"{"format_version": 1, "seal": "00", "exports": []}"#, "rivet::plan::broken_seal");
}

#[test]
fn what_would_show_nothing_is_refused() {
    let finished = plan(&["--format", "json", "--explain"]);
    finished.assert_code(2);
    assert_snapshot!(finished.stderr, @"
    rivet::cli::usage

      × `--explain` shows nothing with `--format json`: a sealed plan is the same with and without it
      help: Leave `--format` out: `-o FILE` alone writes the JSON beside the text.
    ");
}

#[test]
fn a_file_that_has_no_folder_is_refused_before_a_server_is_asked() {
    for path in ["nowhere/plan.json", "."] {
        let finished = plan(&["-o", path]);
        finished.assert_code(2);
        let expected = format!("`--output {path}` can't become a file");
        assert!(finished.stderr.contains(&expected), "{}", finished.stderr);
    }
}

#[test]
fn a_state_store_in_use_costs_the_history_and_no_more() {
    let project = project(&config("localhost", NOWHERE));
    let store = RedbStore::open(project.path(".rivet/state.redb")).unwrap();
    let finished = project.command(&["plan"]).run();
    // It went on to the server, which is not there.
    finished.assert_code(5);
    assert_eq!(finished.stderr.matches("planned without earlier runs and positions").count(), 1, "{}", finished.stderr);
    assert!(finished.stderr.contains("rivet::source::connect"), "{}", finished.stderr);
    drop(store);
}

#[test]
fn a_state_store_on_a_server_is_not_opened_yet() {
    let text = format!("{}state: {{ url: 'postgres://reader@localhost/state' }}\n", config("localhost", NOWHERE));
    let finished = project(&text).command(&["plan"]).run();
    finished.assert_code(2);
    assert!(finished.stderr.contains("the state store is a database server"), "{}", finished.stderr);
}
