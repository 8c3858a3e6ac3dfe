use std::fs;
use std::panic::catch_unwind;

use rivet_testing::{Project, TestDatabase};

use super::siege::{Aftermath, KILLS, Siege, Target};
use super::steps::{Left, die_at};
use crate::database::Database;
use crate::ledger::{Ledger, Multiset, Run, manifest_path};
use crate::support::{Rows, duckdb};

/// Makes a run of the development build take some tenths of a second.
pub(crate) const ROWS: u32 = 80_000;

/// A table, and what its rows are as lines of CSV.
pub(crate) struct Source<D> {
    pub(crate) database: D,
    rows: Multiset,
    /// The runs that were judged.
    judged: Vec<Run>,
}

fn table(rows: u32) -> Source<TestDatabase> {
    let database = TestDatabase::create();
    database.execute(&format!(
        "CREATE TABLE crash AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, {rows}) i; \
         INSERT INTO crash SELECT * FROM crash WHERE id % 1000 = 0"
    ));
    Source::of(database, "SELECT id || ',' || word FROM crash")
}

impl<D: Database> Source<D> {
    /// Takes a database whose table `crash` has a number `id` and a `word`. The query gives both as a line.
    pub(crate) fn of(database: D, lines: &str) -> Self {
        let rows = Multiset::of(database.texts(lines).iter().map(String::as_str));
        Self { database, rows, judged: Vec::new() }
    }

    /// A folder with the table as Parquet and as CSV, in several parts each.
    fn make_folder(&self) -> Project {
        let common = "table: crash, select: [id, word], max_file_size: 1MiB, tuning: { batch_size: 10000 }, \
                      destination: { type: local, path: out }";
        let exports = [format!("name: as_csv, format: csv, {common}"), format!("name: as_parquet, {common}")];
        self.database.project(&exports.each_ref().map(String::as_str))
    }

    /// Fails the test unless a run holds every row of the table as often as the table does.
    #[track_caller]
    fn judge_run(&self, run: &Run) {
        assert_eq!(run.rows, self.rows.count(), "{run:?}");
        assert!(run.parts.len() > 1, "the narrow places lie between several parts: {run:?}");
        if run.export == "as_csv" {
            assert_eq!(Multiset::of_csv(run), self.rows, "{run:?}");
        }
    }
}

const ARGUMENTS: &[&str] = &["run", "--parallel-exports", "2"];

impl<D: Database> Target for Source<D> {
    fn exports(&self) -> &'static [&'static str] {
        &["as_csv", "as_parquet"]
    }

    fn arguments(&self) -> &'static [&'static str] {
        ARGUMENTS
    }

    fn folder(&mut self) -> Project {
        self.make_folder()
    }

    fn judge(&mut self, aftermath: &Aftermath<'_>) {
        for run in &aftermath.fresh {
            self.judge_run(run);
            self.judged.push((*run).clone());
        }
    }
}

/// Kills at random.
#[track_caller]
pub(crate) fn besiege(source: Source<impl Database>, kills: u64) {
    Siege::of(source, kills);
}

#[test]
fn a_process_that_is_killed_at_any_instant_loses_and_doubles_nothing() {
    besiege(table(ROWS), KILLS);
}

/// Compares each run with the table as another reader sees it, while its folder is there.
struct Compared<D> {
    source: Source<D>,
    /// What the rows are, as the other reader will say it.
    facts: Rows,
}

impl<D: Database> Target for Compared<D> {
    fn exports(&self) -> &'static [&'static str] {
        self.source.exports()
    }

    fn arguments(&self) -> &'static [&'static str] {
        ARGUMENTS
    }

    fn folder(&mut self) -> Project {
        self.source.make_folder()
    }

    fn judge(&mut self, aftermath: &Aftermath<'_>) {
        self.source.judge(aftermath);
    }

    fn leave(&mut self, _folder: &Project) {
        for run in self.source.judged.iter().filter(|run| run.export == "as_parquet") {
            assert_eq!(duckdb(&format!("{FACTS} read_parquet({{files}})"), &run.parts), self.facts, "{run:?}");
        }
    }
}

