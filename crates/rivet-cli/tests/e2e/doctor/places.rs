use std::path::PathBuf;
use std::process::Command;

use insta::assert_snapshot;
use rivet_testing::{Stop, TestDatabase};

use super::{WRONG, doctor, doctor_command, outcomes, text};
use crate::support::{project, project_with};

const LOCAL: &[&str] = &["folder: ok", "room: ok", "put: ok", "get: ok", "rename: ok", "create: ok", "delete: ok"];

fn shop() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE orders AS SELECT 1 AS id, 'x'::text AS note");
    database.execute("CREATE TABLE users AS SELECT 1 AS id");
    database
}

/// Every file of a project but its configuration.
fn left(project: &rivet_testing::Project) -> Vec<PathBuf> {
    let mut files = project.all_files("");
    files.retain(|path| !path.ends_with("rivet.yaml"));
    files
}

#[test]
fn a_healthy_place_is_left_as_it_was() {
    let database = shop();
    let exports = [
        "name: orders, table: orders, destination: { type: local, path: deep/out }",
        "name: users, table: users, destination: { type: local, path: deep/out }",
    ];
    let project = project(&database, &exports);
    let found = doctor(&project);
    found.finished.assert_code(0);
    assert_eq!(found.report["status"], "healthy", "{}", found.report);
    assert_eq!(found.steps("configuration"), ["exports: ok"]);
    assert_eq!(found.steps("state"), ["open: ok"]);
    // Both write to one place, which is tried once.
    assert_eq!(found.steps("destination"), LOCAL);
    let place = found.places("destination")[0];
    assert_eq!(place["exports"], serde_json::json!(["orders", "users"]));
    let source = ["connect: ok", "tls: ok", "read orders: ok", "read users: ok", "view: ok", "vitals: ok"];
    let source: Vec<&str> = source.into_iter().chain(["catalog orders: ok", "catalog users: ok"]).collect();
    assert_eq!(found.steps("source"), source);
    assert_eq!(left(&project), Vec::<PathBuf>::new());
    assert!(!project.path("deep").exists() && !project.path(".rivet").exists());

    // Where a run has been, all that it left is there still.
    project.command(&["run"]).run().assert_code(0);
    let before = left(&project);
    doctor(&project).finished.assert_code(0);
    assert_eq!(left(&project), before);
}

