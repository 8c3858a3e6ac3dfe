use rivet_model::{ColumnName, Relation, Scalar, ScalarKind, TableRef};
use rivet_source::{KeyColumn, ScanSpec};

use super::catalog::CatalogIndex;
use super::origin::Origin;
use crate::describe::catalog::CatalogTable;
use crate::dialect::{self, Statement};
use crate::session::Session;

/// The smallest and the largest value of a column.
pub(super) type Ends = (Option<Scalar>, Option<Scalar>);

/// Finds the ends of the key's first column, where an index that begins with it has them. None where none does, or
/// the answer failed, which the record says.
pub(super) async fn ends(
    session: &mut Session,
    spec: &ScanSpec,
    origin: &Origin,
    table: &CatalogTable,
    indexes: &[CatalogIndex],
) -> Option<Ends> {
    let first = spec.key.first()?;
    let name = origin.columns.first()?.as_deref()?;
    let index = indexes.iter().find(|index| index.usable && index.first() == Some(name))?;
    let statement = walk(first, name, table, index)?;
    let rows = session.ask("the ends of the key", &statement.sql).await.ok()?;
    let row = rows.first()?;
    // A value that can't be read is as good as none.
    let end = |column: usize| first.kind.parse(row.get(column)?.as_deref()?).ok();
    Some((end(0), end(1)))
}

/// The statement that takes the first value from either end of an index. Nothing but the index may be walked, however
/// small the table is.
fn walk(first: &KeyColumn, name: &str, table: &CatalogTable, index: &CatalogIndex) -> Option<Statement> {
    let relation = Relation::Table(TableRef::new(Some(&table.database), &table.name).ok()?);
    let column = dialect::column_name(&name.parse::<ColumnName>().ok()?);
    let value = if first.kind == ScalarKind::Bytes { format!("HEX({column})") } else { column.clone() };
    let hint = format!(" FORCE INDEX ({})", dialect::identifier(&index.name));
    let end = |order: &str| {
        let found =
            dialect::filtered(&relation, std::slice::from_ref(&value), &hint, &[format!("{column} IS NOT NULL")]);
        found.before(&format!(" ORDER BY {column}{order} LIMIT 1)")).after("(").sql
    };
    Some(dialect::bare(&format!("SELECT {}, {}", end(""), end(" DESC"))))
}
