use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rivet_config::{Environment, ExportConfig};
use rivet_history::{RunEnd, StateStore};
use rivet_model::{ErrorRecord, ProcessRecord, RunId, RunMetrics, RunRecord, RunStatus};
use rivet_source::{Probe, ServerInfo, Source};
use rivet_writer::{ByteBudget, PartStore};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::planned::Planned;
use super::prepare::Prepared;
use super::read::count;
use crate::destination::Destinations;
use crate::landing::Landing;
use crate::progress::Announcer;
use crate::{EngineError, EventKind, ExportReport, failpoint};

/// What all exports of a call share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) server: Arc<ServerInfo>,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) announcer: Announcer,
    pub(crate) budget: Arc<ByteBudget>,
    /// Exports that run at a time, at most.
    pub(crate) exports_at_a_time: usize,
    pub(crate) destinations: Destinations,
    pub(crate) environment: Environment,
    pub(crate) process: ProcessRecord,
    pub(crate) validate: bool,
    /// How long a question may take that only plans.
    pub(crate) patience: Option<Duration>,
    pub(crate) cancel: CancellationToken,
}

impl Shared {
    /// Names the server and the database that is read, in the same way whatever address led there, where the server
    /// tells who it is.
    pub(crate) fn place(&self) -> String {
        let server = self.server.system_id.clone().unwrap_or_else(|| self.source.to_string());
        format!("{server}/{}", self.server.database)
    }

    /// Returns how many row groups each of so many writers of an export may encode at a time: the cores that this
    /// process may use are shared by all writers of all exports that run.
    pub(crate) fn encoders(&self, writers: usize) -> usize {
        let cores = available_parallelism().map_or(1, NonZero::get);
        (cores / writers.saturating_mul(self.exports_at_a_time).max(1)).clamp(1, MOST_ENCODERS)
    }
}

/// Row groups that one writer encodes at a time, at most. Rows of one connection seldom come faster than two threads
/// compress them, and each holds a row group in memory.
const MOST_ENCODERS: usize = 2;

/// One run of one export.
pub(crate) struct ExportRun {
    pub(super) shared: Shared,
    pub(super) config: ExportConfig,
    pub(super) run_id: RunId,
    pub(super) started_at: Timestamp,
    pub(super) started: Instant,
    /// A run that an earlier process has left, which this one goes on with where it can.
    pub(super) unfinished: Option<RunRecord>,
    /// Where it writes, once that was made sure of.
    pub(super) store: Option<Arc<dyn PartStore>>,
    /// What a plan says of it, where it is run from one.
    pub(super) planned: Option<Planned>,
    /// What was sent to find out which rows to read.
    pub(super) probes: Vec<Probe>,
    pub(super) report: ExportReport,
}

impl ExportRun {
    pub(crate) fn new(
        shared: Shared,
        config: ExportConfig,
        unfinished: Option<RunRecord>,
        planned: Option<Planned>,
    ) -> Self {
        let plan = planned.as_ref().map(|planned| planned.record.clone());
        let report = ExportReport { plan, ..ExportReport::new(&config.name, config.destination.kind()) };
        let (run_id, started_at) = match &unfinished {
            Some(run) => (run.run_id, run.started_at),
            None => (RunId::generate(), Timestamp::now()),
        };
        let (store, probes) = (None, Vec::new());
        Self { shared, config, run_id, started_at, started: Instant::now(), unfinished, store, planned, probes, report }
    }

    /// Says where it writes.
    pub(crate) fn landing_at(self, landing: Landing) -> Self {
        let Landing { run_id, started_at, store } = landing;
        Self { run_id, started_at, store: Some(store), ..self }
    }

    /// Runs to the end, whatever that is.
    pub(crate) async fn run(mut self) -> ExportReport {
        let outcome = self.try_run().await;
        self.report.duration = self.started.elapsed();
        match outcome {
            Ok(status) => self.report.status = status,
            Err(error) => {
                self.report.status = status_of(&error);
                self.report.error = Some(Arc::new(error));
            }
        }
        self.shared.announcer.say(EventKind::ExportFinished { report: Box::new(self.report.clone()) });
        self.report
    }

