use std::sync::Arc;
use std::time::Duration;

use rivet_config::Config;
use rivet_model::ExportName;
use rivet_source::{Probe, Source, Vitals};
use tokio_util::sync::CancellationToken;

use super::planned::PlannedExport;
use super::planner::{Planner, plan_all};
use crate::engine::connect;
use crate::export::Shared;
use crate::progress::Announcer;
use crate::{Engine, EngineError, EventKind, runnable};

/// How long one question of planning may take, and how long it waits for a lock: a plan that is late is better than
/// none, and a plan that holds up others is worse.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What a call of [`Engine::plan`] plans.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// The exports to plan; empty for all.
    pub exports: Vec<ExportName>,
    /// Whether all of them will be reconciled after they have run.
    pub reconcile: bool,
}

impl Engine {
    /// Finds out what exports would read and what that would cost. Nothing is read but descriptions, indexes and
    /// statistics; nothing is written. [`Plan::seal`](super::Plan::seal) makes a plan of the answer. It is called
    /// inside of a Tokio runtime.
    ///
    /// # Errors
    ///
    /// What concerns all exports: one that does not exist, a mode that is not run, a driver that is not there, a
    /// source that can't be reached. What concerns one of them stands in its
    /// [`error`](PlannedExport::error) and its findings.
    pub async fn plan(
        &self,
        config: &Config,
        options: &PlanOptions,
        cancel: &CancellationToken,
    ) -> Result<Vec<PlannedExport>, EngineError> {
        let exports = runnable::select(config, &options.exports)?;
        exports.iter().try_for_each(|export| runnable::check(export))?;
        let announcer = Announcer::new(&self.parts.observers);
        let Some(first) = exports.first() else { return Ok(Vec::new()) };
        let source = self.factory(config.source.kind)?.open(&config.source.connection)?;
        let server = connect(source.as_ref(), first, &announcer, cancel).await?;
        announcer.say(EventKind::Connected { server: server.clone() });
        let (vitals, mut probes) = vitals(source.as_ref()).await;
        let address = vitals.as_ref().and_then(|vitals| vitals.address.clone());
        let shared = self.shared(source, Arc::new(server), &announcer, cancel);
        let planner = Planner {
            implied_group: implied_group(&shared, address.as_deref()),
            shared: Shared { patience: Some(PATIENCE), ..shared },
            vitals,
            reference: config.source_reference(),
            state_path: config.state.path.clone(),
            reconcile: options.reconcile,
        };
        let mut planned = plan_all(planner, exports.into_iter().cloned().collect()).await?;
        // What was asked of the server once stands with one export, always the same.
        if let Some(first) = planned.first_mut() {
            probes.append(&mut first.probes);
            first.probes = probes;
        }
        Ok(planned)
    }
}

/// Asks once how the server is doing.
async fn vitals(source: &dyn Source) -> (Option<Vitals>, Vec<Probe>) {
    let Ok(mut inspector) = source.inspector(PATIENCE).await else { return (None, Vec::new()) };
    let vitals = inspector.vitals().await.ok();
    let probes = if vitals.is_some() { inspector.take_probes() } else { Vec::new() };
    inspector.close().await;
    (vitals, probes)
}

/// Names a server for the exports that read from it and name no group: by its identity, and by its address, since a
/// replica has the identity of its primary.
fn implied_group(shared: &Shared, address: Option<&str>) -> String {
    let server = &shared.server;
    match (&server.system_id, address) {
        (Some(id), Some(address)) => format!("{address} (system {id})"),
        (Some(id), None) => format!("system {id}{}", if server.replica { ", replica" } else { "" }),
        (None, Some(address)) => address.to_owned(),
        (None, None) => shared.source.to_string(),
    }
}
