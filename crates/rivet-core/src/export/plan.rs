use std::sync::Arc;
use std::time::Duration;

use rivet_config::{ChunkSplit, Mode};
use rivet_model::{Chunk, ChunkId, CursorRecord, ReadView, RowRange};
use rivet_source::{Description, KeyRequest, ScanLimits, Source, SourceError, Tiebreak};

use super::ExportRun;
use super::read::limits;
use crate::EngineError;
use crate::retry::Attempts;

/// Which rows a run reads, and how: fixed before the first of them is read.
#[derive(Debug)]
pub(crate) struct ReadPlan {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) view: ReadView,
    pub(crate) cursor: Option<CursorRecord>,
}

impl ReadPlan {
    /// Plans ranges that are read in one view.
    pub(super) fn shared(ranges: Vec<RowRange>) -> Self {
        Self { chunks: chunks(ranges.into_iter().map(|range| (range, None))), view: ReadView::Shared, cursor: None }
    }
}

/// Numbers ranges.
pub(super) fn chunks(ranges: impl IntoIterator<Item = (RowRange, Option<u64>)>) -> Vec<Chunk> {
    let ids = (0..).map(ChunkId);
    ids.zip(ranges).map(|(id, (range, estimated_rows))| Chunk { id, range, estimated_rows }).collect()
}

/// Returns the key that a mode compares rows by.
pub(super) fn key_request(mode: &Mode) -> Option<KeyRequest> {
    match mode {
        Mode::Full => None,
        Mode::Incremental(incremental) => Some(KeyRequest {
            columns: vec![incremental.cursor.clone()],
            fallback: incremental.fallback.clone(),
            tiebreak: match incremental.tiebreak.as_slice() {
                [] => Tiebreak::OwnKey,
                columns => Tiebreak::Columns(columns.to_vec()),
            },
        }),
        Mode::Chunked(chunked) => Some(match &chunked.split {
            ChunkSplit::Key { columns, .. } => {
                KeyRequest { columns: columns.clone(), fallback: None, tiebreak: Tiebreak::None }
            }
            ChunkSplit::Rows { .. } | ChunkSplit::Count(_) | ChunkSplit::Days(_) | ChunkSplit::Bytes(_) => {
                let columns = chunked.column.iter().cloned().collect();
                KeyRequest { columns, fallback: None, tiebreak: Tiebreak::OwnKey }
            }
        }),
        Mode::TimeWindow(window) => {
            Some(KeyRequest { columns: vec![window.column.clone()], fallback: None, tiebreak: Tiebreak::None })
        }
    }
}

impl ExportRun {
    /// Finds out which rows to read.
    pub(super) async fn plan(&mut self, description: &Description) -> Result<ReadPlan, EngineError> {
        match self.config.mode.clone() {
            Mode::Full => Ok(ReadPlan::shared(vec![RowRange::All])),
            Mode::Incremental(incremental) => self.plan_incremental(description, &incremental).await,
            Mode::Chunked(chunked) => self.plan_chunked(description, &chunked).await,
            Mode::TimeWindow(window) => self.plan_window(description, &window),
        }
    }

    /// Returns what a question to the source may take: no more than planning's patience, while nothing is to be read.
    pub(super) fn asking_limits(&self) -> ScanLimits {
        let limits = limits(&self.config.tuning);
        let Some(patience) = self.shared.patience else { return limits };
        let capped = |limit: Duration| if limit.is_zero() { patience } else { limit.min(patience) };
        ScanLimits {
            statement_timeout: capped(limits.statement_timeout),
            lock_timeout: capped(limits.lock_timeout),
            ..limits
        }
    }

    /// Asks the source something, with as many attempts as the tuning allows.
    pub(super) async fn ask<T, F>(&mut self, question: impl Fn(Arc<dyn Source>) -> F) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, SourceError>>,
    {
        let Self { shared, config, report, .. } = self;
        let mut attempts = Attempts::new(&config.name, &config.tuning, &shared.announcer, &shared.cancel);
        loop {
            let answered = tokio::select! {
                () = shared.cancel.cancelled() => return Err(EngineError::Interrupted),
                answered = question(Arc::clone(&shared.source)) => answered,
            };
            match answered {
                Ok(answer) => return Ok(answer),
                Err(error) => attempts.after(error.into()).await?,
            }
            report.retries += 1;
        }
    }
}
