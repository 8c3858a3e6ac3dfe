use rivet_model::Relation;
use rivet_source::{KeyColumn, ScanSpec, SourceError};

use super::{PostgresInspector, Question};
use crate::describe::row_description::{self, ResultColumn};
use crate::dialect;

/// Where the catalog knows a relation and the columns of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// An expression that gives the table's identifier.
    pub(super) table: String,
    /// How the catalog finds each column of the key, the one that stands in for the first behind them.
    pub(super) columns: Vec<Place>,
}

/// How the catalog finds a column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Name(String),
    /// Its number there.
    Number(i16),
    /// Not at all: it is an expression, or another table's.
    Nowhere,
}

/// The columns of a key, the one that stands in for the first behind them.
pub(super) fn key_columns(spec: &ScanSpec) -> impl Iterator<Item = &KeyColumn> {
    spec.key.iter().chain(&spec.fallback)
}

/// Finds the table: the relation itself, or the one that a query takes the first column of its key from, unchanged.
/// Without a key it is the only one that the query takes columns from. None where there is no such table.
pub(super) async fn origin(inspector: &mut PostgresInspector, spec: &ScanSpec) -> Result<Option<Origin>, SourceError> {
    match &spec.relation {
        Relation::Table(table) => {
            let name = dialect::literal(&dialect::table(table));
            let columns = key_columns(spec).map(|column| Place::Name(column.name.as_str().to_owned())).collect();
            Ok(Some(Origin { table: format!("pg_catalog.to_regclass({name})::pg_catalog.oid"), columns }))
        }
        Relation::Query(_) => {
            let question = Question::of("the columns of the query", dialect::describe(&spec.relation), spec);
            let _no_rows = inspector.send(question).await?;
            let body = inspector.session.as_ref().and_then(|session| session.tap().lock().row_description.take());
            Ok(of_query(&row_description::parse(&body.unwrap_or_default())?, spec))
        }
    }
}

fn of_query(result: &[ResultColumn], spec: &ScanSpec) -> Option<Origin> {
    let table = match spec.key.first() {
        Some(first) => result.get(first.position)?.table,
        None => {
            let mut tables = result.iter().map(|column| column.table).filter(|table| *table != 0);
            let first = tables.next()?;
            tables.all(|table| table == first).then_some(first)?
        }
    };
    let place = |column: &KeyColumn| match result.get(column.position) {
        Some(found) if found.table == table => Place::Number(found.number),
        _ => Place::Nowhere,
    };
    (table != 0).then(|| Origin { table: table.to_string(), columns: key_columns(spec).map(place).collect() })
}
