use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt as _;

use rivet_testing::{Project, TestDatabase};

use super::siege::{Aftermath, KILLS, Siege, Target};
use super::steps::{Left, die_at};
use crate::database::Database;
use crate::ledger::{Multiset, Run, recorded_parts};
use crate::support::tell;

const CHUNKS: u64 = 12;

const KEYS: &str = "mode: chunked, chunk_column: id, chunk_count: 12, parallel: 2";

/// A table that is read in chunks, what its rows are as lines of CSV, and what was seen of chunks that were kept.
pub(crate) struct Source<D> {
    pub(crate) database: D,
    rows: Multiset,
    /// The files of chunks that were done when a process died, by their names, and which files those are.
    kept: BTreeMap<String, u64>,
    /// How many of these files there were over time.
    all_kept: usize,
    /// Chunks that were not read again.
    resumed: u64,
}

/// A table of so many rows, each of about so many bytes.
fn table(rows: u32, bytes: u32) -> Source<TestDatabase> {
    let database = TestDatabase::create();
    let repeated = bytes.div_ceil(32);
    database.execute(&format!(
        "CREATE TABLE crash (id int PRIMARY KEY, word text); \
         INSERT INTO crash SELECT i, repeat(md5(i::text), {repeated}) FROM generate_series(1, {rows}) i; \
         ANALYZE crash"
    ));
    Source::of(database, "SELECT id || ',' || word FROM crash")
}

impl<D: Database> Source<D> {
    /// Takes a database whose table `crash` has a key `id` and a `word`. The query gives both as a line.
    pub(crate) fn of(database: D, lines: &str) -> Self {
        let rows = Multiset::of(database.texts(lines).iter().map(String::as_str));
        Self { database, rows, kept: BTreeMap::new(), all_kept: 0, resumed: 0 }
    }

    fn folder_with(&self, keys: &str) -> Project {
        let export =
            format!("name: rows, table: crash, format: csv, {keys}, destination: {{ type: local, path: out }}");
        self.database.project(&[&export])
    }

    /// Fails the test unless a run holds every row of the table once.
    #[track_caller]
    fn judge_run(&self, run: &Run) {
        assert_eq!(run.rows, self.rows.count(), "{run:?}");
        assert_eq!(Multiset::of_csv(run), self.rows, "{run:?}");
    }
}

impl<D: Database> Target for Source<D> {
    fn exports(&self) -> &'static [&'static str] {
        &["rows"]
    }

    fn folder(&mut self) -> Project {
        self.folder_with(KEYS)
    }

    fn look(&mut self, folder: &Project) {
        let files: BTreeMap<String, u64> = folder
            .all_files("out")
            .iter()
            .filter_map(|path| {
                let name = path.file_name()?.to_str()?;
                Some((name.trim_end_matches(".part").to_owned(), fs::metadata(path).ok()?.ino()))
            })
            .collect();
        let file_of = |name: String| {
            let file = *files.get(&name).unwrap_or_else(|| panic!("{name} is on record and not there: {files:?}"));
            (name, file)
        };
        self.kept = recorded_parts(folder).into_iter().map(file_of).collect();
        self.all_kept += self.kept.len();
    }

    fn judge(&mut self, aftermath: &Aftermath<'_>) {
        for run in &aftermath.fresh {
            self.judge_run(run);
            assert_eq!(run.parts.len() as u64, CHUNKS, "{run:?}");
        }
        // Nothing was done twice: a file that is written again is another one.
        for (name, file) in &self.kept {
            let found = fs::metadata(aftermath.folder.path("out").join(name)).expect("what was kept is committed");
            assert_eq!(found.ino(), *file, "{name} was written again");
        }
        let report = &aftermath.report["exports"][0];
        let number = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("`{name}` in {report}"));
        assert_eq!(number("chunks"), CHUNKS);
        assert_eq!(number("statements"), CHUNKS - number("chunks_resumed"), "{report}");
        self.resumed += number("chunks_resumed");
    }
}

#[test]
fn a_process_that_is_killed_among_its_chunks_loses_and_doubles_nothing() {
    besiege(table(36_000, 32), KILLS);
}

/// Kills at random.
#[track_caller]
pub(crate) fn besiege(source: Source<impl Database>, kills: u64) {
    let source = Siege::of(source, kills);
    tell(&format!("{} chunks were not read again, {} files were kept", source.resumed, source.all_kept));
    assert!(source.resumed > 0 && source.all_kept > 0, "no run went on");
}

#[track_caller]
fn check(source: &Source<impl Database>, keys: &str, places: &[&str], counted: usize, resumed: RangeInclusive<u64>) {
    let news = match (counted, resumed.start()) {
        (1.., _) => "had ended well when its process died",
        (0, 0) => "was cut off; ",
        (0, _) => "was cut off and goes on: ",
    };
    let left = Left { counted, resumed, news };
    let folder = source.folder_with(keys);
    let (_, runs) = die_at(&folder, &["run"], places, &left);
    for run in &runs {
        source.judge_run(run);
    }
}

#[test]
fn a_process_that_dies_at_a_step_of_a_chunk_keeps_the_chunks_before() {
    die_at_steps(&table(24_000, 32));
}

