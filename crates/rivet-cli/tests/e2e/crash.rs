//! The process dies, is started again, and nothing is lost or doubled.
//!
//! `RIVET_TEST_KILLS` sets how many times it dies at a random instant, `RIVET_TEST_SEED` which instants those are.

use std::collections::BTreeMap;
use std::fs;
use std::panic::catch_unwind;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rivet_testing::{Project, RivetCommand, Stop, TestDatabase};

use crate::ledger::{Ledger, Multiset, Random, Run, committed, manifest_path};
use crate::support::{duckdb, project};

/// Makes a run of the development build take about half a second.
const ROWS: u32 = 120_000;

const KILLS: u64 = 100;

/// After so many, a new folder is begun: killed are first runs, too, which make their state store, and a disk holds
/// the rest.
const KILLS_OF_A_FOLDER: u64 = 10;

fn number(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "how long a test runs is no configuration of Rivet's")]
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("`{name}` is no number: {text}")))
}

/// A table, and what its rows are as lines of CSV.
struct Source {
    database: TestDatabase,
    rows: Multiset,
}

impl Source {
    fn create(rows: u32) -> Self {
        let database = TestDatabase::create();
        database.execute(&format!(
            "CREATE TABLE crash AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, {rows}) i; \
             INSERT INTO crash SELECT * FROM crash WHERE id % 1000 = 0"
        ));
        let lines = database.query_text("SELECT id || ',' || word FROM crash").into_iter();
        let lines: Vec<String> = lines.flatten().map(|line| line.expect("neither column is NULL")).collect();
        let rows = Multiset::of(lines.iter().map(String::as_str));
        Self { database, rows }
    }

    /// A folder with the table as Parquet and as CSV, in several parts each.
    fn folder(&self) -> Project {
        let common = "table: crash, max_file_size: 1MiB, tuning: { batch_size: 10000 }, \
                      destination: { type: local, path: out }";
        let exports = [format!("name: as_csv, format: csv, {common}"), format!("name: as_parquet, {common}")];
        project(&self.database, &exports.each_ref().map(String::as_str))
    }

    /// Fails the test unless a run holds every row of the table as often as the table does.
    #[track_caller]
    fn judge(&self, run: &Run) {
        assert_eq!(run.rows, self.rows.count(), "{run:?}");
        assert!(run.parts.len() > 1, "the narrow places lie between several parts: {run:?}");
        if run.export == "as_csv" {
            assert_eq!(Multiset::of_csv(run), self.rows, "{run:?}");
        }
    }
}

fn both_exports(folder: &Project) -> RivetCommand {
    folder.command(&["run", "--parallel-exports", "2"])
}

/// Kills, starts again and judges, so many times.
struct Siege {
    source: Source,
    random: Random,
    /// How long a run takes that nobody ends.
    usual: Duration,
    /// How often the process was where.
    places: BTreeMap<&'static str, u64>,
}

impl Siege {
    fn lay(seed: u64) -> Self {
        let source = Source::create(ROWS);
        let folder = source.folder();
        let time = || {
            let finished = both_exports(&folder).run();
            finished.assert_code(0);
            finished.elapsed
        };
        let mut times: Vec<Duration> = (0..5).map(|_| time()).collect();
        times.sort();
        Self { source, random: Random(seed), usual: times[times.len() / 2], places: BTreeMap::new() }
    }

    /// Kills once, starts again, and returns the runs that are committed then.
    fn kill(&mut self, folder: &Project, ledger: &mut Ledger, before: &[Run]) -> Vec<Run> {
        let instant = self.usual.mul_f64(1.05 * self.random.fraction());
        let killed = both_exports(folder).run_and_stop(instant, Stop::Kill);
        let place = if killed.code().is_none() { place(folder, before) } else { "after its end" };
        *self.places.entry(place).or_default() += 1;

        let again = both_exports(folder).run();
        assert_eq!(again.code(), Some(0), "killed {place}, after {instant:?}:\n{}", again.stderr);
        let runs = ledger.audit(folder);
        assert!(before.iter().all(|run| runs.contains(run)), "a committed run is gone: killed {place}");
        for export in ["as_csv", "as_parquet"] {
            let fresh = runs.iter().filter(|run| run.export == export && !before.contains(run));
            let count = fresh.inspect(|run| self.source.judge(run)).count();
            assert!((1..=2).contains(&count), "{count} new runs of `{export}`: killed {place}, after {instant:?}");
        }
        runs
    }
}

/// Where a process was when it died, as its files tell.
fn place(folder: &Project, before: &[Run]) -> &'static str {
    let runs = committed(folder);
    let listed: usize = runs.iter().map(|run| run.parts.len()).sum();
    let visible = folder.files("out", "csv").len() + folder.files("out", "parquet").len();
    match (runs.len() - before.len(), visible > listed, folder.all_files("out/.rivet-staging").is_empty()) {
        (2, ..) => "after both manifests",
        (_, true, _) => "between parts and their manifest",
        (1, ..) => "after one manifest",
        (_, _, false) => "with parts in staging",
        (_, _, true) => "before the first part",
    }
}

#[test]
fn a_process_that_is_killed_at_any_instant_loses_and_doubles_nothing() {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = number("RIVET_TEST_SEED").unwrap_or(clock);
    println!("RIVET_TEST_SEED={seed}");
    let mut siege = Siege::lay(seed);
    let mut kills = number("RIVET_TEST_KILLS").unwrap_or(KILLS);
    while kills > 0 {
        let (folder, mut ledger, mut runs) = (siege.source.folder(), Ledger::default(), Vec::new());
        for _ in 0..kills.min(KILLS_OF_A_FOLDER) {
            runs = siege.kill(&folder, &mut ledger, &runs);
        }
        // Once more from the beginning, every byte.
        Ledger::default().audit(&folder);
        kills = kills.saturating_sub(KILLS_OF_A_FOLDER);
    }
    println!("a run takes {:?}; killed: {:#?}", siege.usual, siege.places);
    let missed = siege.places.get("after its end").copied().unwrap_or_default();
    let all: u64 = siege.places.values().sum();
    assert!(missed * 2 < all, "most instants came after the end: {:?}", siege.places);
}

