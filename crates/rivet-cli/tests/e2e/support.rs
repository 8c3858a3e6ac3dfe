use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use rivet_testing::{Finished, Project, RivetCommand, TestDatabase, assert_same, python, scale};
use serde_json::Value;

use crate::database::Database;

/// A folder whose configuration reads from an address. Each export is the inside of a flow mapping.
pub(crate) fn project_at(url: &str, exports: &[&str]) -> Project {
    project_with(&format!("type: postgres, url: {url:?}, environment: local"), exports)
}

/// As [`project_at`], with the inside of the flow mapping of `source` as well.
pub(crate) fn project_with(source: &str, exports: &[&str]) -> Project {
    let exports: Vec<String> = exports.iter().map(|export| format!("  - {{ {export} }}")).collect();
    let config = format!("source: {{ {source} }}\nexports:\n{}\n", exports.join("\n"));
    Project::new(env!("CARGO_BIN_EXE_rivet"), &config)
}

/// A folder whose configuration reads from a database. Each export is the inside of a flow mapping.
pub(crate) fn project(database: &TestDatabase, exports: &[&str]) -> Project {
    project_at(database.url(), exports)
}

/// What `rivet run --json` did and said.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) finished: Finished,
    /// The document that it wrote.
    pub(crate) report: Value,
}

/// Runs all exports, however that ends.
#[track_caller]
pub(crate) fn run(project: &Project) -> Outcome {
    run_command(project.command(&["run", "--json"]))
}

/// As [`run`], for a command that was given more.
#[track_caller]
pub(crate) fn run_command(command: RivetCommand) -> Outcome {
    let finished = command.run();
    let report = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}\nstdout:\n{}\nstderr:\n{}", finished.stdout, finished.stderr));
    Outcome { finished, report }
}

/// Runs all exports, which must succeed.
#[track_caller]
pub(crate) fn run_well(project: &Project) -> Outcome {
    let outcome = run(project);
    outcome.finished.assert_code(0);
    outcome
}

/// Runs all exports, of which the first error must hold each of these texts in its message or its help; nothing may
/// become visible. Returns both.
#[track_caller]
pub(crate) fn run_badly(project: &Project, code: i32, expected: &[&str]) -> String {
    let outcome = run(project);
    outcome.finished.assert_code(code);
    let error = &outcome.report["errors"][0];
    let said = format!("{} | {}", error["message"].as_str().unwrap_or_default(), error["help"].as_str().unwrap_or(""));
    for text in expected {
        assert!(said.contains(text), "`{text}` is missing in: {said}");
    }
    assert_eq!(visible(project), Vec::<PathBuf>::new(), "a failed run left something");
    said
}

/// Returns every file below `out` that a reader of the destination would see: all but staging folders.
pub(crate) fn visible(project: &Project) -> Vec<PathBuf> {
    let mut files = project.all_files("out");
    files.retain(|path| !path.components().any(|part| part.as_os_str().to_string_lossy().starts_with(".rivet")));
    files
}

impl Outcome {
    /// Returns the report of the export at a position.
    #[track_caller]
    pub(crate) fn export(&self, position: usize) -> &Value {
        let export = &self.report["exports"][position];
        assert!(export.is_object(), "no export {position} in {}", self.report);
        export
    }
}

