use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rivet_config::{ExportConfig, Mode, SourceReference};
use rivet_model::{ErrorRecord, ReadView};
use rivet_preflight::{Diagnostics, PreflightReport, Profile, Verdict, preflight};
use rivet_priority::{History, Signals};
use rivet_source::{Inspector, Probe, Vitals};
use tokio::task::JoinSet;

use super::ahead::PATIENCE;
use super::inspectors::{KnownVitals, Refused};
use super::planned::{Cause, Computed, PlannedExport, ResolvedPlan};
use super::question::question;
use super::signals::{Known, history, strategy};
use crate::export::{ExportRun, Foreseen, Reading, Shared};
use crate::progress::Announcer;
use crate::{EngineError, Event, EventKind, Observer};

/// Exports that are planned at a time: connections that planning takes of the source.
const PLANNERS: usize = 4;

/// Runs that are looked back on; one more than counts, since one may be going on.
const RUNS_LOOKED_AT: usize = 21;

/// Plans all exports, several at a time, and returns them by name.
pub(super) async fn plan_all(
    planner: Planner,
    exports: VecDeque<ExportConfig>,
) -> Result<Vec<PlannedExport>, EngineError> {
    let (planner, waiting) = (Arc::new(planner), Arc::new(Mutex::new(exports)));
    let mut working = JoinSet::new();
    for _ in 0..PLANNERS {
        working.spawn(Arc::clone(&planner).work(Arc::clone(&waiting)));
    }
    let mut planned = BTreeMap::new();
    while let Some(joined) = working.join_next().await {
        let exports = joined.map_err(|error| EngineError::Panic { message: error.to_string() })??;
        planned.extend(exports.into_iter().map(|export| (export.export_name.clone(), export)));
    }
    Ok(planned.into_values().collect())
}

/// What the planning of all exports of one configuration shares.
pub(super) struct Planner {
    pub(super) shared: Shared,
    pub(super) vitals: Option<Vitals>,
    /// Names the server for exports that name no group.
    pub(super) implied_group: String,
    pub(super) reference: SourceReference,
    pub(super) state_path: PathBuf,
    pub(super) reconcile: bool,
}

impl Planner {
    /// Plans exports until none is left, over one connection for what preflight asks.
    async fn work(
        self: Arc<Self>,
        waiting: Arc<Mutex<VecDeque<ExportConfig>>>,
    ) -> Result<Vec<PlannedExport>, EngineError> {
        let mut planned = Vec::new();
        let mut inspector: Option<Box<dyn Inspector>> = None;
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        while let Some(config) = next() {
            if inspector.is_none() {
                inspector = Some(self.inspector().await);
            }
            let Some(inspector) = inspector.as_deref_mut() else { break };
            let export = tokio::select! {
                () = self.shared.cancel.cancelled() => return Err(EngineError::Interrupted),
                export = self.plan(config, inspector) => export?,
            };
            planned.push(export);
        }
        if let Some(inspector) = inspector {
            inspector.close().await;
        }
        Ok(planned)
    }

    async fn inspector(&self) -> Box<dyn Inspector> {
        match self.shared.source.inspector(PATIENCE).await {
            Ok(inspector) => Box::new(KnownVitals::new(inspector, self.vitals.clone())),
            Err(error) => Box::new(Refused(error)),
        }
    }

    async fn plan(&self, config: ExportConfig, inspector: &mut dyn Inspector) -> Result<PlannedExport, EngineError> {
        let heard = Arc::new(Notes::default());
        let observers: [Arc<dyn Observer>; 1] = [Arc::clone(&heard) as _];
        let shared = Shared { announcer: Announcer::new(&observers), ..self.shared.clone() };
        let mut run = ExportRun::new(shared, config.clone(), None, None);
        let foreseen = match run.foresee().await {
            Err(EngineError::Interrupted) => return Err(EngineError::Interrupted),
            foreseen => foreseen,
        };
        let history = self.history(&config, &heard).await;
        let planned = match foreseen {
            Ok(foreseen) => {
                let request = question(&config, &foreseen, &self.shared.server);
                let report = preflight(inspector, &request).await;
                self.planned(&config, foreseen, &report, history)
            }
            Err(error) => self.not_planned(&config, error, history),
        };
        Ok(PlannedExport { notes: heard.take(), ..planned })
    }

