//! Somebody wants a run to stop.

use std::time::{Duration, Instant};

use rivet_model::RunStatus;
use rivet_testing::{Fault, FaultProxy, Finished, Project, Running, Stop, TestDatabase};

use crate::ledger::{Ledger, statuses};
use crate::support::project_at;

const OURS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'rivet' AND state <> 'idle'";

/// A database whose export has as many rows as the table `size` says: more than anybody waits for.
fn endless() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE size AS SELECT 1000000000 AS rows");
    database
}

fn folder(url: &str) -> Project {
    let query = "SELECT id, md5(id::text) AS word FROM (SELECT generate_series(1, rows) AS id FROM size) AS all_rows";
    project_at(url, &[&format!("name: rows, query: {query:?}, destination: {{ type: local, path: out }}")])
}

/// Waits until rows are on their way to the disk.
fn start(project: &Project) -> Running {
    let mut running = project.command(&["run"]).spawn();
    running.wait_until("a first part", |_| !project.all_files("out/.rivet-staging").is_empty());
    running
}

/// Makes the export small, and fails the test unless a second run does what it should.
#[track_caller]
fn assert_goes_on(database: &TestDatabase, project: &Project, first: RunStatus) -> Finished {
    database.execute("UPDATE size SET rows = 1000");
    let second = project.command(&["run"]).run();
    second.assert_code(0);
    let runs = Ledger::default().audit(project);
    assert_eq!(runs.iter().map(|run| run.rows).collect::<Vec<_>>(), [1000]);
    let statuses: Vec<RunStatus> = statuses(project)["rows"].values().copied().collect();
    assert_eq!(statuses, [first, RunStatus::Committed]);
    second
}

/// Fails the test unless the server is done with us within two seconds.
#[track_caller]
fn assert_server_is_free(database: &TestDatabase) {
    let begin = Instant::now();
    while database.query_value(OURS) != "0" {
        assert!(begin.elapsed() < Duration::from_secs(2), "a query of ours still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_signal_in_the_middle_of_a_copy_stops_it_here_and_on_the_server() {
    for how in [Stop::Interrupt, Stop::Terminate] {
        let database = endless();
        let project = folder(database.url());
        let mut running = start(&project);
        assert_ne!(database.query_value(OURS), "0", "the test looks for the wrong thing");
        let begin = Instant::now();
        running.stop(how);
        let finished = running.wait();
        finished.assert_code(130);
        assert!(begin.elapsed() < Duration::from_secs(5), "{how:?}: {:?}", begin.elapsed());
        assert_server_is_free(&database);
        for text in ["stopping: statements are ended on the server", "to go on, run the same command again."] {
            assert!(finished.stderr.contains(text), "{how:?}: {}", finished.stderr);
        }
        assert!(!finished.stderr.contains("rivet::"), "an interruption is no error: {}", finished.stderr);
        assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
        assert_goes_on(&database, &project, RunStatus::Interrupted);
    }
}

#[test]
fn a_statement_that_has_not_given_a_row_yet_is_stopped_on_the_server() {
    let database = TestDatabase::create();
    let export = "name: rows, query: 'SELECT pg_sleep(600)::text AS it', destination: { type: local, path: out }";
    let project = project_at(database.url(), &[export]);
    let mut running = project.command(&["run"]).spawn();
    let copies = OURS.replace("state <> 'idle'", "query LIKE 'COPY%' AND wait_event = 'PgSleep'");
    running.wait_until("the statement", |_| database.query_value(&copies) == "1");
    running.stop(Stop::Interrupt);
    running.wait().assert_code(130);
    assert_server_is_free(&database);
    assert!(project.all_files("out").is_empty());
}

#[test]
fn a_signal_ends_the_wait_between_two_attempts() {
    let database = endless();
    let proxy = FaultProxy::start(database.url());
    proxy.set(Fault::Refuse);
    let url = proxy.url(database.url());
    let source = format!("type: postgres, url: {url:?}, tuning: {{ max_retries: 9, retry_backoff_ms: 60000 }}");
    let export = "name: rows, table: size, destination: { type: local, path: out }";
    let project = crate::support::project_with(&source, &[export]);
    let mut running = project.command(&["run"]).spawn();
    running.wait_for_stderr("rows: attempt 1 of 10 failed: ");
    let begin = Instant::now();
    running.stop(Stop::Terminate);
    running.wait().assert_code(130);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[test]
fn a_second_signal_leaves_at_once_and_the_next_run_clears_up() {
    let database = endless();
    let proxy = FaultProxy::start(database.url());
    let project = folder(&proxy.url(database.url()));
    let mut running = start(&project);
    // The server is asked to stop, and its answer does not come.
    proxy.set(Fault::StallAfter(0));
    running.wait_until("the silence", |_| proxy.struck() > 0);
    running.stop(Stop::Interrupt);
    running.wait_for_stderr("Press ctrl-c again to leave at once");
    let begin = Instant::now();
    running.stop(Stop::Interrupt);
    running.wait().assert_code(130);
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert!(!project.all_files("out/.rivet-staging").is_empty(), "the first signal was enough: nothing is tested");

    proxy.set(Fault::None);
    let second = assert_goes_on(&database, &project, RunStatus::Abandoned);
    assert!(second.stderr.contains("was cut off; removed the 1 file that it had left"), "{}", second.stderr);
}
