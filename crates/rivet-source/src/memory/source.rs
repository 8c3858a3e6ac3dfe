use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use rivet_model::{ColumnName, ReadView, Relation, TableRef};

use super::inspect::MemoryInspector;
use super::snapshot::{MemorySnapshot, View};
use super::table::{Table, Tables};
use super::{describe, split, watermark};
use crate::{
    DescribeRequest, Description, Inspector, Probe, ScanLimits, ScanSpec, ServerInfo, Snapshot, Source, SourceError,
    Split, SplitRequest, Watermark, WatermarkRequest,
};

/// A source whose tables are in memory. It knows no queries and no type overrides.
///
/// Copies of it are handles to one server: what is written through one is seen by all, by open snapshots of a shared
/// view not.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    tables: Arc<RwLock<Tables>>,
}

impl MemorySource {
    /// Adds a table, or takes the place of one with the same name. A column `id` without NULLs becomes its key.
    #[must_use]
    pub fn with_table(self, name: TableRef, rows: RecordBatch) -> Self {
        self.change(name, |_before| Table::new(rows));
        self
    }

    /// Says which columns tell the rows of a table apart: unique together, none of them with NULLs. Nothing for none.
    ///
    /// # Panics
    ///
    /// Where the table is not there or lacks one of the columns.
    #[must_use]
    pub fn with_key(self, name: TableRef, key: &[&str]) -> Self {
        self.change(name, |table| {
            let table = table.expect("the table is there before its key");
            let column = |name: &&str| -> ColumnName { name.parse().expect("the name of a column") };
            let key: Vec<_> = key.iter().map(column).collect();
            assert!(key.iter().all(|name| table.position(name).is_some()), "the table has the columns of its key");
            Table { key, ..table }
        });
        self
    }

    /// Puts other rows in the place of a table's, which keeps its key; makes the table where it is not there.
    pub fn replace(&self, name: TableRef, rows: RecordBatch) {
        self.change(name, |before| match before {
            Some(table) => Table { rows, ..table },
            None => Table::new(rows),
        });
    }

    /// Adds rows to the end of a table; makes it where it is not there.
    ///
    /// # Panics
    ///
    /// Where the columns are not those of the table.
    pub fn insert(&self, name: TableRef, rows: &RecordBatch) {
        self.change(name, |before| match before {
            Some(table) => {
                let schema = table.rows.schema();
                let all = arrow::compute::concat_batches(&schema, [&table.rows, rows]);
                Table { rows: all.expect("rows of the same columns"), ..table }
            }
            None => Table::new(rows.clone()),
        });
    }

    fn change(&self, name: TableRef, change: impl FnOnce(Option<Table>) -> Table) {
        // A change that panics has taken nothing away but its own table.
        self.tables.write().unwrap_or_else(PoisonError::into_inner).change(name, change);
    }

    /// Returns the tables as they are now.
    pub(super) fn now(&self) -> Tables {
        self.tables.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Display for MemorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

/// Records a question, as if it had been a statement.
fn asked(purpose: &str, relation: &Relation) -> Probe {
    Probe {
        purpose: purpose.to_owned(),
        statement: format!("look for {purpose} of the {relation}"),
        times: 1,
        milliseconds: 0,
        rows: 1,
        error: None,
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
            database: "memory".to_owned(),
        })
    }

    async fn describe(&self, request: &DescribeRequest) -> Result<Description, SourceError> {
        let mut described = describe::description(self.now().get(&request.relation)?, request)?;
        described.probes = vec![asked("the columns", &request.relation)];
        Ok(described)
    }

    async fn split(&self, spec: &ScanSpec, request: &SplitRequest, _limits: &ScanLimits) -> Result<Split, SourceError> {
        let mut made = split::split(self.now().get(&spec.relation)?, spec, request)?;
        made.probes = vec![asked("where the pieces end", &spec.relation)];
        Ok(made)
    }

    async fn watermark(
        &self,
        spec: &ScanSpec,
        request: &WatermarkRequest,
        _limits: &ScanLimits,
    ) -> Result<Watermark, SourceError> {
        let mut found = watermark::watermark(self.now().get(&spec.relation)?, spec, request)?;
        found.probes = vec![asked("the last row", &spec.relation)];
        Ok(found)
    }

    async fn inspector(&self, _patience: Duration) -> Result<Box<dyn Inspector>, SourceError> {
        Ok(Box::new(MemoryInspector::new(self.clone())))
    }

    async fn open_snapshot(
        &self,
        view: ReadView,
        _workers: usize,
        _limits: &ScanLimits,
    ) -> Result<Box<dyn Snapshot>, SourceError> {
        let view = match view {
            ReadView::Shared => View::Shared(self.now()),
            ReadView::PerScan => View::PerScan(self.clone()),
        };
        Ok(Box::new(MemorySnapshot { view }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Harness};

    #[derive(Debug, Default)]
    struct InMemory {
        source: MemorySource,
    }

    #[async_trait]
    impl Harness for InMemory {
        async fn source(&self, tables: &[(&str, RecordBatch)]) -> Arc<dyn Source> {
            for (name, rows) in tables {
                self.insert(name, rows).await;
            }
            Arc::new(self.source.clone())
        }

        async fn insert(&self, table: &str, rows: &RecordBatch) {
            self.source.insert(table.parse().unwrap(), rows);
        }
    }

    #[tokio::test]
    async fn the_twin_conforms() {
        conformance::suite(&InMemory::default()).await;
    }
}