    /// What earlier runs were like; a store that can't be read costs that, and nothing else.
    async fn history(&self, config: &ExportConfig, heard: &Notes) -> Option<History> {
        match self.shared.state.runs(&config.name, RUNS_LOOKED_AT).await {
            Ok(runs) => history(&runs, Timestamp::now()),
            Err(error) => {
                heard.add(format!("earlier runs are not known: {error}"));
                None
            }
        }
    }

    fn planned(
        &self,
        config: &ExportConfig,
        foreseen: Foreseen,
        report: &PreflightReport,
        history: Option<History>,
    ) -> PlannedExport {
        let Foreseen { fingerprint, columns, reading, probes, .. } = foreseen;
        let mut probes = Probe::gather(probes);
        probes.extend(report.probes.iter().cloned());
        let (computed, view) = computed(reading, report.estimated_rows);
        let chunks = computed.chunk_count.filter(|_| matches!(config.mode, Mode::Chunked(_)));
        PlannedExport {
            plan_fingerprint: Some(fingerprint),
            resolved_plan: ResolvedPlan {
                view,
                statement: report.explanation.as_ref().map(|explanation| explanation.statement.clone()),
                columns,
                ..self.resolved(config)
            },
            computed,
            diagnostics: report.diagnostics(),
            probes,
            ..self.export(config, self.known(config, history).with_preflight(report, chunks))
        }
    }

    fn not_planned(&self, config: &ExportConfig, cause: EngineError, history: Option<History>) -> PlannedExport {
        let error = ErrorRecord::from(&cause);
        let export = self.export(config, self.known(config, history).without_preflight());
        let diagnostics = Diagnostics { warnings: vec![error.message.clone()], ..export.diagnostics };
        PlannedExport { error: Some(error), cause: cause.into(), diagnostics, ..export }
    }

    fn known<'a>(&self, config: &'a ExportConfig, history: Option<History>) -> Known<'a> {
        Known { config, implied_group: self.implied_group.clone(), reconcile: self.reconcile, history }
    }

    /// Returns an export of which nothing but its configuration is known.
    fn export(&self, config: &ExportConfig, signals: Signals) -> PlannedExport {
        PlannedExport {
            export_name: config.name.clone(),
            strategy: strategy(&config.mode),
            plan_fingerprint: None,
            resolved_plan: self.resolved(config),
            computed: Computed::default(),
            diagnostics: Diagnostics {
                verdict: Verdict::Unknown,
                findings: Vec::new(),
                warnings: Vec::new(),
                recommended_profile: Profile::Safe,
                recommended_profile_reason: "nothing is known of it".to_owned(),
                recommended_parallelism: 1,
                recommended_parallelism_reason: "nothing is known of it".to_owned(),
            },
            notes: Vec::new(),
            error: None,
            cause: Cause::default(),
            probes: Vec::new(),
            signals,
        }
    }

    fn resolved(&self, config: &ExportConfig) -> ResolvedPlan {
        ResolvedPlan {
            source: self.reference.clone(),
            server: self.shared.server.as_ref().clone(),
            state_path: self.state_path.clone(),
            export: config.clone(),
            view: ReadView::Shared,
            statement: None,
            columns: Vec::new(),
        }
    }
}

fn computed(reading: Reading, row_estimate: Option<u64>) -> (Computed, ReadView) {
    match reading {
        Reading::Planned(plan) => {
            let computed = Computed {
                chunk_count: Some(u32::try_from(plan.chunks.len()).unwrap_or(u32::MAX)),
                chunk_ranges: plan.chunks,
                cursor_snapshot: plan.cursor,
                row_estimate,
                deferred: None,
            };
            (computed, plan.view)
        }
        Reading::Deferred { reason, cursor, view } => {
            let computed =
                Computed { cursor_snapshot: cursor, row_estimate, deferred: Some(reason), ..Computed::default() };
            (computed, view)
        }
    }
}

/// Keeps what is said of an export while it is planned.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn add(&self, note: String) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Notes {
    fn event(&self, event: &Event) {
        if let EventKind::Note { note, .. } = &event.kind {
            self.add(note.clone());
        }
    }
}
