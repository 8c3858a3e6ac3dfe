use redb::{Database, ReadTransaction, ReadableDatabase as _, ReadableTable};
use rivet_model::{Chunk, ChunkCheckpoint, CursorState, ExportName, RunRecord};

use super::Failure;
use super::tables::{CHECKPOINTS, CHUNKS, CURSORS, RUNS, RUNS_BY_EXPORT, UNFINISHED, parsed};

/// One read view, in which records meet their chunks and checkpoints.
pub(super) struct Reader {
    transaction: ReadTransaction,
}

impl Reader {
    pub(super) fn new(database: &Database) -> Result<Self, Failure> {
        Ok(Self { transaction: database.begin_read()? })
    }

    pub(super) fn run(&self, key: u128) -> Result<Option<RunRecord>, Failure> {
        let Some(record) = record(&self.transaction.open_table(RUNS)?, key)? else {
            return Ok(None);
        };
        let chunks = chunks(&self.transaction.open_table(CHUNKS)?, key)?;
        let checkpoints = checkpoints(&self.transaction.open_table(CHECKPOINTS)?, key)?;
        Ok(Some(RunRecord { chunks, checkpoints, ..record }))
    }

    /// Returns a run that an index names.
    fn indexed(&self, key: u128) -> Result<RunRecord, Failure> {
        self.run(key)?.ok_or_else(|| Failure::Unreadable("an index names a run that is missing".to_owned()))
    }

    pub(super) fn unfinished(&self) -> Result<Vec<RunRecord>, Failure> {
        let unfinished = self.transaction.open_table(UNFINISHED)?;
        unfinished.iter()?.map(|entry| self.indexed(entry?.0.value())).collect()
    }

    pub(super) fn runs(&self, export: &ExportName, last: usize) -> Result<Vec<RunRecord>, Failure> {
        let index = self.transaction.open_table(RUNS_BY_EXPORT)?;
        let of_export = index.range((export.as_str(), u128::MIN)..=(export.as_str(), u128::MAX))?;
        of_export.rev().take(last).map(|entry| self.indexed(entry?.0.value().1)).collect()
    }

    pub(super) fn cursor(&self, export: &ExportName) -> Result<Option<CursorState>, Failure> {
        cursor(&self.transaction.open_table(CURSORS)?, export)
    }
}

/// Returns a record without its chunks and checkpoints.
pub(super) fn record(runs: &impl ReadableTable<u128, &'static [u8]>, key: u128) -> Result<Option<RunRecord>, Failure> {
    runs.get(key)?.map(|json| parsed("run", json.value())).transpose()
}

/// Returns the split of a run, in its order.
pub(super) fn chunks(
    chunks: &impl ReadableTable<(u128, u32), (u32, &'static [u8])>,
    key: u128,
) -> Result<Vec<Chunk>, Failure> {
    let mut found: Vec<(u32, Chunk)> = Vec::new();
    for entry in chunks.range((key, u32::MIN)..=(key, u32::MAX))? {
        let entry = entry?.1;
        let (place, json) = entry.value();
        found.push((place, parsed("chunk", json)?));
    }
    found.sort_unstable_by_key(|(place, _)| *place);
    Ok(found.into_iter().map(|(_, chunk)| chunk).collect())
}

/// Returns the checkpoints of a run, in the order of their chunks.
pub(super) fn checkpoints(
    checkpoints: &impl ReadableTable<(u128, u32), &'static [u8]>,
    key: u128,
) -> Result<Vec<ChunkCheckpoint>, Failure> {
    let of_run = checkpoints.range((key, u32::MIN)..=(key, u32::MAX))?;
    of_run.map(|entry| parsed("checkpoint", entry?.1.value())).collect()
}

/// Returns where the cursor of an export stands.
pub(super) fn cursor(
    cursors: &impl ReadableTable<&'static str, &'static [u8]>,
    export: &ExportName,
) -> Result<Option<CursorState>, Failure> {
    cursors.get(export.as_str())?.map(|json| parsed("cursor", json.value())).transpose()
}
