use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rivet_config::ExportConfig;
use rivet_history::{RunEnd, StateStore};
use rivet_model::{ErrorRecord, PartRecord, ProcessRecord, RunId, RunMetrics, RunStatus};
use rivet_source::{ServerInfo, Source};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::prepare::Prepared;
use crate::budget::ByteBudget;
use crate::destination::Stream;
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
    pub(crate) stream: Option<Stream>,
    pub(crate) process: ProcessRecord,
    pub(crate) validate: bool,
    pub(crate) cancel: CancellationToken,
}

/// One run of one export.
pub(crate) struct ExportRun {
    pub(super) shared: Shared,
    pub(super) config: ExportConfig,
    pub(super) run_id: RunId,
    pub(super) started_at: Timestamp,
    pub(super) started: Instant,
    pub(super) report: ExportReport,
}

impl ExportRun {
    pub(crate) fn new(shared: Shared, config: ExportConfig) -> Self {
        let report = ExportReport::new(&config.name, config.destination.kind());
        let (run_id, started_at) = (RunId::generate(), Timestamp::now());
        Self { shared, config, run_id, started_at, started: Instant::now(), report }
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
        self.shared.announcer.say(EventKind::ExportFinished { report: self.report.clone() });
        self.report
    }

    async fn try_run(&mut self) -> Result<RunStatus, EngineError> {
        let prepared = self.prepare().await?;
        self.shared.state.begin(&prepared.record).await?;
        failpoint::reach("run_begun");
        self.report.run_id = Some(self.run_id);
        self.shared.announcer.say(EventKind::ExportStarted {
            export: self.config.name.clone(),
            run_id: self.run_id,
            destination: self.report.destination.clone(),
            chunks: 1,
            estimated_rows: prepared.description.estimated_rows,
        });
        match self.read_and_judge(&prepared).await {
            Ok(Some(checkpoint)) => self.commit(&prepared, checkpoint).await,
            Ok(None) => self.end(&prepared, &[], RunEnd::new(RunStatus::Skipped, Timestamp::now())).await,
            Err((error, parts)) => Err(self.fail(&prepared, &parts, error).await),
        }
    }

    /// Ends the run because of an error, and gives that error back.
    pub(super) async fn fail(&self, prepared: &Prepared, parts: &[PartRecord], error: EngineError) -> EngineError {
        let end = RunEnd::new(status_of(&error), Timestamp::now()).with_error(ErrorRecord::from(&error));
        if let Err(second) = self.end(prepared, parts, end).await {
            // The run stays as it is in the state store, and the next start settles it.
            warn!(export = %self.config.name, error = %second, "what the run wrote could not be removed yet");
        }
        error
    }

    /// Removes what was written and records how the run ended.
    pub(super) async fn end(
        &self,
        prepared: &Prepared,
        parts: &[PartRecord],
        end: RunEnd,
    ) -> Result<RunStatus, EngineError> {
        let status = end.status;
        prepared.store.discard(self.run_id, parts).await?;
        let metrics = self.metrics();
        self.shared.state.finish(self.run_id, end.with_metrics(metrics)).await?;
        Ok(status)
    }

    pub(super) fn note(&self, note: String) {
        self.shared.announcer.say(EventKind::Note { export: self.config.name.clone(), note });
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
