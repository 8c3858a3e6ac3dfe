//! The life of a run, apart from where it is stored: every store asks here before it writes.

use rivet_model::{ChunkCheckpoint, RunId, RunRecord, RunStatus};

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
    Ok(())
}

/// Judges a checkpoint, given how its run stands and what the chunk has already.
pub(crate) fn checkpoint(
    run: RunId,
    status: RunStatus,
    stored: Option<&ChunkCheckpoint>,
    new: &ChunkCheckpoint,
) -> Result<Step, HistoryError> {
    if status != RunStatus::Running {
        return Err(HistoryError::NotRunning { run, status });
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
