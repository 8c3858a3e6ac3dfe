use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rivet_config::{ExportConfig, Mode};
use rivet_model::{Chunk, ChunkCheckpoint, ChunkId, Consistency, ReadView, RowRange, RunId};
use rivet_source::{ScanLimits, ScanSpec, Snapshot, SourceErrorKind, SplitBy, SplitRequest};
use rivet_writer::PartStore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Shared;
use super::run::milliseconds;
use crate::pipeline::Written;
use crate::progress::Progress;
use crate::quality::QualityGate;
use crate::retry::Attempts;
use crate::worker::Worker;
use crate::{EngineError, EventKind, failpoint};

/// Pieces that one chunk is cut into at a time, at most.
const MOST_PIECES: u64 = 64;

/// The part of the budget that a statement may take by itself, for chunks to be cut.
const MOST_FIXED: f64 = 0.5;

/// How often a chunk is cut in two because it failed, one piece after the other: to a thirty-second.
const MOST_HALVINGS: u32 = 5;

/// A chunk that is expected to take this many times the budget is cut; a little more is let be.
const TOLERANCE: f64 = 1.25;

/// The chunks of one run while its workers read them.
#[derive(Debug)]
pub(super) struct ChunkReading {
    pub(super) shared: Shared,
    pub(super) config: ExportConfig,
    pub(super) run_id: RunId,
    pub(super) started_at: Timestamp,
    pub(super) store: Arc<dyn PartStore>,
    pub(super) spec: ScanSpec,
    pub(super) limits: ScanLimits,
    pub(super) view: ReadView,
    pub(super) progress: Arc<Progress>,
    /// Stops all workers when one fails.
    pub(super) stop: CancellationToken,
    pub(super) state: Mutex<ReadState>,
    /// Held while the split changes, in memory and in the state store.
    pub(super) resplit: tokio::sync::Mutex<()>,
}

/// What the workers share.
#[derive(Debug)]
pub(super) struct ReadState {
    /// Chunks that nobody has begun.
    pub(super) waiting: VecDeque<Chunk>,
    /// Every chunk of the run.
    pub(super) split: Vec<Chunk>,
    /// Chunks that are done, of this process.
    pub(super) done: Vec<ChunkCheckpoint>,
    pub(super) quality: QualityGate,
    pub(super) large_batches: u64,
    pub(super) retries: u64,
    pub(super) statements: u64,
    /// How often the pieces of a chunk were cut in two because they failed.
    halvings: BTreeMap<ChunkId, u32>,
    pace: Pace,
}

/// How much a statement reads in its budget.
#[derive(Debug, Default)]
struct Pace {
    /// Rows in the budget; known once a chunk took longer, and while cutting helps.
    rows: Option<f64>,
    /// The largest chunk that took longer: its rows and its time.
    slow: Option<(u64, Duration)>,
    /// Whether a statement takes much of the budget however little it reads: then smaller chunks would only make it
    /// more of them.
    is_fixed: bool,
}

impl ReadState {
    pub(super) fn new(waiting: VecDeque<Chunk>, split: Vec<Chunk>, quality: QualityGate) -> Self {
        let (done, large_batches, retries, statements) = (Vec::new(), 0, 0, 0);
        let (halvings, pace) = (BTreeMap::new(), Pace::default());
        Self { waiting, split, done, quality, large_batches, retries, statements, halvings, pace }
    }

    /// Returns how many pieces a chunk should be read in.
    fn pieces(&self, chunk: &Chunk) -> u64 {
        let (false, Some(pace), Some(rows), RowRange::Key { .. } | RowRange::All) =
            (self.pace.is_fixed, self.pace.rows, chunk.estimated_rows, &chunk.range)
        else {
            return 1;
        };
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let ratio = rows as f64 / pace;
        if ratio <= TOLERANCE {
            return 1;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
        let pieces = ratio.ceil().min(1e6) as u64;
        pieces.clamp(2, MOST_PIECES)
    }
}

impl Pace {
    /// Learns from a chunk how many rows one statement may read.
    fn learn(&mut self, rows: u64, elapsed: Duration, budget: Duration) {
        // A chunk without rows says nothing of what a row takes.
        if rows == 0 || budget.is_zero() || elapsed.is_zero() || (elapsed <= budget && self.slow.is_none()) {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let float = |rows: u64| rows as f64;
        let (seconds, budget_seconds) = (elapsed.as_secs_f64(), budget.as_secs_f64());
        match self.slow {
            // Two chunks of different sizes tell what a statement takes by itself and what a row adds to it.
            Some((slow_rows, slow)) if rows <= slow_rows / 2 => {
                let per_row = (slow.as_secs_f64() - seconds).max(0.0) / (float(slow_rows) - float(rows));
                let by_itself = (seconds - per_row * float(rows)).max(0.0);
                self.is_fixed = by_itself > budget_seconds * MOST_FIXED || per_row == 0.0;
                self.rows = (!self.is_fixed).then(|| ((budget_seconds - by_itself) / per_row).max(1.0));
            }
            _ => {
                if elapsed > budget {
                    self.slow = Some((rows, elapsed));
                }
                self.rows = Some(float(rows) * budget_seconds / seconds);
            }
        }
    }
}

impl ChunkReading {
    pub(super) fn lock(&self) -> MutexGuard<'_, ReadState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads chunks until none is left. The first error stops the other workers.
    pub(super) async fn work(&self, snapshot: Arc<dyn Snapshot>) -> Result<(), EngineError> {
        let worker = Worker::start(Arc::clone(&snapshot), self.limits.clone())?;
        let read = self.read_all(&worker, snapshot.as_ref()).await;
        if read.is_err() {
            self.stop.cancel();
        }
        let closed = worker.close().await;
        read.and(closed)
    }

