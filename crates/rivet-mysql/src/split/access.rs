use rivet_model::Relation;
use rivet_source::SourceError;

use super::{Splitter, Within, conditions};
use crate::describe::catalog;
use crate::dialect::{self, Statement};

/// How the rows of a key are found, one by one, without reading others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Access {
    /// What is written behind the relation's name, so that the server takes the index that it should.
    pub(super) hint: String,
    /// Bytes that the index has for a row, where that is known.
    pub(super) row_bytes: Option<u64>,
}

/// The bytes that an entry of an index beside the table has, about: a key, and the row's own.
const ENTRY_BYTES: u64 = 40;

impl Splitter<'_> {
    /// Finds the index that serves the key; none where each question would read everything.
    pub(super) async fn access(&mut self, within: &Within) -> Result<Option<Access>, SourceError> {
        // Two indexes at once give no order.
        if self.spec.fallback.is_some() && self.spec.key[0].nullable {
            return Ok(None);
        }
        if let Relation::Table(name) = &self.spec.relation
            && let Some(table) = catalog::find(self.session, name).await?
            && table.is_base
        {
            return self.index(&table).await;
        }
        self.merged(within).await
    }

    async fn index(&mut self, table: &catalog::CatalogTable) -> Result<Option<Access>, SourceError> {
        let names: Vec<_> = self.spec.key.iter().map(|column| column.name.as_str()).collect();
        let indexes = catalog::indexes(self.session, &table.database, &table.name).await?;
        // Behind the columns of an index stand those of the primary key.
        let primary = indexes.iter().find(|index| index.name == PRIMARY).map(|index| index.columns.clone());
        let primary = primary.unwrap_or_default();
        let served = |index: &catalog::Index| {
            let behind = primary.iter().filter(|name| !index.columns.contains(name));
            let columns = index.columns.iter().chain(behind);
            columns.zip(&names).take_while(|(column, name)| column == *name).count()
        };
        let found = indexes.iter().find(|index| index.ordered && served(index) == names.len());
        let Some(index) = found else { return Ok(None) };
        let hint = format!(" FORCE INDEX ({})", dialect::identifier(&index.name));
        let is_table = index.name == PRIMARY;
        let row_bytes = if is_table { self.stored_bytes(table).await? } else { Some(ENTRY_BYTES) };
        Ok(Some(Access { hint, row_bytes }))
    }

    /// The bytes that the table has for a row, as the server's statistics say.
    async fn stored_bytes(&mut self, table: &catalog::CatalogTable) -> Result<Option<u64>, SourceError> {
        let sql = format!(
            "SELECT AVG_ROW_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
            dialect::literal(&table.database),
            dialect::literal(&table.name)
        );
        let rows = self.session.ask("the size of a row", &sql).await?;
        let bytes = rows.into_iter().flatten().flatten().next().and_then(|bytes| bytes.parse().ok());
        Ok(bytes.filter(|bytes| *bytes > 0))
    }

    /// Whether the server reads a query or a view as if its table stood in its place, by an index of it.
    async fn merged(&mut self, within: &Within) -> Result<Option<Access>, SourceError> {
        let plan = self.explained(&[self.part(within, "")?]).await?;
        let [row] = plan.as_slice() else { return Ok(None) };
        let column = |name: usize| row.get(name).and_then(Option::as_deref).unwrap_or_default();
        // MariaDB does not list partitions.
        let possible = if row.len() >= 12 { 5 } else { 4 };
        let is_table = !column(2).is_empty() && !column(2).starts_with('<');
        let is_used = !column(possible).is_empty() || matches!(column(possible - 1), "index" | "range");
        Ok((is_table && is_used).then(|| Access { hint: String::new(), row_bytes: None }))
    }

    /// The rows between two ends, as a statement to explain.
    pub(super) fn part(&self, within: &Within, hint: &str) -> Result<Statement, SourceError> {
        let conditions = conditions(self.spec, within.lower.as_ref(), within.upper.as_ref())?;
        Ok(dialect::filtered(&self.spec.relation, &["1".to_owned()], hint, &conditions))
    }
}

/// The index that the rows are stored in.
const PRIMARY: &str = "PRIMARY";
