//! Which types order rows, and how their values travel.

use rivet_model::{Scalar, ScalarKind};
use rivet_source::{KeyColumn, SourceError, SourceErrorKind, SourceType, TypeShape};

use crate::oid;
use crate::session::TextRow;

/// Returns what the values of a type are, where the server has an order for them that a key can follow.
pub(crate) fn kind(source: &SourceType) -> Option<ScalarKind> {
    match &source.shape {
        TypeShape::Enum => return Some(ScalarKind::Text),
        TypeShape::Scalar => {}
        _ => return None,
    }
    Some(match source.id {
        oid::INT2 | oid::INT4 | oid::INT8 | oid::OID | oid::XID8 => ScalarKind::Int,
        oid::NUMERIC | oid::MONEY | oid::FLOAT4 | oid::FLOAT8 => ScalarKind::Decimal,
        oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME | oid::CHAR => ScalarKind::Text,
        oid::BOOL | oid::TIME | oid::TIMETZ | oid::INTERVAL | oid::BIT | oid::VARBIT => ScalarKind::Text,
        oid::INET | oid::CIDR | oid::MACADDR | oid::MACADDR8 | oid::LSN => ScalarKind::Text,
        oid::BYTEA => ScalarKind::Bytes,
        oid::DATE => ScalarKind::Date,
        oid::TIMESTAMP => ScalarKind::Timestamp,
        oid::TIMESTAMPTZ => ScalarKind::TimestampTz,
        oid::UUID => ScalarKind::Uuid,
        _ if source.base == "citext" => ScalarKind::Text,
        _ => return None,
    })
}

/// Whether values are days or moments.
pub(crate) fn is_temporal(kind: ScalarKind) -> bool {
    matches!(kind, ScalarKind::Date | ScalarKind::Timestamp | ScalarKind::TimestampTz)
}

/// Writes the expression whose text is read as a value of the type.
pub(crate) fn output(expression: &str, source: &SourceType) -> String {
    // Its own text has the currency of the server's locale.
    if source.id == oid::MONEY { format!("{expression}::pg_catalog.numeric") } else { expression.to_owned() }
}

/// Reads the values of a key from a row, from this column on.
pub(crate) fn read(key: &[KeyColumn], row: &TextRow, from: usize) -> Result<Vec<Scalar>, SourceError> {
    key.iter().zip(row.iter().skip(from)).map(|(column, text)| read_one(column, text.as_deref())).collect()
}

/// Reads one value of a column of a key.
pub(crate) fn read_one(column: &KeyColumn, text: Option<&str>) -> Result<Scalar, SourceError> {
    let unreadable = |what: &str| {
        let message = format!("the value of key column `{}` can't be read: {what}", column.name);
        SourceError::new(SourceErrorKind::Protocol, message)
    };
    let text = text.ok_or_else(|| unreadable("it is NULL"))?;
    // The server writes bytes in hexadecimal behind a mark.
    let text = if column.kind == ScalarKind::Bytes { text.strip_prefix("\\x").unwrap_or(text) } else { text };
    column.kind.parse(text).map_err(|error| unreadable(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(base: &str, id: u32) -> KeyColumn {
        let shape = TypeShape::Scalar;
        let source_type = SourceType { name: base.to_owned(), base: base.to_owned(), id, modifier: -1, shape };
        let kind = kind(&source_type).unwrap();
        KeyColumn { name: "k".parse().unwrap(), position: 0, source_type, kind, nullable: false }
    }

    #[test]
    fn texts_of_the_server_become_values() {
        let check = |base: &str, id, text: &str, expected: Scalar| {
            let row = vec![None, Some(text.to_owned())];
            assert_eq!(read(&[column(base, id)], &row, 1).unwrap(), [expected]);
        };
        check("int4", oid::INT4, "-5", Scalar::Int(-5));
        check("numeric", oid::NUMERIC, "18446744073709551617", Scalar::Decimal("18446744073709551617".to_owned()));
        check("float8", oid::FLOAT8, "-Infinity", Scalar::Decimal("-Infinity".to_owned()));
        check("bytea", oid::BYTEA, "\\x00ff", Scalar::Bytes("00ff".to_owned()));
        check("citext", 16_400, "A", Scalar::Text("A".to_owned()));
        check("date", oid::DATE, "0044-03-15 BC", Scalar::Date("0044-03-15 BC".to_owned()));
    }

    #[test]
    fn what_is_no_value_is_an_error() {
        for text in [None, Some("x")] {
            let row = vec![text.map(ToOwned::to_owned)];
            let error = read(&[column("int8", oid::INT8)], &row, 0).unwrap_err();
            assert_eq!(error.kind(), SourceErrorKind::Protocol);
            assert!(error.to_string().contains("`k`"), "{error}");
        }
    }

    #[test]
    fn types_without_an_order_are_no_keys() {
        let check = |base: &str, id, shape: TypeShape| {
            let source = SourceType { name: base.to_owned(), base: base.to_owned(), id, modifier: -1, shape };
            assert_eq!(kind(&source), None, "{base}");
        };
        check("json", oid::JSON, TypeShape::Scalar);
        check("point", 600, TypeShape::Scalar);
        check("box", 603, TypeShape::Scalar);
        check("pair", 16_400, TypeShape::Struct { fields: Vec::new() });
    }
}
