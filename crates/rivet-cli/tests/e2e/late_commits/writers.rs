use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rivet_testing::{Session, TestDatabase};

use crate::ledger::Random;

const WRITERS: u64 = 4;

/// How long a transaction stays open after it has chosen its values, at most.
const HELD: Duration = Duration::from_millis(400);

/// Where a value comes from: rows of different transactions often have the same one.
const STAMPS: [&str; 3] =
    ["clock_timestamp()", "date_trunc('milliseconds', clock_timestamp())", "date_trunc('second', clock_timestamp())"];

/// Threads that insert and update, and commit late and out of order.
pub(super) struct Writers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Duration>>,
}

impl Writers {
    pub(super) fn start(database: &TestDatabase, seed: u64, updates: bool) -> Self {
        let stop: Arc<AtomicBool> = Arc::default();
        let start = |number| {
            let (stop, session) = (Arc::clone(&stop), database.connect());
            let mut writer = Writer { session, random: Random(seed.wrapping_add(number)), number, updates };
            thread::spawn(move || {
                let mut longest = Duration::ZERO;
                while !stop.load(Ordering::Relaxed) {
                    longest = longest.max(writer.write());
                }
                longest
            })
        };
        let threads = (0..WRITERS).map(start).collect();
        Self { stop, threads }
    }

    /// Stops them, and returns how old the oldest value was when it was committed.
    #[track_caller]
    pub(super) fn stop(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        let longest = self.threads.into_iter().map(|thread| thread.join().expect("a writer has failed"));
        longest.max().unwrap_or_default()
    }
}

struct Writer {
    session: Session,
    random: Random,
    number: u64,
    updates: bool,
}

impl Writer {
    /// Makes one transaction, and returns how old its oldest value was when it was committed.
    fn write(&mut self) -> Duration {
        self.session.execute("BEGIN");
        let statement = self.statement();
        let written = self.session.query_text(&statement);
        let is_held = self.random.fraction() < 0.6;
        thread::sleep(if is_held { HELD.mul_f64(self.random.fraction()) } else { Duration::from_millis(5) });
        self.session.execute("COMMIT");
        let Some(Some(oldest)) = written.first().and_then(|row| row.first()) else { return Duration::ZERO };
        let age = self.session.query_value(&format!("SELECT extract(epoch FROM clock_timestamp()) - {oldest}"));
        Duration::try_from_secs_f64(age.parse().expect("a number")).unwrap_or_default()
    }

    /// Makes the statement that gives back its values, the oldest first.
    fn statement(&mut self) -> String {
        let stamp = if self.updates {
            STAMPS[usize::from(self.random.fraction() < 0.5) + usize::from(self.random.fraction() < 0.3)]
        } else {
            STAMPS[0]
        };
        let change = if self.updates && self.random.fraction() < 0.6 {
            // One row is everybody's; whoever waits for it chooses its value afterwards. The others are the writer's
            // own, so that none waits for another while it holds values.
            let rows = if self.random.fraction() < 0.2 {
                "id = 1".to_owned()
            } else {
                let number = self.number;
                format!(
                    "id IN (SELECT id FROM late WHERE id > 1 AND id % {WRITERS} = {number} ORDER BY random() LIMIT 3)"
                )
            };
            format!(
                "UPDATE late SET version = version + 1, word = md5(random()::text), updated_at = {stamp} WHERE {rows}"
            )
        } else {
            format!("INSERT INTO late (updated_at) SELECT {stamp} FROM generate_series(1, 3)")
        };
        format!(
            "WITH written AS ({change} RETURNING updated_at) \
             SELECT extract(epoch FROM min(updated_at)) FROM written HAVING count(*) > 0"
        )
    }
}
