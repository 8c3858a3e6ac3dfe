use std::fmt;

use async_trait::async_trait;
use rivet_model::{Chunk, ChunkCheckpoint, CursorState, ExportName, ProcessRecord, RunId, RunRecord};

use crate::{HistoryError, RunEnd, StateStore};

/// A store that answers every call with the reason why it can't be read.
///
/// It stands in where a caller goes on without history, as planning does while a run holds the store.
#[derive(Debug, Clone)]
pub struct UnreadableStore {
    reason: String,
}

impl UnreadableStore {
    /// Makes a store of the error that the real one gave.
    pub fn new(error: &HistoryError) -> Self {
        Self { reason: error.to_string() }
    }

    fn error<T>(&self) -> Result<T, HistoryError> {
        Err(HistoryError::Unreadable { reason: self.reason.clone() })
    }
}

impl fmt::Display for UnreadableStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a state store that can't be read")
    }
}

#[async_trait]
impl StateStore for UnreadableStore {
    async fn begin(&self, _run: &RunRecord) -> Result<(), HistoryError> {
        self.error()
    }

    async fn resume(
        &self,
        _run: RunId,
        _process: &ProcessRecord,
        _forced: &[String],
    ) -> Result<RunRecord, HistoryError> {
        self.error()
    }

    async fn resplit(&self, _run: RunId, _chunks: &[Chunk]) -> Result<(), HistoryError> {
        self.error()
    }

    async fn checkpoint(&self, _run: RunId, _checkpoint: &ChunkCheckpoint) -> Result<(), HistoryError> {
        self.error()
    }

    async fn finish(&self, _run: RunId, _end: RunEnd) -> Result<(), HistoryError> {
        self.error()
    }

    async fn run(&self, _run: RunId) -> Result<Option<RunRecord>, HistoryError> {
        self.error()
    }

    async fn unfinished(&self) -> Result<Vec<RunRecord>, HistoryError> {
        self.error()
    }

    async fn runs(&self, _export: &ExportName, _last: usize) -> Result<Vec<RunRecord>, HistoryError> {
        self.error()
    }

    async fn cursor(&self, _export: &ExportName) -> Result<Option<CursorState>, HistoryError> {
        self.error()
    }

    async fn forget_cursor(&self, _export: &ExportName) -> Result<Option<CursorState>, HistoryError> {
        self.error()
    }
}