    async fn read_all(&self, worker: &Worker, snapshot: &dyn Snapshot) -> Result<(), EngineError> {
        while let Some(chunk) = self.next().await? {
            self.read_chunk(worker, snapshot, chunk).await?;
        }
        Ok(())
    }

    /// Takes the next chunk, cut smaller where chunks like it were seen to take too long.
    async fn next(&self) -> Result<Option<Chunk>, EngineError> {
        if self.stop.is_cancelled() {
            return Err(EngineError::Interrupted);
        }
        let (chunk, pieces) = {
            let mut state = self.lock();
            let Some(chunk) = state.waiting.pop_front() else { return Ok(None) };
            let pieces = state.pieces(&chunk);
            (chunk, pieces)
        };
        if pieces > 1 && self.cut(&chunk, pieces).await? {
            return Ok(self.lock().waiting.pop_front());
        }
        Ok(Some(chunk))
    }

    /// Reads a chunk, again where it fails and that may help.
    async fn read_chunk(&self, worker: &Worker, snapshot: &dyn Snapshot, chunk: Chunk) -> Result<(), EngineError> {
        let mut attempts =
            Attempts::new(&self.config.name, &self.config.tuning, &self.shared.announcer, &self.shared.cancel);
        if let Mode::Chunked(chunked) = &self.config.mode {
            attempts.at_most(chunked.max_attempts);
        }
        loop {
            let error = match self.attempt(worker, &chunk).await {
                Ok(written) => return self.done(&chunk, written, snapshot.consistency()).await,
                Err(error) => error,
            };
            // Another worker has failed, and says why.
            if self.stop.is_cancelled() || !self.repeats_chunks() {
                return Err(error);
            }
            if asks_for_less(&error) && self.may_halve(&chunk) && self.cut(&chunk, 2).await? {
                self.count_halving(&chunk);
                self.note(format!("chunk {} is read in smaller pieces: {error}", chunk.id));
                self.lock().retries += 1;
                return Ok(());
            }
            attempts.after(error).await?;
            self.lock().retries += 1;
        }
    }

    /// Records that a chunk is done: at once where a later process could go on from there.
    async fn done(&self, chunk: &Chunk, written: Written, consistency: Consistency) -> Result<(), EngineError> {
        let summary = written.summary;
        for part in &written.parts {
            let (export, part) = (self.config.name.clone(), part.clone());
            self.shared.announcer.say(EventKind::PartFinished { export, part });
        }
        let checkpoint = ChunkCheckpoint {
            chunk: chunk.id,
            rows: summary.rows,
            nulled: summary.nulled,
            consistency,
            statement_ms: milliseconds(summary.statement_elapsed),
            null_counts: written.quality.null_counts().clone(),
            parts: written.parts,
        };
        debug!(export = %self.config.name, chunk = %chunk.id, rows = checkpoint.rows, "chunk read");
        failpoint::reach("chunk_written");
        if self.repeats_chunks() {
            self.shared.state.checkpoint(self.run_id, &checkpoint).await?;
            failpoint::reach("chunk_checkpointed");
        }
        let mut state = self.lock();
        state.pace.learn(summary.rows, summary.statement_elapsed, self.limits.statement_budget);
        state.done.push(checkpoint);
        state.quality.merge(written.quality);
        state.large_batches += written.large_batches;
        state.statements += summary.statements;
        drop(state);
        self.progress.chunk_done(0, 0);
        Ok(())
    }

