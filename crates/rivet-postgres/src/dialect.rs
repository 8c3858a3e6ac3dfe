//! The one place where SQL is made.

use std::fmt::Write as _;
use std::time::Duration;

use arrow::datatypes::DataType;
use rivet_model::{Relation, TableRef};
use rivet_source::{ColumnSpec, ReadAs, ScanLimits, ScanSpec, SourceType, TypeShape};

use crate::decode::{conversion_base, decodes};

/// A statement, with the place of the user's own text in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The whole text.
    pub(crate) sql: String,
    /// Where the user's query begins in it, in characters.
    query_start: Option<usize>,
}

impl Statement {
    /// Turns a position in the statement, in characters, into one in the user's query, in bytes.
    pub(crate) fn in_query(&self, position: usize, query: &str) -> Option<usize> {
        let character = position.checked_sub(self.query_start?)?;
        query.char_indices().map(|(offset, _)| offset).chain([query.len()]).nth(character)
    }
}

/// Quotes an identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text.
pub(crate) fn literal(text: &str) -> String {
    // With a backslash the form with E is read the same whatever standard_conforming_strings says.
    if text.contains('\\') {
        format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Writes a table's name, each part quoted.
pub(crate) fn table(table: &TableRef) -> String {
    match table.schema() {
        Some(schema) => format!("{}.{}", identifier(schema), identifier(table.name())),
        None => identifier(table.name()),
    }
}

/// A relation as it stands behind FROM, with names for its columns where `columns` says how many it has.
fn from_item(sql: &mut String, relation: &Relation, columns: Option<usize>) -> Option<usize> {
    match relation {
        Relation::Table(name) => {
            sql.push_str(&table(name));
            None
        }
        Relation::Query(query) => {
            sql.push_str("(\n");
            let start = sql.chars().count();
            // The line break ends a comment that the query may end with.
            write!(sql, "{query}\n) AS rivet_query").expect("writing to a string");
            if let Some(count) = columns {
                let names: Vec<_> = (0..count).map(position_name).collect();
                write!(sql, " ({})", names.join(", ")).expect("writing to a string");
            }
            Some(start)
        }
    }
}

/// The name of a query's column by its position: the query's own names need not be unique.
fn position_name(position: usize) -> String {
    format!("c{position}")
}

/// A statement that returns the relation's columns and no row.
pub(crate) fn describe(relation: &Relation) -> Statement {
    let mut sql = "SELECT * FROM ".to_owned();
    let query_start = from_item(&mut sql, relation, None);
    sql.push_str(" LIMIT 0");
    Statement { sql, query_start }
}

/// The statement that reads the rows of a scan.
pub(crate) fn select(spec: &ScanSpec) -> Statement {
    let columns: Vec<_> = spec.columns.iter().map(|column| column_expression(spec, column)).collect();
    let mut sql = format!("SELECT {} FROM ", columns.join(", "));
    let query_start = from_item(&mut sql, &spec.relation, Some(spec.relation_width));
    Statement { sql, query_start }
}

/// The statement that sends the rows of a scan in binary.
pub(crate) fn copy(spec: &ScanSpec) -> Statement {
    const BEGIN: &str = "COPY (";
    let Statement { sql, query_start } = select(spec);
    let query_start = query_start.map(|start| start + BEGIN.len());
    Statement { sql: format!("{BEGIN}{sql}) TO STDOUT (FORMAT binary)"), query_start }
}

fn column_expression(spec: &ScanSpec, column: &ColumnSpec) -> String {
    let name = match spec.relation {
        Relation::Table(_) => identifier(column.name.as_str()),
        Relation::Query(_) => position_name(column.position),
    };
    match &column.read_as {
        // It comes in its own binary form and is converted here.
        ReadAs::Native if conversion_base(&column.source_type, column.field.data_type()).is_some() => name,
        ReadAs::Native => expression(&name, &column.source_type, column.field.data_type()),
        ReadAs::Text => format!("{name}::pg_catalog.text"),
        ReadAs::Json => format!("pg_catalog.to_json({name})"),
        ReadAs::Wkb => format!("{}ST_AsBinary({name})", schema_prefix(&column.source_type)),
        ReadAs::Cast(target) => format!("{name}::{}", target.name),
    }
}

/// Casts to text what has no binary form that decodes, and nothing else.
fn expression(value: &str, source: &SourceType, target: &DataType) -> String {
    match (&source.shape, target) {
        _ if decodes(source, target) => value.to_owned(),
        (TypeShape::List { .. }, DataType::List(_)) => format!("{value}::pg_catalog.text[]"),
        (TypeShape::Struct { fields }, DataType::Struct(targets)) => {
            let fields = fields.iter().zip(targets).map(|((name, source), target)| {
                expression(&format!("({value}).{}", identifier(name)), source, target.data_type())
            });
            // IS NULL would be true for a row of NULLs as well.
            let row = fields.collect::<Vec<_>>().join(", ");
            format!("CASE WHEN {value} IS DISTINCT FROM NULL THEN ROW({row}) END")
        }
        _ => format!("{value}::pg_catalog.text"),
    }
}

/// The schema that a type's name is qualified with, and a dot; nothing where the search path finds it.
fn schema_prefix(source: &SourceType) -> &str {
    source.name.split_once(source.base.as_str()).map_or("", |(prefix, _)| prefix)
}

/// Opens a read-only transaction and sets everything that decides what a statement costs and how values look, for
/// this transaction alone: a pooler hands the connection to somebody else afterwards.
pub(crate) fn begin(snapshot: Option<&str>, repeatable: bool, limits: &ScanLimits) -> String {
    let isolation = if repeatable || snapshot.is_some() { "REPEATABLE READ" } else { "READ COMMITTED" };
    let mut sql = format!("BEGIN ISOLATION LEVEL {isolation} READ ONLY");
    if let Some(snapshot) = snapshot {
        write!(sql, "; SET TRANSACTION SNAPSHOT {}", literal(snapshot)).expect("writing to a string");
    }
    let settings = [
        // It counts the time in which we are slow, too.
        ("statement_timeout", milliseconds(limits.statement_timeout)),
        // A reader that waits behind a change of structure makes everybody else wait behind it.
        ("lock_timeout", milliseconds(limits.lock_timeout)),
        ("idle_in_transaction_session_timeout", "0".to_owned()),
        // Otherwise COPY of a query may start processes of its own on the source.
        ("max_parallel_workers_per_gather", "0".to_owned()),
        ("TimeZone", "'UTC'".to_owned()),
        ("DateStyle", "'ISO, YMD'".to_owned()),
        ("IntervalStyle", "'iso_8601'".to_owned()),
        ("extra_float_digits", "1".to_owned()),
        ("bytea_output", "'hex'".to_owned()),
    ];
    for (name, value) in settings {
        write!(sql, "; SET LOCAL {name} = {value}").expect("writing to a string");
    }
    sql
}

fn milliseconds(duration: Duration) -> String {
    duration.as_millis().min(i32::MAX.unsigned_abs().into()).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;
    use rivet_model::Fidelity;

    use super::*;
    use crate::oid;

    #[test]
    fn only_what_has_no_decoder_is_cast() {
        let check = |base: &str, id, target: DataType, expected: &str| {
            let source_type =
                SourceType { name: base.to_owned(), base: base.to_owned(), id, modifier: -1, shape: TypeShape::Scalar };
            let column = ColumnSpec {
                position: 0,
                name: "c".parse().unwrap(),
                source_type,
                read_as: ReadAs::Native,
                field: Arc::new(Field::new("c", target, true)),
                fidelity: Fidelity::Exact,
            };
            let spec = ScanSpec {
                relation: Relation::Table("t".parse().unwrap()),
                relation_width: 1,
                columns: vec![column],
                on_unrepresentable: None,
                key_columns: vec![],
            };
            assert_eq!(select(&spec).sql, format!("SELECT {expected} FROM \"t\""));
        };
        check("int8", oid::INT8, DataType::Int64, "\"c\"");
        check("int8", oid::INT8, DataType::Int16, "\"c\"");
        check("float8", oid::FLOAT8, DataType::Int32, "\"c\"");
        check("timestamptz", oid::TIMESTAMPTZ, DataType::Date32, "\"c\"");
        check("box", 603, DataType::Utf8, "\"c\"::pg_catalog.text");
    }
}
