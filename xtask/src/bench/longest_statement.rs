use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::server::Asked;

/// How often the server is asked: what is measured is too short by this at most.
const INTERVAL: Duration = Duration::from_millis(20);

/// Watches how long statements run, as the server sees it.
#[derive(Debug)]
pub(super) struct LongestStatement {
    ended: Arc<AtomicBool>,
    watcher: JoinHandle<Option<f64>>,
}

impl LongestStatement {
    /// Begins to watch, where the server can be asked.
    pub(super) fn watch(url: &str) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (seen, url) = (Arc::clone(&ended), url.to_owned());
        let watcher = thread::spawn(move || {
            let mut server = Asked::connect(&url).ok()?;
            let mut longest = 0.0;
            while !seen.load(Ordering::Relaxed) {
                let oldest: f64 = server.oldest_statement().ok()?.parse().ok()?;
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
