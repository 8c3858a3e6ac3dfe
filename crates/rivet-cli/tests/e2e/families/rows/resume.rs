//! Runs that go on where an earlier process left them.

use rivet_model::RunStatus;
use rivet_testing::{Family, MysqlDatabase, Project, Running, Stop};

use super::{Gate, database, gate, series};
use crate::database::Database as _;
use crate::ledger::{Ledger, statuses};
use crate::support::{Outcome, assert_same_rows, csv_rows, manifest, read_text, run_command};

const ROWS: u64 = 8_000;

/// Eight, and one of NULLs, which no view promises that it has not.
const CHUNKS: u64 = 9;

/// A view of several chunks whose readers stand still at row 3,500 while a gate is closed.
fn gated(family: Family) -> MysqlDatabase {
    let database = database(family);
    let rows = series(8_000);
    let version = gate::pass(database.name(), "version");
    database.execute(&format!(
        "CREATE TABLE `rows` (id int PRIMARY KEY, version bigint NOT NULL, extra int DEFAULT 7); \
         INSERT INTO `rows` SELECT i, 0, 7 FROM {rows}; ANALYZE TABLE `rows`; \
         CREATE VIEW gated AS SELECT id, IF(id = 3500, {version}, version) AS version, extra FROM `rows`"
    ));
    database
}

/// A folder whose export `it` takes these keys as well.
fn folder(database: &MysqlDatabase, keys: &str) -> Project {
    let chunked = "mode: chunked, chunk_column: id, chunk_size: 1000, format: csv, \
                   destination: { type: local, path: out }";
    database.project(&[&format!("name: it, table: gated, {chunked}, {keys}")])
}

/// Starts a run and waits until it stands at the gate.
fn start(project: &Project, gate: &Gate) -> Running {
    let mut running = project.command(&["run", "--json"]).spawn();
    running.wait_until("a reader at the gate", |_| gate.waiting() == 1);
    running
}

/// Ends a run in its fourth chunk, changes every row, and opens the gate.
fn stop(database: &MysqlDatabase, project: &Project, how: Stop) {
    let gate = Gate::close(database);
    let mut running = start(project, &gate);
    running.stop(how);
    let finished = running.wait();
    gate.open();
    assert_eq!(finished.code(), if how == Stop::Kill { None } else { Some(130) }, "{}", finished.stderr);
    assert!(project.files("out", "csv").is_empty(), "nothing of a run that was ended is visible");
    database.execute("UPDATE `rows` SET version = 1");
}

