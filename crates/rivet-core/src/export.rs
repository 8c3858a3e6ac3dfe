//! The life of one run of one export, in the order that `docs/durability.md` describes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rivet_config::{ExportConfig, OnBatchMemoryExceeded, OnSchemaDrift, Tuning};
use rivet_history::{RunEnd, StateStore};
use rivet_model::{
    ChunkCheckpoint, ChunkId, Consistency, ErrorRecord, PartRecord, ProcessRecord, Retry, RunId, RunMetrics, RunRecord,
    RunStatus,
};
use rivet_source::{ColumnRequest, DescribeRequest, Description, ScanLimits, ServerInfo, Source};
use rivet_writer::{ExportWriter, Manifest, ManifestField, ManifestPart, ManifestSource, MetaAppender, PartNamer};
use rivet_writer::{PartStore, StoreError, schema_fingerprint};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::budget::ByteBudget;
use crate::destination::{self, Stream};
use crate::pipeline::{self, Reading, Writing, Written};
use crate::progress::{Announcer, Progress};
use crate::quality::QualityGate;
use crate::retry::Attempts;
use crate::{EngineError, EventKind, ExportReport, drift, failpoint, fingerprint};

/// A full export is one chunk.
const CHUNK: ChunkId = ChunkId(0);

/// Runs of an export that are looked through for the columns of the last committed one.
const RUNS_LOOKED_AT: usize = 20;

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
    shared: Shared,
    config: ExportConfig,
    run_id: RunId,
    started_at: Timestamp,
    started: Instant,
    report: ExportReport,
}

/// What is known once the source has described the relation.
struct Prepared {
    store: Arc<dyn PartStore>,
    description: Description,
    fields: Vec<ManifestField>,
    record: RunRecord,
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
    async fn fail(&self, prepared: &Prepared, parts: &[PartRecord], error: EngineError) -> EngineError {
        let end = RunEnd::new(status_of(&error), Timestamp::now()).with_error(ErrorRecord::from(&error));
        if let Err(second) = self.end(prepared, parts, end).await {
            // The run stays as it is in the state store, and the next start settles it.
            warn!(export = %self.config.name, error = %second, "what the run wrote could not be removed yet");
        }
        error
    }

    /// Removes what was written and records how the run ended.
    async fn end(&self, prepared: &Prepared, parts: &[PartRecord], end: RunEnd) -> Result<RunStatus, EngineError> {
        let status = end.status;
        prepared.store.discard(self.run_id, parts).await?;
        let metrics = self.metrics();
        self.shared.state.finish(self.run_id, end.with_metrics(metrics)).await?;
        Ok(status)
    }

    /// Makes sure of the destination, asks the source what there is, and judges it.
    async fn prepare(&mut self) -> Result<Prepared, EngineError> {
        let store = destination::open(&self.config, self.run_id, self.started_at, self.shared.stream.as_ref())?;
        self.report.destination = store.to_string();
        // Before the source is touched: its work must not be for nothing.
        store.check().await?;
        let description = self.describe().await?;
        for note in &description.notes {
            self.note(note.clone());
        }
        let meta = MetaAppender::new(&self.config.output.meta_columns, &description.spec.schema(), self.started_at)?;
        let fields = ManifestField::of_schema(meta.schema());
        self.judge_drift(store.as_ref(), &fields).await?;
        let record = RunRecord {
            run_id: self.run_id,
            export: self.config.name.clone(),
            fingerprint: fingerprint::of(&self.config, &description.spec),
            status: RunStatus::Running,
            started_at: self.started_at,
            finished_at: None,
            destination: store.record(),
            process: self.shared.process.clone(),
            checkpoints: Vec::new(),
            metrics: None,
            error: None,
        };
        Ok(Prepared { store, description, fields, record })
    }

