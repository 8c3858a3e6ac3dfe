use rivet_testing::{Fault, FaultProxy, Stop, TestDatabase};
use serde_json::Value;

use super::hook::Hook;
use super::{TOKEN, orders, project, shop, webhook};
use crate::support::project_with;

/// Returns the events of a letter.
#[track_caller]
fn events(letter: &Value) -> &Vec<Value> {
    letter["events"].as_array().unwrap_or_else(|| panic!("no events in {letter}"))
}

/// Fails the test where a letter holds what must stay where it is.
#[track_caller]
fn assert_harmless(letter: &Value, database: &TestDatabase) {
    let text = letter.to_string();
    let password = database.url().split_once("://").and_then(|(_, rest)| rest.split_once('@')?.0.split_once(':'));
    let password = password.map(|(_, password)| password).expect("the URL has a password");
    for secret in [TOKEN, password, "Grandma Moses"] {
        assert!(!text.contains(secret), "`{secret}` stands in {text}");
    }
}

#[test]
fn a_failure_is_told_to_both() {
    let database = shop();
    let (slack, other) = (Hook::well(), Hook::well());
    let notifications =
        format!("slack: {{ webhook_url_env: SLACK_URL }}, webhook: {{ url: {:?}, on: [failure] }}", other.url());
    let export = "name: lines, table: no_such_table, destination: { type: local, path: out }";
    let project = project(&database, &notifications, export);
    let finished = project.command(&["run"]).env("SLACK_URL", &slack.url()).run();
    finished.assert_code(1).assert_silent_about(TOKEN);
    assert!(!finished.stderr.contains("was not told"), "{}", finished.stderr);

    let letter = other.letter();
    assert_harmless(&letter, &database);
    assert_eq!(letter["exit_code"], 1);
    assert_eq!(letter["configuration"], project.path("rivet.yaml").display().to_string());
    let [event] = &events(&letter)[..] else { panic!("{letter}") };
    assert_eq!((&event["event"], &event["export"]), (&"failure".into(), &"lines".into()));
    assert_eq!((&event["code"], &event["retry"]), (&"rivet::source::not_found".into(), &"never".into()));
    assert!(event["help"].as_str().is_some_and(|help| help.contains("Check the spelling")), "{event}");

    let letter = slack.letter();
    assert_harmless(&letter, &database);
    let text = letter["text"].as_str().expect("Slack is sent a text");
    assert!(text.starts_with("*Rivet: 1 failed* in `"), "{text}");
    assert!(text.contains("*lines* failed: ") && text.contains("[rivet::source::not_found]"), "{text}");
}

#[test]
fn a_run_that_does_not_begin_is_a_failure_too() {
    let database = shop();
    let proxy = FaultProxy::start(database.url());
    proxy.set(Fault::Refuse);
    let hook = Hook::well();
    let config = format!(
        "source: {{ type: postgres, url: {:?}, tuning: {{ max_retries: 0 }} }}\nnotifications: {{ {} }}\n\
         exports:\n  - {{ {} }}\n",
        proxy.url(database.url()),
        webhook(&hook, "failure"),
        orders("")
    );
    let project = rivet_testing::Project::new(env!("CARGO_BIN_EXE_rivet"), &config);
    project.command(&["run"]).run().assert_code(5);
    let letter = hook.letter();
    assert_harmless(&letter, &database);
    let event = &events(&letter)[0];
    assert_eq!((&event["export"], &event["retry"]), (&Value::Null, &"backoff".into()), "{letter}");
}