#[test]
fn a_person_reads_lines_without_colour() {
    let database = shop();
    let export = "name: orders, table: orders, destination: { type: local, path: notes.txt/out }";
    let project = project(&database, &[export]);
    project.write("notes.txt", "mine");
    let finished = project.command(&["doctor"]).run();
    finished.assert_code(1);
    assert!(!finished.stdout.contains('\u{1b}'));
    let folder = project.path("").display().to_string();
    let port = database.url().rsplit(':').next().and_then(|rest| rest.split('/').next()).expect("a URL has a port");
    let shown = finished.stdout.replace(&folder, "FOLDER/").replace(database.name(), "DATABASE").replace(port, "PORT");
    let destination = shown.split("destination ").nth(1).and_then(|rest| rest.split("\n\n").next());
    assert_snapshot!(destination.unwrap_or(&shown).replace("\n               ", " "), @"
    FOLDER/notes.txt/out
      exports    : orders
      folder     : failed, find or make the folder: cannot create the folder `FOLDER/notes.txt/out`: a part of this path is a file, not a folder: Not a directory (os error 20) [rivet::writer::not_a_folder] Choose a folder as the destination's `path`, or move the file away.
      room       : not tried, look for free room: there is no folder to try it in
      put        : not tried, write a probe: there is no folder to try it in
      get        : not tried, read the probe back: there is no folder to try it in
      rename     : not tried, give the probe another name: there is no folder to try it in
      create     : not tried, see a taken name refused: there is no folder to try it in
      delete     : not tried, remove the probes: there is no folder to try it in
    ");
    assert!(shown.ends_with("not healthy: 1 failure\n"), "{shown}");
    assert_eq!(finished.stderr, "");
}

#[test]
fn what_fails_does_not_keep_the_others_from_being_tried() {
    let database = shop();
    let exports = [
        "name: orders, table: orders, destination: { type: local, path: notes.txt }",
        "name: users, table: users, destination: { type: local, path: out }",
        "name: lines, table: no_such_table, destination: { type: local, path: out }",
    ];
    let project = project(&database, &exports);
    project.write("notes.txt", "mine");
    project.write(".rivet", "not a folder");
    let found = doctor(&project);
    found.finished.assert_code(1);
    assert_eq!(found.report["status"], "failed");
    assert_eq!(found.report["exit_code"], 1);
    assert_eq!(found.steps("state"), ["open: failed"]);
    let places = found.places("destination");
    let unreached = ["room: skipped", "put: skipped", "get: skipped"];
    assert_eq!(outcomes(places[0])[..4], [&["folder: failed"][..], &unreached].concat());
    assert_eq!(outcomes(places[1]), LOCAL);
    let source = found.steps("source");
    assert!(source.contains(&"read orders: ok".to_owned()), "{source:?}");
    assert!(source.contains(&"read lines: failed".to_owned()), "{source:?}");
    let failures: Vec<&str> = found.failures().iter().map(|step| text(step, "code")).collect();
    assert_eq!(failures.len(), 3, "{failures:?}");
    assert_eq!(failures[1..], ["rivet::writer::not_a_folder", "rivet::source::not_found"]);
    assert!(found.failures().iter().all(|step| !text(step, "help").is_empty()));
    assert!(!project.path("out").exists());

    // Of one export alone nothing else is looked at.
    let one = doctor_command(project.command(&["doctor", "--json", "-e", "users"]));
    assert_eq!(one.steps("destination"), LOCAL);
    assert_eq!(one.failures().len(), 1, "{}", one.report);
    project.command(&["doctor", "-e", "nobody"]).run().assert_code(2);
}

#[test]
fn a_folder_without_room_is_told() {
    // Root may write anywhere but here.
    let database = shop();
    let export = "name: orders, table: orders, destination: { type: local, path: /proc/rivet }";
    let project = project(&database, &[export]);
    let found = doctor(&project);
    found.finished.assert_code(1);
    assert_eq!(found.failures().len(), 1, "{}", found.report);
    assert_eq!(found.steps("destination")[0], "folder: failed");
}

#[test]
fn full_disk_is_told_and_left_as_it_was() {
    let disk = tempfile::tempdir().expect("the system's temporary folder can be written");
    // As for the other tests with these words in their names, this needs root on Linux.
    let tmpfs = |command: &mut Command| command.arg(disk.path()).status().is_ok_and(|status| status.success());
    assert!(
        tmpfs(Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])),
        "nothing can be mounted here"
    );
    let filled = std::fs::write(disk.path().join("filler"), vec![1; 1 << 20]);
    let database = shop();
    let export = format!("name: orders, table: orders, destination: {{ type: local, path: {:?} }}", disk.path());
    let found = doctor(&project(&database, &[&export]));
    let entries = std::fs::read_dir(disk.path()).expect("it is there").flatten();
    let names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    assert!(tmpfs(Command::new("umount").arg("-l")), "the disk stays mounted");
    assert!(filled.is_err(), "the small disk is not small");
    found.finished.assert_code(1);
    assert_eq!(names, ["filler"]);
    assert_eq!(found.steps("destination")[..3], ["folder: ok", "room: warning", "put: failed"]);
    assert_eq!(found.failures()[0]["code"], "rivet::writer::full");
}

#[test]
fn a_run_that_holds_the_state_store_is_no_illness() {
    let database = shop();
    let query = "SELECT pg_sleep(600)::text AS it";
    let export = format!("name: orders, query: {query:?}, destination: {{ type: local, path: out }}");
    let project = project(&database, &[&export]);
    let mut running = project.command(&["run"]).spawn();
    running.wait_until("the state store", |_| project.path(".rivet/state.redb.holder").exists());
    let found = doctor(&project);
    found.finished.assert_code(0);
    assert_eq!(found.steps("state"), ["open: warning"]);
    assert_eq!(found.report["status"], "warning");
    running.stop(Stop::Interrupt);
    running.wait();
}

#[test]
fn a_secret_that_is_not_set_is_a_mistake_of_the_configuration() {
    let database = shop();
    let source = format!("type: postgres, url: {:?}, environment: local", database.url());
    let export = "name: orders, table: orders, destination: { type: s3, bucket: lake, endpoint: 'http://127.0.0.1:1', \
                  access_key_env: NO_KEY, secret_key_env: NO_SECRET }";
    let project = project_with(&source, &[export]);
    let found = doctor(&project);
    found.finished.assert_code(2);
    assert_eq!(found.failures().len(), 1, "{}", found.report);
    assert!(text(found.failures()[0], "message").contains("the variable `NO_KEY` is not set"));

    // With keys nobody answers, which may pass.
    let command = project.command(&["doctor", "--json"]).env("NO_KEY", "k").env("NO_SECRET", WRONG);
    let found = doctor_command(command);
    found.finished.assert_code(5);
    assert_eq!(found.failures()[0]["retry"], "backoff");
    assert_eq!(found.steps("destination")[..3], ["put: failed", "get: skipped", "list: skipped"]);

    // For programs each failure is a line on standard error as well.
    let command = project.command(&["--json-errors", "doctor"]).env("NO_KEY", "k").env("NO_SECRET", WRONG);
    let finished = command.run();
    finished.assert_code(5).assert_silent_about(WRONG);
    let lines: Vec<serde_json::Value> =
        finished.stderr.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["code"], "rivet::writer::unreachable");
}