/// Dies once at each step of a run.
#[track_caller]
pub(crate) fn die_at_steps(source: &Source<impl Database>) {
    for (places, counted, resumed) in [
        (&["run_begun=return"][..], 0, 0..=0),
        // The first part of two workers: neither has finished a chunk.
        (&["part_staged=return"], 0, 0..=0),
        (&["chunk_written=return"], 0, 0..=0),
        // The other worker is somewhere between two places.
        (&["part_staged=5*off->return"], 0, 4..=5),
        (&["chunk_written=5*off->return"], 0, 4..=5),
        (&["chunk_checkpointed=return"], 0, 1..=2),
        (&["chunk_checkpointed=4*off->return"], 0, 5..=6),
        (&["chunk_checkpointed=11*off->return"], 0, 12..=12),
        (&["part_visible=return"], 0, 12..=12),
        (&["part_visible=7*off->return"], 0, 12..=12),
        (&["parts_published=return"], 0, 12..=12),
        (&["manifest_staged=return"], 0, 12..=12),
        (&["manifest_created=return"], 1, 0..=0),
        (&["latest_replaced=return"], 1, 0..=0),
        (&["manifest_committed=return"], 1, 0..=0),
    ] {
        check(source, KEYS, places, counted, resumed);
    }
}

#[test]
fn a_run_that_goes_on_and_dies_again_keeps_what_both_have_read() {
    die_again(&table(24_000, 32));
}

/// Dies, goes on, and dies again.
#[track_caller]
pub(crate) fn die_again(source: &Source<impl Database>) {
    for (places, counted, resumed) in [
        (&["chunk_checkpointed=2*off->return"; 3][..], 0, 9..=12),
        (&["chunk_written=3*off->return", "part_staged=3*off->return", "run_begun=return"], 0, 4..=6),
        (&["part_visible=3*off->return", "part_visible=3*off->return", "manifest_staged=return"], 0, 12..=12),
        (&["chunk_checkpointed=8*off->return", "manifest_created=return", "run_rolled_forward=return"], 1, 0..=0),
        (&["run_begun=return", "run_discarded=return"], 0, 0..=0),
    ] {
        check(source, KEYS, places, counted, resumed);
    }
}

#[test]
fn a_chunk_of_several_parts_is_kept_whole_or_read_again() {
    die_among_parts(&table(24_000, 320));
}

/// Dies between the parts of a chunk.
#[track_caller]
pub(crate) fn die_among_parts(source: &Source<impl Database>) {
    let keys = "mode: chunked, chunk_column: id, chunk_count: 3, max_file_size: 1MiB, tuning: { batch_size: 500 }";
    // One worker, three chunks of about three parts each.
    for (place, resumed) in [
        ("part_staged=return", 0..=0),
        ("part_staged=1*off->return", 0..=0),
        ("chunk_written=1*off->return", 1..=1),
        ("part_staged=4*off->return", 1..=1),
        ("chunk_checkpointed=1*off->return", 2..=2),
    ] {
        check(source, keys, &[place], 0, resumed);
    }
}

/// Three chunks of 150 rows, each row of a millisecond, and a budget of 60: the chunks after the first are cut.
#[test]
fn a_process_that_dies_while_it_cuts_its_chunks_knows_how_they_were_cut() {
    let source = table(450, 32);
    source.database.execute(
        "CREATE FUNCTION slow(int) RETURNS int STABLE LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_sleep(0.001); RETURN $1; END'",
    );
    // `id` stays a column that is indexed; what is slow is the other one.
    source.database.execute("ALTER TABLE crash RENAME TO table_of_rows");
    source.database.execute("CREATE VIEW crash AS SELECT id, left(word, 32 + slow(id) * 0) AS word FROM table_of_rows");
    die_while_cutting(&source, true);
}

/// Dies while slow chunks are cut into smaller ones. The source has 450 rows, each of a millisecond; where that is exact,
/// what was cut once is cut again.
#[track_caller]
pub(crate) fn die_while_cutting(source: &Source<impl Database>, is_exact: bool) {
    let keys = "mode: chunked, chunk_column: id, chunk_count: 3, tuning: { statement_budget_s: 0.06 }";
    for (places, resumed) in [
        (&["chunk_cut=return"][..], 1..=1),
        (&["chunk_cut=1*off->return"], 2..=200),
        (&["chunk_cut=return", "chunk_checkpointed=1*off->return"], 3..=3),
        (&["chunk_cut=return", "chunk_checkpointed=1*off->return", "part_visible=2*off->return"], 4..=200),
    ] {
        if !is_exact && places == ["chunk_cut=1*off->return"] {
            continue;
        }
        let folder = source.folder_with(keys);
        let left = Left { counted: 0, resumed, news: "was cut off and goes on: " };
        let (last, runs) = die_at(&folder, &["run"], places, &left);
        source.judge_run(&runs[0]);
        let chunks = last.export(0)["chunks"].as_u64().unwrap_or_default();
        assert!((4..=200).contains(&chunks), "{places:?}: {}", last.report);
    }
}

#[test]
fn a_run_whose_configuration_has_changed_is_given_up_however_often_that_is_cut_off() {
    die_in_giving_up(&table(24_000, 32));
}

/// Dies, gets another configuration, and dies again while the run is given up.
#[track_caller]
pub(crate) fn die_in_giving_up(source: &Source<impl Database>) {
    for place in ["part_staged=return", "run_discarded=return", "run_begun=return"] {
        let folder = source.folder_with(KEYS);
        let died = folder.command(&["run"]).env("FAILPOINTS", "chunk_checkpointed=5*off->return").run();
        assert_eq!(died.code(), None);
        let text = fs::read_to_string(folder.path("rivet.yaml")).expect("every project has one");
        folder.write("rivet.yaml", &text.replace("chunk_count: 12", "chunk_count: 5"));
        let left = Left { counted: 0, resumed: 0..=0, news: "" };
        let (last, runs) = die_at(&folder, &["run"], &[place], &left);
        assert_eq!(last.export(0)["chunks"], 5, "{place}");
        source.judge_run(&runs[0]);
    }
}
