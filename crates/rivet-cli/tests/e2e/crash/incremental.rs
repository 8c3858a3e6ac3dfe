use std::collections::BTreeMap;

use rivet_testing::{Project, TestDatabase};

use super::siege::{Aftermath, KILLS, Siege, Target};
use super::steps::{Left, die_at};
use super::writer::Writer;
use crate::database::{Connection as _, Database};
use crate::ledger::{Ledger, Random, committed, lines};
use crate::support::run_well;

/// Rows that are changed all the time, each with its version.
pub(crate) struct Items<D> {
    // Stops before its database is dropped.
    writer: Option<Writer>,
    database: D,
    /// Folders that were made.
    folders: usize,
}

fn items(rows: u32) -> Items<TestDatabase> {
    let database = TestDatabase::create();
    database.execute(&format!(
        "CREATE TABLE items (id bigserial PRIMARY KEY, version int NOT NULL DEFAULT 1, \
                             word text NOT NULL DEFAULT md5(random()::text), \
                             updated_at timestamptz NOT NULL DEFAULT clock_timestamp()); \
         CREATE INDEX ON items (updated_at, id); \
         INSERT INTO items (id) SELECT nextval('items_id_seq') FROM generate_series(1, {rows}); ANALYZE items"
    ));
    Items::of(database)
}

impl<D: Database> Items<D> {
    /// Takes a database whose table `items` has a key `id`, a `version`, a `word` and a moment `updated_at`.
    pub(crate) fn of(database: D) -> Self {
        Self { writer: None, database, folders: 0 }
    }

    /// Starts a writer whose transactions follow each other, so that none commits after one that it began before. The
    /// change is told which items to change: 300 from this number on.
    fn with_writer(mut self, change: impl Fn(f64) -> String + Send + 'static) -> Self {
        let mut random = Random(2);
        self.writer = Some(Writer::start(&self.database, move |session| {
            session.execute(&change((random.fraction() * 10_000.0).floor()));
        }));
        self
    }

    fn make_folder(&self, keys: &str) -> Project {
        let export = format!(
            "name: items, table: items, format: csv, max_file_size: 1MiB, tuning: {{ batch_size: 5000 }}, \
             mode: incremental, cursor_column: updated_at, {keys} destination: {{ type: local, path: out }}"
        );
        self.database.project(&[&export])
    }

    /// Fails the test unless the newest versions of the runs of a folder are the table, and no version is there twice.
    #[track_caller]
    fn assert_complete(&self, folder: &Project) {
        let mut newest: BTreeMap<u64, (u64, String)> = BTreeMap::new();
        let mut versions: BTreeMap<(u64, u64), String> = BTreeMap::new();
        for run in committed(folder) {
            for line in lines(&run) {
                let [id, version, word, ..] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
                let (id, version): (u64, u64) = (id.parse().expect("a number"), version.parse().expect("a number"));
                let before = versions.insert((id, version), run.id.clone());
                assert_eq!(before, None, "version {version} of row {id} is in run {}, too", run.id);
                let known = newest.entry(id).or_default();
                if known.0 < version {
                    *known = (version, word.to_owned());
                }
            }
        }
        let table = self.database.query_text("SELECT id, version, word FROM items ORDER BY id");
        let table: BTreeMap<u64, (u64, String)> = table
            .into_iter()
            .map(|row| {
                let [Some(id), Some(version), Some(word)] = &row[..] else { panic!("{row:?}") };
                (id.parse().expect("a number"), (version.parse().expect("a number"), word.clone()))
            })
            .collect();
        let different: Vec<_> = table.iter().filter(|(id, row)| newest.get(id) != Some(row)).take(5).collect();
        assert!(different.is_empty() && newest.len() == table.len(), "lost, among others: {different:?}");
    }
}

impl<D: Database> Target for Items<D> {
    fn exports(&self) -> &'static [&'static str] {
        &["items"]
    }

    fn folder(&mut self) -> Project {
        self.folders += 1;
        // Every second folder goes on by itself with what needs no more reading.
        self.make_folder(if self.folders.is_multiple_of(2) { "resume: auto," } else { "" })
    }

    fn judge(&mut self, aftermath: &Aftermath<'_>) {
        let cursor = |run: &str| &aftermath.report["exports"][0][run];
        assert!(cursor("cursor_after").is_object(), "{}", aftermath.report);
    }

    fn leave(&mut self, folder: &Project) {
        let _pause = self.writer.as_ref().map(Writer::pause);
        run_well(folder);
        Ledger::default().audit(folder);
        self.assert_complete(folder);
    }
}

#[test]
fn a_process_that_is_killed_between_two_positions_loses_and_doubles_nothing() {
    besiege(items(20_000), KILLS, |from| {
        format!(
            "INSERT INTO items (version) SELECT 1 FROM generate_series(1, 10); \
             UPDATE items SET version = version + 1, word = md5(random()::text), updated_at = clock_timestamp() \
             WHERE id BETWEEN {from} AND {from} + 300"
        )
    });
}

/// Kills at random while a writer changes items from a number on, again and again.
#[track_caller]
pub(crate) fn besiege(items: Items<impl Database>, kills: u64, change: impl Fn(f64) -> String + Send + 'static) {
    Siege::of(items.with_writer(change), kills);
}

/// Rows are there before the death, come after it, and come while the one lives that is left alone.
#[test]
fn a_position_advances_with_the_run_that_read_up_to_it_and_never_before() {
    die_at_steps(
        &items(10_000),
        "INSERT INTO items (version) SELECT 1 FROM generate_series(1, 200); \
         UPDATE items SET version = version + 1, updated_at = clock_timestamp() WHERE id % 7 = 0",
    );
}

/// Dies once at each step of a run; the change comes between runs.
#[track_caller]
pub(crate) fn die_at_steps(items: &Items<impl Database>, change: &str) {
    for (keys, place, counted, resumed) in [
        ("", "run_begun=return", 0, 0),
        ("", "part_staged=return", 0, 0),
        ("", "chunk_written=return", 0, 0),
        ("", "chunk_checkpointed=return", 0, 0),
        ("", "part_visible=return", 0, 0),
        ("", "parts_published=return", 0, 0),
        ("", "manifest_staged=return", 0, 0),
        ("resume: auto,", "chunk_written=return", 0, 0),
        ("resume: auto,", "chunk_checkpointed=return", 0, 1),
        ("resume: auto,", "parts_published=return", 0, 1),
        ("", "manifest_created=return", 1, 0),
        ("", "manifest_committed=return", 1, 0),
        ("", "run_finished=return", 1, 0),
    ] {
        let folder = items.make_folder(keys);
        // First without a position, then with one.
        for _ in 0..2 {
            die_at(&folder, &["run"], &[place], &Left { counted, resumed: resumed..=resumed, news: "" });
            items.database.execute(change);
        }
        run_well(&folder);
        Ledger::default().audit(&folder);
        items.assert_complete(&folder);
    }
}
