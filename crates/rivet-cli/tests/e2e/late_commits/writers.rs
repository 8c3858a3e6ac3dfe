use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Late;
use crate::database::Connection as _;
use crate::ledger::Random;

const WRITERS: u64 = 4;

/// How long a transaction stays open after it has chosen its values, at most.
const HELD: Duration = Duration::from_millis(400);

/// Threads that insert and update, and commit late and out of order.
pub(super) struct Writers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Duration>>,
}

impl Writers {
    pub(super) fn start<D: Late>(database: &D, seed: u64, updates: bool) -> Self {
        let stop: Arc<AtomicBool> = Arc::default();
        let start = |number| {
            let (stop, session) = (Arc::clone(&stop), database.connect());
            let random = Random(seed.wrapping_add(number));
            thread::spawn(move || {
                let mut writer = Writer::<D> { session, random, number, updates };
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

struct Writer<D: Late> {
    session: D::Session,
    random: Random,
    number: u64,
    updates: bool,
}

impl<D: Late> Writer<D> {
    /// Makes one transaction, and returns how old its oldest value was when it was committed.
    fn write(&mut self) -> Duration {
        self.session.execute("BEGIN");
        let oldest = self.change();
        let is_held = self.random.fraction() < 0.6;
        thread::sleep(if is_held { HELD.mul_f64(self.random.fraction()) } else { Duration::from_millis(5) });
        self.session.execute("COMMIT");
        let now: f64 = self.session.query_value(&format!("SELECT {}", D::EPOCH)).parse().expect("a number");
        Duration::try_from_secs_f64(now - oldest).unwrap_or_default()
    }

    /// Makes the change, and returns the oldest of its values.
    fn change(&mut self) -> f64 {
        let stamp = if self.updates {
            D::STAMPS[usize::from(self.random.fraction() < 0.5) + usize::from(self.random.fraction() < 0.3)]
        } else {
            D::STAMPS[0]
        };
        let ids = if self.updates && self.random.fraction() < 0.6 { self.choose() } else { Vec::new() };
        if ids.is_empty() { D::insert(&self.session, stamp, 3) } else { D::update(&self.session, stamp, &ids) }
    }

    /// Chooses rows. One is everybody's; whoever waits for it chooses its value afterwards. The others are the
    /// writer's own, so that none waits for another while it holds values.
    fn choose(&mut self) -> Vec<u64> {
        if self.random.fraction() < 0.2 {
            return vec![1];
        }
        let (number, random) = (self.number, D::RANDOM);
        let rows = self.session.query_text(&format!(
            "SELECT id FROM late WHERE id > 1 AND id % {WRITERS} = {number} ORDER BY {random} LIMIT 3"
        ));
        rows.into_iter().flatten().flatten().map(|id| id.parse().expect("a number")).collect()
    }
}
