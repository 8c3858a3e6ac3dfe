//! The life of a run, apart from where it is stored: every store asks here before it writes.

use std::collections::{HashMap, HashSet};

use rivet_model::{Chunk, ChunkCheckpoint, ChunkId, CursorState, ProcessRecord, RunId, RunRecord, RunStatus};

use crate::{HistoryError, RunEnd};

/// What a store has to do once the rules allow a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Write it.
    Write,
    /// Nothing: it is written already.
    Nothing,
}

/// Judges a record that is about to begin.
pub(crate) fn begin(run: &RunRecord) -> Result<(), HistoryError> {
    let invalid = |reason| Err(HistoryError::InvalidRecord { run: run.run_id, reason });
    if run.status != RunStatus::Running {
        return invalid("it begins with a status other than `running`");
    }
    if !run.checkpoints.is_empty() {
        return invalid("it begins with checkpoints");
    }
    if run.finished_at.is_some() || run.metrics.is_some() || run.error.is_some() {
        return invalid("it begins with an end");
    }
    unique(run.run_id, &run.chunks)
}

fn unique(run: RunId, chunks: &[Chunk]) -> Result<(), HistoryError> {
    let mut ids = HashSet::with_capacity(chunks.len());
    if chunks.iter().all(|chunk| ids.insert(chunk.id)) {
        return Ok(());
    }
    Err(HistoryError::InvalidRecord { run, reason: "two of its chunks have one id" })
}

/// Judges whether a run goes on and, where it does, puts the process into the record.
pub(crate) fn resume(record: &mut RunRecord, process: ProcessRecord, forced: &[String]) -> Result<Step, HistoryError> {
    running(record.run_id, record.status)?;
    let mut plan = record.plan.clone();
    if let Some(plan) = &mut plan {
        let new: Vec<_> = forced.iter().filter(|step| !plan.forced.contains(step)).cloned().collect();
        plan.forced.extend(new);
    }
    if record.process == process && record.plan == plan {
        return Ok(Step::Nothing);
    }
    (record.process, record.plan) = (process, plan);
    Ok(Step::Write)
}

/// Judges another split of a run, whose record is complete.
pub(crate) fn resplit(record: &RunRecord, new: &[Chunk]) -> Result<Step, HistoryError> {
    let run = record.run_id;
    running(run, record.status)?;
    let invalid = |reason| Err(HistoryError::InvalidRecord { run, reason });
    if new.is_empty() {
        return invalid("its new split has no chunk");
    }
    unique(run, new)?;
    let (before, after) = (by_id(&record.chunks), by_id(new));
    let kept = |checkpoint: &ChunkCheckpoint| match (before.get(&checkpoint.chunk), after.get(&checkpoint.chunk)) {
        (Some(before), Some(after)) => before == after,
        // A run without a split takes checkpoints of any chunk.
        (None, after) => after.is_some(),
        (Some(_), None) => false,
    };
    if !record.checkpoints.iter().all(kept) {
        return invalid("its new split lacks or changes a chunk that is done");
    }
    Ok(if record.chunks == new { Step::Nothing } else { Step::Write })
}

fn by_id(chunks: &[Chunk]) -> HashMap<ChunkId, &Chunk> {
    chunks.iter().map(|chunk| (chunk.id, chunk)).collect()
}

fn running(run: RunId, status: RunStatus) -> Result<(), HistoryError> {
    if status == RunStatus::Running { Ok(()) } else { Err(HistoryError::NotRunning { run, status }) }
}

/// Judges a checkpoint, given how its run stands, whether its split has the chunk (or it has no split), and what the
/// chunk has already.
pub(crate) fn checkpoint(
    run: RunId,
    status: RunStatus,
    in_split: bool,
    stored: Option<&ChunkCheckpoint>,
    new: &ChunkCheckpoint,
) -> Result<Step, HistoryError> {
    running(run, status)?;
    if !in_split {
        return Err(HistoryError::UnknownChunk { run, chunk: new.chunk });
    }
    match stored {
        None => Ok(Step::Write),
        Some(stored) if stored == new => Ok(Step::Nothing),
        Some(_) => Err(HistoryError::CheckpointDiffers { run, chunk: new.chunk }),
    }
}

/// Judges an end and, where it is to be written, puts it into the record.
pub(crate) fn finish(record: &mut RunRecord, end: RunEnd) -> Result<Step, HistoryError> {
    let run = record.run_id;
    if end.status == RunStatus::Running {
        return Err(HistoryError::InvalidRecord { run, reason: "it ends with the status `running`" });
    }
    if record.status == end.status {
        return Ok(Step::Nothing);
    }
    if record.status != RunStatus::Running {
        return Err(HistoryError::AlreadyFinished { run, status: record.status, asked: end.status });
    }
    record.status = end.status;
    record.finished_at = Some(end.finished_at);
    record.metrics = end.metrics;
    record.error = end.error;
    Ok(Step::Write)
}

/// Returns where the cursor of an export stands once this run has ended, where that is elsewhere than before.
pub(crate) fn advance(ended: &RunRecord, stands: Option<&CursorState>) -> Option<CursorState> {
    let cursor = ended.cursor.as_ref()?;
    // An older run that is settled late stays behind a newer one. One that began where the cursor still stands is not
    // late, whatever its id says: the clock that ids are made from may have been set back.
    let late =
        stands.is_some_and(|stands| stands.run_id > ended.run_id && cursor.before.as_ref() != Some(&stands.position));
    if ended.status != RunStatus::Committed || late {
        return None;
    }
    let position = cursor.watermark.clone()?;
    Some(CursorState { position, source: ended.source.clone(), run_id: ended.run_id, advanced_at: ended.finished_at? })
}
