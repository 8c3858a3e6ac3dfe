//! Somebody wants a run to stop.

use std::time::{Duration, Instant};

use rivet_model::RunStatus;
use rivet_testing::{Family, Fault, FaultProxy, MysqlDatabase, Project, Running, Stop};

use super::database;
use crate::families::support::project_at;
use crate::ledger::{Ledger, statuses};

/// A database whose export has as many rows as the table `size` says, more than anybody waits for.
fn endless(family: Family) -> MysqlDatabase {
    let database = database(family);
    database.execute("CREATE TABLE size (hundreds int NOT NULL); INSERT INTO size VALUES (1000)");
    database
}

fn folder(url: &str) -> Project {
    let query = "SELECT a.n * 1000 + b.n AS id, SHA2(c.n, 256) AS word FROM k c JOIN size ON c.n < hundreds \
                 CROSS JOIN k a CROSS JOIN k b WHERE b.n < 10 AND a.n < 10";
    project_at(url, &[&format!("name: rows, query: {query:?}, destination: {{ type: local, path: out }}")])
}

/// How many sessions the server has for the database, besides those of the test.
fn ours(database: &MysqlDatabase) -> String {
    let (sessions, name, id) = (database.family().sessions(), database.name(), database.session().id());
    database.query_value(&format!("SELECT COUNT(*) FROM {sessions} WHERE db = '{name}' AND id <> {id}"))
}

/// Fails the test unless the server is done with us within two seconds.
#[track_caller]
fn assert_server_is_free(database: &MysqlDatabase) {
    let begin = Instant::now();
    while ours(database) != "0" {
        assert!(begin.elapsed() < Duration::from_secs(2), "a session of ours is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until rows are on their way to the disk.
fn start(project: &Project) -> Running {
    let mut running = project.command(&["run"]).spawn();
    running.wait_until("a first part", |_| !project.all_files("out/.rivet-staging").is_empty());
    running
}

/// Makes the export small, and fails the test unless a second run does what it should. Returns what it said.
#[track_caller]
fn assert_goes_on(database: &MysqlDatabase, project: &Project, first: RunStatus) -> String {
    database.execute("UPDATE size SET hundreds = 10");
    let second = project.command(&["run"]).run();
    second.assert_code(0);
    let runs = Ledger::default().audit(project);
    assert_eq!(runs.iter().map(|run| run.rows).collect::<Vec<_>>(), [1000]);
    let statuses: Vec<RunStatus> = statuses(project)["rows"].values().copied().collect();
    assert_eq!(statuses, [first, RunStatus::Committed]);
    second.stderr
}

fn a_signal_among_rows_stops_them_here_and_on_the_server(family: Family) {
    for how in [Stop::Interrupt, Stop::Terminate] {
        let database = endless(family);
        // So many that the server can't have sent them all.
        database.execute("INSERT INTO size SELECT hundreds FROM size CROSS JOIN k");
        let project = folder(database.url());
        let mut running = start(&project);
        assert_ne!(ours(&database), "0", "the test looks for the wrong thing");
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
        database.execute("DELETE FROM size LIMIT 1000");
        assert_goes_on(&database, &project, RunStatus::Interrupted);
    }
}

/// Every mode: statements that have not given a row yet are ended on the server.
fn a_statement_without_rows_is_stopped_on_the_server_in_every_mode(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE few (id int PRIMARY KEY, at datetime NOT NULL); INSERT INTO few VALUES (1, NOW()); \
         CREATE VIEW slow AS SELECT id, at, SLEEP(600) AS nap FROM few",
    );
    for mode in [
        "mode: full",
        "mode: chunked, chunk_column: id, parallel: 2",
        "mode: chunked, chunk_column: id, consistency: snapshot",
        "mode: incremental, cursor_column: id, cursor_tiebreak: at",
        "mode: time_window, time_column: at, days_window: 3",
    ] {
        let export = format!("name: rows, table: slow, {mode}, destination: {{ type: local, path: out }}");
        let project = project_at(database.url(), &[&export]);
        let mut running = project.command(&["run"]).spawn();
        let naps = format!(
            "SELECT COUNT(*) FROM {} WHERE db = '{}' AND state = 'User sleep'",
            family.sessions(),
            database.name()
        );
        running.wait_until("the statement", |_| database.query_value(&naps) == "1");
        running.stop(Stop::Interrupt);
        running.wait().assert_code(130);
        assert_server_is_free(&database);
        assert!(project.all_files("out").is_empty(), "{mode}");
    }
}

fn a_signal_ends_the_wait_between_two_attempts(family: Family) {
    let database = endless(family);
    let proxy = FaultProxy::start(database.url());
    proxy.set(Fault::Refuse);
    let url = proxy.url(database.url());
    let source = format!("type: mysql, url: {url:?}, tuning: {{ max_retries: 9, retry_backoff_ms: 60000 }}");
    let export = "name: rows, table: size, destination: { type: local, path: out }";
    let project = crate::support::project_with(&source, &[export]);
    let mut running = project.command(&["run"]).spawn();
    running.wait_for_stderr("rows: attempt 1 of 10 failed: ");
    let begin = Instant::now();
    running.stop(Stop::Terminate);
    running.wait().assert_code(130);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

fn a_second_signal_leaves_at_once_and_the_next_run_clears_up(family: Family) {
    let database = endless(family);
    database.execute("INSERT INTO size SELECT hundreds FROM size CROSS JOIN k");
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
    database.execute("DELETE FROM size LIMIT 1000");
    let said = assert_goes_on(&database, &project, RunStatus::Abandoned);
    assert!(said.contains("was cut off; removed the 1 file that it had left"), "{said}");
}

rivet_testing::on_both_families!(
    a_signal_among_rows_stops_them_here_and_on_the_server,
    a_statement_without_rows_is_stopped_on_the_server_in_every_mode,
    a_signal_ends_the_wait_between_two_attempts,
    a_second_signal_leaves_at_once_and_the_next_run_clears_up,
);
