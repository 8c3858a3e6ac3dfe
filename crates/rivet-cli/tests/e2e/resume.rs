//! Runs that go on where an earlier process left them.

use rivet_model::RunStatus;
use rivet_testing::{Finished, Project, RivetCommand, Running, Stop, TestDatabase};
use serde_json::Value;

use crate::ledger::{Ledger, statuses};
use crate::support::{Gate, Outcome, assert_same_rows, csv_rows, manifest, project, read_text, run, run_command};

const ROWS: u64 = 8_000;

/// Eight, and one of NULLs, which no view promises that it has not.
const CHUNKS: u64 = 9;

/// What all exports of these tests have in common.
const CHUNKED: &str = "mode: chunked, chunk_column: id, chunk_size: 1000, format: csv, \
                       destination: { type: local, path: out }";

/// A view of several chunks whose readers stand still at row 3,500 while a gate is closed.
fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(&format!(
        "CREATE TABLE rows (id int PRIMARY KEY, version bigint, extra int DEFAULT 7);
         INSERT INTO rows SELECT i, 0 FROM generate_series(1, {ROWS}) i; ANALYZE rows"
    ));
    drop(Gate::close(&database));
    database.execute(
        "CREATE VIEW gated AS SELECT id, CASE WHEN id = 3500 THEN gate(version) ELSE version END AS version, extra \
         FROM rows",
    );
    database
}

/// A folder whose export `it` takes these keys as well.
fn folder(database: &TestDatabase, keys: &str) -> Project {
    project(database, &[&format!("name: it, table: gated, {CHUNKED}, {keys}")])
}

/// Gives the export of a folder other keys.
fn rewrite(project: &Project, from: &str, to: &str) {
    let text = read_text(&project.path("rivet.yaml"));
    assert!(text.contains(from), "{text}");
    project.write("rivet.yaml", &text.replace(from, to));
}

/// Starts a run and waits until it stands at the gate.
fn start(project: &Project, gate: &Gate) -> Running {
    let mut running = project.command(&["run", "--json"]).spawn();
    running.wait_until("a reader at the gate", |_| gate.waiting() == 1);
    running
}

/// Interrupts a run in its fourth chunk, changes every row, and opens the gate.
fn interrupt(database: &TestDatabase, project: &Project) -> Finished {
    let gate = Gate::close(database);
    let mut running = start(project, &gate);
    running.stop(Stop::Interrupt);
    let finished = running.wait();
    gate.open();
    finished.assert_code(130);
    assert!(project.files("out", "csv").is_empty(), "nothing of an interrupted run is visible");
    database.execute("UPDATE rows SET version = 1");
    finished
}

fn run_and_report(command: RivetCommand) -> Outcome {
    let outcome = run_command(command);
    outcome.finished.assert_code(0);
    outcome
}

/// How many rows of the only committed run have the version that they had before the interruption.
#[track_caller]
fn old_rows(project: &Project) -> usize {
    let runs = Ledger::default().audit(project);
    assert_eq!(runs.len(), 1, "{runs:?}");
    let rows = csv_rows(&runs[0].parts);
    let ids = rows.iter().map(|row| vec![row[0].clone()]).collect();
    let expected = (1..=ROWS).map(|id| vec![Some(id.to_string())]).collect();
    assert_same_rows(ids, expected, "every row once");
    rows.iter().filter(|row| row[1].as_deref() == Some("0")).count()
}

fn all(project: &Project) -> Vec<RunStatus> {
    statuses(project)["it"].values().copied().collect()
}

#[test]
fn an_interrupted_run_keeps_its_chunks_and_goes_on() {
    let database = database();
    for parallel in [1, 3] {
        database.execute("UPDATE rows SET version = 0");
        let project = folder(&database, &format!("parallel: {parallel}"));
        let interrupted = interrupt(&database, &project);
        let report: Value = serde_json::from_str(&interrupted.stdout).unwrap();
        assert_eq!(report["exports"][0]["status"], "interrupted");
        let outcome = Outcome { finished: interrupted, report };
        outcome.assert_said("chunks are kept: the same command goes on with the others");
        assert_eq!(all(&project), [RunStatus::Running], "the run stays open");

        let shown = project.command(&["state", "show"]).run();
        shown.assert_code(0);
        assert!(shown.stdout.contains("unfinished"), "{}", shown.stdout);

        let outcome = run_and_report(project.command(&["run", "--json"]));
        outcome.assert_said("was cut off and goes on: ");
        let export = outcome.export(0);
        let resumed = export["chunks_resumed"].as_u64().unwrap();
        // Where several workers are at it, those of the first chunks may still have been reading.
        assert!((1..CHUNKS).contains(&resumed), "{export}");
        assert!(resumed == 3 || parallel > 1, "one worker has finished three chunks: {export}");
        assert_eq!((&export["chunks"], &export["rows"]), (&CHUNKS.into(), &ROWS.into()));
        // A chunk that is done is never read again.
        assert_eq!(old_rows(&project) as u64, 1000 * resumed.min(7), "{export}");
        assert_eq!(all(&project), [RunStatus::Committed]);
        assert_eq!(manifest(&project, "out")["consistency"]["held"], "chunk");

        // It is over: the next run is another one.
        let next = run_and_report(project.command(&["run", "--json"]));
        assert_eq!(next.export(0)["chunks_resumed"], 0);
        assert_eq!(Ledger::default().audit(&project).len(), 2);
    }
}

