//! Which types order rows, and how their values travel.

use rivet_model::{Scalar, ScalarKind};
use rivet_source::{KeyColumn, SourceError, SourceErrorKind, SourceType};

use crate::decode::{Calendar, Cell, Values};
use crate::dialect::hexadecimal;
use crate::kind;
use crate::types::{Class, class};

/// Returns what the values of a type are, where the server has an order for them that a key can follow.
pub(crate) fn kind(source: &SourceType) -> Option<ScalarKind> {
    Some(match class(source) {
        Class::Integer => ScalarKind::Int,
        Class::Decimal => ScalarKind::Decimal,
        // A number of 32 bits equals no text of its own.
        Class::Float if kind::code(source.id) == kind::DOUBLE => ScalarKind::Decimal,
        // Labels are sorted by their place in the declaration, and compared with text as text.
        Class::Text if matches!(kind::code(source.id), kind::ENUM | kind::SET | kind::NULL) => return None,
        Class::Text => ScalarKind::Text,
        Class::Binary => ScalarKind::Bytes,
        Class::Date => ScalarKind::Date,
        Class::Moment if kind::code(source.id) == kind::TIMESTAMP => ScalarKind::TimestampTz,
        Class::Moment => ScalarKind::Timestamp,
        Class::Uuid => ScalarKind::Uuid,
        _ => return None,
    })
}

/// Whether values are days or moments.
pub(crate) fn is_temporal(kind: ScalarKind) -> bool {
    matches!(kind, ScalarKind::Date | ScalarKind::Timestamp | ScalarKind::TimestampTz)
}

/// Reads the values of a key from a row, from this column on.
pub(crate) fn read(key: &[KeyColumn], row: &impl Values, from: usize) -> Result<Vec<Scalar>, SourceError> {
    read_at(key, row, from..row.width())
}

/// Reads the values of a key from a row, from these columns of it.
pub(crate) fn read_at(
    key: &[KeyColumn],
    row: &impl Values,
    places: impl IntoIterator<Item = usize>,
) -> Result<Vec<Scalar>, SourceError> {
    let cells = places.into_iter().map(|position| row.cell(position).unwrap_or(Cell::Null));
    key.iter().zip(cells).map(|(column, cell)| read_one(column, cell)).collect()
}

fn read_one(column: &KeyColumn, cell: Cell<'_>) -> Result<Scalar, SourceError> {
    let unreadable = |what: &str| {
        let message = format!("the value of key column `{}` can't be read: {what}", column.name);
        SourceError::new(SourceErrorKind::Protocol, message)
    };
    Ok(match (column.kind, cell) {
        (_, Cell::Null) => return Err(unreadable("it is NULL")),
        (ScalarKind::Int, Cell::Int(number)) => Scalar::Int(number),
        (ScalarKind::Int, Cell::Uint(number)) => i64::try_from(number).map_or(Scalar::Uint(number), Scalar::Int),
        (ScalarKind::Decimal, Cell::Double(number)) => Scalar::Decimal(number.to_string()),
        (ScalarKind::Date, Cell::Date(parts)) => Scalar::Date(day(&parts)),
        (ScalarKind::Timestamp, Cell::Date(parts)) => Scalar::Timestamp(moment(&parts)),
        (ScalarKind::TimestampTz, Cell::Date(parts)) => Scalar::TimestampTz(format!("{}+00", moment(&parts))),
        (ScalarKind::Bytes, Cell::Bytes(bytes)) => Scalar::Bytes(hexadecimal(bytes)),
        (kind, Cell::Bytes(bytes)) => {
            let text = std::str::from_utf8(bytes).map_err(|_not_text| unreadable("it is no UTF-8"))?;
            kind.parse(text).map_err(|error| unreadable(&error.to_string()))?
        }
        _ => return Err(unreadable("it is of another kind")),
    })
}

fn day(parts: &Calendar) -> String {
    format!("{:04}-{:02}-{:02}", parts.year, parts.month, parts.day)
}

/// Writes a moment as the server does, in the session's zone, which is UTC; with a fraction where there is one.
fn moment(parts: &Calendar) -> String {
    let whole = format!("{} {:02}:{:02}:{:02}", day(parts), parts.hour, parts.minute, parts.second);
    if parts.micros == 0 { whole } else { format!("{whole}.{:06}", parts.micros) }
}

#[cfg(test)]
mod tests {
    use rivet_source::TypeShape;

    use super::*;
    use crate::decode::Fault;

    struct One<'a>(Cell<'a>);

    impl Values for One<'_> {
        fn width(&self) -> usize {
            2
        }

        fn cell(&self, position: usize) -> Result<Cell<'_>, Fault> {
            Ok(if position == 1 { self.0 } else { Cell::Null })
        }

        fn wire_bytes(&self) -> usize {
            0
        }
    }

    fn source(base: &str, id: u32) -> SourceType {
        SourceType { name: base.to_owned(), base: base.to_owned(), id, modifier: -1, shape: TypeShape::Scalar }
    }

    #[test]
    fn cells_become_values() {
        let check = |id, cell: Cell<'_>, expected: Scalar| {
            let source_type = source("t", id);
            let kind = kind(&source_type).unwrap();
            let column = KeyColumn { name: "k".parse().unwrap(), position: 0, source_type, kind, nullable: false };
            assert_eq!(read(&[column], &One(cell), 1).unwrap(), [expected]);
        };
        let at = Calendar { year: 26, month: 1, day: 2, hour: 3, minute: 4, second: 5, micros: 60 };
        check(kind::LONGLONG, Cell::Int(-5), Scalar::Int(-5));
        check(kind::LONGLONG | kind::UNSIGNED, Cell::Uint(u64::MAX), Scalar::Uint(u64::MAX));
        check(kind::DECIMAL, Cell::Bytes(b"-1.50"), Scalar::Decimal("-1.50".to_owned()));
        check(kind::VAR_STRING, Cell::Bytes("ж".as_bytes()), Scalar::Text("ж".to_owned()));
        check(kind::VAR_STRING | kind::BINARY, Cell::Bytes(&[0, 255]), Scalar::Bytes("00ff".to_owned()));
        check(kind::DATE, Cell::Date(Calendar { micros: 0, ..at }), Scalar::Date("0026-01-02".to_owned()));
        check(kind::DATETIME, Cell::Date(at), Scalar::Timestamp("0026-01-02 03:04:05.000060".to_owned()));
        check(
            kind::TIMESTAMP,
            Cell::Date(Calendar { micros: 0, ..at }),
            Scalar::TimestampTz("0026-01-02 03:04:05+00".to_owned()),
        );
    }

    #[test]
    fn types_without_an_order_are_no_keys() {
        for id in [kind::ENUM, kind::SET, kind::FLOAT, kind::JSON, kind::BIT, kind::TIME, kind::GEOMETRY] {
            assert_eq!(kind(&source("t", id)), None, "{id}");
        }
    }
}
