//! The twin that needs no server: tables that are Arrow batches.
//!
//! ```
//! use std::sync::Arc;
//! use arrow::array::{Int64Array, RecordBatch};
//! use rivet_source::memory::MemorySource;
//!
//! let ids = Arc::new(Int64Array::from(vec![1, 2, 3])) as _;
//! let table = RecordBatch::try_from_iter([("id", ids)])?;
//! let source = MemorySource::default().with_table("orders".parse()?, table);
//! assert_eq!(source.to_string(), "memory");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use rivet_model::{ColumnName, Consistency, Fidelity, Relation, TableRef};

use crate::{
    ColumnSpec, DescribeRequest, Description, ReadAs, Scan, ScanLimits, ScanSpec, ScanSummary, ServerInfo, Snapshot,
    Source, SourceError, SourceErrorKind, SourceType, TypeShape,
};

/// A source whose tables are in memory. It knows no queries and no type overrides.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    tables: Arc<BTreeMap<TableRef, RecordBatch>>,
}

impl MemorySource {
    /// Adds a table, or takes the place of one with the same name.
    #[must_use]
    pub fn with_table(mut self, name: TableRef, rows: RecordBatch) -> Self {
        Arc::make_mut(&mut self.tables).insert(name, rows);
        self
    }

    fn table(&self, relation: &Relation) -> Result<&RecordBatch, SourceError> {
        let found = match relation {
            Relation::Table(name) => self.tables.get(name),
            Relation::Query(_) => None,
        };
        found.ok_or_else(|| SourceError::new(SourceErrorKind::NotFound, format!("the {relation} does not exist")))
    }
}

impl fmt::Display for MemorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

#[async_trait]
impl Source for MemorySource {
    async fn server(&self) -> Result<ServerInfo, SourceError> {
        Ok(ServerInfo {
            product: "memory".to_owned(),
            version: 1,
            replica: false,
            pooled: false,
            role: "nobody".to_owned(),
            system_id: None,
        })
    }

    async fn describe(&self, request: &DescribeRequest) -> Result<Description, SourceError> {
        let table = self.table(&request.relation)?;
        let schema = table.schema();
        let asked = request.columns.select.iter().chain(&request.columns.exclude);
        if let Some(missing) = asked.into_iter().find(|name| schema.index_of(name.as_str()).is_err()) {
            let message = format!("the {} has no column `{missing}`", request.relation);
            return Err(SourceError::new(SourceErrorKind::NotFound, message));
        }
        let all = schema.fields().iter().filter_map(|field| field.name().parse::<ColumnName>().ok());
        let wanted = if request.columns.select.is_empty() { all.collect() } else { request.columns.select.clone() };
        let columns = wanted.into_iter().filter(|name| !request.columns.exclude.contains(name));
        let columns = columns.map(|name| {
            let position = schema.index_of(name.as_str()).unwrap_or_default();
            let field = Arc::clone(&schema.fields()[position]);
            let type_name = field.data_type().to_string();
            let source_type =
                SourceType { base: type_name.clone(), name: type_name, id: 0, modifier: -1, shape: TypeShape::Scalar };
            ColumnSpec { name, position, source_type, read_as: ReadAs::Native, field, fidelity: Fidelity::Exact }
        });
        let spec = ScanSpec {
            relation: request.relation.clone(),
            relation_width: table.num_columns(),
            columns: columns.collect(),
            on_unrepresentable: request.on_unrepresentable,
            key_columns: Vec::new(),
        };
        Ok(Description { spec, estimated_rows: Some(table.num_rows() as u64), notes: Vec::new() })
    }

    async fn open_snapshot(&self, _workers: usize, _limits: &ScanLimits) -> Result<Box<dyn Snapshot>, SourceError> {
        Ok(Box::new(MemorySnapshot { source: self.clone() }))
    }
}

#[derive(Debug)]
struct MemorySnapshot {
    source: MemorySource,
}

#[async_trait]
impl Snapshot for MemorySnapshot {
    fn consistency(&self) -> Consistency {
        Consistency::Snapshot { position: None }
    }

    async fn scan(&self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Box<dyn Scan>, SourceError> {
        let positions: Vec<_> = spec.columns.iter().map(|column| column.position).collect();
        let rows = self.source.table(&spec.relation)?.project(&positions);
        let rows = rows.map_err(|error| SourceError::new(SourceErrorKind::Protocol, error.to_string()))?;
        Ok(Box::new(MemoryScan {
            rows: Some(rows),
            schema: spec.schema(),
            batch_rows: limits.batch_rows.max(1),
            next: 0,
            started: Instant::now(),
        }))
    }

    async fn close(&self) -> Result<(), SourceError> {
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
        ScanSummary { rows: self.next as u64, statement_elapsed: self.started.elapsed(), ..ScanSummary::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Harness};

    #[derive(Debug)]
    struct InMemory;

    #[async_trait]
    impl Harness for InMemory {
        async fn source(&self, tables: &[(&str, RecordBatch)]) -> Arc<dyn Source> {
            let empty = MemorySource::default();
            let add = |source: MemorySource, (name, rows): &(&str, RecordBatch)| {
                source.with_table(name.parse().unwrap(), rows.clone())
            };
            Arc::new(tables.iter().fold(empty, add))
        }
    }

    #[tokio::test]
    async fn the_twin_conforms() {
        conformance::suite(&InMemory).await;
    }
}
