use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rivet_model::{
    Chunk, ChunkCheckpoint, ChunkId, CursorState, ExportName, ProcessRecord, RunId, RunRecord, RunStatus,
};

use crate::rules::{self, Step};
use crate::{HistoryError, RunEnd, StateStore};

/// A store that lives and dies with the process: the twin of [`RedbStore`](crate::RedbStore) for tests and for
/// embedders that keep no history.
///
/// Durable, here, means as long as the value exists.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    runs: BTreeMap<RunId, Run>,
    cursors: BTreeMap<ExportName, CursorState>,
}

#[derive(Debug)]
struct Run {
    record: RunRecord,
    /// The ids of its chunks, so that a checkpoint finds its own without looking at the others.
    split: HashSet<ChunkId>,
}

impl Run {
    fn new(record: RunRecord) -> Self {
        let split = record.chunks.iter().map(|chunk| chunk.id).collect();
        Self { record, split }
    }
}

impl Inner {
    fn run(&mut self, run: RunId) -> Result<&mut Run, HistoryError> {
        self.runs.get_mut(&run).ok_or(HistoryError::UnknownRun { run })
    }

    fn records(&self) -> impl DoubleEndedIterator<Item = &RunRecord> {
        self.runs.values().map(|run| &run.record)
    }
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// No rule leaves a record half changed, so that a panic elsewhere does not spoil the maps.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("state store in memory")
    }
}

#[async_trait]
impl StateStore for MemoryStore {
    async fn begin(&self, run: &RunRecord) -> Result<(), HistoryError> {
        rules::begin(run)?;
        let mut inner = self.lock();
        if inner.runs.contains_key(&run.run_id) {
            return Err(HistoryError::RunExists { run: run.run_id });
        }
        inner.runs.insert(run.run_id, Run::new(run.clone()));
        Ok(())
    }

    async fn resume(&self, run: RunId, process: &ProcessRecord, forced: &[String]) -> Result<RunRecord, HistoryError> {
        let mut inner = self.lock();
        let record = &mut inner.run(run)?.record;
        rules::resume(record, process.clone(), forced)?;
        Ok(record.clone())
    }

    async fn resplit(&self, run: RunId, chunks: &[Chunk]) -> Result<(), HistoryError> {
        let mut inner = self.lock();
        let stored = inner.run(run)?;
        if rules::resplit(&stored.record, chunks)? == Step::Write {
            *stored = Run::new(RunRecord { chunks: chunks.to_vec(), ..stored.record.clone() });
        }
        Ok(())
    }

    async fn checkpoint(&self, run: RunId, checkpoint: &ChunkCheckpoint) -> Result<(), HistoryError> {
        let mut inner = self.lock();
        let Run { record, split } = inner.run(run)?;
        let in_split = split.is_empty() || split.contains(&checkpoint.chunk);
        let place = record.checkpoints.binary_search_by_key(&checkpoint.chunk, |stored| stored.chunk);
        let stored = place.ok().and_then(|at| record.checkpoints.get(at));
        if rules::checkpoint(run, record.status, in_split, stored, checkpoint)? == Step::Write
            && let Err(at) = place
        {
            record.checkpoints.insert(at, checkpoint.clone());
        }
        Ok(())
    }

    async fn finish(&self, run: RunId, end: RunEnd) -> Result<(), HistoryError> {
        let mut inner = self.lock();
        let Inner { runs, cursors } = &mut *inner;
        let record = &mut runs.get_mut(&run).ok_or(HistoryError::UnknownRun { run })?.record;
        if rules::finish(record, end)? == Step::Write
            && let Some(next) = rules::advance(record, cursors.get(&record.export))
        {
            cursors.insert(record.export.clone(), next);
        }
        Ok(())
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, HistoryError> {
        Ok(self.lock().runs.get(&run).map(|run| run.record.clone()))
    }

    async fn unfinished(&self) -> Result<Vec<RunRecord>, HistoryError> {
        Ok(self.lock().records().filter(|record| record.status == RunStatus::Running).cloned().collect())
    }

    async fn runs(&self, export: &ExportName, last: usize) -> Result<Vec<RunRecord>, HistoryError> {
        Ok(self.lock().records().rev().filter(|record| record.export == *export).take(last).cloned().collect())
    }

    async fn cursor(&self, export: &ExportName) -> Result<Option<CursorState>, HistoryError> {
        Ok(self.lock().cursors.get(export).cloned())
    }

    async fn forget_cursor(&self, export: &ExportName) -> Result<Option<CursorState>, HistoryError> {
        Ok(self.lock().cursors.remove(export))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conformance;

    #[tokio::test]
    async fn it_passes_the_conformance_suite() {
        conformance::suite(|| async { Arc::new(MemoryStore::new()) as Arc<dyn StateStore> }).await;
    }
}
