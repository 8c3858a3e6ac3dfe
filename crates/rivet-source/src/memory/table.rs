use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use rivet_model::{ColumnName, Relation, TableRef};

use crate::{SourceError, SourceErrorKind};

/// A table and the columns that tell its rows apart.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) rows: RecordBatch,
    /// Unique and without NULLs; empty where there is no such key.
    pub(super) key: Vec<ColumnName>,
}

impl Table {
    /// Takes a column `id` that holds no NULL for the key.
    pub(super) fn new(rows: RecordBatch) -> Self {
        let schema = rows.schema();
        let id = schema.field_with_name("id").ok().filter(|field| !field.is_nullable());
        let key = id.and_then(|field| field.name().parse().ok()).into_iter().collect();
        Self { rows, key }
    }

    /// Returns a column's position.
    pub(super) fn position(&self, name: &ColumnName) -> Option<usize> {
        self.rows.schema().index_of(name.as_str()).ok()
    }
}

/// The tables at one moment. A copy costs nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables(Arc<BTreeMap<TableRef, Table>>);

impl Tables {
    pub(super) fn get(&self, relation: &Relation) -> Result<&Table, SourceError> {
        let found = match relation {
            Relation::Table(name) => self.0.get(name),
            Relation::Query(_) => None,
        };
        found.ok_or_else(|| SourceError::new(SourceErrorKind::NotFound, format!("the {relation} does not exist")))
    }

    /// Changes a table, or makes it, without a word to whoever holds a copy from before.
    pub(super) fn change(&mut self, name: TableRef, change: impl FnOnce(Option<Table>) -> Table) {
        let tables = Arc::make_mut(&mut self.0);
        let table = change(tables.remove(&name));
        tables.insert(name, table);
    }
}
