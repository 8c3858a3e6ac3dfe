use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rivet_config::{Mode, OnBatchMemoryExceeded, Tuning};
use rivet_model::{Chunk, ChunkCheckpoint, ChunkId, Consistency, ReadView};
use rivet_source::{ScanLimits, Snapshot};
use rivet_writer::{ExportWriter, PartNamer};

use super::ExportRun;
use super::prepare::Prepared;
use super::workers::{ChunkReading, ReadState};
use crate::progress::Progress;
use crate::quality::QualityGate;
use crate::retry::Attempts;
use crate::shape::RowShape;
use crate::worker::{finished, on_thread};
use crate::{EngineError, failpoint};

/// A snapshot that is held for longer is told of: for as long the server keeps old versions of rows.
const LONG_SNAPSHOT: Duration = Duration::from_mins(15);

impl ExportRun {
    /// Reads all chunks that are not done, judges the rows, and leaves every checkpoint in the record.
    pub(super) async fn read_and_judge(&mut self, prepared: &mut Prepared) -> Result<(), EngineError> {
        let quality = if prepared.record.chunks.is_empty() {
            self.write_nothing(prepared).await?
        } else {
            self.read(prepared).await?
        };
        let checkpoints = &prepared.record.checkpoints;
        let longest = checkpoints.iter().map(|checkpoint| checkpoint.statement_ms).max().unwrap_or_default();
        self.report.longest_statement = Duration::from_millis(longest);
        for (column, count) in checkpoints.iter().flat_map(|checkpoint| &checkpoint.nulled) {
            *self.report.nulled.entry(column.clone()).or_default() += count;
        }
        self.report.chunks = count(prepared.record.chunks.len());
        self.judge(&quality)
    }

    /// Reads with as many attempts as the tuning allows: a chunk is repeated by itself, a run of one shared view as a
    /// whole.
    async fn read(&mut self, prepared: &mut Prepared) -> Result<QualityGate, EngineError> {
        let mut made = 0;
        loop {
            let error = match self.read_once(prepared).await {
                Ok(quality) => return Ok(quality),
                Err(error) => error,
            };
            if prepared.record.view == ReadView::PerScan {
                return Err(error);
            }
            let Self { shared, config, report, .. } = self;
            let mut attempts = Attempts::new(&config.name, &config.tuning, &shared.announcer, &shared.cancel);
            attempts.begin_after(made);
            attempts.after(error).await?;
            made += 1;
            report.retries += 1;
            // The next attempt may make fewer parts than this one did.
            prepared.store.discard(self.run_id, &[]).await?;
        }
    }

    async fn read_once(&mut self, prepared: &mut Prepared) -> Result<QualityGate, EngineError> {
        let reading = self.reading(prepared)?;
        let remaining = reading.lock().waiting.len();
        let workers = match &self.config.mode {
            Mode::Chunked(chunked) => chunked.parallel.clamp(1, remaining.max(1)),
            Mode::Full | Mode::Incremental(_) | Mode::TimeWindow(_) => 1,
        };
        let began = Instant::now();
        let read = if remaining == 0 { Ok(()) } else { self.read_with(&reading, workers).await };
        if reading.view == ReadView::Shared && began.elapsed() > LONG_SNAPSHOT {
            let minutes = began.elapsed().as_secs() / 60;
            self.note(format!(
                "one snapshot was held for {minutes} min, in which the source could not clean up what others changed; \
                 `mode: chunked` with `consistency: chunk` holds none"
            ));
        }
        let state = std::mem::replace(
            &mut *reading.lock(),
            ReadState::new(VecDeque::new(), Vec::new(), QualityGate::of(&self.config, &reading.spec.schema())?),
        );
        if prepared.record.view == ReadView::PerScan {
            self.report.retries += state.retries;
        }
        self.report.statements += state.statements;
        prepared.record.chunks = state.split;
        if read.is_ok() || prepared.record.view == ReadView::PerScan {
            prepared.record.checkpoints.extend(state.done.iter().cloned());
            prepared.record.checkpoints.sort_by_key(|checkpoint| checkpoint.chunk);
        }
        read?;
        // The chunks of a shared view count together or not at all.
        if prepared.record.view == ReadView::Shared {
            for checkpoint in &state.done {
                self.shared.state.checkpoint(self.run_id, checkpoint).await?;
            }
            failpoint::reach("chunk_checkpointed");
        }
        if state.large_batches > 0 {
            let many = state.large_batches;
            self.note(format!("{many} batches took more memory than `tuning.max_batch_memory_mb`"));
        }
        Ok(state.quality)
    }

