use rivet_model::{ColumnName, Relation, RowRange, TableRef};
use rivet_source::{KeyColumn, ScanSpec, SourceError};

use super::Splitter;
use crate::describe::catalog::{number, text};
use crate::describe::row_description::{self, ResultColumn};
use crate::dialect;
use crate::estimate::{Estimate, estimate};
use crate::record::Ask as _;
use crate::storage::{self, Storage, StorageKind};

/// Pages up to which a table is read whole to cut it up: 160 MB.
const FEW_PAGES: u64 = 20_000;

/// Pages that a sample has at least.
const SAMPLED_PAGES: u64 = 3_000;

/// Pages of a sample for each piece, at least.
///
/// Keys mostly grow with the table, so that a page holds neighbours and counts as one draw. Where each page is taken
/// by itself, the pages of the table between two cuts that are 30 sampled pages apart vary by a part of 1 / √30 =
/// 18 %. Of 1,000 pieces the largest is then about 3.3 times that above the mean: 1.6 times its size, below two.
const PAGES_PER_PIECE: u64 = 30;

/// The smallest part of a table that a sample grows for.
const LEAST_PART: f64 = 0.05;

/// What a sample is taken of.
#[derive(Debug)]
pub(super) struct Basis {
    /// A table, and the key in it.
    pub(super) spec: ScanSpec,
    /// Pages of the table and its partitions.
    pub(super) pages: u64,
    /// Whether it is the relation itself, and not a table that a query takes the key from.
    pub(super) own: bool,
}

impl Splitter<'_> {
    /// Finds the table that a sample can be taken of; none where the relation is to be read whole.
    pub(super) async fn basis(
        &mut self,
        within: &RowRange,
        expected: Estimate,
        few: bool,
    ) -> Result<Option<Basis>, SourceError> {
        let all = matches!(within, RowRange::Key { lower: None, upper: None });
        match &self.spec.relation {
            Relation::Table(table) => {
                let Some((pages, analyzed)) = self.sampleable(table).await? else { return Ok(None) };
                if !analyzed {
                    self.notes.push("the table was never analyzed: ANALYZE tells the planner of its rows".to_owned());
                }
                let read_whole = few && (!all || pages <= FEW_PAGES);
                Ok((!read_whole).then(|| Basis { spec: self.spec.clone(), pages, own: true }))
            }
            Relation::Query(_) if few => Ok(None),
            Relation::Query(_) => {
                let Some((table, spec)) = self.origin().await? else { return Ok(None) };
                let Some((pages, _)) = self.sampleable(&table).await? else { return Ok(None) };
                // What a query leaves out of its table, it may leave out by the key.
                let statement = dialect::rows(&spec, "1", within)?;
                let timeout = self.limits.statement_timeout;
                let all = estimate(&mut self.recorder, &statement, &spec.relation, timeout).await?;
                if is_part(expected.rows, all.rows) {
                    self.notes.push("the query was read once to find where its rows are".to_owned());
                    return Ok(None);
                }
                Ok(Some(Basis { spec, pages, own: false }))
            }
        }
    }

    /// Returns the pages of a table and its partitions, and whether there are statistics, where it can be sampled.
    async fn sampleable(&mut self, table: &TableRef) -> Result<Option<(u64, bool)>, SourceError> {
        let parts = storage::read(&mut self.recorder, table).await?;
        let stores = |part: &&Storage| part.kind == StorageKind::Plain;
        if parts.is_empty() || !parts.iter().all(|part| stores(&part) || part.kind == StorageKind::Partitioned) {
            return Ok(None);
        }
        let analyzed = parts.iter().filter(stores).all(|part| !part.never_analyzed || part.pages == 0);
        Ok(Some((parts.iter().map(|part| part.pages).sum(), analyzed)))
    }

    /// Finds the table that a query takes all columns of its key from, unchanged.
    async fn origin(&mut self) -> Result<Option<(TableRef, ScanSpec)>, SourceError> {
        let _no_rows = self.ask("the columns of the query", &dialect::describe(&self.spec.relation)).await?;
        let body = self.recorder.session.tap().lock().row_description.take();
        let result = row_description::parse(&body.unwrap_or_default())?;
        let columns: Vec<&KeyColumn> = self.spec.key.iter().chain(&self.spec.fallback).collect();
        let origins: Option<Vec<&ResultColumn>> = columns.iter().map(|column| result.get(column.position)).collect();
        let Some(origins) = origins else { return Ok(None) };
        let table = origins.first().map_or(0, |column| column.table);
        if table == 0 || origins.iter().any(|column| column.table != table) {
            return Ok(None);
        }
        let sql = format!(
            "SELECT n.nspname, c.relname, a.attnum, a.attname FROM pg_catalog.pg_attribute a \
             JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = {table} AND a.attnum > 0"
        );
        let rows = self.recorder.ask("the table of the key", &sql).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let Ok(table) = TableRef::new(Some(&text(first, 0)), &text(first, 1)) else { return Ok(None) };
        let mut names = Vec::new();
        for origin in origins {
            let row = rows.iter().find(|row| number::<i16>(row, 2).is_ok_and(|found| found == origin.number));
            let Some(Ok(name)) = row.map(|row| text(row, 3).parse::<ColumnName>()) else { return Ok(None) };
            names.push(name);
        }
        Ok(Some((table.clone(), renamed(self.spec, table, names))))
    }
}

/// Whether a query gives clearly fewer rows than the table has that it takes its key from.
fn is_part(rows: u64, all: u64) -> bool {
    rows.saturating_mul(10) < all.saturating_mul(9)
}

/// The same key under its names in another relation, without columns to read.
fn renamed(spec: &ScanSpec, table: TableRef, names: Vec<ColumnName>) -> ScanSpec {
    let mut names = names.into_iter();
    let mut rename = |column: &KeyColumn| KeyColumn {
        name: names.next().unwrap_or_else(|| column.name.clone()),
        nullable: true,
        ..column.clone()
    };
    let key = spec.key.iter().map(&mut rename).collect();
    let fallback = spec.fallback.as_ref().map(&mut rename);
    ScanSpec { relation: Relation::Table(table), columns: Vec::new(), key, fallback, ..spec.clone() }
}

/// The part of a table's pages to look at, in percent; none for all.
#[expect(clippy::cast_precision_loss, reason = "pages are estimates here")]
pub(super) fn percent(pages: u64, pieces: u64, part: f64) -> Option<f64> {
    let wanted = pieces.saturating_mul(PAGES_PER_PIECE).max(SAMPLED_PAGES) as f64 / part.max(LEAST_PART);
    let percent = 100.0 * wanted / pages.max(1) as f64;
    (percent < 100.0).then_some(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_grow_with_pieces_and_shrink_with_pages() {
        let check = |pages, pieces, part, expected: Option<f64>| {
            let found = percent(pages, pieces, part);
            assert!(found.zip(expected).map_or(found == expected, |(a, b)| (a - b).abs() < 1e-9), "{found:?}");
        };
        check(300_000, 10, 1.0, Some(1.0));
        check(300_000, 1_000, 1.0, Some(10.0));
        check(300_000, 10, 0.1, Some(10.0));
        check(300_000, 10, 0.000_1, Some(20.0));
        check(3_000, 10, 1.0, None);
        check(0, 1, 1.0, None);
    }
}
