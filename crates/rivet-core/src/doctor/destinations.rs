use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use rivet_config::{Destination, ExportConfig};
use rivet_model::DestinationRecord;
use rivet_writer::{PartStore, StoreError};
use tokio_util::sync::CancellationToken;

use super::report::{CheckOutcome, CheckStep, CheckedPlace, Checkup};
use crate::destination::STDOUT;
use crate::landing::Landing;
use crate::{Engine, EngineError};

/// Places that are tried at once.
const AT_ONCE: usize = 8;

/// How long the removal of what was written may take.
const CLEARING: Duration = Duration::from_secs(10);

/// A place that exports write to, with its exports.
struct Place {
    check: Checkup,
    /// Absent where it could not be opened; what is wrong is in the check.
    store: Option<(DestinationRecord, Arc<dyn PartStore>)>,
    destination: Destination,
}

impl Engine {
    pub(super) async fn look_at_destinations(
        &self,
        exports: &[&ExportConfig],
        cancel: &CancellationToken,
    ) -> Vec<Checkup> {
        let places = self.places(exports);
        // Folders may lie in one another, and each trial removes the folders that it has made: one after the other.
        let mut found = Vec::new();
        let mut remote = Vec::new();
        for (position, Place { mut check, store, destination }) in places.into_iter().enumerate() {
            match store {
                None => found.push((position, check)),
                Some((_, store)) if matches!(destination, Destination::Local { .. } | Destination::Stdout) => {
                    check.steps = try_out(store.as_ref(), cancel).await;
                    found.push((position, check));
                }
                Some((_, store)) => remote.push((position, check, store)),
            }
        }
        let tried = stream::iter(remote)
            .map(|(position, mut check, store)| async move {
                check.steps = try_out(store.as_ref(), cancel).await;
                (position, check)
            })
            .buffer_unordered(AT_ONCE);
        found.extend(tried.collect::<Vec<_>>().await);
        found.sort_by_key(|(position, _)| *position);
        found.into_iter().map(|(_, check)| check).collect()
    }

    /// Opens the destinations of all exports as one run of each would, and finds those that are one place.
    fn places(&self, exports: &[&ExportConfig]) -> Vec<Place> {
        let destinations = self.parts.destinations();
        let mut places: Vec<Place> = Vec::new();
        for export in exports {
            let same = match Landing::open(&destinations, export, None) {
                Ok(Landing { store, .. }) => {
                    let record = store.record();
                    let is_same = |place: &Place| place.store.as_ref().is_some_and(|(known, _)| *known == record);
                    places.iter().position(is_same).unwrap_or_else(|| {
                        let name = if record.kind == STDOUT { String::new() } else { store.to_string() };
                        let check = Checkup::new(CheckedPlace::Destination, &name);
                        let destination = export.destination.clone();
                        places.push(Place { check, store: Some((record, store)), destination });
                        places.len() - 1
                    })
                }
                Err(error) => {
                    let is_same = |place: &Place| place.store.is_none() && place.destination == export.destination;
                    places.iter().position(is_same).unwrap_or_else(|| {
                        let mut check = Checkup::new(CheckedPlace::Destination, &name_of(&error, &export.destination));
                        check.push("open", "use what is configured", Err(error));
                        places.push(Place { check, store: None, destination: export.destination.clone() });
                        places.len() - 1
                    })
                }
            };
            if let Some(place) = places.get_mut(same) {
                place.check.exports.push(export.name.clone());
            }
        }
        places
    }
}

/// Names a destination that could not be opened.
fn name_of(error: &EngineError, destination: &Destination) -> String {
    match error {
        EngineError::Store(StoreError::Unusable { destination, .. }) => destination.clone(),
        _ => destination.kind().to_owned(),
    }
}

/// Tries everything at a place, until somebody wants to stop, and removes what was written.
async fn try_out(store: &dyn PartStore, cancel: &CancellationToken) -> Vec<CheckStep> {
    let mut probe = store.probe();
    let mut steps: Vec<CheckStep> = Vec::new();
    loop {
        let step = tokio::select! {
            biased;
            () = cancel.cancelled() => {
                steps.push(step("stopped", CheckOutcome::Skipped("interrupted".to_owned())));
                break;
            }
            step = probe.step() => step,
        };
        match step {
            Some(step) => steps.push(step.into()),
            None => break,
        }
    }
    if steps.is_empty() {
        steps.push(step("nothing", CheckOutcome::Passed(Some("nothing is to be tried".to_owned()))));
    }
    let has_said = |step: &CheckStep| step.step == "delete" && matches!(step.outcome, CheckOutcome::Failed(_));
    match tokio::time::timeout(CLEARING, probe.clean()).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) if steps.iter().any(has_said) => {}
        Ok(Err(error)) => steps.push(step("clean", CheckOutcome::Failed(Arc::new(error.into())))),
        Err(_elapsed) => {
            let message = format!("no answer within {} s: a probe may be left", CLEARING.as_secs());
            let help = format!("Remove what begins with `_rivet/check-` in `{store}`; a later run does so as well.");
            steps.push(step("clean", CheckOutcome::Warning { code: None, message, help: Some(help) }));
        }
    }
    steps
}

fn step(step: &'static str, outcome: CheckOutcome) -> CheckStep {
    let tried = if step == "clean" { "remove what was written" } else { "try what a run does" };
    CheckStep { step, tried, export: None, outcome }
}