    async fn describe(&mut self) -> Result<Description, EngineError> {
        let request = DescribeRequest {
            relation: self.config.relation.clone(),
            columns: ColumnRequest {
                select: self.config.select.clone(),
                exclude: self.config.exclude.clone(),
                overrides: self.config.overrides.clone(),
            },
            numeric_default: self.config.numeric_default,
            on_unrepresentable: self.config.on_unrepresentable,
        };
        let Self { shared, config, report, .. } = self;
        let mut attempts = Attempts::new(&config.name, &config.tuning, &shared.announcer, &shared.cancel);
        loop {
            let described = tokio::select! {
                () = shared.cancel.cancelled() => return Err(EngineError::Interrupted),
                described = shared.source.describe(&request) => described,
            };
            match described {
                Ok(description) => return Ok(description),
                Err(error) => attempts.after(error.into()).await?,
            }
            report.retries += 1;
        }
    }

    /// Compares the columns with those of the last committed run that wrote to the same place.
    async fn judge_drift(&self, store: &dyn PartStore, fields: &[ManifestField]) -> Result<(), EngineError> {
        if self.config.on_schema_drift == OnSchemaDrift::Continue {
            return Ok(());
        }
        let runs = self.shared.state.runs(&self.config.name, RUNS_LOOKED_AT).await?;
        let Some(last) = runs.iter().find(|run| run.status == RunStatus::Committed) else { return Ok(()) };
        let there = match destination::reopen(&last.destination) {
            Ok(Some(other)) => other.manifest(&self.config.name, last.run_id).await,
            _ => store.manifest(&self.config.name, last.run_id).await,
        };
        // A manifest that was tidied away tells nothing.
        let Ok(Some(manifest)) = there else { return Ok(()) };
        let differences = drift::differences(&manifest.schema, fields);
        if differences.is_empty() {
            return Ok(());
        }
        if self.config.on_schema_drift == OnSchemaDrift::Fail {
            return Err(EngineError::SchemaDrift { export: self.config.name.clone(), differences });
        }
        self.note(format!("the columns are not those of the last run: {}", differences.join("; ")));
        Ok(())
    }

    fn note(&self, note: String) {
        self.shared.announcer.say(EventKind::Note { export: self.config.name.clone(), note });
    }

    /// Reads the chunk, makes it durable, and judges it. `None` for a run without rows that is to leave nothing. An
    /// error comes with the parts that were made.
    async fn read_and_judge(
        &mut self,
        prepared: &Prepared,
    ) -> Result<Option<ChunkCheckpoint>, (EngineError, Vec<PartRecord>)> {
        let nothing = |error| (error, Vec::new());
        let (written, consistency) = self.read(prepared).await.map_err(nothing)?;
        self.report.longest_statement = written.summary.statement_elapsed;
        self.report.nulled.clone_from(&written.summary.nulled);
        if let Err(error) = self.judge(&written) {
            return Err((error, written.parts));
        }
        if written.summary.rows == 0 && self.config.skip_empty {
            return Ok(None);
        }
        for part in &written.parts {
            self.shared.announcer.say(EventKind::PartFinished { export: self.config.name.clone(), part: part.clone() });
        }
        let checkpoint = ChunkCheckpoint {
            chunk: CHUNK,
            rows: written.summary.rows,
            nulled: written.summary.nulled,
            consistency,
            statement_ms: milliseconds(written.summary.statement_elapsed),
            parts: written.parts,
        };
        failpoint::reach("chunk_written");
        match self.shared.state.checkpoint(self.run_id, &checkpoint).await {
            Ok(()) => {
                failpoint::reach("chunk_checkpointed");
                Ok(Some(checkpoint))
            }
            Err(error) => Err((error.into(), checkpoint.parts)),
        }
    }

    /// Reads with as many attempts as the tuning allows.
    async fn read(&mut self, prepared: &Prepared) -> Result<(Written, Consistency), EngineError> {
        let Self { shared, config, report, .. } = self;
        let (shared, config, run_id, started_at) = (&*shared, &*config, self.run_id, self.started_at);
        let mut attempts = Attempts::new(&config.name, &config.tuning, &shared.announcer, &shared.cancel);
        loop {
            let error = match attempt(shared, config, run_id, started_at, prepared).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            attempts.after(error).await?;
            report.retries += 1;
            // The next attempt may make fewer parts than this one did.
            prepared.store.discard(run_id, &[]).await?;
        }
    }

