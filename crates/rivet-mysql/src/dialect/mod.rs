//! The one place where SQL is made.

mod guard;
mod literal;
mod range;

use std::fmt::Write as _;
use std::time::Duration;

use arrow::datatypes::DataType;
use rivet_model::{Relation, TableRef};
use rivet_source::{ColumnSpec, KeyColumn, ReadAs, ScanLimits, ScanSpec, SourceError};

pub(crate) use self::guard::checked;
pub(crate) use self::literal::{hexadecimal, literal};
pub(crate) use self::range::{Branch, branches, column_name, condition, key_expressions};
use crate::kind;
use crate::server::Family;
use crate::types::{Class, class};

/// A statement, with the place of the user's own text in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The whole text.
    pub(crate) sql: String,
    /// Where the user's query begins in it, in bytes.
    query_start: Option<usize>,
}

impl Statement {
    /// Puts text before the statement.
    #[must_use]
    pub(crate) fn after(self, before: &str) -> Self {
        let query_start = self.query_start.map(|start| start + before.len());
        Self { sql: format!("{before}{}", self.sql), query_start }
    }

    /// Puts text behind the statement.
    #[must_use]
    pub(crate) fn before(mut self, after: &str) -> Self {
        self.sql.push_str(after);
        self
    }

    /// Joins statements into one that returns the rows of each.
    pub(crate) fn all(parts: &[Self]) -> Self {
        let query_start = parts.first().and_then(|part| part.query_start).map(|start| start + 1);
        let parts: Vec<_> = parts.iter().map(|part| part.sql.as_str()).collect();
        Self { sql: format!("({})", parts.join(") UNION ALL (")), query_start }
    }

    /// Turns a position in the statement into one in the user's query, both in bytes.
    pub(crate) fn in_query(&self, position: usize, query: &str) -> Option<usize> {
        let offset = position.checked_sub(self.query_start?)?;
        (offset <= query.len()).then_some(offset)
    }
}

/// Quotes an identifier. Quotes of this kind are one whatever the settings say.
pub(crate) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Writes a table's name, each part quoted.
pub(crate) fn table(table: &TableRef) -> String {
    match table.schema() {
        Some(schema) => format!("{}.{}", identifier(schema), identifier(table.name())),
        None => identifier(table.name()),
    }
}

/// A relation as it stands behind FROM.
fn from_item(sql: &mut String, relation: &Relation) -> Option<usize> {
    match relation {
        Relation::Table(name) => {
            sql.push_str(&table(name));
            None
        }
        Relation::Query(query) => {
            sql.push_str("(\n");
            let start = sql.len();
            // The line break ends a comment that the query may end with.
            write!(sql, "{query}\n) AS rivet_query").expect("writing to a string");
            Some(start)
        }
    }
}

/// A statement that returns these columns of the relation, or those that it shows by itself.
pub(crate) fn columns(relation: &Relation, names: &[String]) -> Statement {
    let names: Vec<_> = names.iter().map(|name| identifier(name)).collect();
    let mut sql = format!("SELECT {} FROM ", if names.is_empty() { "*".to_owned() } else { names.join(", ") });
    let query_start = from_item(&mut sql, relation);
    Statement { sql, query_start }
}

/// A query as the user wrote it.
pub(crate) fn bare(query: &str) -> Statement {
    Statement { sql: query.to_owned(), query_start: Some(0) }
}

/// The statement that reads the rows of a scan.
pub(crate) fn select(spec: &ScanSpec) -> Result<Statement, SourceError> {
    let condition = condition(spec, &spec.range)?;
    if let (Relation::Query(query), None) = (&spec.relation, &condition)
        && is_whole(spec)
    {
        // As it stands the server sends rows as it finds them. Inside of another statement it may write them to a
        // temporary table first, and forgets their order.
        return Ok(bare(query));
    }
    let columns: Vec<_> = spec.columns.iter().map(column_expression).collect();
    Ok(rows(&spec.relation, &columns, condition, ""))
}

