use rivet_model::{ColumnName, Relation, Scalar, TableRef};
use rivet_source::{KeyColumn, ScanSpec};

use super::catalog::{CatalogEntry, CatalogIndex, Serves};
use super::{PostgresInspector, Question};
use crate::dialect::{self, Statement};
use crate::key::{output, read_one};

/// The smallest and the largest value of a column.
pub(super) type Ends = (Option<Scalar>, Option<Scalar>);

/// What keeps the planner from anything but a walk from either end of an index, however small the table is.
const INDEX_ALONE: &str =
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; ";

/// `pg_index.indoption`: values in descending order.
const DESCENDING: u8 = 1;

/// `pg_index.indoption`: NULLs before all values.
const NULLS_FIRST: u8 = 2;

/// Finds the ends of the key's first column: where an index that begins with it does, else what statistics saw.
pub(super) async fn ends(inspector: &mut PostgresInspector, spec: &ScanSpec, entry: &CatalogEntry) -> Ends {
    let Some(first) = spec.key.first() else { return (None, None) };
    if let Some(index) = index(entry)
        && let Some(table) = table(spec, first, entry)
    {
        let question =
            Question { settings: INDEX_ALONE, ..Question::of("the ends of the key", walk(&table, index), spec) };
        // Where this fails the statistics are left, and the record says why.
        if let Ok(rows) = inspector.send(question).await {
            let end = |column| value(first, rows.first().and_then(|row| row.get(column)).and_then(Option::as_deref));
            return (end(0), end(1));
        }
    }
    (value(first, entry.lowest.as_deref()), value(first, entry.highest.as_deref()))
}

/// The index whose ends are those of the column. Tables that inherit from another have indexes of their own.
fn index(entry: &CatalogEntry) -> Option<&CatalogIndex> {
    let inherited = entry.kind == "r" && entry.children;
    let begins = |index: &&CatalogIndex| {
        let first = index.columns.iter().flatten().next();
        index.serves == Serves::Order && !index.partial && first.is_some_and(|column| column.place == Some(0))
    };
    entry.indexes.iter().flatten().find(begins).filter(|_| !inherited && !entry.foreign)
}

/// The first column of the key, in the table that it is stored in.
fn table(spec: &ScanSpec, first: &KeyColumn, entry: &CatalogEntry) -> Option<ScanSpec> {
    let mut spec = ScanSpec { key: vec![first.clone()], fallback: None, columns: Vec::new(), ..spec.clone() };
    if let Relation::Query(_) = spec.relation {
        let name = entry.names.iter().flatten().find(|found| found.place == 0)?;
        spec.key[0].name = name.name.parse::<ColumnName>().ok()?;
        spec.relation = Relation::Table(TableRef::new(Some(&entry.schema), &entry.name).ok()?);
    }
    Some(spec)
}

/// The statement that takes the first value from either end of an index. An index is walked in its own order or in
/// the opposite one, in which NULLs are at the other end, too.
fn walk(spec: &ScanSpec, index: &CatalogIndex) -> Statement {
    let name = dialect::key_expressions(spec).remove(0);
    let value = output(&name, &spec.key[0].source_type);
    let nulls_below = (index.options & NULLS_FIRST != 0) != (index.options & DESCENDING != 0);
    let end = |order: &str, nulls_first: bool| {
        let nulls = if nulls_first { "FIRST" } else { "LAST" };
        let found = dialect::filtered(spec, &value, &[format!("{name} IS NOT NULL")]);
        found.within("(", &format!(" ORDER BY {name} {order} NULLS {nulls} LIMIT 1)")).sql
    };
    Statement::own(format!("SELECT {}, {}", end("ASC", nulls_below), end("DESC", !nulls_below)))
}

/// A value that can't be read is as good as none.
fn value(column: &KeyColumn, text: Option<&str>) -> Option<Scalar> {
    text.and_then(|text| read_one(column, Some(text)).ok())
}

#[cfg(test)]
mod tests {
    use rivet_model::{RowRange, ScalarKind};
    use rivet_source::{SourceType, TypeShape};

    use super::*;
    use crate::oid;

    #[test]
    fn an_index_is_walked_in_its_own_order() {
        let shape = TypeShape::Scalar;
        let source_type = SourceType { name: "int8".into(), base: "int8".into(), id: oid::INT8, modifier: -1, shape };
        let key =
            KeyColumn { name: "k".parse().unwrap(), position: 0, source_type, kind: ScalarKind::Int, nullable: true };
        let spec = ScanSpec {
            relation: Relation::Table("t".parse().unwrap()),
            relation_width: 1,
            columns: vec![],
            on_unrepresentable: None,
            key_columns: vec![],
            key: vec![key],
            fallback: None,
            range: RowRange::All,
        };
        let check = |options: u8, lowest: &str, highest: &str| {
            let index = CatalogIndex {
                name: "i".to_owned(),
                unique: false,
                partial: false,
                serves: Serves::Order,
                options,
                columns: None,
            };
            let one = |order: &str| {
                format!("(SELECT \"k\" FROM \"t\" WHERE \"k\" IS NOT NULL ORDER BY \"k\" {order} LIMIT 1)")
            };
            assert_eq!(walk(&spec, &index).sql, format!("SELECT {}, {}", one(lowest), one(highest)));
        };
        check(0, "ASC NULLS LAST", "DESC NULLS FIRST");
        check(NULLS_FIRST, "ASC NULLS FIRST", "DESC NULLS LAST");
        check(DESCENDING, "ASC NULLS FIRST", "DESC NULLS LAST");
        check(DESCENDING | NULLS_FIRST, "ASC NULLS LAST", "DESC NULLS FIRST");
    }
}
