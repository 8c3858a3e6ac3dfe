use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rivet_model::{ExportName, PlanRecord, RunRecord, RunStatus};
use rivet_source::{ServerInfo, Source};
use tokio_util::sync::CancellationToken;

use super::choice::Choice;
use super::document::Plan;
use super::error::PlanError;
use super::planned::PlannedExport;
use crate::engine::{Job, connect, run_all};
use crate::export::{Planned, Shared, may_go_on};
use crate::landing::land_all;
use crate::progress::Announcer;
use crate::report::ExportReport;
use crate::settle::{Known, settle_all};
use crate::{Engine, EngineError, EventKind, RunReport, runnable};

/// A plan that is older than this is applied with a warning.
const YOUNG: Duration = Duration::from_hours(1);

/// Runs of an export that are looked through for one of this plan.
const RUNS_LOOKED_AT: usize = 100;

/// What a call of [`Engine::apply`] does beyond the plan.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// Which exports run.
    pub choice: Choice,
    /// Whether a plan that has expired is applied all the same, and an export again that it has committed already.
    pub force: bool,
    /// Whether to read the parts back before they are committed.
    pub validate: bool,
    /// How many exports run at once, in the order of the campaign; one where nothing is said.
    pub parallel_exports: usize,
}

impl Engine {
    /// Runs a sealed plan: the chunks, bounds and positions that were planned, and nothing else. It is called inside
    /// of a Tokio runtime. The chosen exports keep their runs in the engine's state store.
    ///
    /// An export that this plan has committed already is skipped: to apply a plan again is to go on with it.
    ///
    /// # Errors
    ///
    /// [`EngineError::Plan`] where the plan is not to be applied, and what [`Engine::run`](Engine::run) says. What
    /// concerns one export (its position has moved, its columns have changed) stands in its report.
    pub async fn apply(
        &self,
        plan: &Plan,
        options: &ApplyOptions,
        cancel: &CancellationToken,
    ) -> Result<RunReport, EngineError> {
        let now = Timestamp::now();
        let expired = plan.judge_age(now, options.force)?;
        let exports = plan.choose(&options.choice)?;
        let runs = |export: &&PlannedExport| runnable::check_run(&export.resolved_plan.export, &self.parts);
        exports.iter().try_for_each(runs)?;
        let announcer = Announcer::new(&self.parts.observers);
        let parallel = options.parallel_exports.clamp(1, exports.len().max(1));
        let names = exports.iter().map(|export| export.export_name.clone()).collect();
        announcer.say(EventKind::Started { exports: names, parallel });
        // Said once, and not of each export: the plan is one.
        if let (Some(first), Some(note)) = (exports.first(), plan.age_note(now)) {
            announcer.say(EventKind::Note { export: first.export_name.clone(), note });
        }
        let mut open = self.settle(plan, &exports, &announcer, now).await?;

        let mut reports = BTreeMap::new();
        let mut candidates = Vec::new();
        for (place, export) in exports.iter().enumerate() {
            match self.candidate(plan, export, expired.as_ref(), options.force).await? {
                Ok(forced) => candidates.push((place, *export, forced)),
                Err(report) => {
                    announcer.say(EventKind::ExportFinished { report: report.clone() });
                    reports.insert(place, *report);
                }
            }
        }
        let runs =
            candidates.iter().map(|(_, export, _)| (&export.resolved_plan.export, open.get(&export.export_name)));
        let landed = land_all(&self.parts.destinations(), runs, cancel).await?;

        let mut servers = Servers { engine: self, options, announcer: &announcer, cancel, known: BTreeMap::new() };
        let mut jobs = Vec::new();
        for ((place, export, forced), landed) in candidates.into_iter().zip(landed) {
            let ready = match landed {
                Ok(landing) => servers.shared_with(export).await.map(|shared| (landing, shared)),
                Err(error) => Err(error),
            };
            match ready {
                Ok((landing, shared)) => {
                    let record = PlanRecord { plan_id: plan.plan_id, forced };
                    let job = Job {
                        shared,
                        landing,
                        unfinished: open.remove(&export.export_name),
                        config: export.resolved_plan.export.clone(),
                        planned: Some(Planned::new(export, record)),
                    };
                    jobs.push((place, job));
                }
                Err(error) => {
                    let report = export.not_run(error);
                    announcer.say(EventKind::ExportFinished { report: Box::new(report.clone()) });
                    reports.insert(place, report);
                }
            }
        }
        let (places, jobs): (Vec<usize>, Vec<Job>) = jobs.into_iter().unzip();
        reports.extend(places.into_iter().zip(run_all(jobs, parallel).await?));
        Ok(RunReport { exports: reports.into_values().collect(), duration: announcer.elapsed() })
    }

    /// Returns what is forced where an export is to be run, and its report where it is not.
    async fn candidate(
        &self,
        plan: &Plan,
        export: &PlannedExport,
        expired: Option<&String>,
        force: bool,
    ) -> Result<Result<Vec<String>, Box<ExportReport>>, EngineError> {
        let mut forced: Vec<String> = expired.into_iter().cloned().collect();
        if let Some(run) = self.committed_already(plan, export).await? {
            if !force {
                return Ok(Err(Box::new(skipped(plan, export, &run))));
            }
            forced.push(format!("run again, although run {} of this plan is committed", run.run_id));
        }
        if let Some(error) = &export.error {
            let (name, reason) = (export.export_name.clone(), error.message.clone());
            let error = EngineError::from(PlanError::NotPlanned { export: name, reason });
            return Ok(Err(Box::new(export.not_run(Arc::new(error)))));
        }
        Ok(Ok(forced))
    }