    /// The gates: what must hold before anything becomes visible.
    fn judge(&self, written: &Written) -> Result<(), EngineError> {
        let (read, kept): (u64, u64) = (written.summary.rows, written.parts.iter().map(|part| part.rows).sum());
        if read != kept {
            let what = format!("{read} rows were read and {kept} were written");
            return Err(EngineError::Validation { export: self.config.name.clone(), what });
        }
        for column in written.quality.half_judged() {
            self.note(format!("`{column}` holds more values than `unique_max_entries`; the rest was not compared"));
        }
        if written.large_batches > 0 {
            let many = written.large_batches;
            self.note(format!("{many} batches took more memory than `tuning.max_batch_memory_mb`"));
        }
        let broken = written.quality.broken();
        if broken.is_empty() {
            return Ok(());
        }
        Err(EngineError::Quality { export: self.config.name.clone(), broken })
    }

    /// Makes the parts visible, reads them back where that was asked for, and creates the manifest: from then on
    /// the run counts.
    async fn commit(&mut self, prepared: &Prepared, checkpoint: ChunkCheckpoint) -> Result<RunStatus, EngineError> {
        let store = prepared.store.as_ref();
        if let Err(error) = self.publish(store, &checkpoint.parts).await {
            return Err(self.fail(prepared, &checkpoint.parts, error).await);
        }
        failpoint::reach("parts_published");
        let manifest = self.manifest(prepared, &checkpoint);
        if let Err(error) = store.commit(&manifest).await {
            return Err(self.fail_commit(prepared, &checkpoint.parts, error).await);
        }
        self.report.rows = manifest.rows;
        self.report.bytes = manifest.bytes;
        self.report.parts = checkpoint.parts;
        self.report.consistency = Some(manifest.consistency.clone());
        self.report.manifest = (manifest.destination.kind != destination::STDOUT).then(|| manifest.name());
        let end = RunEnd::new(RunStatus::Committed, Timestamp::now()).with_metrics(self.metrics());
        failpoint::reach("manifest_committed");
        self.shared.state.finish(self.run_id, end).await?;
        failpoint::reach("run_finished");
        info!(export = %self.config.name, run = %self.run_id, rows = manifest.rows, "run committed");
        Ok(RunStatus::Committed)
    }

    /// Where the manifest certainly was not created, nothing of the run stays visible. Where that answer may have
    /// been lost, or the manifest is there, the run stays open, and the next start looks.
    async fn fail_commit(&self, prepared: &Prepared, parts: &[PartRecord], error: StoreError) -> EngineError {
        let is_refusal = error.retry() == Retry::Never;
        if is_refusal && matches!(prepared.store.manifest(&self.config.name, self.run_id).await, Ok(None)) {
            return self.fail(prepared, parts, error.into()).await;
        }
        error.into()
    }

    async fn publish(&mut self, store: &dyn PartStore, parts: &[PartRecord]) -> Result<(), EngineError> {
        store.publish(self.run_id, parts).await?;
        if !self.shared.validate {
            return Ok(());
        }
        self.report.validated = Some(false);
        for part in parts {
            let found = store.verify_part(&self.config.output, part).await?;
            if let Err(difference) = found.compare(part) {
                let what = difference.to_string();
                return Err(EngineError::Validation { export: self.config.name.clone(), what });
            }
        }
        self.report.validated = Some(true);
        Ok(())
    }

