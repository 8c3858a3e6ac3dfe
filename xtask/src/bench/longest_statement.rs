use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::database::Database;

/// How often the server is asked: what is measured is too short by this at most.
const INTERVAL: Duration = Duration::from_millis(20);

/// The age, in seconds, of the oldest statement that another client runs.
const OLDEST: &str = "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0) \
                      FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' \
                      AND pid <> pg_backend_pid()";

/// Watches how long statements run, as the server sees it.
#[derive(Debug)]
pub(super) struct LongestStatement {
    ended: Arc<AtomicBool>,
    watcher: JoinHandle<Option<f64>>,
}

impl LongestStatement {
    /// Begins to watch.
    pub(super) fn watch(url: &str) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (seen, url) = (Arc::clone(&ended), url.to_owned());
        let watcher = thread::spawn(move || {
            let database = Database::connect(&url).ok()?;
            let mut longest = 0.0;
            while !seen.load(Ordering::Relaxed) {
                let oldest: f64 = database.value(OLDEST).ok()?.parse().ok()?;
                longest = f64::max(longest, oldest);
                thread::sleep(INTERVAL);
            }
            Some(longest)
        });
        Self { ended, watcher }
    }

    /// Returns the longest that was seen, in seconds.
    pub(super) fn end(self) -> Option<f64> {
        self.ended.store(true, Ordering::Relaxed);
        self.watcher.join().ok().flatten()
    }
}