#[track_caller]
fn run_well(project: &Project, arguments: &[&str]) -> Outcome {
    let outcome = run_command(project.command(&["run", "--json"]).args(arguments));
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

/// Gives the export of a folder other keys.
fn rewrite(project: &Project, from: &str, to: &str) {
    let text = read_text(&project.path("rivet.yaml"));
    assert!(text.contains(from), "{text}");
    project.write("rivet.yaml", &text.replace(from, to));
}

fn a_run_that_was_ended_keeps_its_chunks_and_goes_on(family: Family) {
    let database = gated(family);
    for (how, parallel) in [(Stop::Interrupt, 1), (Stop::Terminate, 3), (Stop::Kill, 1), (Stop::Kill, 3)] {
        database.execute("UPDATE `rows` SET version = 0");
        let project = folder(&database, &format!("parallel: {parallel}"));
        stop(&database, &project, how);
        assert_eq!(all(&project), [RunStatus::Running], "the run stays open");
        let outcome = run_well(&project, &[]);
        outcome.assert_said("was cut off and goes on: ");
        let export = outcome.export(0);
        let resumed = export["chunks_resumed"].as_u64().expect("the report says it");
        // Where several workers are at it, those of the first chunks may still have been reading.
        assert!((1..CHUNKS).contains(&resumed), "{export}");
        assert!(resumed == 3 || parallel > 1, "one worker has finished three chunks: {export}");
        assert_eq!((&export["chunks"], &export["rows"]), (&CHUNKS.into(), &ROWS.into()));
        // A chunk that is done is never read again.
        assert_eq!(old_rows(&project) as u64, 1000 * resumed.min(7), "{export}");
        assert_eq!(all(&project), [RunStatus::Committed]);
        assert_eq!(manifest(&project, "out")["consistency"]["held"], "chunk");
        // It is over: the next run is another one.
        assert_eq!(run_well(&project, &[]).export(0)["chunks_resumed"], 0);
        assert_eq!(Ledger::default().audit(&project).len(), 2);
    }
}

fn a_run_that_a_lost_connection_ended_goes_on(family: Family) {
    let database = gated(family);
    let project = folder(&database, "parallel: 1, tuning: { max_retries: 0 }");
    let gate = Gate::close(&database);
    let running = start(&project, &gate);
    let reader = database.query_value(&format!(
        "SELECT id FROM {} WHERE db = '{}' AND state = 'User lock'",
        family.sessions(),
        database.name()
    ));
    database.execute(&format!("KILL {reader}"));
    let finished = running.wait();
    finished.assert_code(5);
    gate.open();
    assert_eq!(all(&project), [RunStatus::Running]);
    database.execute("UPDATE `rows` SET version = 1");
    assert_eq!(run_well(&project, &[]).export(0)["chunks_resumed"], 3);
    assert_eq!(old_rows(&project), 3_000);
}

/// Ends a run, changes something, and fails the test unless the next run begins anew and says so.
#[track_caller]
fn check_given_up(family: Family, said: &str, change: impl FnOnce(&MysqlDatabase, &Project)) {
    let database = gated(family);
    let project = folder(&database, "parallel: 1");
    stop(&database, &project, Stop::Interrupt);
    change(&database, &project);
    let outcome = run_well(&project, &[]);
    outcome.assert_said(said);
    assert_eq!(outcome.export(0)["chunks_resumed"], 0);
    assert_eq!(old_rows(&project), 0, "all rows are read again");
    assert_eq!(all(&project), [RunStatus::Abandoned, RunStatus::Committed]);
}

const CHANGED: &str = "does not go on: the configuration, the columns or the database have changed since it began";

fn a_run_of_something_else_is_given_up(family: Family) {
    check_given_up(family, CHANGED, |_, project| rewrite(project, "chunk_size: 1000", "chunk_size: 2000"));
    check_given_up(family, CHANGED, |database, _| {
        database
            .execute("CREATE OR REPLACE VIEW gated AS SELECT id, version, CAST(extra AS char(9)) AS extra FROM `rows`");
    });
    check_given_up(family, "was cut off; removed the 3 files that it had left", |_, project| {
        rewrite(project, "parallel: 1", "parallel: 1, resume: never");
    });
    let other = gated(family);
    other.execute("UPDATE `rows` SET version = 2");
    check_given_up(family, CHANGED, |database, project| rewrite(project, database.name(), other.name()));
}

fn how_hard_the_server_is_worked_does_not_count(family: Family) {
    let database = gated(family);
    let project = folder(&database, "parallel: 1");
    stop(&database, &project, Stop::Interrupt);
    rewrite(&project, "parallel: 1", "parallel: 3, tuning: { batch_size: 500, profile: fast }, chunk_max_attempts: 2");
    assert_eq!(run_well(&project, &[]).export(0)["chunks_resumed"], 3);
    assert_eq!(old_rows(&project), 3_000);
}

fn a_snapshot_ends_with_its_process(family: Family) {
    let database = gated(family);
    let project = folder(&database, "parallel: 3, consistency: snapshot");
    stop(&database, &project, Stop::Interrupt);
    assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
    assert_eq!(all(&project), [RunStatus::Interrupted]);
    let outcome = run_well(&project, &[]);
    assert_eq!((&outcome.export(0)["chunks_resumed"], old_rows(&project)), (&0.into(), 0));
    assert_eq!(manifest(&project, "out")["consistency"]["held"], "snapshot");
}

/// Full and incremental runs go on where they are asked to, once every row was read.
fn other_modes_go_on_when_asked(family: Family) {
    let database = gated(family);
    let place = "format: csv, destination: { type: local, path: out }";
    for mode in
        ["mode: full", "mode: incremental, cursor_column: id", "mode: time_window, time_column: at, days_window: 3"]
    {
        for (flag, resumed, rows) in [("--resume", 1, 8_000), ("--validate", 0, 8_001)] {
            database.execute("CREATE OR REPLACE VIEW seen AS SELECT id, version, NOW() AS at FROM `rows`");
            let relation = if mode.contains("time") { "table: seen, select: [id, version]" } else { "table: rows" };
            let project = database.project(&[&format!("name: it, {relation}, {mode}, {place}")]);
            let ended = project.command(&["run", flag]).env("FAILPOINTS", "chunk_checkpointed=return").run();
            assert_eq!(ended.code(), None, "{}", ended.stderr);
            database.execute("INSERT INTO `rows` VALUES (8001, 0, 7)");
            let outcome = run_well(&project, &[flag]);
            let export = outcome.export(0);
            assert_eq!((&export["chunks_resumed"], &export["rows"]), (&resumed.into(), &rows.into()), "{mode}, {flag}");
            if mode.contains("incremental") {
                let next = run_well(&project, &[flag]);
                assert_eq!(next.export(0)["rows"], 8_001 - rows, "{flag}: the position is where the run has ended");
            }
            Ledger::default().audit(&project);
            database.execute("DELETE FROM `rows` WHERE id = 8001");
        }
    }
}

rivet_testing::on_both_families!(
    a_run_that_was_ended_keeps_its_chunks_and_goes_on,
    a_run_that_a_lost_connection_ended_goes_on,
    a_run_of_something_else_is_given_up,
    how_hard_the_server_is_worked_does_not_count,
    a_snapshot_ends_with_its_process,
    other_modes_go_on_when_asked,
);
