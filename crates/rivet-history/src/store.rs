use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use rivet_model::{ChunkCheckpoint, ErrorRecord, ExportName, RunId, RunMetrics, RunRecord, RunStatus};

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

/// Where runs and their checkpoints are kept. `Display` names the store without secrets.
///
/// **Atomic and durable.** [`begin`](Self::begin), [`checkpoint`](Self::checkpoint) and [`finish`](Self::finish) are
/// one transaction each. When one returns `Ok`, a crash or a power cut after it does not undo it. When it returns an
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
    /// checkpoints, metrics, an error or a time of its end.
    async fn begin(&self, run: &RunRecord) -> Result<(), HistoryError>;

    /// Records that a chunk is done. An equal checkpoint of the same chunk is recorded already: that is success.
    ///
    /// # Errors
    ///
    /// [`HistoryError::UnknownRun`]; [`HistoryError::NotRunning`] where the run has ended;
    /// [`HistoryError::CheckpointDiffers`] where the chunk has another checkpoint, which stays.
    async fn checkpoint(&self, run: RunId, checkpoint: &ChunkCheckpoint) -> Result<(), HistoryError>;

    /// Records how a run ended. A second end with the same status is success and changes nothing: the first one
    /// stays, its time and metrics included.
    ///
    /// # Errors
    ///
    /// [`HistoryError::UnknownRun`]; [`HistoryError::AlreadyFinished`] where the run ended with another status;
    /// [`HistoryError::InvalidRecord`] where the status is `Running`.
    async fn finish(&self, run: RunId, end: RunEnd) -> Result<(), HistoryError>;

    /// Returns one run with its checkpoints in the order of their chunks, or `None` where the id is not known.
    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, HistoryError>;

    /// Returns every run that is `Running`, oldest first, with checkpoints.
    async fn unfinished(&self) -> Result<Vec<RunRecord>, HistoryError>;

    /// Returns the `last` newest runs of one export, newest first, with checkpoints.
    ///
    /// The age of a run is the order of its id, which begins with the time at which it was made.
    async fn runs(&self, export: &ExportName, last: usize) -> Result<Vec<RunRecord>, HistoryError>;
}