    async fn try_run(&mut self) -> Result<RunStatus, EngineError> {
        let mut prepared = self.prepare().await?;
        self.begin(&prepared).await?;
        failpoint::reach("run_begun");
        match self.read_and_judge(&mut prepared).await {
            Ok(()) if self.leaves_nothing(&prepared.record) => {
                self.end(&prepared, RunEnd::new(RunStatus::Skipped, Timestamp::now())).await
            }
            Ok(()) => self.commit(&prepared).await,
            Err(error) => Err(self.fail(&prepared, error).await),
        }
    }

    /// Puts the run on record, or takes it over from the process that had begun it.
    async fn begin(&mut self, prepared: &Prepared) -> Result<(), EngineError> {
        let record = &prepared.record;
        let (chunks, chunks_done) = (count(record.chunks.len()), count(record.checkpoints.len()));
        let (export, run_id) = (self.config.name.clone(), self.run_id);
        if prepared.goes_on {
            let forced = self.planned.as_ref().map_or(&[][..], |planned| &planned.record.forced);
            self.shared.state.resume(run_id, &self.shared.process, forced).await?;
            self.report.chunks_resumed = chunks_done;
            self.shared.announcer.say(EventKind::Resumed { export: export.clone(), run_id, chunks_done, chunks });
        } else {
            self.shared.state.begin(record).await?;
        }
        self.report.run_id = Some(run_id);
        self.report.cursor_before = record.cursor.as_ref().and_then(|cursor| cursor.before.clone());
        self.shared.announcer.say(EventKind::ExportStarted {
            export,
            run_id,
            destination: self.report.destination.clone(),
            chunks,
            estimated_rows: expected_rows(prepared),
        });
        Ok(())
    }

    /// Whether the run has no rows, and is to leave no file then.
    fn leaves_nothing(&self, record: &RunRecord) -> bool {
        self.config.skip_empty && record.checkpoints.iter().all(|checkpoint| checkpoint.rows == 0)
    }

    /// Ends the run because of an error, and gives that error back. A run that the same command can go on with stays
    /// open.
    pub(super) async fn fail(&self, prepared: &Prepared, error: EngineError) -> EngineError {
        let record = &prepared.record;
        if self.stays_open(record, &error) {
            let (done, all) = (record.checkpoints.len(), record.chunks.len());
            self.note(format!("{done} of {all} chunks are kept: the same command goes on with the others"));
            return error;
        }
        let end = RunEnd::new(status_of(&error), Timestamp::now()).with_error(ErrorRecord::from(&error));
        if let Err(second) = self.end(prepared, end).await {
            // The run stays as it is in the state store, and the next start settles it.
            warn!(export = %self.config.name, error = %second, "what the run wrote could not be removed yet");
        }
        error
    }

    /// Removes what was written and records how the run ended.
    pub(super) async fn end(&self, prepared: &Prepared, end: RunEnd) -> Result<RunStatus, EngineError> {
        let status = end.status;
        let parts: Vec<_> = prepared.record.parts().cloned().collect();
        prepared.store.discard(self.run_id, &parts).await?;
        let metrics = self.metrics();
        self.shared.state.finish(self.run_id, end.with_metrics(metrics)).await?;
        Ok(status)
    }

    pub(super) fn note(&self, note: String) {
        self.shared.announcer.say(EventKind::Note { export: self.config.name.clone(), note });
    }

    /// Says what a person should hear of although the run goes on.
    pub(super) fn degraded(&self, reason: String) {
        self.shared.announcer.say(EventKind::Degraded { export: self.config.name.clone(), reason });
    }

    pub(super) fn metrics(&self) -> RunMetrics {
        RunMetrics {
            rows: self.report.rows,
            parts: self.report.parts.len() as u64,
            bytes: self.report.bytes,
            duration_ms: milliseconds(self.started.elapsed()),
            retries: self.report.retries,
            longest_statement_ms: milliseconds(self.report.longest_statement),
        }
    }
}

fn status_of(error: &EngineError) -> RunStatus {
    if matches!(error, EngineError::Interrupted) { RunStatus::Interrupted } else { RunStatus::Failed }
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the rows to expect: of the chunks where the split says it, else of the whole relation.
fn expected_rows(prepared: &Prepared) -> Option<u64> {
    let chunks = &prepared.record.chunks;
    let of_chunks = chunks.iter().map(|chunk| chunk.estimated_rows).sum::<Option<u64>>();
    match of_chunks {
        Some(rows) if !chunks.is_empty() => Some(rows),
        _ if prepared.record.cursor.as_ref().is_some_and(|cursor| cursor.before.is_some()) => None,
        _ => prepared.description.estimated_rows,
    }
}
