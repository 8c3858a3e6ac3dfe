//! What a user gets wrong: each mistake is one error that fits a screen, names the place and the way out, leaves
//! nothing behind and tells no secret.

mod configuration;
mod connection;
mod destination;
mod relation;

use rivet_testing::{Project, RivetCommand, TestDatabase};

/// The lines of a small terminal.
const SCREEN: usize = 24;

const CSV: &str = "format: csv, destination: { type: local, path: out }";

/// A password that no server of a test has.
const WRONG: &str = "swordfish";

/// Runs, fails the test unless that is refused as a mistake should be, and returns the error.
#[track_caller]
fn refused(project: &Project, code: i32) -> String {
    refused_command(project, project.command(&["run"]), code)
}

#[track_caller]
fn refused_command(project: &Project, command: RivetCommand, code: i32) -> String {
    let finished = command.run();
    finished.assert_code(code).assert_silent_about(WRONG);
    for password in passwords(project) {
        finished.assert_silent_about(&password);
    }
    assert!(finished.stderr.lines().count() <= SCREEN, "more than a screen:\n{}", finished.stderr);
    let way_out = finished.stderr.contains("help: ") || finished.stderr.contains(" must be ");
    assert!(way_out, "no way out:\n{}", finished.stderr);
    assert_eq!(finished.stdout, "");
    assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
    let error = finished.stderr.find("rivet::").unwrap_or_else(|| panic!("no code in:\n{}", finished.stderr));
    // Where a message is wrapped depends on how long the names in it happen to be.
    finished.stderr.get(error..).unwrap_or_default().replace("\n  │ ", " ")
}

/// The passwords in the URLs of a configuration.
fn passwords(project: &Project) -> Vec<String> {
    let text = std::fs::read_to_string(project.path("rivet.yaml")).expect("every project has one");
    let users = text.split("://").skip(1).filter_map(|rest| rest.split_once('@')).map(|(user, _)| user);
    users.filter_map(|user| user.split_once(':')).map(|(_, password)| password.to_owned()).collect()
}

/// Takes out of an error what differs from run to run.
fn steady(error: &str, names: &[(&str, &str)]) -> String {
    names.iter().fold(error.to_owned(), |text, (name, instead)| text.replace(name, instead))
}

/// Takes out the server, the port and the database.
fn steady_at(error: &str, database: &TestDatabase) -> String {
    let server = database.url().rsplit_once('@').map_or("", |(_, server)| server);
    let (address, _) = server.split_once('/').unwrap_or_default();
    steady(error, &[(address, "SERVER"), (database.name(), "DATABASE")])
}
