//! What an earlier process left behind, dealt with before anything new begins.

use jiff::Timestamp;
use rivet_history::{RunEnd, StateStore};
use rivet_model::{RunMetrics, RunRecord, RunStatus};
use rivet_writer::{Manifest, PartStore};
use tracing::warn;

use crate::progress::Announcer;
use crate::{EngineError, EventKind, Settlement, destination, failpoint};

/// Settles every run that no process runs any more. The state store is open for one process at a time, so each of
/// its running runs is one of a process that died.
pub(crate) async fn settle_all(state: &dyn StateStore, announcer: &Announcer) -> Result<(), EngineError> {
    for run in state.unfinished().await? {
        match settle(state, &run).await {
            Ok(settlement) => {
                let (export, run_id) = (run.export, run.run_id);
                announcer.say(EventKind::Settled { export, run_id, settlement });
            }
            // Its destination may be away for now; the run stays as it is, and the next start tries again.
            Err(error @ EngineError::Store(_)) => {
                warn!(export = %run.export, run = %run.run_id, error = %error, "run not settled");
                let note = format!("what run {} left behind could not be dealt with yet: {error}", run.run_id);
                announcer.say(EventKind::Note { export: run.export, note });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn settle(state: &dyn StateStore, run: &RunRecord) -> Result<Settlement, EngineError> {
    let Some(store) = destination::reopen(&run.destination)? else {
        return abandon(state, run, 0).await;
    };
    match store.manifest(&run.export, run.run_id).await? {
        Some(manifest) => roll_forward(state, store.as_ref(), &manifest).await,
        None => {
            let parts: Vec<_> = run.parts().cloned().collect();
            let removed = store.discard(run.run_id, &parts).await?;
            let files = usize::try_from(removed.staged + removed.visible).unwrap_or(usize::MAX);
            failpoint::reach("run_discarded");
            abandon(state, run, files).await
        }
    }
}

async fn abandon(state: &dyn StateStore, run: &RunRecord, files: usize) -> Result<Settlement, EngineError> {
    state.finish(run.run_id, RunEnd::new(RunStatus::Abandoned, Timestamp::now())).await?;
    Ok(Settlement::Removed { files })
}

/// The manifest is there, so the run counts: what came after it is done now.
async fn roll_forward(
    state: &dyn StateStore,
    store: &dyn PartStore,
    manifest: &Manifest,
) -> Result<Settlement, EngineError> {
    // Its parts were made visible before it; a consumer may have moved them on since.
    store.commit(manifest).await?;
    failpoint::reach("run_rolled_forward");
    let metrics = RunMetrics {
        rows: manifest.rows,
        parts: manifest.parts.len() as u64,
        bytes: manifest.bytes,
        ..RunMetrics::default()
    };
    let end = RunEnd::new(RunStatus::Committed, Timestamp::now()).with_metrics(metrics);
    state.finish(manifest.run_id, end).await?;
    Ok(Settlement::RolledForward)
}
