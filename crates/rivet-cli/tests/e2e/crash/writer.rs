use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::database::Database;

/// Changes a database all the time, one transaction after the other, until it is dropped.
pub(crate) struct Writer {
    turn: Arc<Mutex<()>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts it. Each change is a transaction.
    pub(crate) fn start<D: Database>(database: &D, mut change: impl FnMut(&D::Session) + Send + 'static) -> Self {
        let (turn, stop): (Arc<Mutex<()>>, Arc<AtomicBool>) = (Arc::default(), Arc::default());
        let (ours, stopped, session) = (Arc::clone(&turn), Arc::clone(&stop), database.connect());
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let turn = ours.lock().unwrap_or_else(PoisonError::into_inner);
                change(&session);
                drop(turn);
                // So that the machine has time for what is tested, and whoever wants a pause gets one.
                thread::sleep(Duration::from_millis(5));
            }
        });
        Self { turn, stop, thread: Some(thread) }
    }

    /// Returns what keeps it from changing anything for as long as it is held.
    #[track_caller]
    pub(crate) fn pause(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().expect("the writer has failed: its panic stands above")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
