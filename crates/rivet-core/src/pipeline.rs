//! One attempt at one chunk: a thread that reads and decodes, a thread that encodes, and a channel between them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use arrow::array::RecordBatch;
use rivet_config::{OnBatchMemoryExceeded, Tuning};
use rivet_model::PartRecord;
use rivet_source::{Reader, Scan, ScanLimits, ScanSpec, ScanSummary, SourceError, SourceErrorKind};
use rivet_writer::{ByteBudget, ExportWriter, Permit};
use tokio_util::sync::CancellationToken;

use crate::EngineError;
use crate::memory::pause_above;
use crate::progress::AttemptProgress;
use crate::quality::QualityGate;
use crate::shape::RowShape;
use crate::throttle::Throttle;
use crate::worker::{Worker, finished, on_thread};

/// Batches that wait between the threads, at most. The budget of bytes bounds them as well.
const QUEUED_BATCHES: usize = 2;

/// What an attempt reads.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) spec: ScanSpec,
    pub(crate) limits: ScanLimits,
    pub(crate) tuning: Tuning,
}

/// What an attempt writes with.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) writer: ExportWriter,
    pub(crate) shape: RowShape,
    pub(crate) quality: QualityGate,
    pub(crate) write_empty: bool,
    pub(crate) progress: AttemptProgress,
}

/// What an attempt gave.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) parts: Vec<PartRecord>,
    pub(crate) quality: QualityGate,
    pub(crate) summary: ScanSummary,
    /// Batches above `tuning.max_batch_memory_mb`.
    pub(crate) large_batches: u64,
}

/// What the reader's side of an attempt gave.
#[derive(Debug)]
pub(crate) struct WasRead {
    pub(crate) summary: ScanSummary,
    pub(crate) large_batches: u64,
}

/// The reader's side of an attempt.
#[derive(Debug)]
pub(crate) struct ReadJob {
    reading: Reading,
    rows: SyncSender<Message>,
    budget: Arc<ByteBudget>,
    pub(crate) stop: CancellationToken,
}

/// What goes from the reader to the encoder.
#[derive(Debug)]
enum Message {
    Rows(RecordBatch, Permit),
    /// The reader has seen the end: what was sent is everything. A channel that closes without it is a failure.
    End,
}

/// Runs an attempt to its end. Whatever happens, nothing is read any more and no part is left open.
pub(crate) async fn run(
    worker: &Worker,
    reading: Reading,
    writing: Writing,
    budget: &Arc<ByteBudget>,
    cancel: &CancellationToken,
) -> Result<Written, EngineError> {
    let (rows, receiver) = sync_channel(QUEUED_BATCHES);
    // A failed encoder stops the reader, which may be waiting for a slow server.
    let stop = cancel.child_token();
    let stop_reader = stop.clone();
    let written = on_thread("rivet-write", move || {
        let written = write(writing, &receiver);
        if written.is_err() {
            stop_reader.cancel();
        }
        written
    })?;
    let read = worker.read(ReadJob { reading, rows, budget: Arc::clone(budget), stop });
    let (read, written) = tokio::join!(finished(read), finished(written));
    if cancel.is_cancelled() {
        return Err(EngineError::Interrupted);
    }
    // Where the reader failed, the encoder ends without rows to blame; where the encoder failed, the reader was
    // stopped. The one that failed first has the reason.
    match (read, written) {
        (Err(error), _) if !matches!(error, EngineError::Interrupted) => Err(error),
        (_, Err(error)) | (Err(error), Ok(_)) => Err(error),
        (Ok(WasRead { summary, large_batches }), Ok((parts, quality))) => {
            Ok(Written { parts, quality, summary, large_batches })
        }
    }
}

/// The reader's side, on the thread of its worker.
pub(crate) async fn read(reader: &mut dyn Reader, job: &ReadJob) -> Result<WasRead, EngineError> {
    let opened = tokio::select! {
        biased;
        () = job.stop.cancelled() => return Err(EngineError::Interrupted),
        opened = reader.scan(&job.reading.spec, &job.reading.limits) => opened,
    };
    let mut scan = opened?;
    let passed = pass_on(scan.as_mut(), job).await;
    if passed.is_err() {
        scan.cancel().await;
    }
    passed.map(|large_batches| WasRead { summary: scan.summary(), large_batches })
}

/// Hands batches on until the scan ends; returns how many were too large.
async fn pass_on(scan: &mut dyn Scan, job: &ReadJob) -> Result<u64, EngineError> {
    let ReadJob { reading: Reading { tuning, .. }, rows, budget, stop } = job;
    let mut throttle = Throttle::new(tuning.profile, tuning.throttle, tuning.batch_rows);
    let mut large_batches = 0;
    loop {
        let next = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(EngineError::Interrupted),
            next = scan.next_batch() => next?,
        };
        let Some(batch) = next else { break };
        let bytes = batch.get_array_memory_size();
        if tuning.max_batch_bytes.is_some_and(|limit| bytes as u64 > limit) {
            large_batches += 1;
            if tuning.on_batch_memory_exceeded == OnBatchMemoryExceeded::Fail {
                return Err(too_large(bytes, tuning).into());
            }
        }
        pause_above(tuning.memory_threshold).await;
        let rest = throttle.after(batch.num_rows() as u64);
        // Waiting here holds the scan's own connection up and nothing else: its runtime has this one task.
        let permit = budget.take(bytes);
        if rows.send(Message::Rows(batch, permit)).is_err() {
            return Err(EngineError::Interrupted);
        }
        pause(rest, stop).await;
    }
    rows.send(Message::End).map_err(|_closed| EngineError::Interrupted)?;
    Ok(large_batches)
}

async fn pause(rest: Duration, stop: &CancellationToken) {
    if !rest.is_zero() {
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}

fn too_large(bytes: usize, tuning: &Tuning) -> SourceError {
    let limit = tuning.max_batch_bytes.unwrap_or_default();
    let message = format!("a batch takes {bytes} bytes, above the limit of {limit}");
    SourceError::new(SourceErrorKind::Value, message)
        .with_help("Raise `tuning.max_batch_memory_mb`, or set `on_batch_memory_exceeded: auto_shrink`.")
}

/// The encoder's thread.
fn write(mut writing: Writing, receiver: &Receiver<Message>) -> Result<(Vec<PartRecord>, QualityGate), EngineError> {
    loop {
        match receiver.recv() {
            Ok(Message::Rows(batch, permit)) => {
                // The rules of `quality` are for what the source sent.
                writing.quality.observe(&batch)?;
                let rows = batch.num_rows() as u64;
                let batch = writing.shape.apply(batch)?;
                writing.writer.write_held(&batch, Some(&permit))?;
                drop((batch, permit));
                writing.progress.wrote(rows, writing.writer.written_bytes());
            }
            Ok(Message::End) => break,
            Err(_closed) => {
                writing.writer.abort();
                return Err(EngineError::Interrupted);
            }
        }
    }
    let parts = writing.writer.finish(writing.write_empty)?;
    writing.progress.keep();
    Ok((parts, writing.quality))
}