/// Reads the manifest of the only run below a folder.
#[track_caller]
pub(crate) fn manifest(project: &Project, folder: &str) -> Value {
    let mut manifests = project.files(&format!("{folder}/_rivet"), "json");
    manifests.retain(|path| !path.ends_with("latest.json"));
    let [path] = manifests.as_slice() else { panic!("one manifest expected: {manifests:?}") };
    let text = std::fs::read_to_string(path).expect("it was listed a moment ago");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Exports something once as Parquet and once as CSV, and compares both with what a query gives.
#[track_caller]
pub(crate) fn assert_both_same(database: &TestDatabase, keys: &str, query: &str, options: &[&str]) {
    let project = both(database, keys);
    run_well(&project);
    assert_same(database, query, &project.files("parquet", "parquet"), options);
    assert_same(database, query, &project.files("csv", "csv"), options);
}

/// A folder with two exports of the same keys: Parquet into `parquet`, CSV into `csv`.
pub(crate) fn both(database: &TestDatabase, keys: &str) -> Project {
    project(
        database,
        &[
            &format!("name: as_parquet, {keys}, format: parquet, destination: {{ type: local, path: parquet }}"),
            &format!("name: as_csv, {keys}, format: csv, destination: {{ type: local, path: csv }}"),
        ],
    )
}

/// Makes tables of `cargo xtask data`, at a hundredth of their size unless `RIVET_TEST_SCALE` says otherwise.
#[track_caller]
pub(crate) fn load_tables(url: &str, tables: &str) {
    // Where `cargo xtask e2e` runs the tests, its own binary stands beside the one that is tested.
    let built = Path::new(env!("CARGO_BIN_EXE_rivet")).with_file_name("xtask");
    let mut command = if built.is_file() {
        Command::new(built)
    } else {
        let mut command = Command::new(env!("CARGO"));
        command.args(["run", "--quiet", "--package", "xtask", "--"]);
        command
    };
    let output = command.args(["data", "--scale", &scale(), "--tables", tables, "--url", url]).output();
    let output = output.expect("cargo runs these tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Says what a Parquet file holds as pyarrow and DuckDB see it.
#[track_caller]
pub(crate) fn parquet_facts(file: &Path) -> Value {
    facts(&["parquet".into(), file.to_owned()])
}

/// Returns the rows of a DuckDB query over files, every value as text. `{files}` in it is the list of them.
#[track_caller]
pub(crate) fn duckdb(sql: &str, files: &[PathBuf]) -> Vec<Vec<Option<String>>> {
    let arguments: Vec<PathBuf> = ["query".into(), sql.into()].into_iter().chain(files.iter().cloned()).collect();
    serde_json::from_value(facts(&arguments)).expect("`facts.py` prints rows of texts")
}

/// Fails the test unless pyarrow and DuckDB read the same rows from Parquet files.
#[track_caller]
pub(crate) fn assert_readers_agree(files: &[PathBuf]) {
    let output = python("facts.py", [PathBuf::from("agree")].iter().chain(files));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
fn facts(arguments: &[PathBuf]) -> Value {
    let output = python("facts.py", arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("`facts.py` prints JSON")
}

/// Returns the number that a variable of the environment holds, where it is set.
pub(crate) fn number(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "how long a test runs is no configuration of Rivet's")]
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("`{name}` is no number: {text}")))
}

/// Returns what the random choices of a test follow from, `RIVET_TEST_SEED` or the clock, and prints it.
pub(crate) fn seed() -> u64 {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = number("RIVET_TEST_SEED").unwrap_or(clock);
    tell(&format!("RIVET_TEST_SEED={seed}"));
    seed
}

/// Says something that whoever reads a test's output wants to know.
#[expect(clippy::print_stdout, reason = "the harness keeps it with the test")]
pub(crate) fn tell(text: &str) {
    println!("{text}");
}

/// Rows as a server's query gives them: every value as text.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

impl Outcome {
    /// Fails the test unless the command has said this on stderr, wherever its lines were broken.
    #[track_caller]
    pub(crate) fn assert_said(&self, text: &str) {
        let said = self.finished.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(text), "`{text}` is missing in: {}", self.finished.stderr);
    }
}

/// Reads CSV files of the usual dialect, each without its header. What is empty and not quoted is NULL.
pub(crate) fn csv_rows(files: &[PathBuf]) -> Rows {
    files.iter().flat_map(|file| parse_csv(&read_text(file)).into_iter().skip(1)).collect()
}