    async fn read_with(&self, reading: &ChunkReading, workers: usize) -> Result<(), EngineError> {
        let (snapshot, workers) = self.open_snapshot(reading, workers).await?;
        let results = join_all((0..workers).map(|_| reading.work(Arc::clone(&snapshot)))).await;
        // A worker that was stopped by another one says nothing of its own.
        let mut errors: Vec<EngineError> = results.into_iter().filter_map(Result::err).collect();
        errors.sort_by_key(|error| matches!(error, EngineError::Interrupted));
        match errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(snapshot.close().await?),
        }
    }

    /// Opens what the workers read from, and returns how many of them there can be: one moment was asked for, and
    /// that comes before speed.
    async fn open_snapshot(
        &self,
        reading: &ChunkReading,
        workers: usize,
    ) -> Result<(Arc<dyn Snapshot>, usize), EngineError> {
        let open = async |workers| {
            tokio::select! {
                () = self.shared.cancel.cancelled() => Err(EngineError::Interrupted),
                opened = self.shared.source.open_snapshot(reading.view, workers, &reading.limits) => Ok(opened?),
            }
        };
        let snapshot = open(workers).await?;
        if reading.view == ReadView::PerScan || workers == 1 || snapshot.consistency() != Consistency::Chunk {
            return Ok((Arc::from(snapshot), workers));
        }
        snapshot.close().await?;
        self.note("the source can't show one moment to several connections: one worker reads all chunks".to_owned());
        Ok((Arc::from(open(1).await?), 1))
    }

    /// Gathers what the workers need.
    fn reading(&self, prepared: &Prepared) -> Result<ChunkReading, EngineError> {
        let record = &prepared.record;
        let spec = prepared.description.spec.clone();
        let mut quality = QualityGate::of(&self.config, &spec.schema())?;
        let progress = Progress::new(&self.shared.announcer, &self.config.name);
        progress.split(record.chunks.len());
        for checkpoint in &record.checkpoints {
            quality.add_counts(checkpoint.rows, &checkpoint.null_counts);
            progress.chunk_done(checkpoint.rows, checkpoint.parts.iter().map(|part| part.bytes).sum());
        }
        let waiting: VecDeque<Chunk> = record.remaining().cloned().collect();
        Ok(ChunkReading {
            shared: self.shared.clone(),
            config: self.config.clone(),
            run_id: self.run_id,
            started_at: self.started_at,
            store: Arc::clone(&prepared.store),
            limits: limits(&self.config.tuning),
            view: record.view,
            progress,
            stop: self.shared.cancel.child_token(),
            state: Mutex::new(ReadState::new(waiting, record.chunks.clone(), quality)),
            resplit: tokio::sync::Mutex::default(),
            spec,
        })
    }

    /// A run that has nothing to read sends no statement; it writes a part without rows, unless that was not asked
    /// for.
    async fn write_nothing(&mut self, prepared: &mut Prepared) -> Result<QualityGate, EngineError> {
        let quality = QualityGate::of(&self.config, &prepared.description.spec.schema())?;
        if self.config.skip_empty || !prepared.record.checkpoints.is_empty() {
            return Ok(quality);
        }
        let output = self.config.output.clone();
        let schema = prepared.description.spec.schema();
        let shape = RowShape::new(&self.config, &self.shared.environment, &schema, self.started_at)?;
        let namer = PartNamer::new(&self.config.name, self.run_id, ChunkId(0), &output);
        let writer = ExportWriter::new(Arc::clone(shape.schema()), output, namer, Arc::clone(&prepared.store))?;
        let written = on_thread("rivet-write", move || Ok(writer.finish(true)?))?;
        let checkpoint = ChunkCheckpoint {
            chunk: ChunkId(0),
            parts: finished(written).await?,
            rows: 0,
            nulled: BTreeMap::new(),
            consistency: Consistency::Snapshot { position: None },
            statement_ms: 0,
            null_counts: BTreeMap::new(),
        };
        self.shared.state.checkpoint(self.run_id, &checkpoint).await?;
        prepared.record.checkpoints.push(checkpoint);
        Ok(quality)
    }

    /// The gates: what must hold before anything becomes visible.
    fn judge(&self, quality: &QualityGate) -> Result<(), EngineError> {
        for column in quality.half_judged() {
            self.note(format!("`{column}` holds more values than `unique_max_entries`; the rest was not compared"));
        }
        let broken = quality.broken();
        if broken.is_empty() {
            return Ok(());
        }
        Err(EngineError::Quality { export: self.config.name.clone(), broken })
    }
}

pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What the tuning allows a statement and a batch.
pub(crate) fn limits(tuning: &Tuning) -> ScanLimits {
    let usual = ScanLimits::default();
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let shrink =
        tuning.max_batch_bytes.filter(|_| tuning.on_batch_memory_exceeded == OnBatchMemoryExceeded::AutoShrink);
    ScanLimits {
        statement_timeout: tuning.statement_timeout,
        lock_timeout: tuning.lock_timeout,
        statement_budget: tuning.statement_budget,
        batch_rows: size(tuning.batch_rows).min(usual.batch_rows),
        batch_bytes: [tuning.batch_bytes, shrink].into_iter().flatten().map(size).min().unwrap_or(usual.batch_bytes),
        max_value_bytes: tuning.max_value_bytes.map_or(usize::MAX, size),
    }
}