    /// Cuts a chunk into pieces, which wait before all others. Returns whether it could be cut.
    async fn cut(&self, chunk: &Chunk, pieces: u64) -> Result<bool, EngineError> {
        let by = SplitBy::Count(u32::try_from(pieces).unwrap_or(u32::MAX));
        let request = SplitRequest { by, within: chunk.range.clone() };
        let split = match self.shared.source.split(&self.spec, &request, &self.limits).await {
            Ok(split) if split.pieces.len() > 1 => split,
            Ok(_) => return Ok(false),
            Err(error) => {
                warn!(export = %self.config.name, chunk = %chunk.id, %error, "the chunk could not be cut");
                return Ok(false);
            }
        };
        let _changing = self.resplit.lock().await;
        let mut whole = self.lock().split.clone();
        let next_id = whole.iter().map(|chunk| chunk.id.0 + 1).max().unwrap_or_default();
        let ids = std::iter::once(chunk.id).chain((next_id..).map(ChunkId));
        let pieces = ids.zip(split.pieces);
        let pieces: Vec<Chunk> =
            pieces.map(|(id, piece)| Chunk { id, range: piece.range, estimated_rows: piece.estimated_rows }).collect();
        whole.retain(|other| other.id != chunk.id);
        whole.extend(pieces.iter().cloned());
        whole.sort_by_key(|chunk| chunk.id);
        self.shared.state.resplit(self.run_id, &whole).await?;
        failpoint::reach("chunk_cut");
        self.progress.split(whole.len());
        let mut state = self.lock();
        state.split = whole;
        for piece in pieces.into_iter().rev() {
            state.waiting.push_front(piece);
        }
        Ok(true)
    }

    fn may_halve(&self, chunk: &Chunk) -> bool {
        self.lock().halvings.get(&chunk.id).copied().unwrap_or_default() < MOST_HALVINGS
    }

    /// The two pieces of the chunk wait before all others.
    fn count_halving(&self, chunk: &Chunk) {
        let mut state = self.lock();
        let depth = state.halvings.get(&chunk.id).copied().unwrap_or_default() + 1;
        let pieces: Vec<ChunkId> = state.waiting.iter().take(2).map(|piece| piece.id).collect();
        state.halvings.extend(pieces.into_iter().map(|id| (id, depth)));
    }

    fn note(&self, note: String) {
        self.shared.announcer.say(EventKind::Note { export: self.config.name.clone(), note });
    }
}

/// Whether an error may not come again where less is read at a time.
fn asks_for_less(error: &EngineError) -> bool {
    matches!(error, EngineError::Source(error)
        if matches!(error.kind(), SourceErrorKind::StatementTimeout | SourceErrorKind::Conflict))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Schema;
    use rivet_config::Quality;

    use super::*;

    fn state() -> ReadState {
        let gate = QualityGate::new(&Quality::default(), &Schema::empty().into()).unwrap();
        ReadState::new(VecDeque::new(), Vec::new(), gate)
    }

    fn chunk(rows: Option<u64>, range: RowRange) -> Chunk {
        Chunk { id: ChunkId(0), range, estimated_rows: rows }
    }

    #[test]
    fn chunks_follow_the_time_that_they_took() {
        let (second, key) = (Duration::from_secs(1), RowRange::Key { lower: None, upper: None });
        let mut state = state();
        state.pace.learn(1_000, second / 2, second);
        assert_eq!(state.pieces(&chunk(Some(1_000_000), key.clone())), 1, "nothing took too long");
        state.pace.learn(1_000, second * 4, second);
        assert_eq!(state.pieces(&chunk(Some(1_000), key.clone())), 4);
        assert_eq!(state.pieces(&chunk(Some(300), key.clone())), 1, "a little more is let be");
        assert_eq!(state.pieces(&chunk(Some(u64::MAX), key.clone())), MOST_PIECES);
        assert_eq!(state.pieces(&chunk(None, key.clone())), 1);
        assert_eq!(state.pieces(&chunk(Some(1_000), RowRange::NullKey)), 1, "NULLs can't be cut");
        state.pace.learn(1_000, second / 2, second);
        assert_eq!(state.pieces(&chunk(Some(1_000), key)), 1, "the source has become faster");
    }

    #[test]
    fn what_takes_its_time_whatever_is_read_is_not_cut() {
        let (second, key) = (Duration::from_secs(1), RowRange::Key { lower: None, upper: None });
        let mut state = state();
        state.pace.learn(64_000, second * 8, second);
        assert_eq!(state.pieces(&chunk(Some(64_000), key.clone())), 8);
        state.pace.learn(8_000, second * 7, second);
        assert_eq!(state.pieces(&chunk(Some(64_000), key.clone())), 1, "an eighth took as long");
        state.pace.learn(8_000, second, second);
        assert_eq!(state.pieces(&chunk(Some(64_000), key)), 8, "now it does follow the rows");
    }

    #[test]
    fn chunks_without_rows_say_nothing_of_rows() {
        let (second, key) = (Duration::from_secs(1), RowRange::Key { lower: None, upper: None });
        let mut state = state();
        for _ in 0..3 {
            state.pace.learn(0, second * 8, second);
        }
        assert_eq!(state.pieces(&chunk(Some(1_000_000), key.clone())), 1);
        state.pace.learn(1, second * 8, second);
        state.pace.learn(0, second * 8, second);
        assert_eq!(state.pieces(&chunk(Some(1), key)), 8);
    }

    #[test]
    fn without_a_budget_nothing_is_cut() {
        let mut state = state();
        state.pace.learn(1_000, Duration::from_secs(100), Duration::ZERO);
        assert_eq!(state.pieces(&chunk(Some(1_000_000), RowRange::All)), 1);
    }
}
