use std::sync::Arc;

use jiff::Timestamp;
use rivet_config::{ExportConfig, OnBatchMemoryExceeded, Tuning};
use rivet_model::{ChunkCheckpoint, ChunkId, Consistency, PartRecord, RunId};
use rivet_source::ScanLimits;
use rivet_writer::{ExportWriter, MetaAppender, PartNamer};

use super::prepare::Prepared;
use super::run::milliseconds;
use super::{ExportRun, Shared};
use crate::pipeline::{self, Reading, Writing, Written};
use crate::progress::Progress;
use crate::quality::QualityGate;
use crate::retry::Attempts;
use crate::{EngineError, EventKind, failpoint};

/// A full export is one chunk.
const CHUNK: ChunkId = ChunkId(0);

impl ExportRun {
    /// Reads the chunk, makes it durable, and judges it. `None` for a run without rows that is to leave nothing. An
    /// error comes with the parts that were made.
    pub(super) async fn read_and_judge(
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
