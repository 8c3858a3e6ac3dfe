//! How long the statements on the server are, as the server's list of sessions shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rivet_testing::{Family, MysqlDatabase, Project};
use serde_json::Value;

use super::{database, series};
use crate::database::Database as _;
use crate::ledger::Ledger;
use crate::support::{Outcome, Writer, assert_same_rows, csv_rows, integer, manifest, tell};

/// 16 MB, which takes a development build many times the budget.
const ROWS: u32 = 80_000;

/// In seconds.
const BUDGET: f64 = 0.2;

fn folder(database: &MysqlDatabase, keys: &str) -> Project {
    database.project(&[&format!("name: it, {keys}, format: csv, destination: {{ type: local, path: out }}")])
}

/// A table whose rows were not added in the order of their key.
fn many(family: Family) -> MysqlDatabase {
    let database = database(family);
    let rows = series(ROWS);
    database.execute(&format!(
        "CREATE TABLE many (id int PRIMARY KEY, n int NOT NULL, word varchar(200) NOT NULL);
         INSERT INTO many SELECT i * 7919 % {ROWS}, i, REPEAT(LEFT(SHA2(i, 256), 32), 5) FROM {rows}; ANALYZE TABLE many"
    ));
    database
}

/// Runs, and watches over another connection how long each statement takes that sends rows. The first and the last
/// instants of a statement go unseen.
#[track_caller]
fn watched(database: &MysqlDatabase, project: &Project, mark: &str) -> (Outcome, Vec<Duration>) {
    let watcher = database.connect();
    let sql = format!(
        "SELECT id, info FROM {} WHERE db = '{}' AND id <> CONNECTION_ID() AND info LIKE '{mark}'",
        database.family().sessions(),
        database.name()
    );
    let mut running = project.command(&["run", "--json"]).spawn();
    let mut seen: BTreeMap<Vec<Option<String>>, (Instant, Instant)> = BTreeMap::new();
    while !running.has_ended() {
        let now = Instant::now();
        for statement in watcher.query_text(&sql) {
            seen.entry(statement).or_insert((now, now)).1 = now;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let finished = running.wait();
    finished.assert_code(0);
    let report: Value = serde_json::from_str(&finished.stdout).expect("`--json` prints a report");
    let times = seen.into_values().map(|(first, last)| last - first).collect();
    tell(&format!("{times:?}"));
    (Outcome { finished, report }, times)
}

fn number(outcome: &Outcome, name: &str) -> u64 {
    outcome.export(0)[name].as_u64().unwrap_or_else(|| panic!("no `{name}` in {}", outcome.report))
}

/// The ids of the only run, in the order in which they were written.
#[track_caller]
fn ids(project: &Project) -> Vec<i64> {
    let runs = Ledger::default().audit(project);
    csv_rows(&runs[0].parts).iter().map(|row| integer(row[0].as_ref())).collect()
}

fn a_full_export_is_read_in_statements_of_the_budget(family: Family) {
    let database = many(family);
    let project = folder(&database, &format!("table: many, tuning: {{ statement_budget_s: {BUDGET} }}"));
    let (outcome, times) = watched(&database, &project, "SELECT%FORCE INDEX%");
    let statements = number(&outcome, "statements");
    assert!(statements > 3, "{}", outcome.report);
    assert!(times.len() as u64 <= statements && times.len() > 1, "{times:?}");
    // Twice the budget, and as much again for what else the machine does.
    let longest = Duration::from_secs_f64(4.0 * BUDGET);
    assert!(times.iter().all(|time| *time <= longest), "{times:?}");
    assert!(u128::from(number(&outcome, "longest_statement_ms")) <= longest.as_millis(), "{}", outcome.report);
    assert!(ids(&project).into_iter().eq(0..i64::from(ROWS)), "the rows come in the order of the key, each once");
    let manifest = manifest(&project, "out");
    assert_eq!((&manifest["consistency"]["held"], &manifest["chunk_count"]), (&"snapshot".into(), &1.into()));

    let project = folder(&database, "table: many, tuning: { statement_budget_s: 0 }");
    let (outcome, times) = watched(&database, &project, "SELECT%FROM `many`%");
    assert_eq!((number(&outcome, "statements"), times.len()), (1, 1), "without a budget there is one");
    assert!(ids(&project).into_iter().eq(0..i64::from(ROWS)));
}

fn the_statements_of_a_full_export_see_one_moment(family: Family) {
    let database = many(family);
    let project = folder(&database, "table: many, select: [id, n], tuning: { statement_budget_s: 0.05 }");
    let writer = Writer::start(&database, |session, step| {
        // Numbers go from one row to another one, and rows come and go.
        let at = step * 9_973 % 40_000;
        let new = u64::from(ROWS) + step;
        session.execute(&format!(
            "BEGIN; UPDATE many SET n = n + 5 WHERE id = {at}; UPDATE many SET n = n - 5 WHERE id = {at} + 40000; COMMIT; \
             INSERT INTO many VALUES ({new}, 0, ''); DELETE FROM many WHERE id = {new}"
        ));
    });
    let (outcome, _) = watched(&database, &project, "SELECT%FORCE INDEX%");
    assert!(writer.stop() > 3, "nothing was written meanwhile");
    assert!(number(&outcome, "statements") > 3, "{}", outcome.report);
    let runs = Ledger::default().audit(&project);
    let rows = csv_rows(&runs[0].parts);
    let stays: Vec<i64> = rows.iter().map(|row| integer(row[0].as_ref())).filter(|id| *id < i64::from(ROWS)).collect();
    let distinct: BTreeSet<&i64> = stays.iter().collect();
    assert_eq!((stays.len(), distinct.len()), (80_000, 80_000), "every row once");
    assert!(rows.len() - stays.len() <= 1, "rows that were never there together");
    let sum: i64 = rows.iter().map(|row| integer(row[1].as_ref())).sum();
    assert_eq!(sum, i64::from(ROWS) * (i64::from(ROWS) + 1) / 2, "a sum that never was");
}

/// 2,000 rows of which each takes about a third of a millisecond on the server.
fn slow(family: Family) -> MysqlDatabase {
    let database = database(family);
    let rows = series(2_000);
    database.execute(&format!(
        "CREATE TABLE quick (id int PRIMARY KEY); INSERT INTO quick SELECT i FROM {rows}; ANALYZE TABLE quick; \
         CREATE VIEW slow AS SELECT id, IF(id % 10 = 0, id + SLEEP(0.003), id) AS n FROM quick"
    ));
    database
}

fn chunks_that_take_too_long_make_the_others_smaller(family: Family) {
    let database = slow(family);
    for parallel in [1, 2] {
        let keys = "table: slow, mode: chunked, chunk_column: id, chunk_count: 4, tuning: { statement_budget_s: 0.08 }";
        let project = folder(&database, &format!("{keys}, parallel: {parallel}"));
        let (outcome, _) = watched(&database, &project, "SELECT%`slow`%");
        let runs = Ledger::default().audit(&project);
        assert_same_rows(csv_rows(&runs[0].parts), database.query_text("SELECT id, id FROM quick"), keys);
        // Each chunk of 500 rows takes twice the budget; the first of each worker is not known to.
        let chunks = number(&outcome, "chunks");
        assert!(chunks > 5 && number(&outcome, "statements") >= chunks, "{}", outcome.report);
        let manifest = manifest(&project, "out");
        let rows = manifest["chunks"].as_array().into_iter().flatten().map(|chunk| chunk["rows_read"].as_u64());
        let rows: Vec<u64> = rows.map(|rows| rows.expect("rows are counted")).collect();
        assert_eq!((rows.iter().sum::<u64>(), rows.len() as u64), (2_000, chunks), "{rows:?}");
    }
}

fn a_chunk_that_runs_out_of_its_time_is_cut(family: Family) {
    let database = database(family);
    // 2 s in one statement, which has one.
    let rows = series(400);
    database.execute(&format!(
        "CREATE TABLE quick (id int PRIMARY KEY); INSERT INTO quick SELECT i FROM {rows}; \
         CREATE VIEW slow AS SELECT id, id + SLEEP(0.005) AS n FROM quick"
    ));
    let keys = "table: slow, mode: chunked, chunk_column: id, chunk_count: 1, \
                tuning: { statement_timeout_s: 1, max_retries: 0, statement_budget_s: 0 }";
    let project = folder(&database, keys);
    let (outcome, times) = watched(&database, &project, "SELECT%`slow`%");
    outcome.assert_said("chunk 0 is read in smaller pieces: ");
    assert!(number(&outcome, "chunks") >= 2 && number(&outcome, "retries") >= 1, "{}", outcome.report);
    assert!(times.iter().all(|time| *time < Duration::from_millis(1_900)), "{times:?}");
    let runs = Ledger::default().audit(&project);
    assert_same_rows(csv_rows(&runs[0].parts), database.query_text("SELECT id, id FROM quick"), keys);
}

rivet_testing::on_both_families!(
    a_full_export_is_read_in_statements_of_the_budget,
    the_statements_of_a_full_export_see_one_moment,
    chunks_that_take_too_long_make_the_others_smaller,
    a_chunk_that_runs_out_of_its_time_is_cut,
);
