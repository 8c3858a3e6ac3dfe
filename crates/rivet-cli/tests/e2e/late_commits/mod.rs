//! Rows that are committed late, out of order, and with equal cursor values.
//!
//! `RIVET_TEST_SECONDS` sets for how long writers write, `RIVET_TEST_SEED` what they do.

mod readers;
mod writers;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use rivet_testing::TestDatabase;

use crate::ledger::Ledger;
use crate::support::{number, project, run_well, seed, tell};
use readers::{PlainCursor, Reader, Rivet};
use writers::Writers;

/// How long writers write where nobody says it.
const SECONDS: u64 = 12;

/// Longer than any transaction of the writers takes from choosing a value to its commit: up to 0.4 s, and a second
/// where the value is cut to whole ones. The rest is for a slow machine.
const LAG: Duration = Duration::from_secs(3);

/// One version of one row: its id, its number, and what it holds.
type Version = (u64, u64, String);

/// What a reader got, held against the table.
#[derive(Debug)]
struct Verdict {
    /// Rows whose newest version was never read.
    lost: Vec<u64>,
    /// Versions that were read more than once.
    doubled: usize,
    /// Reads that got rows before the writers stopped.
    reads: usize,
}

/// A table with a time and a sequence to follow.
fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE late (id bigserial PRIMARY KEY, version int NOT NULL DEFAULT 1, \
                            word text NOT NULL DEFAULT md5(random()::text), updated_at timestamptz NOT NULL); \
         CREATE INDEX ON late (updated_at, id); \
         INSERT INTO late (updated_at) SELECT now() - interval '1 day' FROM generate_series(1, 500); ANALYZE late",
    );
    database
}

/// Lets writers write for a while and a reader read meanwhile, once more when all is quiet, and judges.
///
/// Around each read one row is held back: its value was chosen before that of a row that the reader can see.
#[track_caller]
fn chase(database: &TestDatabase, reader: &mut dyn Reader, seconds: u64, updates: bool, quiet: Duration) -> Verdict {
    let writers = Writers::start(database, seed(), updates);
    let (early, late) = (database.connect(), database.connect());
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut reads, mut held) = (0, Duration::ZERO);
    while Instant::now() < end {
        let begin = Instant::now();
        early.execute("BEGIN; INSERT INTO late (updated_at) VALUES (clock_timestamp())");
        late.execute("INSERT INTO late (updated_at) VALUES (clock_timestamp())");
        reads += usize::from(reader.read());
        early.execute("COMMIT");
        held = held.max(begin.elapsed());
    }
    let longest = writers.stop().max(held);
    assert!(longest < LAG, "this machine is too slow for this test: a transaction took {longest:?}");
    // A first read sees where the end is, a second one that it has been there for long enough.
    reader.read();
    thread::sleep(quiet);
    reader.read();
    let verdict = judge(database, reader.versions(), reads);
    tell(&format!("{reads} reads while writers wrote; longest transaction {longest:?}"));
    verdict
}

fn judge(database: &TestDatabase, versions: Vec<Version>, reads: usize) -> Verdict {
    let read = versions.len();
    let distinct: BTreeSet<(u64, u64)> = versions.iter().map(|(id, version, _)| (*id, *version)).collect();
    let mut newest: BTreeMap<u64, (u64, String)> = BTreeMap::new();
    for (id, version, word) in versions {
        let known = newest.entry(id).or_default();
        if known.0 < version {
            *known = (version, word);
        }
    }
    let table = readers::versions(&database.query_text("SELECT id, version, word FROM late ORDER BY id"));
    let missing = table.into_iter().filter(|(id, version, word)| newest.get(id) != Some(&(*version, word.clone())));
    Verdict { lost: missing.map(|(id, ..)| id).collect(), doubled: read - distinct.len(), reads }
}

fn seconds() -> u64 {
    number("RIVET_TEST_SECONDS").unwrap_or(SECONDS)
}

#[track_caller]
fn assert_complete(verdict: &Verdict) {
    assert!(verdict.lost.is_empty() && verdict.doubled == 0, "{verdict:?}");
    assert!(verdict.reads > 1, "rows were read at the end only: {verdict:?}");
}

#[test]
fn a_cursor_that_stays_behind_loses_nothing_that_is_committed_late() {
    let database = database();
    let mut rivet = Rivet::follow(&database, "updated_at, cursor_lag: 3s");
    assert_complete(&chase(&database, &mut rivet, seconds(), true, LAG));
    Ledger::default().audit(&rivet.project);
}

/// The test above can fail: the usual way to follow a table does.
#[test]
fn a_plain_cursor_loses_rows_that_are_committed_late() {
    let database = database();
    let verdict = chase(&database, &mut PlainCursor::new(database.connect()), 3, true, Duration::ZERO);
    assert!(verdict.lost.len() > 1, "{verdict:?}");
}

/// And so does Rivet where it is not told to stay behind.
#[test]
fn a_cursor_that_does_not_stay_behind_loses_rows_that_are_committed_late() {
    let database = database();
    let mut rivet = Rivet::follow(&database, "updated_at");
    let verdict = chase(&database, &mut rivet, 3, true, Duration::ZERO);
    assert!(verdict.lost.len() > 1 && verdict.doubled == 0, "{verdict:?}");
}

/// No clock can be compared with a sequence: runs stay behind what earlier ones have seen.
#[test]
fn a_sequence_that_is_followed_from_behind_loses_nothing_that_is_committed_late() {
    let database = database();
    let mut rivet = Rivet::follow(&database, "id, cursor_lag: 3s");
    assert_complete(&chase(&database, &mut rivet, seconds(), false, LAG));
    Ledger::default().audit(&rivet.project);
}

#[test]
fn rows_with_the_value_of_the_watermark_are_told_apart_by_their_key() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE late (id bigserial PRIMARY KEY, day date NOT NULL, word text DEFAULT 'x')");
    let export = "name: late, table: late, format: csv, mode: incremental, cursor_column: day, \
                  destination: { type: local, path: out }";
    let project = project(&database, &[export]);
    let mut ledger = Ledger::default();
    // How many rows come, and on which day.
    for (rows, day) in [(40, 1), (1, 1), (0, 1), (40, 1), (7, 2), (0, 2), (3, 2), (1, 4), (40, 4)] {
        database.execute(&format!(
            "INSERT INTO late (day) SELECT date '2026-01-01' + {day} FROM generate_series(1, {rows})"
        ));
        let before = ledger.audit(&project).len();
        run_well(&project);
        let runs = ledger.audit(&project);
        let read: u64 = runs.iter().skip(before).map(|run| run.rows).sum();
        assert_eq!(read, rows, "on day {day}");
    }
    let all: Vec<String> = ledger.audit(&project).iter().flat_map(crate::ledger::lines).collect();
    let ids: BTreeSet<&str> = all.iter().filter_map(|line| line.split(',').next()).collect();
    assert_eq!((all.len(), ids.len()), (132, 132));
}