    fn manifest(&self, prepared: &Prepared, checkpoint: &ChunkCheckpoint) -> Manifest {
        let parts = checkpoint.parts.iter();
        let parts: Vec<_> = parts.map(|part| ManifestPart { record: part.clone(), chunk: checkpoint.chunk }).collect();
        Manifest {
            format_version: Manifest::FORMAT_VERSION,
            rivet_version: env!("CARGO_PKG_VERSION").to_owned(),
            export: self.config.name.clone(),
            run_id: self.run_id,
            fingerprint: prepared.record.fingerprint.clone(),
            created_at: Timestamp::now(),
            destination: prepared.record.destination.clone(),
            format: self.config.output.format,
            compression: self.config.output.compression,
            schema_fingerprint: schema_fingerprint(&prepared.fields),
            schema: prepared.fields.clone(),
            rows: parts.iter().map(|part| part.record.rows).sum(),
            bytes: parts.iter().map(|part| part.record.bytes).sum(),
            parts,
            nulled: checkpoint.nulled.clone(),
            consistency: checkpoint.consistency.clone(),
            chunk_count: 1,
            source: Some(ManifestSource {
                server: self.shared.server.product.clone(),
                system_id: self.shared.server.system_id.clone(),
            }),
            cursor_before: None,
            cursor_after: None,
        }
    }

    fn metrics(&self) -> RunMetrics {
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

/// One attempt at the chunk.
async fn attempt(
    shared: &Shared,
    config: &ExportConfig,
    run_id: RunId,
    started_at: Timestamp,
    prepared: &Prepared,
) -> Result<(Written, Consistency), EngineError> {
    let limits = limits(&config.tuning);
    let spec = prepared.description.spec.clone();
    let schema = spec.schema();
    let quality = QualityGate::new(&config.quality.clone().unwrap_or_default(), &schema)
        .map_err(|broken| EngineError::Quality { export: config.name.clone(), broken: vec![broken] })?;
    let meta = MetaAppender::new(&config.output.meta_columns, &schema, started_at)?;
    let namer = PartNamer::new(&config.name, run_id, CHUNK, &config.output);
    let store = Arc::clone(&prepared.store);
    let writer = ExportWriter::new(Arc::clone(meta.schema()), config.output.clone(), namer, store)?;
    let progress = Progress::new(&shared.announcer, &config.name);
    let writing = Writing { writer, meta, quality, write_empty: !config.skip_empty, progress };
    let opened = tokio::select! {
        () = shared.cancel.cancelled() => return Err(EngineError::Interrupted),
        opened = shared.source.open_snapshot(1, &limits) => opened,
    };
    let snapshot: Arc<_> = Arc::from(opened?);
    let reading = Reading { snapshot: Arc::clone(&snapshot), spec, limits, tuning: config.tuning.clone() };
    let written = pipeline::run(reading, writing, &shared.budget, &shared.cancel).await?;
    snapshot.close().await?;
    Ok((written, snapshot.consistency()))
}

fn limits(tuning: &Tuning) -> ScanLimits {
    let usual = ScanLimits::default();
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let shrink =
        tuning.max_batch_bytes.filter(|_| tuning.on_batch_memory_exceeded == OnBatchMemoryExceeded::AutoShrink);
    ScanLimits {
        statement_timeout: tuning.statement_timeout,
        lock_timeout: tuning.lock_timeout,
        batch_rows: size(tuning.batch_rows).min(usual.batch_rows),
        batch_bytes: [tuning.batch_bytes, shrink].into_iter().flatten().map(size).min().unwrap_or(usual.batch_bytes),
        max_value_bytes: tuning.max_value_bytes.map_or(usize::MAX, size),
    }
}

fn status_of(error: &EngineError) -> RunStatus {
    if matches!(error, EngineError::Interrupted) { RunStatus::Interrupted } else { RunStatus::Failed }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl ExportReport {
    fn new(export: &rivet_model::ExportName, destination: &str) -> Self {
        Self {
            export: export.clone(),
            run_id: None,
            status: RunStatus::Running,
            rows: 0,
            bytes: 0,
            parts: Vec::new(),
            duration: Duration::ZERO,
            retries: 0,
            longest_statement: Duration::ZERO,
            nulled: BTreeMap::new(),
            consistency: None,
            destination: destination.to_owned(),
            manifest: None,
            validated: None,
            error: None,
        }
    }
}
