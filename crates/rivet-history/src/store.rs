use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use rivet_model::{
    Chunk, ChunkCheckpoint, CursorState, ErrorRecord, ExportName, ProcessRecord, RunId, RunMetrics, RunRecord,
    RunStatus,
};

use crate::HistoryError;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// The final status: any but `Running`.
    pub status: RunStatus,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What it took and gave, where that is known.
    pub metrics: Option<RunMetrics>,
    /// Why it failed, where it did.
    pub error: Option<ErrorRecord>,
}

impl RunEnd {
    /// Makes an end without metrics and without an error.
    pub fn new(status: RunStatus, finished_at: Timestamp) -> Self {
        Self { status, finished_at, metrics: None, error: None }
    }

    /// Adds what the run took and gave.
    #[must_use]
    pub fn with_metrics(mut self, metrics: RunMetrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Adds why the run failed.
    #[must_use]
    pub fn with_error(mut self, error: ErrorRecord) -> Self {
        self.error = Some(error);
        self
    }
}

/// Where runs, their chunks and checkpoints, and cursors are kept. `Display` names the store without secrets.
///
/// **Atomic and durable.** [`begin`](Self::begin), [`resume`](Self::resume), [`resplit`](Self::resplit),
/// [`checkpoint`](Self::checkpoint), [`finish`](Self::finish) and [`forget_cursor`](Self::forget_cursor) are one
/// transaction each. When one returns `Ok`, a crash or a power cut after it does not undo it. When it returns an
/// error of the rules (a known id, a run that is not running, a different checkpoint or end), nothing has changed.
/// When it returns an error of the storage, the transaction may or may not have happened: the caller gives up, and
/// the next start reads what is true.
///
/// **Concurrent.** All methods may be called at once, from any task and any runtime. Writes take effect one after
/// another; a read sees every write that had returned when the read began. A future that is dropped does not stop a
/// transaction that has begun.
///
/// **Empty.** A store that has seen no run answers `None` and empty lists.
#[async_trait]
pub trait StateStore: fmt::Display + fmt::Debug + Send + Sync + 'static {
    /// Records a new run.
    ///
    /// # Errors
    ///
    /// [`HistoryError::RunExists`] where the id is known, even for an equal record;
    /// [`HistoryError::InvalidRecord`] where the record is not that of a run that begins: `Running`, without
    /// checkpoints, metrics, an error or a time of its end, and with one id for each chunk.
    async fn begin(&self, run: &RunRecord) -> Result<(), HistoryError>;

    /// Records that another process goes on with a run that is `Running`, and returns the run as it stands now, with
    /// chunks and checkpoints. `forced` are steps that were forced this time: they are added to those of its plan; a run
    /// without a plan has none.
    ///
    /// It is for the caller to know that the process before is dead: a store in one file is open in one process only.
    ///
    /// # Errors
    ///
    /// [`HistoryError::UnknownRun`]; [`HistoryError::NotRunning`] where the run has ended.
    async fn resume(&self, run: RunId, process: &ProcessRecord, forced: &[String]) -> Result<RunRecord, HistoryError>;

    /// Puts another split in the place of a run's. Chunks that are done are in it as they were.
    ///
    /// # Errors
    ///
    /// [`HistoryError::UnknownRun`]; [`HistoryError::NotRunning`] where the run has ended;
    /// [`HistoryError::InvalidRecord`] where the split is empty, two chunks have one id, or a chunk with a checkpoint
    /// is missing or is not what it was.
    async fn resplit(&self, run: RunId, chunks: &[Chunk]) -> Result<(), HistoryError>;

    /// Records that a chunk is done. An equal checkpoint of the same chunk is recorded already: that is success.
    ///
    /// # Errors
    ///
    /// [`HistoryError::UnknownRun`]; [`HistoryError::NotRunning`] where the run has ended;
    /// [`HistoryError::UnknownChunk`] where the run has a split without the chunk;
    /// [`HistoryError::CheckpointDiffers`] where the chunk has another checkpoint, which stays.
    async fn checkpoint(&self, run: RunId, checkpoint: &ChunkCheckpoint) -> Result<(), HistoryError>;

    /// Records how a run ended. A second end with the same status is success and changes nothing: the first one
    /// stays, its time and metrics included.
    ///
    /// The end `Committed` of a run whose cursor has a watermark advances the export's cursor to it, in the same
    /// transaction, unless a newer run has advanced it since the run began.
    ///
    /// # Errors
    ///
    /// [`HistoryError::UnknownRun`]; [`HistoryError::AlreadyFinished`] where the run ended with another status;
    /// [`HistoryError::InvalidRecord`] where the status is `Running`.
    async fn finish(&self, run: RunId, end: RunEnd) -> Result<(), HistoryError>;

    /// Returns one run with its chunks, and its checkpoints in the order of the ids of their chunks, or `None` where the id is not known.
    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, HistoryError>;

    /// Returns every run that is `Running`, oldest first, with chunks and checkpoints.
    async fn unfinished(&self) -> Result<Vec<RunRecord>, HistoryError>;

    /// Returns the `last` newest runs of one export, newest first, with chunks and checkpoints.
    ///
    /// The age of a run is the order of its id, which begins with the time at which it was made.
    async fn runs(&self, export: &ExportName, last: usize) -> Result<Vec<RunRecord>, HistoryError>;

    /// Returns where the cursor of an export stands, or `None` where no committed run has advanced it.
    async fn cursor(&self, export: &ExportName) -> Result<Option<CursorState>, HistoryError>;

    /// Forgets the cursor of an export, so that its next run reads from the beginning, and returns where it stood.
    async fn forget_cursor(&self, export: &ExportName) -> Result<Option<CursorState>, HistoryError>;
}
