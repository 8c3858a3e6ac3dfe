//! Bad input, and servers and networks that fail.

mod chunks;
mod connection;
mod definition;
mod destination;
mod full_disk;
mod locks;
mod network;
mod own_server;
mod relation;
mod server;
mod tls;
mod values;

use rivet_testing::{Family, Finished, MysqlDatabase, Project, RivetCommand, Running};

use crate::families::support::project_at;
use crate::support::{Outcome, project_with};

/// The lines of a small terminal.
const SCREEN: usize = 24;

/// A password that no server of a test has.
const WRONG: &str = "swordfish";

/// A table of 100,000 rows, which takes more than 4 MB on the way.
const WORDS: &str = "CREATE TABLE words (id int PRIMARY KEY, word varchar(40) NOT NULL); INSERT INTO words \
     WITH RECURSIVE k (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < 999) \
     SELECT a.n * 1000 + b.n + 1, left(sha2(a.n * 1000 + b.n + 1, 256), 32) FROM k AS a CROSS JOIN k AS b WHERE a.n < 100; \
     ANALYZE TABLE words";

/// More rows than anybody waits for.
const ENDLESS: &str = "query: \"WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 1000) \
     SELECT a.n AS a, repeat('x', 100) AS pad FROM k AS a CROSS JOIN k AS b CROSS JOIN k AS c\"";

/// What reads the table at once.
const AT_ONCE: &str = "table: words, format: csv, compression: none";

/// What reads the table in chunks of half a megabyte, two at a time.
const CHUNKED: &str =
    "table: words, mode: chunked, chunk_column: id, chunk_count: 10, parallel: 2, format: csv, compression: none";

/// The driver's sessions in the test's database.
const OURS: &str = "FROM information_schema.processlist WHERE db = database() AND id <> connection_id()";

/// A database with the table.
#[track_caller]
fn words(family: Family) -> MysqlDatabase {
    let database = MysqlDatabase::create(family);
    database.execute(WORDS);
    database
}

/// A folder with one export, `rows`, and what `tuning` holds.
fn folder(url: &str, keys: &str, tuning: &str) -> Project {
    let source = format!("type: mysql, url: {url:?}, environment: local, tuning: {{ {tuning} }}");
    project_with(&source, &[&format!("name: rows, {keys}, destination: {{ type: local, path: out }}")])
}

/// A folder with one export, `rows`, of these keys, from the administrator's address.
fn export(database: &MysqlDatabase, keys: &str) -> Project {
    project_at(
        database.url(),
        &[&format!("name: rows, {keys}, format: csv, destination: {{ type: local, path: out }}")],
    )
}

/// Returns what a command with `--json` did and said.
#[track_caller]
fn outcome(finished: Finished) -> Outcome {
    let report = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}\n{}", finished.stdout, finished.stderr));
    Outcome { finished, report }
}

/// Waits for the end of a run with `--json`.
#[track_caller]
fn ended(running: Running) -> Outcome {
    outcome(running.wait())
}

/// Waits until rows are on their way to the disk.
#[track_caller]
fn wait_for_rows(running: &mut Running, project: &Project) {
    running.wait_until("a first part", |_| !project.all_files("out/.rivet-staging").is_empty());
}

/// Waits until so many parts are whole.
#[track_caller]
fn wait_for_parts(running: &mut Running, project: &Project, count: usize) {
    running.wait_until("parts", |_| {
        let files = project.all_files("out/.rivet-staging");
        files.iter().filter(|path| path.extension().is_some_and(|is| is == "part")).count() >= count
    });
}

/// Runs, fails the test unless that is refused as a mistake should be, with this exit code, for a reason of this code
/// and with these texts in what is said, and returns what is said, in one line.
#[track_caller]
fn refused(project: &Project, exit: i32, reason: &str, texts: &[&str]) -> String {
    refused_command(project, project.command(&["run"]), exit, reason, texts)
}

#[track_caller]
fn refused_command(project: &Project, command: RivetCommand, exit: i32, reason: &str, texts: &[&str]) -> String {
    let finished = command.run();
    finished.assert_code(exit).assert_silent_about(WRONG);
    for password in passwords(project) {
        finished.assert_silent_about(&password);
    }
    assert!(finished.stderr.lines().count() <= SCREEN, "more than a screen:\n{}", finished.stderr);
    assert_eq!(finished.stdout, "");
    assert!(project.all_files("out").is_empty(), "{:?}", project.all_files("out"));
    let begin = finished.stderr.find("rivet::").unwrap_or_else(|| panic!("no code in:\n{}", finished.stderr));
    let error = finished.stderr.get(begin..).unwrap_or_default();
    // Where lines are broken depends on how long the names in them happen to be.
    let said = error.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
    assert!(said.starts_with(&format!("{reason} ")), "`{reason}` expected: {said}");
    assert_eq!(said.matches("rivet::").count(), 1, "one error expected: {said}");
    let way_out = said.split_once("help: ").map_or("", |(_, help)| help);
    assert!(way_out.contains(['.', '?']), "no way out: {said}");
    for text in texts {
        assert!(said.contains(text), "`{text}` is missing in: {said}");
    }
    crate::support::tell(&said);
    said
}

/// The passwords in the URLs of a configuration.
fn passwords(project: &Project) -> Vec<String> {
    let text = crate::support::read_text(&project.path("rivet.yaml"));
    let users = text.split("://").skip(1).filter_map(|rest| rest.split_once('@')).map(|(user, _)| user);
    users.filter_map(|user| user.split_once(':')).map(|(_, password)| password.to_owned()).collect()
}

/// A user of the test's own, gone when dropped.
struct User<'a> {
    database: &'a MysqlDatabase,
    name: String,
}

impl<'a> User<'a> {
    /// Makes one who may do nothing yet. `how` follows the name in `CREATE USER`.
    #[track_caller]
    fn create(database: &'a MysqlDatabase, how: &str) -> Self {
        let name = database.name().replace("rivet_test_", "u");
        database.execute(&format!("DROP USER IF EXISTS '{name}'@'%'; CREATE USER '{name}'@'%' {how}"));
        Self { database, name }
    }

    /// Makes one with this password, of the server's own kind.
    #[track_caller]
    fn with_password(database: &'a MysqlDatabase, password: &str) -> Self {
        Self::create(database, &format!("IDENTIFIED BY '{password}'"))
    }

    /// Lets the user do something in the test's database; `on` is a table, or `*`.
    #[track_caller]
    fn grant(&self, what: &str, on: &str) {
        self.database.execute(&format!("GRANT {what} ON {}.{on} TO '{}'@'%'", self.database.name(), self.name));
    }

    fn url(&self, password: &str) -> String {
        self.database.url_as(&self.name, password)
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        drop(self.database.session().try_execute(&format!("DROP USER IF EXISTS '{}'@'%'", self.name)));
    }
}
