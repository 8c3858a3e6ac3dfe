//! Where runs write, made sure of before the source is asked for anything: its work must not be for nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use rivet_config::ExportConfig;
use rivet_model::{DestinationRecord, RunId, RunRecord};
use rivet_writer::{PartStore, StoreError};
use tokio_util::sync::CancellationToken;

use crate::EngineError;
use crate::destination::Destinations;

/// Destinations that are tried at once.
const AT_ONCE: usize = 8;

/// How long a trial that is under way may take to clear up behind itself, once somebody wants to stop.
const GRACE: Duration = Duration::from_secs(5);

/// A run that has a place to write to.
#[derive(Debug, Clone)]
pub(crate) struct Landing {
    pub(crate) run_id: RunId,
    pub(crate) started_at: Timestamp,
    pub(crate) store: Arc<dyn PartStore>,
}

impl Landing {
    /// Opens the destination of a run: of the one that has not ended, where there is one. Sends nothing.
    pub(crate) fn open(
        destinations: &Destinations,
        export: &ExportConfig,
        unfinished: Option<&RunRecord>,
    ) -> Result<Self, EngineError> {
        let (run_id, started_at) = match unfinished {
            Some(run) => (run.run_id, run.started_at),
            None => (RunId::generate(), Timestamp::now()),
        };
        let store = destinations.open(export, run_id, started_at)?;
        Ok(Self { run_id, started_at, store })
    }
}

/// What became of the landing of one run. Runs that would go to one place have one error.
pub(crate) type Landed = Result<Landing, Arc<EngineError>>;

/// Opens and tries the destinations of runs, each place once, and returns what became of them in their order.
///
/// # Errors
///
/// [`EngineError::Interrupted`] alone.
pub(crate) async fn land_all(
    destinations: &Destinations,
    runs: impl IntoIterator<Item = (&ExportConfig, Option<&RunRecord>)>,
    cancel: &CancellationToken,
) -> Result<Vec<Landed>, EngineError> {
    let mut places: Vec<(DestinationRecord, Arc<dyn PartStore>)> = Vec::new();
    let mut landed: Vec<Landed> = Vec::new();
    for (export, unfinished) in runs {
        let opened = Landing::open(destinations, export, unfinished);
        if let Ok(landing) = &opened
            && places.iter().all(|(place, _)| *place != landing.store.record())
        {
            places.push((landing.store.record(), Arc::clone(&landing.store)));
        }
        landed.push(opened.map_err(Arc::new));
    }
    let tried = stream::iter(places)
        .map(|(place, store)| async move { (place, check(store.as_ref(), cancel).await) })
        .buffered(AT_ONCE);
    let tried: Vec<(DestinationRecord, Option<Result<(), StoreError>>)> = tried.collect().await;
    let mut refused: Vec<(DestinationRecord, Arc<EngineError>)> = Vec::new();
    for (place, outcome) in tried {
        match outcome {
            None => return Err(EngineError::Interrupted),
            Some(Ok(())) => {}
            Some(Err(error)) => refused.push((place, Arc::new(error.into()))),
        }
    }
    let judged = landed.into_iter().map(|landed| {
        let landing = landed?;
        let place = landing.store.record();
        match refused.iter().find(|(refused, _)| *refused == place) {
            Some((_, error)) => Err(Arc::clone(error)),
            None => Ok(landing),
        }
    });
    Ok(judged.collect())
}

/// Tries a destination, until somebody wants to stop: nothing then.
async fn check(store: &dyn PartStore, cancel: &CancellationToken) -> Option<Result<(), StoreError>> {
    let mut trial = store.check();
    tokio::select! {
        biased;
        tried = &mut trial => Some(tried),
        () = cancel.cancelled() => {
            drop(tokio::time::timeout(GRACE, trial).await);
            None
        }
    }
}
