//! What each call writes, within one transaction.

use std::collections::HashSet;

use redb::{ReadableTable as _, Table, WriteTransaction};
use rivet_model::{Chunk, ChunkCheckpoint, CursorState, ExportName, ProcessRecord, RunId, RunRecord};

use super::Failure;
use super::read::{checkpoints, chunks, cursor, record};
use super::tables::{CHECKPOINTS, CHUNKS, CURSORS, RUNS, RUNS_BY_EXPORT, UNFINISHED, key, parsed};
use crate::rules::{self, Step};
use crate::{HistoryError, RunEnd};

type Runs<'a> = Table<'a, u128, &'static [u8]>;

pub(super) fn begin(transaction: &WriteTransaction, run: &RunRecord) -> Result<Step, Failure> {
    rules::begin(run)?;
    let key = key(run.run_id);
    let mut runs = transaction.open_table(RUNS)?;
    if runs.get(key)?.is_some() {
        return Err(HistoryError::RunExists { run: run.run_id }.into());
    }
    // The chunks have a table of their own.
    put(&mut runs, &RunRecord { chunks: Vec::new(), ..run.clone() })?;
    transaction.open_table(RUNS_BY_EXPORT)?.insert((run.export.as_str(), key), ())?;
    transaction.open_table(UNFINISHED)?.insert(key, ())?;
    let mut table = transaction.open_table(CHUNKS)?;
    for (place, chunk) in (0..).zip(&run.chunks) {
        table.insert((key, chunk.id.0), (place, serde_json::to_vec(chunk)?.as_slice()))?;
    }
    Ok(Step::Write)
}

pub(super) fn resume(
    transaction: &WriteTransaction,
    run: RunId,
    process: ProcessRecord,
    forced: &[String],
) -> Result<(Step, RunRecord), Failure> {
    let mut runs = transaction.open_table(RUNS)?;
    let mut record = known(&runs, run)?;
    let step = rules::resume(&mut record, process, forced)?;
    if step == Step::Write {
        put(&mut runs, &record)?;
    }
    record.chunks = chunks(&transaction.open_table(CHUNKS)?, key(run))?;
    record.checkpoints = checkpoints(&transaction.open_table(CHECKPOINTS)?, key(run))?;
    Ok((step, record))
}

/// Writes the chunks that are new or have another place, and takes away those that are no more.
pub(super) fn resplit(transaction: &WriteTransaction, run: RunId, new: &[Chunk]) -> Result<Step, Failure> {
    let mut record = known(&transaction.open_table(RUNS)?, run)?;
    let key = key(run);
    let mut table = transaction.open_table(CHUNKS)?;
    record.chunks = chunks(&table, key)?;
    record.checkpoints = checkpoints(&transaction.open_table(CHECKPOINTS)?, key)?;
    let step = rules::resplit(&record, new)?;
    if step == Step::Nothing {
        return Ok(step);
    }
    let kept: HashSet<_> = new.iter().map(|chunk| chunk.id).collect();
    for chunk in record.chunks.iter().filter(|chunk| !kept.contains(&chunk.id)) {
        table.remove((key, chunk.id.0))?;
    }
    for (place, chunk) in (0_u32..).zip(new) {
        let json = serde_json::to_vec(chunk)?;
        let place = (place, json.as_slice());
        if table.get((key, chunk.id.0))?.is_none_or(|stored| stored.value() != place) {
            table.insert((key, chunk.id.0), place)?;
        }
    }
    Ok(step)
}

pub(super) fn checkpoint(transaction: &WriteTransaction, run: RunId, new: &ChunkCheckpoint) -> Result<Step, Failure> {
    let record = known(&transaction.open_table(RUNS)?, run)?;
    let mut checkpoints = transaction.open_table(CHECKPOINTS)?;
    let place = (key(run), new.chunk.0);
    let stored = checkpoints.get(place)?.map(|json| parsed("checkpoint", json.value())).transpose()?;
    let in_split = in_split(transaction, place)?;
    let step = rules::checkpoint(run, record.status, in_split, stored.as_ref(), new)?;
    if step == Step::Write {
        checkpoints.insert(place, serde_json::to_vec(new)?.as_slice())?;
    }
    Ok(step)
}

/// Returns whether the split has a chunk, or the run has none.
fn in_split(transaction: &WriteTransaction, place: (u128, u32)) -> Result<bool, Failure> {
    let chunks = transaction.open_table(CHUNKS)?;
    if chunks.get(place)?.is_some() {
        return Ok(true);
    }
    Ok(chunks.range((place.0, u32::MIN)..=(place.0, u32::MAX))?.next().transpose()?.is_none())
}

/// All that a run's end changes is changed by this one transaction.
pub(super) fn finish(transaction: &WriteTransaction, run: RunId, end: RunEnd) -> Result<Step, Failure> {
    let mut runs = transaction.open_table(RUNS)?;
    let mut record = known(&runs, run)?;
    let step = rules::finish(&mut record, end)?;
    if step == Step::Write {
        put(&mut runs, &record)?;
        transaction.open_table(UNFINISHED)?.remove(key(run))?;
        let mut cursors = transaction.open_table(CURSORS)?;
        let stands = cursor(&cursors, &record.export)?;
        if let Some(next) = rules::advance(&record, stands.as_ref()) {
            cursors.insert(record.export.as_str(), serde_json::to_vec(&next)?.as_slice())?;
        }
    }
    Ok(step)
}

pub(super) fn forget_cursor(
    transaction: &WriteTransaction,
    export: &ExportName,
) -> Result<(Step, Option<CursorState>), Failure> {
    let mut cursors = transaction.open_table(CURSORS)?;
    let before = cursor(&cursors, export)?;
    let Some(before) = before else { return Ok((Step::Nothing, None)) };
    cursors.remove(export.as_str())?;
    Ok((Step::Write, Some(before)))
}

fn known(runs: &Runs<'_>, run: RunId) -> Result<RunRecord, Failure> {
    record(runs, key(run))?.ok_or_else(|| HistoryError::UnknownRun { run }.into())
}

/// Writes a record, whose chunks and checkpoints are elsewhere.
fn put(runs: &mut Runs<'_>, record: &RunRecord) -> Result<(), Failure> {
    runs.insert(key(record.run_id), serde_json::to_vec(record)?.as_slice())?;
    Ok(())
}
