use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rivet_model::ExportName;

use crate::{Event, EventKind, Observer};

/// The least time between two [`EventKind::Progress`] of one export.
const INTERVAL: Duration = Duration::from_millis(200);

/// Hands events to all observers.
#[derive(Debug, Clone)]
pub(crate) struct Announcer {
    observers: Arc<[Arc<dyn Observer>]>,
    started: Instant,
}

impl Announcer {
    pub(crate) fn new(observers: &[Arc<dyn Observer>]) -> Self {
        Self { observers: observers.into(), started: Instant::now() }
    }

    pub(crate) fn say(&self, kind: EventKind) {
        let event = Event { at: Timestamp::now(), elapsed: self.started.elapsed(), kind };
        self.observers.iter().for_each(|observer| observer.event(&event));
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Tells how far a run is, over all of its workers.
#[derive(Debug)]
pub(crate) struct Progress {
    announcer: Announcer,
    export: ExportName,
    so_far: Mutex<SoFar>,
}

#[derive(Debug, Default)]
struct SoFar {
    rows: u64,
    bytes: u64,
    chunks_done: u32,
    chunks: u32,
    said: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(announcer: &Announcer, export: &ExportName) -> Arc<Self> {
        Arc::new(Self { announcer: announcer.clone(), export: export.clone(), so_far: Mutex::default() })
    }

    /// Begins to tell of one attempt at a chunk.
    pub(crate) fn attempt(self: &Arc<Self>) -> AttemptProgress {
        AttemptProgress { of: Arc::clone(self), rows: 0, bytes: 0 }
    }

    /// Sets how many chunks there are now.
    pub(crate) fn split(&self, chunks: usize) {
        self.change(false, |so_far| so_far.chunks = u32::try_from(chunks).unwrap_or(u32::MAX));
    }

    /// Counts a chunk that is done; its rows and bytes too where no attempt of this process has told of them.
    pub(crate) fn chunk_done(&self, rows: u64, bytes: u64) {
        self.change(true, |so_far| {
            so_far.chunks_done += 1;
            so_far.rows += rows;
            so_far.bytes += bytes;
        });
    }

    /// Changes what is known, and tells it where it is time to.
    fn change(&self, now: bool, change: impl FnOnce(&mut SoFar)) {
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut so_far);
        if so_far.chunks > 0 && (now || so_far.said.is_none_or(|said| said.elapsed() >= INTERVAL)) {
            so_far.said = Some(Instant::now());
            self.announcer.say(EventKind::Progress {
                export: self.export.clone(),
                rows: so_far.rows,
                bytes: so_far.bytes,
                chunks_done: so_far.chunks_done,
                chunks: so_far.chunks,
            });
        }
    }
}

/// Tells how far one attempt is. What it told of is taken back when it is dropped, unless it was kept.
#[derive(Debug)]
pub(crate) struct AttemptProgress {
    of: Arc<Progress>,
    rows: u64,
    bytes: u64,
}

impl AttemptProgress {
    /// Counts rows; `bytes` are all that the attempt has written so far.
    pub(crate) fn wrote(&mut self, rows: u64, bytes: u64) {
        let more = bytes.saturating_sub(self.bytes);
        self.rows += rows;
        self.bytes += more;
        self.of.change(false, |so_far| {
            so_far.rows += rows;
            so_far.bytes += more;
        });
    }

    /// The attempt has succeeded.
    pub(crate) fn keep(mut self) {
        (self.rows, self.bytes) = (0, 0);
    }
}

impl Drop for AttemptProgress {
    fn drop(&mut self) {
        if self.rows > 0 {
            self.of.change(false, |so_far| {
                so_far.rows -= self.rows;
                so_far.bytes -= self.bytes;
            });
        }
    }
}
