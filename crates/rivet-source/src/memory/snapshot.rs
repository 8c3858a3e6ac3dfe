use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use rivet_model::Consistency;

use super::MemorySource;
use super::range;
use super::table::Tables;
use crate::{Reader, Scan, ScanLimits, ScanSpec, ScanSummary, Snapshot, SourceError, SourceErrorKind};

/// What scans see.
#[derive(Debug, Clone)]
pub(super) enum View {
    /// The tables at the moment when the snapshot was opened.
    Shared(Tables),
    /// The tables at the moment when a scan begins.
    PerScan(MemorySource),
}

#[derive(Debug)]
pub(super) struct MemorySnapshot {
    pub(super) view: View,
}

#[async_trait]
impl Snapshot for MemorySnapshot {
    fn consistency(&self) -> Consistency {
        match self.view {
            View::Shared(_) => Consistency::Snapshot { position: None },
            View::PerScan(_) => Consistency::Chunk,
        }
    }

    async fn reader(&self, _limits: &ScanLimits) -> Result<Box<dyn Reader>, SourceError> {
        Ok(Box::new(MemoryReader { view: self.view.clone() }))
    }

    async fn close(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryReader {
    view: View,
}

#[async_trait]
impl Reader for MemoryReader {
    async fn scan(&mut self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Box<dyn Scan>, SourceError> {
        let tables = match &self.view {
            View::Shared(tables) => tables.clone(),
            View::PerScan(source) => source.now(),
        };
        let positions: Vec<_> = spec.columns.iter().map(|column| column.position).collect();
        let rows = range::rows(tables.get(&spec.relation)?, spec)?.project(&positions);
        let rows = rows.map_err(|error| SourceError::new(SourceErrorKind::Protocol, error.to_string()))?;
        Ok(Box::new(MemoryScan {
            rows: Some(rows),
            schema: spec.schema(),
            batch_rows: limits.batch_rows.max(1),
            next: 0,
            started: Instant::now(),
        }))
    }

    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryScan {
    /// Taken away when the scan ends.
    rows: Option<RecordBatch>,
    schema: SchemaRef,
    batch_rows: usize,
    next: usize,
    started: Instant,
}

#[async_trait]
impl Scan for MemoryScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn next_batch(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let Some(rows) = &self.rows else { return Ok(None) };
        let count = self.batch_rows.min(rows.num_rows() - self.next);
        if count == 0 {
            self.rows = None;
            return Ok(None);
        }
        let batch = rows.slice(self.next, count);
        self.next += count;
        Ok(Some(batch))
    }

    async fn cancel(&mut self) {
        self.rows = None;
    }

    fn summary(&self) -> ScanSummary {
        ScanSummary {
            rows: self.next as u64,
            statement_elapsed: self.started.elapsed(),
            statements: 1,
            ..ScanSummary::default()
        }
    }
}
