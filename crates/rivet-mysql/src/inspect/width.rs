//! How wide rows are. No plan says so: version 1 of MySQL's has the bytes of a buffer, in which each text is as long as it
//! may become.

use rivet_source::{ScanSpec, SourceType};

use crate::describe::catalog::CatalogTable;
use crate::kind;
use crate::types::{Class, class};

/// Bytes up to which a table is mostly free space: its rows are then not what it takes by them. It is 10 pages of InnoDB.
const MOSTLY_FREE: u64 = 10 * 16_384;

/// Bytes of a value whose length nothing tells: our own choice, a line of text.
const UNKNOWN: f64 = 80.0;

/// Estimates the bytes of a row of a scan: those that the table has for one where all columns are read or a declaration
/// says little of their lengths, else what the columns' types make likely. Texts are taken to be half as long as they may be.
pub(super) fn row_bytes(spec: &ScanSpec, table: Option<&CatalogTable>) -> f64 {
    let declared: Vec<_> = spec.columns.iter().map(|column| declared(&column.source_type)).collect();
    let likely: f64 = declared.iter().map(|bytes| bytes.unwrap_or(UNKNOWN)).sum();
    let is_all = spec.columns.len() == spec.relation_width;
    let stored = table.filter(|table| table.bytes.is_some_and(|bytes| bytes > MOSTLY_FREE));
    let stored = stored.and_then(|table| table.row_bytes).filter(|bytes| *bytes > 0).map(float);
    let bytes = match stored {
        Some(stored) if is_all || declared.contains(&None) => stored,
        Some(stored) => likely.min(stored),
        None => likely,
    };
    bytes.max(1.0)
}

/// Bytes that a type's values have, about; none where that may be anything.
fn declared(source: &SourceType) -> Option<f64> {
    let length = || {
        let (_, rest) = source.name.split_once('(')?;
        rest.split([')', ',']).next()?.trim().parse::<u32>().ok().map(f64::from)
    };
    Some(match class(source) {
        Class::Integer => match kind::code(source.id) {
            kind::TINY => 1.0,
            kind::SHORT | kind::YEAR => 2.0,
            kind::INT24 | kind::LONG => 4.0,
            _ => 8.0,
        },
        Class::Bit | Class::Moment | Class::Time => 8.0,
        Class::Decimal => length().unwrap_or(10.0) / 2.0 + 1.0,
        Class::Float if kind::code(source.id) == kind::FLOAT => 4.0,
        Class::Float => 8.0,
        Class::Date => 4.0,
        Class::Uuid => 16.0,
        Class::Vector => 4.0 * length()?,
        // The names of their labels are longer in a file than on disk.
        Class::Text if matches!(kind::code(source.id), kind::ENUM | kind::SET) => 8.0,
        Class::Binary if source.base == "binary" => length()?,
        Class::Text | Class::Binary => (length()? / 2.0).max(1.0),
        Class::Json | Class::Geometry => return None,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a count beyond 2^53 is huge whatever its last digits are")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field};
    use rivet_model::{Fidelity, Relation, RowRange};
    use rivet_source::{ColumnSpec, ReadAs, TypeShape};

    use super::*;

    fn source(name: &str, id: u32) -> SourceType {
        let base = name.split('(').next().unwrap().to_owned();
        SourceType { name: name.to_owned(), base, id, modifier: -1, shape: TypeShape::Scalar }
    }

    fn column((name, id): (&str, u32)) -> ColumnSpec {
        ColumnSpec {
            name: "c".parse().unwrap(),
            position: 0,
            source_type: source(name, id),
            read_as: ReadAs::Native,
            field: Arc::new(Field::new("c", DataType::Utf8, true)),
            fidelity: Fidelity::Exact,
        }
    }

    fn spec(columns: &[(&str, u32)], width: usize) -> ScanSpec {
        ScanSpec {
            relation: Relation::Table("t".parse().unwrap()),
            relation_width: width,
            columns: columns.iter().copied().map(column).collect(),
            on_unrepresentable: None,
            key_columns: vec![],
            key: vec![],
            fallback: None,
            range: RowRange::All,
        }
    }

    #[test]
    fn types_have_likely_widths() {
        let check = |name, id, expected| assert_eq!(declared(&source(name, id)), expected, "{name}");
        check("tinyint(1)", kind::TINY, Some(1.0));
        check("bigint(20) unsigned", kind::LONGLONG | kind::UNSIGNED, Some(8.0));
        check("decimal(18,2)", kind::DECIMAL, Some(10.0));
        check("varchar(100)", kind::VAR_STRING, Some(50.0));
        check("char(1)", kind::STRING, Some(1.0));
        check("binary(16)", kind::STRING | kind::BINARY, Some(16.0));
        check("enum('(a','b')", kind::ENUM, Some(8.0));
        check("vector(3)", kind::VECTOR, Some(12.0));
        check("text", kind::BLOB, None);
        check("varchar", kind::VAR_STRING, None);
    }

    #[test]
    fn rows_are_as_wide_as_the_table_says_or_their_columns_make_likely() {
        let table = |bytes, row| CatalogTable { bytes: Some(bytes), row_bytes: Some(row), ..CatalogTable::default() };
        let two = [("int", kind::LONG), ("varchar(100)", kind::VAR_STRING)];
        let text = [("int", kind::LONG), ("text", kind::BLOB)];
        let check = |spec: &ScanSpec, table: Option<CatalogTable>, expected: f64| {
            assert!((row_bytes(spec, table.as_ref()) - expected).abs() < 1e-9);
        };
        check(&spec(&two, 2), Some(table(1 << 30, 200)), 200.0);
        check(&spec(&two, 5), Some(table(1 << 30, 200)), 54.0);
        check(&spec(&two, 5), Some(table(1 << 30, 30)), 30.0);
        check(&spec(&text, 5), Some(table(1 << 30, 200)), 200.0);
        // The one page of a table of one row.
        check(&spec(&two, 2), Some(table(16_384, 16_384)), 54.0);
        check(&spec(&text, 2), None, 84.0);
    }
}