#[test]
fn what_is_committed_around_kills_is_the_table_compared() {
    let mut siege = Siege::lay(7);
    let (folder, mut ledger, mut runs) = (siege.source.folder(), Ledger::default(), Vec::new());
    for _ in 0..4 {
        runs = siege.kill(&folder, &mut ledger, &runs);
    }
    let facts = "SELECT count(*), sum(id), md5(string_agg(word, '' ORDER BY id, word)) FROM";
    let expected = siege.source.database.query_text(&format!("{facts} crash"));
    for run in runs.iter().filter(|run| run.export == "as_parquet") {
        assert_eq!(duckdb(&format!("{facts} read_parquet({{files}})"), &run.parts), expected, "{run:?}");
    }
}

/// Ends one process after the other, each at its own place, then starts one that is left alone. Of those that were
/// ended so many count, and the last one says this of them.
#[track_caller]
fn check(source: &Source, places: &[&str], counted: usize, news: &str) {
    let folder = source.folder();
    let run = || folder.command(&["run", "-e", "as_csv", "--no-progress"]);
    for place in places {
        let ended = run().env("FAILPOINTS", place).run();
        assert_eq!(ended.code(), None, "`{place}` was not reached: {}", ended.stderr);
    }
    let last = run().run();
    last.assert_code(0);
    assert!(last.stderr.contains(news), "{places:?}: {}", last.stderr);
    let runs = Ledger::default().audit(&folder);
    for run in &runs {
        source.judge(run);
    }
    assert_eq!(runs.len(), counted + 1, "{places:?}");
}

#[test]
fn a_process_that_dies_at_a_step_leaves_all_of_its_run_or_nothing() {
    let source = Source::create(50_000);
    for (place, counted, news) in [
        ("run_begun=return", 0, "was cut off; it had left no file"),
        ("part_staged=return", 0, "was cut off; removed the 1 file that it had left"),
        ("part_staged=1*off->return", 0, "was cut off; removed the 2 files that it had left"),
        ("chunk_written=return", 0, "was cut off; removed the 2 files that it had left"),
        ("chunk_checkpointed=return", 0, "was cut off; removed the 2 files that it had left"),
        ("part_visible=return", 0, "was cut off; removed the 2 files that it had left"),
        ("part_visible=1*off->return", 0, "was cut off; removed the 2 files that it had left"),
        ("parts_published=return", 0, "was cut off; removed the 2 files that it had left"),
        ("manifest_staged=return", 0, "was cut off; removed the 2 files that it had left"),
        ("manifest_created=return", 1, "had ended well when its process died"),
        ("latest_replaced=return", 1, "had ended well when its process died"),
        ("manifest_committed=return", 1, "had ended well when its process died"),
        ("run_finished=return", 1, "as_csv"),
    ] {
        check(&source, &[place], counted, news);
    }
}

#[test]
fn a_process_that_dies_while_it_clears_up_leaves_the_rest_to_the_next() {
    let source = Source::create(50_000);
    for (places, counted, news) in [
        (["chunk_written=return", "run_discarded=return"], 0, "was cut off; it had left no file"),
        (["parts_published=return", "part_removed=return"], 0, "was cut off; removed the 1 file that it had left"),
        (["manifest_staged=return", "run_discarded=return"], 0, "was cut off; it had left no file"),
        (["manifest_created=return", "latest_replaced=return"], 1, "had ended well when its process died"),
        (["manifest_created=return", "run_rolled_forward=return"], 1, "had ended well when its process died"),
    ] {
        check(&source, &places, counted, news);
    }
}

#[test]
fn a_run_that_dies_again_and_again_ends_well_at_last() {
    let source = Source::create(50_000);
    let places = ["part_visible=return", "manifest_created=return", "manifest_committed=return", "run_begun=return"];
    check(&source, &places, 2, "was cut off");
}

/// The judge is judged: what it is there to find, it finds.
#[test]
fn an_audit_sees_what_is_wrong() {
    let source = Source::create(50_000);
    let folder = source.folder();
    both_exports(&folder).run().assert_code(0);
    let runs = Ledger::default().audit(&folder);
    let part = &runs[0].parts[0];
    let sound = fs::read(part).unwrap();
    let is_refused = || catch_unwind(|| Ledger::default().audit(&folder)).is_err();

    let mut flipped = sound.clone();
    flipped[1000] ^= 1;
    fs::write(part, flipped).unwrap();
    assert!(is_refused(), "a changed byte");
    fs::remove_file(part).unwrap();
    assert!(is_refused(), "a missing part");
    fs::write(part, &sound).unwrap();
    for stranger in ["out/as_csv-0-00000-000.csv", "out/.rivet-staging/x/y.part", "out/_rivet/as_csv/.z.json.tmp"] {
        folder.write(stranger, "");
        assert!(is_refused(), "{stranger}");
        fs::remove_file(folder.path(stranger)).unwrap();
    }
    fs::rename(manifest_path(&folder, &runs[0]), folder.path("away.json")).unwrap();
    assert!(is_refused(), "a missing manifest");
    fs::rename(folder.path("away.json"), manifest_path(&folder, &runs[0])).unwrap();
    assert_eq!(Ledger::default().audit(&folder), runs);
}
