use rivet_model::{Relation, TableRef};
use rivet_source::{KeyColumn, ScanSpec, SourceError};

use crate::dialect;
use crate::session::Session;
use crate::wire::ResultColumn;

/// Where the catalog knows a relation and the columns of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) table: TableRef,
    /// The name there of each column of the key, the one that stands in for the first behind them; none for an
    /// expression, or a column of another table.
    pub(super) columns: Vec<Option<String>>,
}

/// The columns of a key, the one that stands in for the first behind them.
pub(super) fn key_columns(spec: &ScanSpec) -> impl Iterator<Item = &KeyColumn> {
    spec.key.iter().chain(&spec.fallback)
}

/// Finds the table: the relation itself, or the one that a query takes the first column of its key from, unchanged.
/// Without a key it is the only one that the query takes columns from. None where there is no such table.
pub(super) async fn origin(session: &mut Session, spec: &ScanSpec) -> Result<Option<Origin>, SourceError> {
    match &spec.relation {
        Relation::Table(table) => {
            let columns = key_columns(spec).map(|column| Some(column.name.as_str().to_owned())).collect();
            Ok(Some(Origin { table: table.clone(), columns }))
        }
        Relation::Query(query) => {
            let statement = dialect::bare(query);
            let found = session.describe("where the columns come from", &statement, &spec.relation).await?;
            Ok(of_query(&found, spec))
        }
    }
}

fn of_query(result: &[ResultColumn], spec: &ScanSpec) -> Option<Origin> {
    let place = |column: &KeyColumn| result.get(column.position)?.origin.as_ref();
    let table = match spec.key.first() {
        Some(first) => place(first)?,
        None => {
            let mut origins = result.iter().filter_map(|column| column.origin.as_ref());
            let first = origins.next()?;
            let same = origins.all(|other| (&other.database, &other.table) == (&first.database, &first.table));
            same.then_some(first)?
        }
    };
    let of_table = |column: &KeyColumn| {
        let found = place(column)?;
        let same = (&found.database, &found.table) == (&table.database, &table.table);
        same.then(|| found.column.clone())
    };
    let columns = key_columns(spec).map(of_table).collect();
    Some(Origin { table: TableRef::new(Some(&table.database), &table.table).ok()?, columns })
}
