//! The one place where SQL is made.

mod literal;
mod range;

use std::fmt::Write as _;
use std::time::Duration;

use arrow::datatypes::DataType;
use rivet_model::{Relation, RowRange, TableRef};
use rivet_source::{ColumnSpec, ReadAs, ScanLimits, ScanSpec, SourceError, SourceType, TypeShape};

pub(crate) use self::literal::built_in;
pub(crate) use self::range::{Branch, branches, column_name, condition, key_expressions};
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
    /// Makes a statement without a word of the user's.
    pub(crate) fn own(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), query_start: None }
    }

    /// Puts text around the statement.
    #[must_use]
    pub(crate) fn within(self, before: &str, after: &str) -> Self {
        let query_start = self.query_start.map(|start| start + before.chars().count());
        Self { sql: format!("{before}{}{after}", self.sql), query_start }
    }

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
pub(crate) fn select(spec: &ScanSpec) -> Result<Statement, SourceError> {
    let columns: Vec<_> = spec.columns.iter().map(|column| column_expression(spec, column)).collect();
    rows(spec, &columns.join(", "), &spec.range)
}

/// A statement that makes these expressions of the rows of a range.
pub(crate) fn rows(spec: &ScanSpec, expressions: &str, range: &RowRange) -> Result<Statement, SourceError> {
    sample(spec, expressions, range, None)
}

/// As [`rows`], of a part of the table's pages alone, in percent.
pub(crate) fn sample(
    spec: &ScanSpec,
    expressions: &str,
    range: &RowRange,
    percent: Option<f64>,
) -> Result<Statement, SourceError> {
    let condition = condition(spec, range)?;
    let mut sql = format!("SELECT {expressions} FROM ");
    let query_start = match range {
        // The pages of a partition are no other's.
        RowRange::Pages { partition: Some(leaf), .. } => {
            write!(sql, "ONLY {}", table(leaf)).expect("writing to a string");
            None
        }
        _ => from_item(&mut sql, &spec.relation, Some(spec.relation_width)),
    };
    if let Some(percent) = percent {
        // The same pages every time: what a split looks like is no matter of luck.
        write!(sql, " TABLESAMPLE SYSTEM ({percent:.6}) REPEATABLE (0)").expect("writing to a string");
    }
    if let Some(condition) = condition {
        write!(sql, " WHERE {condition}").expect("writing to a string");
    }
    Ok(Statement { sql, query_start })
}

/// A statement that makes these expressions of the rows for which all conditions hold.
pub(crate) fn filtered(spec: &ScanSpec, expressions: &str, conditions: &[String]) -> Statement {
    let mut sql = format!("SELECT {expressions} FROM ");
    let query_start = from_item(&mut sql, &spec.relation, Some(spec.relation_width));
    if !conditions.is_empty() {
        write!(sql, " WHERE {}", conditions.join(" AND ")).expect("writing to a string");
    }
    Statement { sql, query_start }
}

/// The statement that sends the rows of a scan in binary.
pub(crate) fn copy(spec: &ScanSpec) -> Result<Statement, SourceError> {
    Ok(select(spec)?.within("COPY (", ") TO STDOUT (FORMAT binary)"))
}

fn column_expression(spec: &ScanSpec, column: &ColumnSpec) -> String {
    let name = column_name(spec, &column.name, column.position);
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
    write!(sql, "; {}", patience(limits)).expect("writing to a string");
    let settings = [
        ("idle_in_transaction_session_timeout", "0".to_owned()),
        // Otherwise COPY of a query may start processes of its own on the source.
        ("max_parallel_workers_per_gather", "0".to_owned()),
        // Compiling takes a tenth of a second for each statement, and rows that are copied are not computed with.
        ("jit", "off".to_owned()),
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

/// Opens a transaction for questions about the keys of a relation: from a table they are answered by an index wherever
/// one can, however small the table is. The planner of a query knows better how it is put together.
pub(crate) fn begin_with_keys(relation: &Relation, limits: &ScanLimits) -> String {
    let begin = begin(None, true, limits);
    match relation {
        Relation::Table(_) => format!("{begin}; SET LOCAL enable_seqscan = off"),
        Relation::Query(_) => begin,
    }
}

/// Sets how long statements of the transaction may take.
pub(crate) fn patience(limits: &ScanLimits) -> String {
    // The first counts the time in which we are slow, too. A reader that waits behind a change of structure makes
    // everybody else wait behind it, hence the second.
    let (statement, lock) = (milliseconds(limits.statement_timeout), milliseconds(limits.lock_timeout));
    format!("SET LOCAL statement_timeout = {statement}; SET LOCAL lock_timeout = {lock}")
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
                key: vec![],
                fallback: None,
                range: RowRange::All,
            };
            assert_eq!(select(&spec).unwrap().sql, format!("SELECT {expected} FROM \"t\""));
        };
        check("int8", oid::INT8, DataType::Int64, "\"c\"");
        check("int8", oid::INT8, DataType::Int16, "\"c\"");
        check("float8", oid::FLOAT8, DataType::Int32, "\"c\"");
        check("timestamptz", oid::TIMESTAMPTZ, DataType::Date32, "\"c\"");
        check("box", 603, DataType::Utf8, "\"c\"::pg_catalog.text");
    }
}
