//! It dies at random instants.

use std::time::Duration;

use rivet_testing::{Project, Protocol, RivetCommand, Stop};

use crate::ledger::{Multiset, Random, Run};
use crate::stores::lake::Lake;
use crate::stores::rows::{Rows, lines_of};
use crate::support::{number, run_command, seed, tell};

rivet_testing::on_every_store!(
    full_runs_are_killed_at_any_instant,
    chunked_runs_are_killed_at_any_instant,
    incremental_runs_are_killed_at_any_instant,
);

/// How often each mode dies where nobody says it. What is the same for a folder is tried there far more often.
const KILLS: u64 = 3;

/// A folder whose runs are killed, and what is known of it.
struct Siege<'a> {
    lake: &'a Lake,
    folder: Project,
    prefix: String,
    random: Random,
    /// How long a run takes that nobody ends.
    usual: Duration,
    runs: Vec<Run>,
}

impl<'a> Siege<'a> {
    /// Runs twice, to find out how long that takes: the first run makes the state store.
    #[track_caller]
    fn lay(lake: &'a Lake, source: &Rows, keys: &str) -> Self {
        let prefix = lake.fresh_prefix();
        let folder = lake.project(&source.database, keys, &prefix);
        lake.run_well(&folder);
        let usual = lake.run_well(&folder).finished.elapsed;
        let runs = lake.audit(&folder, &prefix);
        Self { lake, folder, prefix, random: Random(seed()), usual, runs }
    }

    /// Kills a run, starts one that is left alone, and returns the runs that are new then.
    #[track_caller]
    fn strike(&mut self) -> Vec<Run> {
        let instant = self.usual.mul_f64(1.02 * self.random.fraction().sqrt());
        let killed = self.command().run_and_stop(instant, Stop::Kill);
        let again = run_command(self.command().args(&["--json"]));
        assert_eq!(again.finished.code(), Some(0), "killed after {instant:?}:\n{}", again.finished.stderr);
        let runs = self.lake.audit_after_kills(&self.folder, &self.prefix);
        assert!(self.runs.iter().all(|run| runs.contains(run)), "a committed run is gone: killed after {instant:?}");
        let fresh: Vec<Run> = runs.iter().filter(|run| !self.runs.contains(run)).cloned().collect();
        assert!((1..=2).contains(&fresh.len()), "{} new runs: killed after {instant:?}", fresh.len());
        tell(&format!("{:?} after {instant:?} of {:?}: {} new runs", killed.code(), self.usual, fresh.len()));
        self.runs = runs;
        fresh
    }

    /// Every second start is asked to go on with whatever can go on.
    fn command(&mut self) -> RivetCommand {
        let command = self.lake.command(&self.folder, &["run"]);
        if self.random.fraction() < 0.5 { command.args(&["--resume"]) } else { command }
    }
}

fn kills() -> u64 {
    number("RIVET_TEST_KILLS").unwrap_or(KILLS)
}

fn full_runs_are_killed_at_any_instant(protocol: Protocol) {
    // One part that is small, and one that is sent in pieces.
    let (lake, source) = (Lake::create(protocol), Rows::create(40_000, 300));
    let keys = "name: rows, table: rows, format: csv, compression: none, max_file_size: 10MiB, \
                tuning: { batch_size: 5000 }";
    let mut siege = Siege::lay(&lake, &source, keys);
    for _ in 0..kills() {
        for run in siege.strike() {
            source.judge(&run);
        }
    }
}

fn chunked_runs_are_killed_at_any_instant(protocol: Protocol) {
    let (lake, source) = (Lake::create(protocol), Rows::create(20_000, 32));
    let keys = "name: rows, table: rows, format: csv, mode: chunked, chunk_column: id, chunk_count: 8, parallel: 2";
    let mut siege = Siege::lay(&lake, &source, keys);
    for _ in 0..kills() {
        for run in siege.strike() {
            source.judge(&run);
            assert_eq!(run.parts.len(), 8, "{run:?}");
        }
    }
}

fn incremental_runs_are_killed_at_any_instant(protocol: Protocol) {
    let (lake, source) = (Lake::create(protocol), Rows::create(10_000, 32));
    source.database.execute(
        "CREATE TABLE versions (id bigserial PRIMARY KEY, word text); \
         INSERT INTO versions (word) SELECT md5(i::text) FROM generate_series(1, 10000) i",
    );
    let keys = "name: versions, table: versions, format: csv, mode: incremental, cursor_column: id";
    let mut siege = Siege::lay(&lake, &source, keys);
    for _ in 0..kills() {
        let more = "INSERT INTO versions (word) SELECT md5(i::text) FROM generate_series(1, 10000) i";
        source.database.execute(more);
        siege.strike();
        // Every row is in one of the runs, once.
        let lines: Vec<String> = siege.runs.iter().flat_map(crate::ledger::lines).collect();
        let expected = lines_of(&source.database, "SELECT id || ',' || word FROM versions");
        assert_eq!(Multiset::of(lines.iter().map(String::as_str)), expected, "{:?}", siege.runs);
    }
}