/// Returns what a text file holds.
#[track_caller]
pub(crate) fn read_text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Returns the number that a value is.
#[track_caller]
pub(crate) fn integer(value: Option<&String>) -> i64 {
    value.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no number: {value:?}"))
}

fn parse_csv(text: &str) -> Rows {
    let (mut rows, mut row, mut value) = (Rows::new(), Vec::new(), String::new());
    let (mut is_quoted, mut is_inside) = (false, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_inside && characters.next_if_eq(&'"').is_some() => value.push('"'),
            '"' => (is_inside, is_quoted) = (!is_inside, true),
            ',' | '\n' if !is_inside => {
                let value = std::mem::take(&mut value);
                row.push((is_quoted || !value.is_empty()).then_some(value));
                is_quoted = false;
                if character == '\n' {
                    rows.push(std::mem::take(&mut row));
                }
            }
            other => value.push(other),
        }
    }
    rows
}

/// Fails the test unless these are the same rows, each as often, in any order.
#[track_caller]
pub(crate) fn assert_same_rows(mut found: Rows, mut expected: Rows, what: &str) {
    found.sort();
    expected.sort();
    let place = found.iter().zip(&expected).position(|(found, expected)| found != expected);
    let first = place.unwrap_or(found.len().min(expected.len()));
    let near = |rows: &Rows| rows.get(first..(first + 3).min(rows.len())).unwrap_or_default().to_vec();
    let counts = (found.len(), expected.len());
    assert!(found == expected, "{what}: {counts:?} rows, from {:?} on; expected {:?}", near(&found), near(&expected));
}

/// Rows that no reader gets past before the test lets it: those for which a view calls the function `gate`.
#[derive(Debug)]
pub(crate) struct Gate {
    keeper: rivet_testing::Session,
}

impl Gate {
    /// Makes the function `gate`, which gives a `bigint` back once the gate is open.
    #[track_caller]
    pub(crate) fn close(database: &TestDatabase) -> Self {
        database.execute(
            "CREATE OR REPLACE FUNCTION gate(at bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS \
             $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN at; END $$",
        );
        let keeper = database.connect();
        keeper.execute("SELECT pg_advisory_lock(7)");
        Self { keeper }
    }

    /// Returns how many readers stand before it.
    #[track_caller]
    pub(crate) fn waiting(&self) -> usize {
        let sql = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
                   WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted";
        self.keeper.query_value(sql).parse().expect("a count is a number")
    }

    /// Lets all readers pass.
    #[track_caller]
    pub(crate) fn open(&self) {
        self.keeper.execute("SELECT pg_advisory_unlock(7)");
    }
}

/// Somebody who changes rows again and again until told to stop.
#[derive(Debug)]
pub(crate) struct Writer {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: std::thread::JoinHandle<u64>,
}

impl Writer {
    /// Begins, over a connection of its own; a step is told its number.
    pub(crate) fn start<D: Database>(database: &D, step: impl Fn(&D::Session, u64) + Send + 'static) -> Self {
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (stopped, session) = (std::sync::Arc::clone(&stop), database.connect());
        let thread = std::thread::spawn(move || {
            let mut steps = 0;
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                step(&session, steps);
                steps += 1;
            }
            steps
        });
        Self { stop, thread }
    }

    /// Ends it and returns how many steps there were.
    pub(crate) fn stop(self) -> u64 {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        self.thread.join().expect("the writer's statements are sound")
    }
}

#[test]
fn csv_is_read_as_it_was_written() {
    let row = |values: &[Option<&str>]| values.iter().map(|value| value.map(ToOwned::to_owned)).collect::<Vec<_>>();
    let expected = vec![row(&[Some("a"), Some("b")]), row(&[Some("1"), None]), row(&[Some(""), Some("x\"\ny,")])];
    assert_eq!(parse_csv("a,b\n1,\n\"\",\"x\"\"\ny,\"\n"), expected);
}
