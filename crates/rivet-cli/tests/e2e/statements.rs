//! How long the statements on the server are, as the server itself sees them.

use std::collections::{BTreeMap, BTreeSet};

use rivet_testing::{Project, TestDatabase};
use serde_json::Value;

use crate::ledger::Ledger;
use crate::support::{Outcome, Writer, assert_same_rows, csv_rows, manifest, project};

/// 40 MB, which takes a development build many times the budget.
const ROWS: usize = 200_000;

/// In milliseconds.
const BUDGET: u64 = 300;

/// What a statement may take: half as long again, and as much once more for what else the machine does.
const LONGEST: u64 = 2 * BUDGET;

/// A table whose order on the disk, which `n` says, is not that of its key.
fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(&format!(
        "CREATE TABLE many (id int, n int, word text);
         INSERT INTO many SELECT i::bigint * 7919 % {ROWS}, i, repeat(md5(i::text), 5) FROM generate_series(1, {ROWS}) i;
         CREATE UNIQUE INDEX ON many (id)"
    ));
    database.execute("VACUUM ANALYZE many");
    database
}

fn folder(database: &TestDatabase, keys: &str) -> Project {
    let place = "format: csv, destination: { type: local, path: out }";
    project(database, &[&format!("name: it, {keys}, {place}")])
}

/// Runs, and watches over another connection how long each statement takes that sends rows, in milliseconds. The last
/// instants of a statement go unseen.
#[track_caller]
fn watched(database: &TestDatabase, project: &Project) -> (Outcome, Vec<u64>) {
    let watcher = database.connect();
    let mut running = project.command(&["run", "--json"]).spawn();
    let mut seen: BTreeMap<(String, String), u64> = BTreeMap::new();
    while !running.has_ended() {
        let rows = watcher.query_text(
            "SELECT pid, query_start, ceil(extract(epoch FROM clock_timestamp() - query_start) * 1000)::bigint \
             FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rivet' \
             AND state = 'active' AND query LIKE 'COPY%'",
        );
        for row in rows {
            let [Some(process), Some(start), Some(elapsed)] = row.as_slice() else { continue };
            let elapsed: u64 = elapsed.parse().expect("a number of milliseconds");
            let longest = seen.entry((process.clone(), start.clone())).or_default();
            *longest = elapsed.max(*longest);
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let finished = running.wait();
    finished.assert_code(0);
    let report: Value = serde_json::from_str(&finished.stdout).expect("`--json` prints a report");
    let times: Vec<u64> = seen.into_values().collect();
    (Outcome { finished, report }, times)
}

fn number(outcome: &Outcome, name: &str) -> u64 {
    outcome.export(0)[name].as_u64().unwrap_or_else(|| panic!("no `{name}` in {}", outcome.report))
}

/// The values of `n` in the order in which they were written.
fn numbers(project: &Project) -> Vec<usize> {
    let runs = Ledger::default().audit(project);
    let rows = csv_rows(&runs[0].parts);
    let number = |text: &Option<String>| text.as_ref().expect("no column is NULL").parse::<usize>().expect("a number");
    let numbers: Vec<(usize, usize)> = rows.iter().map(|row| (number(&row[0]), number(&row[1]))).collect();
    assert!(numbers.iter().all(|(id, n)| *id == n * 7919 % ROWS), "the columns of a row belong together");
    numbers.into_iter().map(|(_, n)| n).collect()
}

#[test]
fn a_full_export_is_read_in_statements_of_the_budget() {
    let database = database();
    let budget = format!("tuning: {{ statement_budget_s: {} }}", 0.3);
    let project = folder(&database, &format!("table: many, {budget}"));
    let (outcome, times) = watched(&database, &project);
    assert!(number(&outcome, "statements") > 2, "{}", outcome.report);
    assert!(times.iter().all(|time| *time <= LONGEST), "{times:?}");
    assert!(number(&outcome, "longest_statement_ms") <= LONGEST, "{}", outcome.report);
    // The statements are seen from here too, but for those that were over between two looks.
    assert!(times.len() as u64 <= number(&outcome, "statements") && times.len() > 1, "{times:?}");
    assert_eq!(numbers(&project), (1..=ROWS).collect::<Vec<_>>(), "the rows come in the order of one statement");
    let manifest = manifest(&project, "out");
    assert_eq!((&manifest["consistency"]["held"], &manifest["chunk_count"]), (&"snapshot".into(), &1.into()));
    assert_eq!(number(&outcome, "chunks"), 1);
}

#[test]
fn without_a_budget_there_is_one_statement() {
    let database = database();
    let project = folder(&database, "table: many, tuning: { statement_budget_s: 0 }");
    let (outcome, times) = watched(&database, &project);
    assert_eq!((number(&outcome, "statements"), times.len()), (1, 1));
    assert_eq!(numbers(&project), (1..=ROWS).collect::<Vec<_>>());
}

#[test]
fn the_statements_of_a_full_export_see_one_moment() {
    let database = database();
    let project = folder(&database, "table: many, tuning: { statement_budget_s: 0.1 }");
    let writer = Writer::start(&database, |session, step| {
        // Rows move to the end of the table, and a number from one row to another one.
        let at = step * 9_973 % 190_000;
        session.execute(&format!(
            "UPDATE many SET word = word || '' WHERE id BETWEEN {at} AND {at} + 100; \
             UPDATE many SET n = n + 5 WHERE id = {at}; UPDATE many SET n = n - 5 WHERE id = ({at} + 100000) % {ROWS}"
        ));
    });
    let (outcome, _) = watched(&database, &project);
    assert!(writer.stop() > 3, "nothing was written meanwhile");
    assert!(number(&outcome, "statements") > 2, "{}", outcome.report);
    let runs = Ledger::default().audit(&project);
    let rows = csv_rows(&runs[0].parts);
    let number = |text: &Option<String>| text.as_ref().expect("no column is NULL").parse::<usize>().expect("a number");
    let ids: BTreeSet<usize> = rows.iter().map(|row| number(&row[0])).collect();
    assert_eq!((rows.len(), ids.len()), (ROWS, ROWS), "every row once");
    assert_eq!(rows.iter().map(|row| number(&row[1])).sum::<usize>(), ROWS * (ROWS + 1) / 2, "a sum that never was");
}

#[test]
fn chunks_of_pages_are_read_in_statements_of_the_budget() {
    let database = database();
    let project = folder(
        &database,
        "table: many, mode: chunked, chunk_count: 3, parallel: 2, tuning: { statement_budget_s: 0.3 }",
    );
    let (outcome, times) = watched(&database, &project);
    assert_eq!(number(&outcome, "chunks"), 3);
    assert!(number(&outcome, "statements") > 3, "{}", outcome.report);
    assert!(times.iter().all(|time| *time <= LONGEST), "{times:?}");
    let mut numbers = numbers(&project);
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=ROWS).collect::<Vec<_>>());
}