/// Whether all columns are read, in their order and as they are.
fn is_whole(spec: &ScanSpec) -> bool {
    let in_order = spec.columns.iter().enumerate().all(|(place, column)| column.position == place);
    let as_they_are = |column: &ColumnSpec| column.read_as != ReadAs::Text && !is_stored_text(column);
    in_order && spec.columns.len() == spec.relation_width && spec.columns.iter().all(as_they_are)
}

/// Whether the bytes of a text are wanted as they are stored: the server would convert them from their character set.
fn is_stored_text(column: &ColumnSpec) -> bool {
    let is_text = class(&column.source_type) == Class::Text && column.source_type.id != kind::INET;
    is_text && *column.field.data_type() == DataType::Binary
}

/// The statement that reads so many rows of a table's range in the order of its primary key. Rows have the values of the
/// key where [`key_places`] says.
pub(crate) fn page(spec: &ScanSpec, key: &[KeyColumn], limit: u64) -> Result<Statement, SourceError> {
    let condition = condition(spec, &spec.range)?;
    let mut columns: Vec<_> = spec.columns.iter().map(column_expression).collect();
    let names: Vec<_> = key.iter().map(|column| column_name(&column.name)).collect();
    let is_missing = |place: &usize| *place >= spec.columns.len();
    let missing = key_places(spec, key).into_iter().zip(&names).filter(|(place, _)| is_missing(place));
    columns.extend(missing.map(|(_, name)| name.clone()));
    let mut statement = rows(&spec.relation, &columns, condition, " FORCE INDEX (PRIMARY)");
    write!(statement.sql, " ORDER BY {} LIMIT {limit}", names.join(", ")).expect("writing to a string");
    Ok(statement)
}

/// Where the rows of [`page`] have the values of the key: among the columns of the scan, or behind them where a column is
/// not read or not read as it is. A server takes its time to send a column twice.
pub(crate) fn key_places(spec: &ScanSpec, key: &[KeyColumn]) -> Vec<usize> {
    let mut behind = spec.columns.len()..;
    let place = |column: &KeyColumn| {
        let name = column_name(&column.name);
        spec.columns.iter().position(|read| column_expression(read) == name).or_else(|| behind.next())
    };
    key.iter().filter_map(place).collect()
}

/// A statement that makes these expressions of the rows for which all conditions hold. The hint stands behind the
/// relation's name.
pub(crate) fn filtered(relation: &Relation, expressions: &[String], hint: &str, conditions: &[String]) -> Statement {
    let condition = (!conditions.is_empty()).then(|| conditions.join(" AND "));
    rows(relation, expressions, condition, hint)
}

fn rows(relation: &Relation, expressions: &[String], condition: Option<String>, hint: &str) -> Statement {
    let mut sql = format!("SELECT {} FROM ", expressions.join(", "));
    let query_start = from_item(&mut sql, relation);
    sql.push_str(hint);
    if let Some(condition) = condition {
        write!(sql, " WHERE {condition}").expect("writing to a string");
    }
    Statement { sql, query_start }
}

fn column_expression(column: &ColumnSpec) -> String {
    let name = column_name(&column.name);
    if is_stored_text(column) {
        // A cast would make NULL of values beyond `max_allowed_packet`.
        return format!("CONVERT({name} USING binary)");
    }
    if column.read_as != ReadAs::Text {
        return name;
    }
    match class(&column.source_type) {
        Class::Geometry => format!("ST_AsText({name})"),
        // Its text would be its bytes.
        Class::Bit => format!("LPAD(BIN({name} + 0), {}, '0')", column.source_type.modifier.max(1)),
        _ if kind::code(column.source_type.id) == kind::VECTOR => name,
        _ => format!("CAST({name} AS CHAR)"),
    }
}

/// What a session is set to, whatever it is for: everything that decides what statements mean and which rows they give.
pub(crate) const SESSION: &[&str] = &[
    // Backslashes escape, double quotes make texts, and days may be zero: what both servers do unless told otherwise.
    "SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00', \
     net_write_timeout = 600, net_read_timeout = 600, wait_timeout = 28800, autocommit = 1, \
     sql_auto_is_null = 0, sql_select_limit = 18446744073709551615, sql_big_selects = 1",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
];