#[test]
fn a_run_that_is_killed_goes_on_as_well() {
    let database = database();
    let project = folder(&database, "parallel: 1");
    let gate = Gate::close(&database);
    let mut running = start(&project, &gate);
    running.stop(Stop::Kill);
    assert_eq!(running.wait().code(), None);
    gate.open();
    database.execute("UPDATE rows SET version = 1");
    let outcome = run_and_report(project.command(&["run", "--json"]));
    assert_eq!(outcome.export(0)["chunks_resumed"], 3);
    assert_eq!(old_rows(&project), 3_000);
}

#[test]
fn a_run_goes_on_again_and_again() {
    let database = database();
    let project = folder(&database, "parallel: 1");
    for place in ["chunk_checkpointed=return", "chunk_checkpointed=1*off->return", "chunk_written=return"] {
        let ended = project.command(&["run", "--no-progress"]).env("FAILPOINTS", place).run();
        assert_eq!(ended.code(), None, "`{place}` was not reached: {}", ended.stderr);
        database.execute("UPDATE rows SET version = 1");
    }
    let outcome = run_and_report(project.command(&["run", "--json"]));
    assert_eq!((&outcome.export(0)["chunks_resumed"], &outcome.export(0)["chunks"]), (&3.into(), &CHUNKS.into()));
    assert_eq!(old_rows(&project), 1_000, "the first chunk alone was read before the change");
    assert_eq!(all(&project), [RunStatus::Committed]);
}

#[test]
fn a_run_that_a_lost_connection_ended_goes_on() {
    let database = database();
    let project = folder(&database, "parallel: 1, tuning: { max_retries: 0 }");
    let gate = Gate::close(&database);
    let running = start(&project, &gate);
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'rivet' AND pid <> pg_backend_pid()",
    );
    let finished = running.wait();
    finished.assert_code(5);
    gate.open();
    assert_eq!(all(&project), [RunStatus::Running]);
    let outcome = run_and_report(project.command(&["run", "--json"]));
    assert_eq!(outcome.export(0)["chunks_resumed"], 3);
    assert_eq!(old_rows(&project), 8_000, "nothing was changed meanwhile");
}

/// Interrupts a run, changes the configuration, and fails the test unless the next run begins anew and says so.
#[track_caller]
fn check_given_up(from: &str, to: &str, said: &str) {
    let database = database();
    let project = folder(&database, "parallel: 1");
    interrupt(&database, &project);
    rewrite(&project, from, to);
    let outcome = run_and_report(project.command(&["run", "--json"]));
    outcome.assert_said(said);
    assert_eq!(outcome.export(0)["chunks_resumed"], 0, "{to}");
    assert_eq!(old_rows(&project), 0, "{to}: all rows are read again");
    assert_eq!(all(&project), [RunStatus::Abandoned, RunStatus::Committed], "{to}");
}

const CHANGED: &str = "does not go on: the configuration, the columns or the database have changed since it began";

#[test]
fn a_run_of_another_configuration_is_given_up() {
    check_given_up("chunk_size: 1000", "chunk_size: 2000", CHANGED);
    check_given_up("parallel: 1", "parallel: 1, select: [id, version]", CHANGED);
    check_given_up("table: gated", "table: rows", CHANGED);
    check_given_up("format: csv", "format: csv, meta_columns: { exported_at: true }", CHANGED);
}

#[test]
fn a_run_that_is_not_to_go_on_is_removed() {
    check_given_up("parallel: 1", "parallel: 1, resume: never", "was cut off; removed the 3 files that it had left");
}

#[test]
fn how_hard_the_server_is_worked_does_not_count() {
    let database = database();
    let project = folder(&database, "parallel: 1");
    interrupt(&database, &project);
    rewrite(&project, "parallel: 1", "parallel: 3, tuning: { batch_size: 500, profile: fast }, chunk_max_attempts: 2");
    let outcome = run_and_report(project.command(&["run", "--json"]));
    assert_eq!(outcome.export(0)["chunks_resumed"], 3);
    assert_eq!(old_rows(&project), 3_000);
}

#[test]
fn a_relation_of_other_columns_is_given_up() {
    let database = database();
    let project = folder(&database, "parallel: 1");
    interrupt(&database, &project);
    database.execute("DROP VIEW gated; CREATE VIEW gated AS SELECT id, version, extra::text FROM rows");
    let outcome = run_and_report(project.command(&["run", "--json"]));
    outcome.assert_said(CHANGED);
    assert_eq!(old_rows(&project), 0);
}

