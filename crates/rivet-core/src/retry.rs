use std::time::Duration;

use jiff::Timestamp;
use rivet_config::Tuning;
use rivet_model::{ErrorRecord, ExportName, Retry};
use tokio_util::sync::CancellationToken;

use crate::progress::Announcer;
use crate::{EngineError, EventKind};

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// Counts the attempts of one export and decides whether there is another one.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    export: &'a ExportName,
    announcer: &'a Announcer,
    cancel: &'a CancellationToken,
    most: u32,
    backoff: Duration,
    made: u32,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(
        export: &'a ExportName,
        tuning: &Tuning,
        announcer: &'a Announcer,
        cancel: &'a CancellationToken,
    ) -> Self {
        Self { export, announcer, cancel, most: tuning.max_retries + 1, backoff: tuning.retry_backoff, made: 0 }
    }

    /// Makes so many attempts at most, where that is said, in place of what the tuning says.
    pub(crate) fn at_most(&mut self, attempts: Option<u32>) {
        self.most = attempts.unwrap_or(self.most);
    }

    /// Counts attempts that were made before.
    pub(crate) fn begin_after(&mut self, made: u32) {
        self.made = made;
    }

    /// Waits until it is time for another attempt, or gives the error back where there is none: the cause does not
    /// pass by itself, all attempts are made, or somebody wants to stop.
    pub(crate) async fn after(&mut self, error: EngineError) -> Result<(), EngineError> {
        if error.retry() == Retry::Never || self.made + 1 >= self.most {
            return Err(error);
        }
        let wait = with_jitter(self.backoff.saturating_mul(1 << self.made.min(16)).min(LONGEST_WAIT));
        self.made += 1;
        self.announcer.say(EventKind::Retrying {
            export: self.export.clone(),
            attempt: self.made,
            max_attempts: self.most,
            wait,
            error: ErrorRecord::from(&error),
        });
        tokio::select! {
            () = self.cancel.cancelled() => Err(EngineError::Interrupted),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }
}

/// Adds up to a quarter, so that exports which failed together do not come back together.
fn with_jitter(wait: Duration) -> Duration {
    let fraction = Timestamp::now().subsec_nanosecond().unsigned_abs() % 1_000;
    wait + wait * fraction / 4_000
}
