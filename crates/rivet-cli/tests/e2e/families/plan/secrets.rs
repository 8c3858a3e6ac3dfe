//! No secret in a plan, whatever form it is given and shown in.

use std::fs;

use rivet_testing::{Family, Project, on_both_families};

use super::support::{User, table};
use crate::support::project_with;

/// A password that stands in no other text.
const PASSWORD: &str = "hunter2-Kq7xZ";

const KEYS: &str = "name: it, table: t, mode: full, format: csv, destination: { type: local, path: out }, \
                    tuning: { max_retries: 0 }";

/// Fails the test where a file holds the password that was written by the program.
#[track_caller]
fn assert_files(project: &Project, form: &str) {
    let mut files = project.all_files("");
    files.retain(|path| !path.ends_with("rivet.yaml"));
    assert!(files.iter().any(|path| path.ends_with("plan.json")), "{form}: {files:?}");
    for path in files {
        let bytes = fs::read(&path).expect("it was listed a moment ago");
        let found = bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
        assert!(!found, "{form}: {} holds the password", path.display());
    }
}

fn no_form_of_a_plan_holds_the_password(family: Family) {
    let database = table(family, 100);
    let user = User::create(&database, PASSWORD, &[("SELECT", "t")]);
    let url = user.url(PASSWORD);
    let (_, behind) = url.rsplit_once('@').expect("the address names a user");
    let (host, port) = behind.split('/').next().and_then(|place| place.split_once(':')).expect("and a port");
    let parts = format!("host: {host}, port: {port}, user: {}, database: {}", user.name(), database.name());
    for (form, source, (variable, value), applies) in [
        ("url", format!("url: {url:?}"), ("NONE", ""), false),
        ("url_env", "url_env: ADDRESS".to_owned(), ("ADDRESS", url.as_str()), true),
        ("password", format!("{parts}, password: {PASSWORD}"), ("NONE", ""), false),
        ("password_env", format!("{parts}, password_env: PASS"), ("PASS", PASSWORD), true),
    ] {
        let project = project_with(&format!("type: mysql, environment: local, {source}"), &[KEYS]);
        let command = |arguments: &[&str]| project.command(arguments).env(variable, value);
        for arguments in [
            &["plan", "-o", "plan.json"][..],
            &["plan", "--explain", "-o", "plan.html"],
            &["plan", "--format", "json", "--log-format", "json", "-v"],
            &["check", "--json", "--type-report"],
        ] {
            let finished = command(arguments).run();
            finished.assert_code(0).assert_silent_about(PASSWORD);
        }
        let applied = command(&["apply", "plan.json", "--json"]).run();
        applied.assert_silent_about(PASSWORD);
        assert_eq!(applied.code() == Some(0), applies, "{form}: {}", applied.stderr);
        command(&["metrics", "--json"]).run().assert_silent_about(PASSWORD);
        assert_files(&project, form);
    }
    // Nor does what is said where there is no plan.
    for wrong in [url.replace(user.name(), "nobody_at_all"), url.replace(port, "1")] {
        let project = project_with("type: mysql, url_env: ADDRESS, environment: local", &[KEYS]);
        for arguments in [&["plan"][..], &["plan", "--json-errors"], &["check"]] {
            let finished = project.command(arguments).env("ADDRESS", &wrong).run();
            assert_ne!(finished.code(), Some(0), "{}", finished.stdout);
            finished.assert_silent_about(PASSWORD);
        }
    }
}

on_both_families!(no_form_of_a_plan_holds_the_password);
