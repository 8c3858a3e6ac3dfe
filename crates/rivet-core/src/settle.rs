//! What an earlier process left behind, dealt with before anything new begins.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rivet_history::{RunEnd, StateStore};
use rivet_model::{ExportName, RunMetrics, RunRecord, RunStatus};
use rivet_writer::{Manifest, PartStore};
use tracing::warn;

use crate::progress::Announcer;
use crate::{EngineError, EventKind, Settlement, destination, failpoint};

/// Settles every run that no process runs any more. The state store is open for one process at a time, so each of
/// its running runs is one of a process that died, or was left open on purpose.
///
/// Returns those that may go on, as `may_go_on` says, by their exports.
pub(crate) async fn settle_all(
    state: &dyn StateStore,
    announcer: &Announcer,
    may_go_on: impl Fn(&RunRecord) -> bool,
) -> Result<BTreeMap<ExportName, RunRecord>, EngineError> {
    let mut open = BTreeMap::new();
    // The newest first: of two runs of one export the older one has nothing that the newer one has not.
    for run in state.unfinished().await?.into_iter().rev() {
        let goes_on = may_go_on(&run) && !open.contains_key(&run.export);
        match settle(state, &run, goes_on).await {
            Ok(None) => {
                open.insert(run.export.clone(), run);
            }
            Ok(Some(settlement)) => {
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
    Ok(open)
}

/// Deals with one run; `None` leaves it as it is, to go on.
async fn settle(state: &dyn StateStore, run: &RunRecord, goes_on: bool) -> Result<Option<Settlement>, EngineError> {
    let Some(store) = destination::reopen(&run.destination)? else {
        return abandon(state, run, 0).await.map(Some);
    };
    match store.manifest(&run.export, run.run_id).await? {
        Some(manifest) => roll_forward(state, store.as_ref(), &manifest).await.map(Some),
        None if goes_on => Ok(None),
        None => {
            let parts: Vec<_> = run.parts().cloned().collect();
            let removed = store.discard(run.run_id, &parts).await?;
            let files = usize::try_from(removed.staged + removed.visible).unwrap_or(usize::MAX);
            failpoint::reach("run_discarded");
            abandon(state, run, files).await.map(Some)
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
