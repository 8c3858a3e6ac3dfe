use rivet_testing::{Project, TestDatabase};

use super::siege::{Aftermath, KILLS, Siege, Target};
use super::steps::{Left, die_at};
use crate::database::Database;
use crate::ledger::{Multiset, Run};

/// Events of which one in three is older than the window.
pub(crate) struct Events<D> {
    database: D,
    rows: Multiset,
}

/// How many events make several parts.
pub(crate) const ROWS: u32 = 60_000;

fn events() -> Events<TestDatabase> {
    let database = TestDatabase::create();
    // Nothing lies near the beginning of the window: the test may run over midnight.
    database.execute(&format!(
        "CREATE TABLE events AS SELECT i AS id, md5(i::text) AS word, \
             date_trunc('second', now()) - CASE i % 3 WHEN 0 THEN interval '40 days' ELSE interval '2 days' END \
                 + i * interval '1 second' AS at FROM generate_series(1, {ROWS}) i; \
         CREATE INDEX ON events (at)"
    ));
    Events::of(database, "SELECT id || ',' || word FROM events WHERE id % 3 <> 0")
}

impl<D: Database> Events<D> {
    /// Takes a database whose table `events` has a number `id`, a `word` and a moment `at`. The query gives number and
    /// word of each event of the last days as a line.
    pub(crate) fn of(database: D, lines: &str) -> Self {
        let rows = Multiset::of(database.texts(lines).iter().map(String::as_str));
        Self { database, rows }
    }

    fn make_folder(&self) -> Project {
        let export = "name: events, table: events, select: [id, word], format: csv, mode: time_window, \
                      time_column: at, days_window: 7, max_file_size: 1MiB, tuning: { batch_size: 5000 }, \
                      destination: { type: local, path: out }";
        self.database.project(&[export])
    }

    #[track_caller]
    fn judge_run(&self, run: &Run) {
        assert_eq!(run.rows, self.rows.count(), "{run:?}");
        assert!(run.parts.len() > 1, "the narrow places lie between several parts: {run:?}");
        assert_eq!(Multiset::of_csv(run), self.rows, "{run:?}");
    }
}

impl<D: Database> Target for Events<D> {
    fn exports(&self) -> &'static [&'static str] {
        &["events"]
    }

    fn folder(&mut self) -> Project {
        self.make_folder()
    }

    fn judge(&mut self, aftermath: &Aftermath<'_>) {
        for run in &aftermath.fresh {
            self.judge_run(run);
        }
    }
}

#[test]
fn a_process_that_is_killed_in_a_window_loses_and_doubles_nothing() {
    besiege(events(), KILLS);
}

/// Kills at random.
#[track_caller]
pub(crate) fn besiege(events: Events<impl Database>, kills: u64) {
    Siege::of(events, kills);
}

#[test]
fn a_window_that_dies_at_a_step_leaves_all_of_its_run_or_nothing() {
    die_at_steps(&events());
}

/// Dies once at each step of a run.
#[track_caller]
pub(crate) fn die_at_steps(events: &Events<impl Database>) {
    for (arguments, place, counted, resumed) in [
        (&["run"][..], "run_begun=return", 0, 0),
        (&["run"], "part_staged=1*off->return", 0, 0),
        (&["run"], "chunk_checkpointed=return", 0, 0),
        (&["run", "--resume"], "chunk_checkpointed=return", 0, 1),
        (&["run", "--resume"], "part_visible=return", 0, 1),
        (&["run"], "manifest_created=return", 1, 0),
    ] {
        let folder = events.make_folder();
        let left = Left { counted, resumed: resumed..=resumed, news: "" };
        let (_, runs) = die_at(&folder, arguments, &[place], &left);
        for run in &runs {
            events.judge_run(run);
        }
    }
}
