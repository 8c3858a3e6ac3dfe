use insta::assert_snapshot;
use rivet_testing::Finished;

use crate::{config, project};

/// Port 1 is nobody's: what these tests look at comes before a connection, or is that there is none.
const NOWHERE: u16 = 1;

fn check(arguments: &[&str]) -> Finished {
    let mut all = vec!["check"];
    all.extend(arguments);
    let project = project(&config("127.0.0.1", NOWHERE));
    let finished = project.command(&all).run();
    finished.assert_silent_about("swordfish");
    assert_eq!(finished.stdout, "");
    assert!(!project.path(".rivet").exists(), "a check makes no state store");
    finished
}

#[test]
fn a_server_that_is_not_there_ends_the_check_as_it_ends_a_run() {
    for arguments in [&[][..], &["--strict"], &["--json", "--type-report"]] {
        let finished = check(arguments);
        finished.assert_code(5);
        assert!(finished.stderr.contains("rivet::source::connect"), "{}", finished.stderr);
    }
}

#[test]
fn what_is_not_known_is_refused() {
    let finished = check(&["-e", "order"]);
    finished.assert_code(2);
    assert_snapshot!(finished.stderr, @"
    rivet::core::no_such_export

      × no export is named `order`
      help: The configuration has `orders`, `lines`.
    ");
    let finished = check(&["--target", "paper"]);
    finished.assert_code(2);
    assert!(finished.stderr.contains("[possible values: bigquery, duckdb, snowflake]"), "{}", finished.stderr);
    check(&["-c", "nowhere.yaml"]).assert_code(2);
}