/// What is the same of the same rows, as DuckDB asks for it.
const FACTS: &str = "SELECT count(*), sum(id), sha256(string_agg(word, '' ORDER BY id, word)) FROM";

/// Kills a few times, and compares what is committed with the facts of the table.
#[track_caller]
pub(crate) fn compare(source: Source<impl Database>, facts: Rows) {
    Siege::lay(Compared { source, facts }, 7).hold(4);
}

#[test]
fn what_is_committed_around_kills_is_the_table_compared() {
    let source = table(ROWS);
    let facts = source.database.query_text(
        "SELECT count(*), sum(id), encode(sha256(string_agg(word, '' ORDER BY id, word)::bytea), 'hex') FROM crash",
    );
    compare(source, facts);
}

/// Ends one process after the other, each at its own place, then starts one that is left alone.
#[track_caller]
fn check(source: &Source<impl Database>, places: &[&str], counted: usize, news: &'static str) {
    let folder = source.make_folder();
    let left = Left { counted, resumed: 0..=0, news };
    let (_, runs) = die_at(&folder, &["run", "-e", "as_csv"], places, &left);
    for run in &runs {
        source.judge_run(run);
    }
}

/// How many rows make two parts.
pub(crate) const TWO_PARTS: u32 = 50_000;

#[test]
fn a_process_that_dies_at_a_step_leaves_all_of_its_run_or_nothing() {
    die_at_steps(&table(TWO_PARTS));
}

/// Dies once at each step of a run.
#[track_caller]
pub(crate) fn die_at_steps(source: &Source<impl Database>) {
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
        ("run_finished=return", 1, ""),
    ] {
        check(source, &[place], counted, news);
    }
}

#[test]
fn a_process_that_dies_while_it_clears_up_leaves_the_rest_to_the_next() {
    die_in_clearing_up(&table(TWO_PARTS));
}

/// Dies, and dies again while what was left is cleared up.
#[track_caller]
pub(crate) fn die_in_clearing_up(source: &Source<impl Database>) {
    for (places, counted, news) in [
        (["chunk_written=return", "run_discarded=return"], 0, "was cut off; it had left no file"),
        (["parts_published=return", "part_removed=return"], 0, "was cut off; removed the 1 file that it had left"),
        (["manifest_staged=return", "run_discarded=return"], 0, "was cut off; it had left no file"),
        (["manifest_created=return", "latest_replaced=return"], 1, "had ended well when its process died"),
        (["manifest_created=return", "run_rolled_forward=return"], 1, "had ended well when its process died"),
    ] {
        check(source, &places, counted, news);
    }
}

#[test]
fn a_run_that_dies_again_and_again_ends_well_at_last() {
    let source = table(TWO_PARTS);
    let places = ["part_visible=return", "manifest_created=return", "manifest_committed=return", "run_begun=return"];
    check(&source, &places, 2, "was cut off");
}

#[test]
fn a_run_of_which_every_row_was_read_goes_on_when_it_is_asked_to() {
    go_on_when_asked(&table(TWO_PARTS));
}

/// Dies once all rows were read, and goes on without reading any.
#[track_caller]
pub(crate) fn go_on_when_asked(source: &Source<impl Database>) {
    for place in
        ["chunk_checkpointed=return", "part_visible=return", "parts_published=return", "manifest_staged=return"]
    {
        let folder = source.make_folder();
        let left = Left { counted: 0, resumed: 1..=1, news: "was cut off and goes on: 1 of 1 chunks" };
        let (last, runs) = die_at(&folder, &["run", "-e", "as_csv", "--resume"], &[place], &left);
        assert_eq!(last.export(0)["statements"], 0, "{place}: rows were read again");
        source.judge_run(&runs[0]);
    }
}

/// The judge is judged: what it is there to find, it finds.
#[test]
fn an_audit_sees_what_is_wrong() {
    let source = table(TWO_PARTS);
    let folder = source.make_folder();
    folder.command(ARGUMENTS).run().assert_code(0);
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
