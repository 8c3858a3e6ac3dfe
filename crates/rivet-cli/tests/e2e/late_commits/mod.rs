//! Rows that are committed late, out of order, and with equal cursor values.
//!
//! `RIVET_TEST_SECONDS` sets for how long writers write, `RIVET_TEST_SEED` what they do.

mod postgres;
mod readers;
mod writers;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use rivet_testing::TestDatabase;

use crate::database::{Connection as _, Database};
use crate::ledger::Ledger;
use crate::support::{number, project, run_well, seed, tell};
pub(crate) use readers::{PlainCursor, Reader, Rivet};
use writers::Writers;

/// How long writers write where nobody says it.
const SECONDS: u64 = 12;

/// Longer than any transaction of the writers takes from choosing a value to its commit: up to 0.4 s, and a second
/// where the value is cut to whole ones. The rest is for a slow machine.
pub(crate) const LAG: Duration = Duration::from_secs(3);

/// One version of one row: its id, its number, and what it holds.
pub(crate) type Version = (u64, u64, String);

/// What a reader got, held against the table.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Rows whose newest version was never read.
    pub(crate) lost: Vec<u64>,
    /// Versions that were read more than once.
    pub(crate) doubled: usize,
    /// Reads that got rows before the writers stopped.
    reads: usize,
}

/// How writers write into the table `late`, which has a key `id` that counts up, a `version`, a `word` and a moment
/// `updated_at`.
pub(crate) trait Late: Database {
    /// Where a value comes from, the most exact first: rows of different transactions often have the same one.
    const STAMPS: [&str; 3];

    /// Seconds since 1970 by the server's clock, at this very moment.
    const EPOCH: &str;

    /// An order in which rows have not been before.
    const RANDOM: &str;

    /// Adds rows in an open transaction, with a moment that is taken now. Returns that of the oldest, in seconds since
    /// 1970.
    fn insert(session: &Self::Session, stamp: &str, rows: u32) -> f64;

    /// Changes rows in an open transaction, each with a moment that is taken once it is locked. Returns that of the
    /// oldest, in seconds since 1970.
    fn update(session: &Self::Session, stamp: &str, ids: &[u64]) -> f64;
}

/// Lets writers write for a while and a reader read meanwhile, once more when all is quiet, and judges.
///
/// Around each read one row is held back: its value was chosen before that of a row that the reader can see.
#[track_caller]
pub(crate) fn chase<D: Late>(
    database: &D,
    reader: &mut dyn Reader,
    seconds: u64,
    updates: bool,
    quiet: Duration,
) -> Verdict {
    let writers = Writers::start(database, seed(), updates);
    let (early, late) = (database.connect(), database.connect());
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut reads, mut held) = (0, Duration::ZERO);
    while Instant::now() < end {
        let begin = Instant::now();
        early.execute("BEGIN");
        D::insert(&early, D::STAMPS[0], 1);
        D::insert(&late, D::STAMPS[0], 1);
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

fn judge(database: &impl Database, versions: Vec<Version>, reads: usize) -> Verdict {
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

/// Returns for how long writers write: as the environment says, or so many seconds.
pub(crate) fn seconds(usual: u64) -> u64 {
    number("RIVET_TEST_SECONDS").unwrap_or(usual)
}

#[track_caller]
pub(crate) fn assert_complete(verdict: &Verdict) {
    assert!(verdict.lost.is_empty() && verdict.doubled == 0, "{verdict:?}");
    assert!(verdict.reads > 1, "rows were read at the end only: {verdict:?}");
}

#[test]
fn a_cursor_that_stays_behind_loses_nothing_that_is_committed_late() {
    let database = postgres::database();
    let mut rivet = Rivet::follow(&database, "updated_at, cursor_lag: 3s");
    assert_complete(&chase(&database, &mut rivet, seconds(SECONDS), true, LAG));
    Ledger::default().audit(&rivet.project);
}

/// The test above can fail: the usual way to follow a table does.
#[test]
fn a_plain_cursor_loses_rows_that_are_committed_late() {
    let database = postgres::database();
    let verdict = chase(
        &database,
        &mut PlainCursor::<TestDatabase>::new(database.connect(), "-infinity"),
        3,
        true,
        Duration::ZERO,
    );
    assert!(verdict.lost.len() > 1, "{verdict:?}");
}

/// And so does Rivet where it is not told to stay behind.
#[test]
fn a_cursor_that_does_not_stay_behind_loses_rows_that_are_committed_late() {
    let database = postgres::database();
    let mut rivet = Rivet::follow(&database, "updated_at");
    let verdict = chase(&database, &mut rivet, 3, true, Duration::ZERO);
    assert!(verdict.lost.len() > 1 && verdict.doubled == 0, "{verdict:?}");
}

/// No clock can be compared with a sequence: runs stay behind what earlier ones have seen.
#[test]
fn a_sequence_that_is_followed_from_behind_loses_nothing_that_is_committed_late() {
    let database = postgres::database();
    let mut rivet = Rivet::follow(&database, "id, cursor_lag: 3s");
    assert_complete(&chase(&database, &mut rivet, seconds(SECONDS), false, LAG));
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
