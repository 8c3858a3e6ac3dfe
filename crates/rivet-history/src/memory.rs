use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rivet_model::{ChunkCheckpoint, ExportName, RunId, RunRecord, RunStatus};

use crate::rules::{self, Step};
use crate::{HistoryError, RunEnd, StateStore};

/// A store that lives and dies with the process: the twin of [`RedbStore`](crate::RedbStore) for tests and for
/// embedders that keep no history.
///
/// Durable, here, means as long as the value exists.
#[derive(Debug, Default)]
pub struct MemoryStore {
    runs: Mutex<BTreeMap<RunId, RunRecord>>,
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// No rule leaves a record half changed, so that a panic elsewhere does not spoil the map.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RunId, RunRecord>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut runs = self.lock();
        if runs.contains_key(&run.run_id) {
            return Err(HistoryError::RunExists { run: run.run_id });
        }
        runs.insert(run.run_id, run.clone());
        Ok(())
    }

    async fn checkpoint(&self, run: RunId, checkpoint: &ChunkCheckpoint) -> Result<(), HistoryError> {
        let mut runs = self.lock();
        let record = runs.get_mut(&run).ok_or(HistoryError::UnknownRun { run })?;
        let place = record.checkpoints.binary_search_by_key(&checkpoint.chunk, |stored| stored.chunk);
        let stored = place.ok().and_then(|at| record.checkpoints.get(at));
        if rules::checkpoint(run, record.status, stored, checkpoint)? == Step::Write
            && let Err(at) = place
        {
            record.checkpoints.insert(at, checkpoint.clone());
        }
        Ok(())
    }

    async fn finish(&self, run: RunId, end: RunEnd) -> Result<(), HistoryError> {
        let mut runs = self.lock();
        let record = runs.get_mut(&run).ok_or(HistoryError::UnknownRun { run })?;
        rules::finish(record, end).map(|_step| ())
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, HistoryError> {
        Ok(self.lock().get(&run).cloned())
    }

    async fn unfinished(&self) -> Result<Vec<RunRecord>, HistoryError> {
        Ok(self.lock().values().filter(|record| record.status == RunStatus::Running).cloned().collect())
    }

    async fn runs(&self, export: &ExportName, last: usize) -> Result<Vec<RunRecord>, HistoryError> {
        Ok(self.lock().values().rev().filter(|record| record.export == *export).take(last).cloned().collect())
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
