use std::sync::Arc;
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

/// Tells how far an attempt is.
#[derive(Debug)]
pub(crate) struct Progress {
    announcer: Announcer,
    export: ExportName,
    rows: u64,
    said: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(announcer: &Announcer, export: &ExportName) -> Self {
        Self { announcer: announcer.clone(), export: export.clone(), rows: 0, said: None }
    }

    /// Counts rows, and tells where it is time to.
    pub(crate) fn wrote(&mut self, rows: u64, bytes: u64) {
        self.rows += rows;
        if self.said.is_none_or(|said| said.elapsed() >= INTERVAL) {
            self.said = Some(Instant::now());
            self.announcer.say(EventKind::Progress {
                export: self.export.clone(),
                rows: self.rows,
                bytes,
                chunks_done: 0,
                chunks: 1,
            });
        }
    }
}