#[test]
fn a_change_of_the_schema_is_told_whatever_is_done_about_it() {
    for (drift, code) in [("warn", 0), ("continue", 0), ("fail", 4)] {
        let database = shop();
        let (hook, failures) = (Hook::well(), Hook::well());
        let notifications =
            format!("{}, slack: {{ webhook_url: {:?} }}", webhook(&hook, "schema_change"), failures.url());
        let project = project(&database, &notifications, &orders(&format!(", on_schema_drift: {drift}")));
        project.command(&["run"]).run().assert_code(0);
        assert!(hook.letters().is_empty(), "{:?}", hook.letters());
        database.execute("ALTER TABLE orders ADD COLUMN price int");
        let finished = project.command(&["run"]).run();
        finished.assert_code(code);
        assert_eq!(finished.stderr.contains("column `price` is new"), drift != "continue", "{}", finished.stderr);
        let letter = hook.letter();
        let [event] = &events(&letter)[..] else { panic!("{letter}") };
        assert_eq!(event["event"], "schema_change");
        assert_eq!(event["details"], serde_json::json!(["column `price` is new"]));
        assert_eq!(event["manifest"].is_string(), code == 0, "{event}");
        assert!(event["run_id"].is_string(), "{event}");
        assert_eq!(failures.letters().len(), usize::from(code != 0));
    }
}

#[test]
fn a_run_that_was_not_as_good_as_it_should_be_is_told() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE orders AS SELECT 1 AS id, 'infinity'::date AS due");
    let (hook, failures) = (Hook::well(), Hook::well());
    let notifications =
        format!("{}, slack: {{ webhook_url: {:?}, on: [failure] }}", webhook(&hook, "degraded"), failures.url());
    let project = project(&database, &notifications, &orders(", on_unrepresentable: null"));
    project.command(&["run"]).run().assert_code(0);
    let letter = hook.letter();
    let event = &events(&letter)[0];
    assert_eq!((&event["event"], &event["export"]), (&"degraded".into(), &"orders".into()));
    let details = event["details"].as_array().expect("there is a reason");
    assert_eq!(details.len(), 1, "{event}");
    assert!(details[0].as_str().is_some_and(|text| text.contains("1 value of `due` became NULL")), "{event}");
    let manifest = event["manifest"].as_str().expect("the run is committed");
    assert!(std::path::Path::new(manifest).is_file(), "{manifest}");
    assert!(failures.letters().is_empty());
}

#[test]
fn half_of_the_attempts_are_worth_a_word() {
    let database = shop();
    let proxy = FaultProxy::start(database.url());
    let hook = Hook::well();
    let config = |retries: u32| {
        format!(
            "source: {{ type: postgres, url: {:?}, tuning: {{ max_retries: {retries}, retry_backoff_ms: 300 }} }}\n\
             notifications: {{ {} }}\nexports:\n  - {{ {} }}\n",
            proxy.url(database.url()),
            webhook(&hook, "degraded"),
            orders("")
        )
    };
    // One failed attempt of ten is everyday life, and one of two is not.
    for (retries, letters) in [(9, 0), (1, 1)] {
        let project = rivet_testing::Project::new(env!("CARGO_BIN_EXE_rivet"), &config(retries));
        proxy.set(Fault::Refuse);
        let mut running = project.command(&["run"]).spawn();
        running.wait_for_stderr("orders: attempt 1 of ");
        proxy.set(Fault::None);
        running.wait().assert_code(0);
        assert_eq!(hook.letters().len(), letters, "{:?}", hook.letters());
    }
    assert!(hook.letter().to_string().contains("1 of 2 attempts failed before one succeeded"));
}

#[test]
fn nobody_is_told_of_a_run_that_is_well_or_was_stopped() {
    let database = shop();
    let hook = Hook::well();
    let all = webhook(&hook, "failure, schema_change, degraded");
    let well = project(&database, &all, &orders(""));
    well.command(&["run"]).run().assert_code(0);

    let sleeping = "name: rows, query: 'SELECT pg_sleep(600)::text AS it', destination: { type: local, path: out }";
    let stopped = project(&database, &all, sleeping);
    let mut running = stopped.command(&["run"]).spawn();
    running.wait_for_stderr("rows: writing to ");
    running.stop(Stop::Interrupt);
    running.wait().assert_code(130);

    // Without notifications nobody is there to be told.
    let source = format!("type: postgres, url: {:?}, environment: local", database.url());
    let plain = project_with(&source, &["name: x, table: no_such_table, destination: { type: local, path: out }"]);
    plain.command(&["run"]).run().assert_code(1);
    assert_eq!(hook.letters(), Vec::<Value>::new());
}