/// 4,000 rows of which each takes about a third of a millisecond on the server.
fn slow() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE quick (id int PRIMARY KEY); INSERT INTO quick SELECT generate_series(1, 4000); ANALYZE quick;
         CREATE FUNCTION nap(at int) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM pg_sleep(0.0032); RETURN at; END $$;
         CREATE VIEW slow AS SELECT id, CASE WHEN id % 10 = 0 THEN nap(id) ELSE id END AS n FROM quick",
    );
    database
}

#[test]
fn chunks_that_take_too_long_make_the_others_smaller() {
    let database = slow();
    for parallel in [1, 2] {
        let keys = "table: slow, mode: chunked, chunk_column: id, chunk_count: 4, tuning: { statement_budget_s: 0.1 }";
        let project = folder(&database, &format!("{keys}, parallel: {parallel}"));
        let (outcome, mut times) = watched(&database, &project);
        let runs = Ledger::default().audit(&project);
        assert_same_rows(csv_rows(&runs[0].parts), database.query_text("SELECT id, id FROM quick"), keys);
        // Each chunk of 1,000 rows takes more than three times the budget; the first of each worker is not known to.
        let chunks = number(&outcome, "chunks");
        assert!(chunks > 7 && number(&outcome, "statements") >= chunks, "{}", outcome.report);
        let manifest = manifest(&project, "out");
        let rows: Vec<u64> =
            manifest["chunks"].as_array().unwrap().iter().map(|chunk| chunk["rows_read"].as_u64().unwrap()).collect();
        assert_eq!((rows.iter().sum::<u64>(), rows.len() as u64), (4_000, chunks), "{rows:?}");
        times.sort_unstable();
        times.truncate(times.len() - parallel);
        assert!(times.last().is_some_and(|longest| *longest <= 250), "{times:?}");
    }
}

#[test]
fn a_chunk_that_runs_out_of_its_time_is_cut() {
    let database = slow();
    let keys = "table: slow, mode: chunked, chunk_column: id, chunk_count: 1, \
                tuning: { statement_timeout_s: 1, max_retries: 0, statement_budget_s: 0 }";
    let project = folder(&database, keys);
    let (outcome, times) = watched(&database, &project);
    outcome.assert_said("chunk 0 is read in smaller pieces: ");
    assert!(number(&outcome, "chunks") >= 2 && number(&outcome, "retries") >= 1, "{}", outcome.report);
    assert!(times.iter().all(|time| *time < 1_500), "{times:?}");
    let runs = Ledger::default().audit(&project);
    assert_same_rows(csv_rows(&runs[0].parts), database.query_text("SELECT id, id FROM quick"), keys);
}