/// Opens a read-only transaction whose view is made at once.
pub(crate) const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// The longest that either server waits for a lock, in seconds: what no limit means.
const LONGEST_WAIT: u64 = 31_536_000;

/// Sets how long statements of the session may take. The first limit counts the time in which we are slow, too.
pub(crate) fn patience(family: Family, limits: &ScanLimits) -> String {
    let lock = match limits.lock_timeout {
        Duration::ZERO => LONGEST_WAIT,
        some => some.as_millis().div_ceil(1_000).try_into().unwrap_or(LONGEST_WAIT).clamp(1, LONGEST_WAIT),
    };
    let statement = limits.statement_timeout.as_millis().min(u32::MAX.into());
    match family {
        Family::Mysql => format!("SET SESSION max_execution_time = {statement}, lock_wait_timeout = {lock}"),
        Family::Mariadb => {
            let (seconds, rest) = (statement / 1_000, statement % 1_000);
            format!("SET SESSION max_statement_time = {seconds}.{rest:03}, lock_wait_timeout = {lock}")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;
    use rivet_model::{Fidelity, KeyBound, RowRange, Scalar};
    use rivet_source::{SourceType, TypeShape};

    use super::*;

    fn source(id: u32, modifier: i32) -> SourceType {
        SourceType { name: "t".to_owned(), base: "t".to_owned(), id, modifier, shape: TypeShape::Scalar }
    }

    fn column(name: &str, position: usize, source_type: SourceType, read_as: ReadAs) -> ColumnSpec {
        ColumnSpec {
            position,
            name: name.parse().unwrap(),
            source_type,
            read_as,
            field: Arc::new(Field::new(name, DataType::Utf8, true)),
            fidelity: Fidelity::Exact,
        }
    }

    fn spec(relation: Relation, columns: Vec<ColumnSpec>) -> ScanSpec {
        ScanSpec {
            relation,
            relation_width: 2,
            columns,
            on_unrepresentable: None,
            key_columns: vec![],
            key: vec![],
            fallback: None,
            range: RowRange::All,
        }
    }

    fn of_table(columns: Vec<ColumnSpec>) -> ScanSpec {
        spec(Relation::Table("my.o`d d".parse().unwrap()), columns)
    }

    #[test]
    fn columns_are_read_as_they_are_or_as_text() {
        let check = |source_type, read_as, expected: &str| {
            let statement = select(&of_table(vec![column("c`", 0, source_type, read_as)])).unwrap();
            assert_eq!(statement.sql, format!("SELECT {expected} FROM `my`.`o``d d`"));
        };
        check(source(kind::LONGLONG, -1), ReadAs::Native, "`c```");
        check(source(kind::TIME, 6), ReadAs::Text, "CAST(`c``` AS CHAR)");
        check(source(kind::BIT, 12), ReadAs::Text, "LPAD(BIN(`c``` + 0), 12, '0')");
        check(source(kind::GEOMETRY, -1), ReadAs::Wkb, "`c```");
        check(source(kind::GEOMETRY, -1), ReadAs::Text, "ST_AsText(`c```)");
    }

    #[test]
    fn a_query_that_is_read_whole_runs_as_it_stands() {
        let text = source(kind::VAR_STRING, -1);
        let both = |second| {
            vec![column("a", 0, text.clone(), ReadAs::Native), column("b", second, text.clone(), ReadAs::Native)]
        };
        let query = || Relation::Query("SELECT a, b FROM t ORDER BY b".to_owned());
        assert_eq!(select(&spec(query(), both(1))).unwrap().sql, "SELECT a, b FROM t ORDER BY b");
        let part = select(&spec(query(), vec![column("b", 1, text.clone(), ReadAs::Native)])).unwrap();
        assert_eq!(part.sql, "SELECT `b` FROM (\nSELECT a, b FROM t ORDER BY b\n) AS rivet_query");
        assert_eq!(part.in_query(18, ""), Some(0));
        assert_eq!(part.after("EXPLAIN ").in_query(32, "SELECT a"), Some(6));
    }

    #[test]
    fn the_bytes_of_a_text_are_those_that_are_stored() {
        let text = column("w", 0, source(kind::VAR_STRING, -1), ReadAs::Native);
        let stored = ColumnSpec { field: Arc::new(Field::new("w", DataType::Binary, true)), ..text };
        assert_eq!(
            select(&of_table(vec![stored.clone()])).unwrap().sql,
            "SELECT CONVERT(`w` USING binary) FROM `my`.`o``d d`"
        );
        let query = Relation::Query("SELECT w FROM t".to_owned());
        let whole = ScanSpec { relation_width: 1, ..spec(query, vec![stored]) };
        assert_eq!(
            select(&whole).unwrap().sql,
            "SELECT CONVERT(`w` USING binary) FROM (\nSELECT w FROM t\n) AS rivet_query"
        );
    }

    #[test]
    fn pages_follow_the_primary_key() {
        let id = KeyColumn {
            name: "id".parse().unwrap(),
            position: 0,
            source_type: source(kind::LONGLONG, -1),
            kind: rivet_model::ScalarKind::Int,
            nullable: false,
        };
        let mut spec = of_table(vec![column("a", 1, source(kind::LONG, -1), ReadAs::Native)]);
        spec.key = vec![id.clone()];
        spec.range = RowRange::Key { lower: Some(KeyBound::excluding(vec![Scalar::Int(7)])), upper: None };
        assert_eq!(
            page(&spec, std::slice::from_ref(&id), 500).unwrap().sql,
            "SELECT `a`, `id` FROM `my`.`o``d d` FORCE INDEX (PRIMARY) WHERE `id` > 7 ORDER BY `id` LIMIT 500"
        );
        assert_eq!(key_places(&spec, std::slice::from_ref(&id)), [1]);
    }

    #[test]
    fn a_key_that_is_read_anyway_is_read_once() {
        let (number, text) = (source(kind::LONGLONG, -1), source(kind::VAR_STRING, -1));
        let key = |name: &str, source_type: &SourceType| KeyColumn {
            name: name.parse().unwrap(),
            position: 0,
            source_type: source_type.clone(),
            kind: rivet_model::ScalarKind::Int,
            nullable: false,
        };
        let keys = [key("a", &number), key("b", &text), key("c", &number)];
        let read_as_text = column("a", 1, number.clone(), ReadAs::Text);
        let mut stored = column("b", 2, text, ReadAs::Native);
        stored.field = Arc::new(Field::new("b", DataType::Binary, true));
        let spec = of_table(vec![column("c", 0, number, ReadAs::Native), read_as_text, stored]);
        assert_eq!(key_places(&spec, &keys), [3, 4, 0]);
        assert_eq!(
            page(&spec, &keys, 9).unwrap().sql,
            "SELECT `c`, CAST(`a` AS CHAR), CONVERT(`b` USING binary), `a`, `b` FROM `my`.`o``d d` \
             FORCE INDEX (PRIMARY) ORDER BY `a`, `b`, `c` LIMIT 9"
        );
    }

    #[test]
    fn limits_are_those_of_the_family() {
        let check = |family, statement, lock, expected: &str| {
            let limits = ScanLimits { statement_timeout: statement, lock_timeout: lock, ..ScanLimits::default() };
            assert_eq!(patience(family, &limits), format!("SET SESSION {expected}"));
        };
        let (long, short) = (Duration::from_millis(61_500), Duration::from_millis(1_200));
        check(Family::Mysql, long, short, "max_execution_time = 61500, lock_wait_timeout = 2");
        check(Family::Mariadb, long, short, "max_statement_time = 61.500, lock_wait_timeout = 2");
        let none = Duration::ZERO;
        check(Family::Mysql, none, none, "max_execution_time = 0, lock_wait_timeout = 31536000");
    }
}
