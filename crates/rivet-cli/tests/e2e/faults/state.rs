use std::fs;
use std::process::Command;

use rivet_testing::{FaultProxy, Project, RivetCommand};

use super::{database, folder, run_well};

#[test]
fn a_second_process_on_one_state_file_is_told_who_holds_it() {
    let database = database();
    let query = "query: 'SELECT i, pg_sleep(0.05)::text FROM generate_series(1, 2000) i'";
    let project = folder(database.url(), query, "max_retries: 0");
    let mut first = project.command(&["run"]).spawn();
    first.wait_for_stderr("rows: writing to ");
    let second = project.command(&["run"]).run();
    second.assert_code(5);
    let host = Command::new("hostname").output().expect("every machine of a test has `hostname`").stdout;
    let host = String::from_utf8_lossy(&host).trim().to_owned();
    let holder = format!("in use by process {} on host `{host}`", first.id());
    assert!(second.stderr.replace("\n  │ ", " ").contains(&holder), "{holder}\n{}", second.stderr);
    assert!(second.stderr.contains("Wait until that process ends"), "{}", second.stderr);
    assert!(!first.has_ended(), "the second process disturbed the first");
}

/// Fails the test unless a run ends because of the state store, without a single connection.
#[track_caller]
pub(super) fn assert_untouched(project: &Project, proxy: &FaultProxy, command: RivetCommand, reason: &str) {
    let finished = command.run();
    finished.assert_code(1);
    assert!(finished.stderr.contains(reason), "{reason}\n{}", finished.stderr);
    assert!(finished.stderr.contains("help: "), "{}", finished.stderr);
    assert_eq!(proxy.connections(), 0, "the source was touched:\n{}", finished.stderr);
    assert!(project.all_files("out").is_empty());
}

#[test]
fn a_state_file_that_is_damaged_stops_the_run_before_the_source_is_touched() {
    let database = database();
    let sound = folder(database.url(), "table: rows", "");
    run_well(&sound, 0);
    let bytes = fs::read(sound.path(".rivet/state.redb")).expect("the run has made it");
    let mut flipped = bytes.clone();
    // Somewhere in the tables: the first page holds the header.
    flipped.iter_mut().skip(4096).step_by(64).for_each(|byte| *byte ^= 0x55);
    for (content, reason) in [
        (bytes[..bytes.len() / 2].to_vec(), "rivet::history::damaged"),
        (flipped, "rivet::history::damaged"),
        (Vec::new(), "rivet::history::damaged"),
        (b"a text of somebody else\n".repeat(400), "rivet::history::not_a_store"),
    ] {
        let proxy = FaultProxy::start(database.url());
        let project = folder(&proxy.url(database.url()), "table: rows", "");
        project.write(".rivet/.gitignore", "*\n");
        fs::write(project.path(".rivet/state.redb"), &content).expect("a test may write into its own folder");
        assert_untouched(&project, &proxy, project.command(&["run"]), reason);
        let after = fs::read(project.path(".rivet/state.redb")).expect("it was written above");
        assert!(after.len() == content.len(), "what was refused was changed");
    }
}
