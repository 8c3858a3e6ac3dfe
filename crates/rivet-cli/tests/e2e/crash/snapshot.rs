use std::collections::BTreeSet;

use rivet_testing::{Project, TestDatabase};

use super::siege::{Aftermath, KILLS, Siege, Target};
use super::steps::{Left, die_at};
use super::writer::Writer;
use crate::database::{Connection as _, Database};
use crate::ledger::{Random, Run, lines, manifest_path};

pub(crate) const ACCOUNTS: u64 = 24_000;

/// What all accounts hold together, whatever is moved between them.
const MONEY: i64 = 24_000 * 100;

/// Accounts between which a writer moves money, read in chunks of one snapshot.
pub(crate) struct Bank<D> {
    // Stops before its database is dropped.
    writer: Writer,
    database: D,
    /// Workers.
    parallel: u32,
}

fn bank() -> Bank<TestDatabase> {
    let database = TestDatabase::create();
    database.execute(&format!(
        "CREATE TABLE accounts (id bigint PRIMARY KEY, money bigint NOT NULL); \
         INSERT INTO accounts SELECT i, 100 FROM generate_series(1, {ACCOUNTS}) i; ANALYZE accounts"
    ));
    Bank::open(database, 2)
}

impl<D: Database> Bank<D> {
    /// Takes a database whose table `accounts` has a key `id` and `money`, 100 in each account, and so many workers as
    /// can read one snapshot.
    pub(crate) fn open(database: D, parallel: u32) -> Self {
        let mut random = Random(1);
        let writer = Writer::start(&database, move |session| {
            // From one end of the table to the other, so that chunks of different moments do not add up.
            let offset = (random.fraction() * 1000.0).floor();
            session.execute(&format!(
                "BEGIN; UPDATE accounts SET money = money - 1 WHERE id = 1 + {offset}; \
                 UPDATE accounts SET money = money + 1 WHERE id = {ACCOUNTS} - {offset}; COMMIT"
            ));
        });
        Self { writer, database, parallel }
    }

    fn make_folder(&self) -> Project {
        let export = format!(
            "name: accounts, table: accounts, format: csv, mode: chunked, chunk_column: id, chunk_count: 12, \
             parallel: {}, consistency: snapshot, destination: {{ type: local, path: out }}",
            self.parallel
        );
        self.database.project(&[&export])
    }
}

/// Fails the test unless a run holds every account once, with a sum that existed.
#[track_caller]
fn judge_run(folder: &Project, run: &Run) {
    let rows = lines(run);
    let pairs: Vec<(u64, i64)> = rows
        .iter()
        .map(|row| row.split_once(',').expect("two columns"))
        .map(|(id, money)| (id.parse().expect("a number"), money.parse().expect("a number")))
        .collect();
    let ids: BTreeSet<u64> = pairs.iter().map(|(id, _)| *id).collect();
    assert_eq!((pairs.len() as u64, ids.len() as u64), (ACCOUNTS, ACCOUNTS), "{run:?}");
    assert_eq!(pairs.iter().map(|(_, money)| money).sum::<i64>(), MONEY, "{run:?}");
    let manifest = std::fs::read_to_string(manifest_path(folder, run)).expect("it was listed a moment ago");
    assert!(manifest.contains("\"snapshot\""), "{manifest}");
}

impl<D: Database> Target for Bank<D> {
    fn exports(&self) -> &'static [&'static str] {
        &["accounts"]
    }

    fn folder(&mut self) -> Project {
        self.make_folder()
    }

    fn judge(&mut self, aftermath: &Aftermath<'_>) {
        for run in &aftermath.fresh {
            judge_run(aftermath.folder, run);
        }
    }
}

#[test]
fn a_process_that_is_killed_among_chunks_of_one_snapshot_leaves_a_moment_or_nothing() {
    besiege(bank(), KILLS);
}

/// Kills at random while money is moved.
#[track_caller]
pub(crate) fn besiege(bank: Bank<impl Database>, kills: u64) {
    let bank = Siege::of(bank, kills);
    drop(bank.writer.pause());
}

#[test]
fn chunks_of_a_snapshot_that_is_gone_are_never_mixed_with_those_of_another() {
    die_at_steps(&bank());
}

/// Dies once at each step of a run.
#[track_caller]
pub(crate) fn die_at_steps(bank: &Bank<impl Database>) {
    for (arguments, place, counted, resumed, news) in [
        (&["run"][..], "run_begun=return", 0, 0, "was cut off; it had left no file"),
        (&["run"], "part_staged=5*off->return", 0, 0, "was cut off; removed the "),
        (&["run"], "chunk_written=5*off->return", 0, 0, "was cut off; removed the "),
        (&["run", "--resume"], "chunk_written=11*off->return", 0, 0, "was cut off; removed the 12 files"),
        (&["run"], "chunk_checkpointed=return", 0, 0, "was cut off; removed the 12 files"),
        (&["run"], "part_visible=5*off->return", 0, 0, "was cut off; removed the 12 files"),
        // All of the snapshot is there: nothing is read any more.
        (&["run", "--resume"], "chunk_checkpointed=return", 0, 12, "was cut off and goes on: 12 of 12 chunks"),
        (&["run", "--resume"], "part_visible=5*off->return", 0, 12, "was cut off and goes on: 12 of 12 chunks"),
        (&["run", "--resume"], "manifest_created=return", 1, 0, "had ended well when its process died"),
    ] {
        let folder = bank.make_folder();
        let (_, runs) = die_at(&folder, arguments, &[place], &Left { counted, resumed: resumed..=resumed, news });
        for run in &runs {
            judge_run(&folder, run);
        }
    }
}