    /// Settles what earlier processes have left, but for runs of this plan that may go on.
    async fn settle(
        &self,
        plan: &Plan,
        exports: &[&PlannedExport],
        announcer: &Announcer,
        now: Timestamp,
    ) -> Result<BTreeMap<ExportName, RunRecord>, EngineError> {
        let known = |run: &RunRecord| {
            // What was not chosen this time, or is not of this plan at all, is left for whoever goes on with it.
            let Some(chosen) = exports.iter().find(|export| export.export_name == run.export) else {
                return Known { destination: None, goes_on: true };
            };
            let config = &chosen.resolved_plan.export;
            let is_of_plan = run.plan.as_ref().is_some_and(|record| record.plan_id == plan.plan_id);
            Known { destination: Some(&config.destination), goes_on: is_of_plan && may_go_on(config, run, false, now) }
        };
        settle_all(self.parts.state.as_ref(), announcer, &self.parts.destinations(), known).await
    }

    async fn committed_already(&self, plan: &Plan, export: &PlannedExport) -> Result<Option<RunRecord>, EngineError> {
        let runs = self.parts.state.runs(&export.export_name, RUNS_LOOKED_AT).await?;
        let is_ours = |run: &RunRecord| run.plan.as_ref().is_some_and(|record| record.plan_id == plan.plan_id);
        let counts = |run: &RunRecord| matches!(run.status, RunStatus::Committed | RunStatus::Skipped);
        Ok(runs.into_iter().find(|run| is_ours(run) && counts(run)))
    }
}

fn skipped(plan: &Plan, export: &PlannedExport, run: &RunRecord) -> ExportReport {
    ExportReport {
        run_id: Some(run.run_id),
        status: RunStatus::Skipped,
        destination: run.destination.root.clone(),
        plan: Some(PlanRecord { plan_id: plan.plan_id, forced: Vec::new() }),
        committed_by: Some(run.run_id),
        ..export.report()
    }
}

impl PlannedExport {
    /// Reports that nothing was run because of an error that came before.
    pub fn not_run(&self, error: Arc<EngineError>) -> ExportReport {
        self.report().not_run(error)
    }

    fn report(&self) -> ExportReport {
        ExportReport::new(&self.export_name, self.resolved_plan.export.destination.kind())
    }
}

/// The servers of a plan, each asked once who it is.
struct Servers<'a> {
    engine: &'a Engine,
    options: &'a ApplyOptions,
    announcer: &'a Announcer,
    cancel: &'a CancellationToken,
    /// One that does not answer is not asked again for the next export.
    known: BTreeMap<String, Result<Shared, Arc<EngineError>>>,
}

impl Servers<'_> {
    /// Returns what a run of an export works with, once its server has turned out to be the one that was planned for.
    async fn shared_with(&mut self, export: &PlannedExport) -> Result<Shared, Arc<EngineError>> {
        let resolved = &export.resolved_plan;
        let refused = |error: PlanError| Arc::new(EngineError::from(error));
        let key = serde_json::to_string(&resolved.source).expect("a reference has text keys");
        let shared = match self.known.get(&key) {
            Some(known) => known.clone(),
            None => {
                let found = self.connect(export).await.map_err(Arc::new);
                self.known.insert(key, found.clone());
                found
            }
        }?;
        let planned = Shared { server: Arc::new(resolved.server.clone()), ..shared.clone() };
        if planned.place() != shared.place() {
            let name = |server: &ServerInfo| {
                let id = server.system_id.as_deref().unwrap_or("unknown");
                format!("the server with system identifier {id}, database `{}`", server.database)
            };
            let (planned, found) = (name(&resolved.server), name(&shared.server));
            return Err(refused(PlanError::OtherServer { export: export.export_name.clone(), planned, found }));
        }
        Ok(shared)
    }

    async fn connect(&self, export: &PlannedExport) -> Result<Shared, EngineError> {
        let source = self.open(export)?;
        let server = connect(source.as_ref(), &export.resolved_plan.export, self.announcer, self.cancel).await?;
        self.announcer.say(EventKind::Connected { server: server.clone() });
        let shared = self.engine.shared(source, Arc::new(server), self.announcer, self.cancel);
        // The bound on memory is one for all servers.
        let others = self.known.values().find_map(|known| known.as_ref().ok());
        let budget = others.map_or_else(|| Arc::clone(&shared.budget), |other| Arc::clone(&other.budget));
        Ok(Shared { validate: self.options.validate, budget, ..shared })
    }

    fn open(&self, export: &PlannedExport) -> Result<Arc<dyn Source>, EngineError> {
        let reference = &export.resolved_plan.source;
        let settings = reference.resolve(&self.engine.parts.environment)?;
        Ok(self.engine.factory(reference.kind)?.open(&settings)?)
    }
}

impl Plan {
    /// Refuses a plan that has expired, unless that is forced. Returns what was forced. [`Engine::apply`] asks it too.
    ///
    /// # Errors
    ///
    /// [`PlanError::Expired`].
    pub fn judge_age(&self, now: Timestamp, force: bool) -> Result<Option<String>, PlanError> {
        if now <= self.expires_at {
            return Ok(None);
        }
        let age = self.age(now);
        if force {
            return Ok(Some(format!("applied {} h after it was made, past its expiry", age.as_secs() / 3_600)));
        }
        Err(PlanError::Expired { expires_at: self.expires_at, age })
    }

    /// Says how old the plan is, where that is worth a warning.
    fn age_note(&self, now: Timestamp) -> Option<String> {
        let age = self.age(now);
        let minutes = age.as_secs() / 60;
        (age > YOUNG).then(|| {
            format!(
                "the plan was made {} h {:02} min ago; the source may have changed since",
                minutes / 60,
                minutes % 60
            )
        })
    }

    fn age(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.created_at)).unwrap_or_default()
    }
}