/// Interrupts a run of these keys, which leaves nothing, and fails the test unless the next one begins anew.
#[track_caller]
fn check_begins_anew(keys: &str) {
    let database = database();
    let project = folder(&database, keys);
    interrupt(&database, &project);
    assert!(project.all_files("out").is_empty(), "{keys}: {:?}", project.all_files("out"));
    assert_eq!(all(&project), [RunStatus::Interrupted], "{keys}");
    let outcome = run_and_report(project.command(&["run", "--json"]));
    assert_eq!(outcome.export(0)["chunks_resumed"], 0, "{keys}");
    assert_eq!(old_rows(&project), 0, "{keys}");
}

#[test]
fn without_checkpoints_nothing_is_kept() {
    check_begins_anew("parallel: 1, chunk_checkpoint: false");
    check_begins_anew("parallel: 1, resume: never");
    check_begins_anew("parallel: 3, consistency: snapshot");
}

#[test]
fn going_on_without_checkpoints_is_a_mistake() {
    let database = database();
    for keys in ["chunk_checkpoint: false, resume: auto", "consistency: snapshot, resume: auto"] {
        let outcome = run(&folder(&database, keys));
        outcome.finished.assert_code(2);
    }
}

#[test]
fn what_never_goes_on_by_itself_does_when_asked() {
    let database = database();
    let project = folder(&database, "parallel: 1");
    interrupt(&database, &project);
    rewrite(&project, "parallel: 1", "parallel: 1, resume: never");
    let outcome = run_and_report(project.command(&["run", "--json", "--resume"]));
    assert_eq!(outcome.export(0)["chunks_resumed"], 3);
    assert_eq!(old_rows(&project), 3_000);
}

#[test]
fn a_full_export_goes_on_when_asked() {
    let database = database();
    let export = "name: it, table: rows, format: csv, destination: { type: local, path: out }";
    for (flag, resumed, old) in [("--resume", 1, 8_000), ("--validate", 0, 0)] {
        database.execute("UPDATE rows SET version = 0");
        let project = project(&database, &[export]);
        let run = || project.command(&["run", "--json", flag]);
        let ended = run().env("FAILPOINTS", "chunk_checkpointed=return").run();
        assert_eq!(ended.code(), None, "{}", ended.stderr);
        database.execute("UPDATE rows SET version = 1");
        let outcome = run_and_report(run());
        assert_eq!(outcome.export(0)["chunks_resumed"], resumed, "{flag}");
        assert_eq!(old_rows(&project), old, "{flag}");
    }
}

#[test]
fn going_on_without_anything_to_go_on_with_is_a_run() {
    let database = database();
    let project = folder(&database, "parallel: 2");
    let outcome = run_and_report(project.command(&["run", "--json", "--resume"]));
    assert_eq!(outcome.export(0)["chunks_resumed"], 0);
    assert_eq!(old_rows(&project), 8_000);
}

#[test]
fn a_second_process_is_told_who_is_at_work() {
    let database = database();
    let project = folder(&database, "parallel: 1");
    let gate = Gate::close(&database);
    let running = start(&project, &gate);
    let second = run(&project);
    assert_ne!(second.finished.code(), Some(0));
    let error = &second.report["errors"][0];
    let said = format!("{} {}", error["message"], error["help"]);
    assert!(said.contains("state.redb") && said.contains(&running.id().to_string()), "{said}");
    gate.open();
    running.wait().assert_code(0);
    assert_eq!(old_rows(&project), 8_000, "the first process was not disturbed");
    assert_eq!(all(&project), [RunStatus::Committed]);
}

#[test]
fn a_run_of_another_database_is_given_up() {
    let (first, second) = (database(), database());
    second.execute("UPDATE rows SET version = 2");
    let project = folder(&first, "parallel: 1");
    interrupt(&first, &project);
    rewrite(&project, first.name(), second.name());
    let outcome = run_and_report(project.command(&["run", "--json"]));
    assert_eq!(outcome.export(0)["chunks_resumed"], 0, "rows of two databases are in one run");
    let rows = csv_rows(&Ledger::default().audit(&project)[0].parts);
    assert!(rows.iter().all(|row| row[1].as_deref() == Some("2")), "rows of two databases are in one run");
}

#[test]
fn an_incremental_run_goes_on_when_asked() {
    let database = database();
    let export = "name: it, table: rows, mode: incremental, cursor_column: id, format: csv, \
                  destination: { type: local, path: out }";
    for (flag, resumed, rows) in [("--resume", 1, 8_000), ("--validate", 0, 8_001)] {
        let project = project(&database, &[export]);
        let run = || project.command(&["run", "--json", flag]);
        let ended = run().env("FAILPOINTS", "chunk_checkpointed=return").run();
        assert_eq!(ended.code(), None, "{}", ended.stderr);
        database.execute("INSERT INTO rows VALUES (8001, 0)");
        let outcome = run_and_report(run());
        let export = outcome.export(0);
        assert_eq!((&export["chunks_resumed"], &export["rows"]), (&resumed.into(), &rows.into()), "{flag}");
        let next = run_and_report(run());
        assert_eq!(next.export(0)["rows"], 8_001 - rows, "{flag}: the position is where the run has ended");
        Ledger::default().audit(&project);
        database.execute("DELETE FROM rows WHERE id = 8001");
    }
}
