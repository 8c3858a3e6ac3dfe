//! What an earlier process left behind, dealt with before anything new begins.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rivet_config::Destination;
use rivet_history::{RunEnd, StateStore};
use rivet_model::{ExportName, RunMetrics, RunRecord, RunStatus};
use rivet_writer::{Manifest, PartStore};
use tracing::warn;

use crate::destination::{Destinations, Reopened};
use crate::progress::Announcer;
use crate::{EngineError, EventKind, Settlement, failpoint};

/// What is known today of a run that has not ended.
#[derive(Debug)]
pub(crate) struct Known<'c> {
    /// What is configured as its export's destination; its credentials are the only ones that there are.
    pub(crate) destination: Option<&'c Destination>,
    /// Whether it may go on.
    pub(crate) goes_on: bool,
}

/// Settles every run that no process runs any more. The state store is open for one process at a time, so each of
/// its running runs is one of a process that died, or was left open on purpose.
///
/// Returns those that may go on, by their exports.
pub(crate) async fn settle_all<'c>(
    state: &dyn StateStore,
    announcer: &Announcer,
    destinations: &Destinations,
    known: impl Fn(&RunRecord) -> Known<'c>,
) -> Result<BTreeMap<ExportName, RunRecord>, EngineError> {
    let mut open = BTreeMap::new();
    // The newest first: of two runs of one export the older one has nothing that the newer one has not.
    for run in state.unfinished().await?.into_iter().rev() {
        let known = known(&run);
        let goes_on = known.goes_on && !open.contains_key(&run.export);
        match settle(state, destinations, &Known { goes_on, ..known }, &run).await {
            Ok(Outcome::GoesOn) => {
                open.insert(run.export.clone(), run);
            }
            Ok(Outcome::Stays) => {
                let note = left_behind(&run);
                announcer.say(EventKind::Note { export: run.export, note });
            }
            Ok(Outcome::Settled(settlement)) => {
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

enum Outcome {
    /// It is dealt with.
    Settled(Settlement),
    /// It is left as it is, to go on.
    GoesOn,
    /// It is left as it is: nobody can look at its destination now.
    Stays,
}

/// Says why a run is left as it is.
pub(crate) fn left_behind(run: &RunRecord) -> String {
    format!(
        "run {} has not ended, and its destination `{}` is not the one that is configured now: what it left there stays, \
         until its export is configured for that place again",
        run.run_id, run.destination.root
    )
}

/// Deals with one run.
async fn settle(
    state: &dyn StateStore,
    destinations: &Destinations,
    known: &Known<'_>,
    run: &RunRecord,
) -> Result<Outcome, EngineError> {
    let store = match destinations.reopen(&run.destination, known.destination)? {
        Reopened::Store(store) => store,
        Reopened::Nothing => return abandon(state, run, 0).await.map(Outcome::Settled),
        Reopened::Unknown => return Ok(if known.goes_on { Outcome::GoesOn } else { Outcome::Stays }),
    };
    match store.manifest(&run.export, run.run_id).await? {
        Some(manifest) => roll_forward(state, store.as_ref(), &manifest).await.map(Outcome::Settled),
        None if known.goes_on => Ok(Outcome::GoesOn),
        None => {
            let parts: Vec<_> = run.parts().cloned().collect();
            let removed = store.discard(run.run_id, &parts).await?;
            let files = usize::try_from(removed.staged + removed.visible).unwrap_or(usize::MAX);
            failpoint::reach("run_discarded");
            abandon(state, run, files).await.map(Outcome::Settled)
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
