use std::time::Duration;

use jiff::Timestamp;
use rivet_config::{Destination, ExportConfig, Resume};
use rivet_history::RunEnd;
use rivet_model::{ReadView, RunRecord, RunStatus};

use super::ExportRun;
use crate::destination::Reopened;
use crate::settle::left_behind;
use crate::{EngineError, EventKind, Settlement, failpoint};

/// A run that began longer ago is not gone on with unasked: its first chunks show the source as it was then.
const OLDEST: Duration = Duration::from_hours(24);

/// Returns whether a run that has not ended may go on, as far as its record tells. Whether what it would read is still
/// the same is found out later, by its fingerprint.
pub(crate) fn may_go_on(config: &ExportConfig, run: &RunRecord, is_asked_for: bool, now: Timestamp) -> bool {
    let age = Duration::try_from(now.duration_since(run.started_at)).unwrap_or_default();
    let is_wanted = is_asked_for || (config.resume == Resume::Auto && age < OLDEST);
    // Which values were there is known to the process that read them alone.
    let forgets = config.quality.as_ref().is_some_and(|quality| !quality.unique_columns.is_empty());
    let is_readable = run.view == ReadView::PerScan || run.remaining().next().is_none();
    is_wanted && is_readable && !forgets && !run.checkpoints.is_empty() && config.destination != Destination::Stdout
}

impl ExportRun {
    /// Removes what an unfinished run has written: what it would read has changed.
    pub(super) async fn give_up(&self, run: &RunRecord) -> Result<(), EngineError> {
        self.note(format!(
            "run {} does not go on: the configuration, the columns or the database have changed since it began",
            run.run_id
        ));
        let store = match self.shared.destinations.reopen(&run.destination, Some(&self.config.destination))? {
            Reopened::Store(store) => store,
            Reopened::Nothing | Reopened::Unknown => {
                self.note(left_behind(run));
                return Ok(());
            }
        };
        let parts: Vec<_> = run.parts().cloned().collect();
        let removed = store.discard(run.run_id, &parts).await?;
        failpoint::reach("run_discarded");
        self.shared.state.finish(run.run_id, RunEnd::new(RunStatus::Abandoned, Timestamp::now())).await?;
        let files = usize::try_from(removed.staged + removed.visible).unwrap_or(usize::MAX);
        let (export, run_id) = (run.export.clone(), run.run_id);
        self.shared.announcer.say(EventKind::Settled { export, run_id, settlement: Settlement::Removed { files } });
        Ok(())
    }

    /// Returns whether a run that ends with this error is left as it is, for the same command to go on with: what its
    /// chunks hold is not what is wrong.
    pub(super) fn stays_open(&self, run: &RunRecord, error: &EngineError) -> bool {
        let passes = matches!(
            error,
            EngineError::Interrupted | EngineError::Source(_) | EngineError::Store(_) | EngineError::Write(_)
        );
        passes && may_go_on(&self.config, run, false, Timestamp::now())
    }
}
