use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use rivet_testing::Finished;

use super::hook::{Answer, Hook};
use super::{TOKEN, orders, project, shop, webhook};

/// More than the time that letters may take, on a machine that has much to do.
const GENEROUS: Duration = Duration::from_secs(25);

/// Runs an export that fails, with one webhook; how it ends is what it would be without.
#[track_caller]
fn fails_with(hook: &str) -> Finished {
    let database = shop();
    let export = "name: lines, table: no_such_table, destination: { type: local, path: out }";
    let project = project(&database, &format!("webhook: {{ url: {hook:?} }}"), export);
    let finished = project.command(&["run"]).run();
    finished.assert_code(1).assert_silent_about(TOKEN);
    assert!(finished.stderr.contains("rivet::source::not_found"), "{}", finished.stderr);
    finished
}

#[track_caller]
fn assert_warned(finished: &Finished, reason: &str) {
    let warning = format!("warning: `notifications.webhook` was not told how the run ended: {reason}");
    assert!(finished.stderr.contains(&warning), "`{warning}` is missing in: {}", finished.stderr);
}

#[test]
fn a_server_that_can_not_is_asked_twice() {
    let hook = Hook::start(Answer::Status(500, None));
    assert_warned(&fails_with(&hook.url()), "the answer was 500");
    assert_eq!(hook.letters().len(), 2);
    let hook = Hook::start(Answer::Status(404, None));
    assert_warned(&fails_with(&hook.url()), "the answer was 404");
    assert_eq!(hook.letters().len(), 1, "a refusal is not repeated");
}

#[test]
fn a_server_that_is_silent_is_not_waited_for_long() {
    let hook = Hook::start(Answer::Silence);
    let finished = fails_with(&hook.url());
    assert_warned(&finished, "no answer within 5 s");
    assert!(finished.elapsed < GENEROUS, "{:?}", finished.elapsed);
    assert_eq!(hook.letters().len(), 1);
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    drop(listener);
    let finished = fails_with(&format!("http://127.0.0.1:{port}/services/{TOKEN}"));
    assert_warned(&finished, "no connection: Connection refused");
}

#[test]
fn a_letter_goes_where_it_was_sent_and_nowhere_else() {
    let elsewhere = Hook::well();
    let hook = Hook::start(Answer::Status(307, Some(elsewhere.url())));
    assert_warned(&fails_with(&hook.url()), "the answer was 307");
    assert!(elsewhere.letters().is_empty());
}

#[test]
fn a_good_run_stays_good() {
    let database = shop();
    database.execute("ALTER TABLE orders ADD COLUMN due date DEFAULT 'infinity'");
    let hook = Hook::start(Answer::Status(503, None));
    let project = project(&database, &webhook(&hook, "degraded"), &orders(", on_unrepresentable: null"));
    let finished = project.command(&["run", "--json"]).run();
    finished.assert_code(0);
    assert_warned(&finished, "the answer was 503");
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).expect("the report is whole");
    assert_eq!(report["status"], "success");
}

#[test]
fn the_url_is_told_to_nobody() {
    let database = shop();
    let hook = Hook::start(Answer::Status(500, None));
    let notifications = "slack: { webhook_url_env: SLACK_URL }, webhook: { url_env: SLACK_URL, on: [degraded] }";
    let export = "name: lines, table: no_such_table, destination: { type: local, path: out }";
    let project = project(&database, notifications, export);
    let variants: [&[&str]; 4] = [
        &["-vvv", "run"],
        &["--log-format", "json", "run", "--summary-output", "summary.json"],
        &["--json-errors", "run", "--json"],
        &["plan", "-o", "plan.json"],
    ];
    for arguments in variants {
        let command = project.command(arguments).env("SLACK_URL", &hook.url()).env("RIVET_LOG", "trace");
        command.run().assert_silent_about(TOKEN);
    }
    assert!(hook.letters().len() >= 6, "the hook was asked {} times", hook.letters().len());
    for file in project.all_files("") {
        let text = String::from_utf8_lossy(&fs::read(&file).expect("it was listed a moment ago")).into_owned();
        assert!(!text.contains(TOKEN), "the URL stands in {}", file.display());
    }
}
