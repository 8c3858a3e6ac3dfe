//! The only place that knows what rows and column definitions of the client library look like.
//!
//! Rows of scans come by packets of their own where they can (see `raw`); these are for what is asked besides, and for
//! servers whose handshake is not spoken there.

use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::{Column, Row, Value};
use rivet_source::{SourceType, TypeShape};

use crate::decode::{Calendar, Cell, Fault, Span, Values};
use crate::kind;
use crate::raw::OwnedRow;
use crate::types::decimal_modifier;

/// A row by itself, whatever it came over.
#[derive(Debug)]
pub(crate) enum AnyRow {
    /// One of the library's.
    Library(Row),
    /// One that was read by ourselves.
    Raw(OwnedRow),
}

impl Values for AnyRow {
    fn width(&self) -> usize {
        match self {
            Self::Library(row) => row.width(),
            Self::Raw(row) => row.width(),
        }
    }

    fn cell(&self, position: usize) -> Result<Cell<'_>, Fault> {
        match self {
            Self::Library(row) => row.cell(position),
            Self::Raw(row) => row.cell(position),
        }
    }

    fn wire_bytes(&self) -> usize {
        match self {
            Self::Library(row) => row.wire_bytes(),
            Self::Raw(row) => row.wire_bytes(),
        }
    }
}

impl Values for Row {
    fn width(&self) -> usize {
        self.len()
    }

    fn cell(&self, position: usize) -> Result<Cell<'_>, Fault> {
        Ok(match self.as_ref(position) {
            None | Some(Value::NULL) => Cell::Null,
            Some(Value::Int(number)) => Cell::Int(*number),
            Some(Value::UInt(number)) => Cell::Uint(*number),
            Some(Value::Float(number)) => Cell::Float(*number),
            Some(Value::Double(number)) => Cell::Double(*number),
            Some(Value::Bytes(bytes)) => Cell::Bytes(bytes),
            Some(Value::Date(year, month, day, hour, minute, second, micros)) => Cell::Date(Calendar {
                year: *year,
                month: *month,
                day: *day,
                hour: *hour,
                minute: *minute,
                second: *second,
                micros: *micros,
            }),
            Some(Value::Time(negative, days, hours, minutes, seconds, micros)) => Cell::Time(Span {
                negative: *negative,
                days: *days,
                hours: *hours,
                minutes: *minutes,
                seconds: *seconds,
                micros: *micros,
            }),
        })
    }

    /// The library keeps no count: this adds up what the protocol writes for each value.
    /// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html>
    fn wire_bytes(&self) -> usize {
        // The packet's header, its first byte, and a bit for each value and for two more.
        let frame = 4 + 1 + (self.len() + 9) / 8;
        let columns = self.columns_ref().iter().enumerate();
        frame + columns.map(|(position, column)| value_bytes(self.as_ref(position), column)).sum::<usize>()
    }
}

fn value_bytes(value: Option<&Value>, column: &Column) -> usize {
    match value {
        None | Some(Value::NULL) => 0,
        Some(Value::Int(_) | Value::UInt(_)) => match column.column_type() {
            ColumnType::MYSQL_TYPE_TINY => 1,
            ColumnType::MYSQL_TYPE_SHORT | ColumnType::MYSQL_TYPE_YEAR => 2,
            ColumnType::MYSQL_TYPE_LONGLONG => 8,
            _ => 4,
        },
        Some(Value::Float(_)) => 4,
        Some(Value::Double(_)) => 8,
        Some(Value::Bytes(bytes)) => {
            let prefix = match bytes.len() {
                0..=250 => 1,
                251..=0xFFFF => 3,
                0x1_0000..=0xFF_FFFF => 4,
                _ => 9,
            };
            prefix + bytes.len()
        }
        Some(Value::Date(0, 0, 0, 0, 0, 0, 0) | Value::Time(_, 0, 0, 0, 0, 0)) => 1,
        Some(Value::Date(_, _, _, 0, 0, 0, 0)) => 5,
        Some(Value::Date(_, _, _, _, _, _, 0)) => 8,
        Some(Value::Date(..)) => 12,
        Some(Value::Time(_, _, _, _, _, 0)) => 9,
        Some(Value::Time(..)) => 13,
    }
}

/// Returns a value of the text protocol.
pub(crate) fn text(value: Option<Value>) -> Option<String> {
    match value {
        None | Some(Value::NULL) => None,
        Some(Value::Bytes(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Some(other) => Some(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}

/// A column of a result, as the server defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResultColumn {
    /// Its name in the result.
    pub(crate) name: String,
    /// Where it is taken from unchanged: database, table and column. Absent for an expression.
    pub(crate) origin: Option<Origin>,
    /// Whether it has no NULL.
    pub(crate) not_null: bool,
    /// Its type.
    pub(crate) source_type: SourceType,
}

/// The column of a table that a result's column is taken from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Origin {
    pub(crate) database: String,
    pub(crate) table: String,
    pub(crate) column: String,
}

impl From<&Column> for ResultColumn {
    fn from(column: &Column) -> Self {
        let origin = Origin {
            database: column.schema_str().into_owned(),
            table: column.org_table_str().into_owned(),
            column: column.org_name_str().into_owned(),
        };
        let is_known = !origin.table.is_empty() && !origin.column.is_empty();
        Self {
            name: column.name_str().into_owned(),
            origin: is_known.then_some(origin),
            not_null: column.flags().contains(ColumnFlags::NOT_NULL_FLAG),
            source_type: source_type(column),
        }
    }
}

fn source_type(column: &Column) -> SourceType {
    let flags = column.flags();
    let code = match column.column_type() {
        // Labels come as strings that are marked.
        ColumnType::MYSQL_TYPE_STRING if flags.contains(ColumnFlags::ENUM_FLAG) => kind::ENUM,
        ColumnType::MYSQL_TYPE_STRING if flags.contains(ColumnFlags::SET_FLAG) => kind::SET,
        other => other as u32,
    };
    let is_binary = column.character_set() == kind::BINARY_CHARSET;
    let unsigned = flags.contains(ColumnFlags::UNSIGNED_FLAG);
    let scale = column.decimals();
    let (length, mut id) = (column.column_length(), code);
    let number = |value: u32| i32::try_from(value).unwrap_or(-1);
    let (base, modifier) = match code {
        kind::TINY => ("tinyint", number(length)),
        kind::SHORT => ("smallint", -1),
        kind::INT24 => ("mediumint", -1),
        kind::LONG => ("int", -1),
        kind::LONGLONG => ("bigint", -1),
        kind::YEAR => ("year", -1),
        kind::FLOAT => ("float", -1),
        kind::DOUBLE => ("double", -1),
        // The length counts the point and the sign.
        kind::DECIMAL | kind::OLD_DECIMAL => {
            let precision = length.saturating_sub(u32::from(scale > 0)).saturating_sub(u32::from(!unsigned));
            ("decimal", decimal_modifier(precision.max(1), scale))
        }
        kind::BIT => ("bit", number(length)),
        kind::DATE | kind::NEWDATE => ("date", -1),
        kind::TIME => ("time", number(scale.into())),
        kind::DATETIME => ("datetime", number(scale.into())),
        kind::TIMESTAMP => ("timestamp", number(scale.into())),
        kind::JSON => ("json", -1),
        kind::GEOMETRY => ("geometry", -1),
        // Four bytes for each number.
        kind::VECTOR => ("vector", number(length / 4)),
        kind::ENUM => ("enum", -1),
        kind::SET => ("set", -1),
        kind::NULL => ("null", -1),
        kind::TINY_BLOB | kind::MEDIUM_BLOB | kind::LONG_BLOB | kind::BLOB if is_binary => ("blob", -1),
        kind::TINY_BLOB | kind::MEDIUM_BLOB | kind::LONG_BLOB | kind::BLOB => ("text", -1),
        kind::STRING if is_binary => ("binary", number(length)),
        kind::STRING => ("char", -1),
        kind::VAR_STRING | kind::VARCHAR if is_binary => ("varbinary", number(length)),
        kind::VAR_STRING | kind::VARCHAR => ("varchar", -1),
        _ => ("unknown", -1),
    };
    let is_integer = matches!(code, kind::TINY | kind::SHORT | kind::INT24 | kind::LONG | kind::LONGLONG);
    if is_integer && unsigned {
        id |= kind::UNSIGNED;
    }
    if is_binary && matches!(base, "blob" | "binary" | "varbinary") {
        id |= kind::BINARY;
    }
    let name = match base {
        "decimal" => format!("decimal({},{scale})", modifier >> 8),
        "tinyint" if modifier == 1 && !unsigned => "tinyint(1)".to_owned(),
        "bit" | "binary" | "varbinary" | "vector" => format!("{base}({modifier})"),
        "time" | "datetime" | "timestamp" if (1..=6).contains(&modifier) => format!("{base}({modifier})"),
        _ if is_integer && unsigned => format!("{base} unsigned"),
        _ => base.to_owned(),
    };
    let shape = if code == kind::ENUM { TypeShape::Enum } else { TypeShape::Scalar };
    SourceType { name, base: base.to_owned(), id, modifier, shape }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defined(of: ColumnType, flags: ColumnFlags, length: u32, scale: u8, character_set: u16) -> SourceType {
        let column = Column::new(of)
            .with_flags(flags)
            .with_column_length(length)
            .with_decimals(scale)
            .with_character_set(character_set);
        ResultColumn::from(&column).source_type
    }

    #[test]
    fn definitions_become_types() {
        use ColumnType as T;
        let (none, unsigned) = (ColumnFlags::empty(), ColumnFlags::UNSIGNED_FLAG);
        let check = |of, flags, length, scale, charset, name: &str, id| {
            let found = defined(of, flags, length, scale, charset);
            assert_eq!((found.name.as_str(), found.id), (name, id));
        };
        check(T::MYSQL_TYPE_TINY, none, 1, 0, 63, "tinyint(1)", kind::TINY);
        check(T::MYSQL_TYPE_TINY, unsigned, 3, 0, 63, "tinyint unsigned", kind::TINY | kind::UNSIGNED);
        check(T::MYSQL_TYPE_LONGLONG, unsigned, 20, 0, 63, "bigint unsigned", kind::LONGLONG | kind::UNSIGNED);
        // The length has room for a sign and a point, where there are any.
        check(T::MYSQL_TYPE_NEWDECIMAL, none, 67, 30, 63, "decimal(65,30)", kind::DECIMAL);
        check(T::MYSQL_TYPE_NEWDECIMAL, none, 6, 0, 63, "decimal(5,0)", kind::DECIMAL);
        check(T::MYSQL_TYPE_NEWDECIMAL, unsigned, 6, 2, 63, "decimal(5,2)", kind::DECIMAL);
        check(T::MYSQL_TYPE_DATETIME, none, 26, 6, 63, "datetime(6)", kind::DATETIME);
        check(T::MYSQL_TYPE_BIT, unsigned, 12, 0, 63, "bit(12)", kind::BIT);
        check(T::MYSQL_TYPE_VAR_STRING, none, 80, 0, 45, "varchar", kind::VAR_STRING);
        check(T::MYSQL_TYPE_VAR_STRING, none, 80, 0, 63, "varbinary(80)", kind::VAR_STRING | kind::BINARY);
        // The flag is set for text that is compared by its bytes, too.
        check(T::MYSQL_TYPE_BLOB, ColumnFlags::BINARY_FLAG, 9, 0, 46, "text", kind::BLOB);
        check(T::MYSQL_TYPE_STRING, ColumnFlags::ENUM_FLAG, 9, 0, 45, "enum", kind::ENUM);
        check(T::MYSQL_TYPE_STRING, ColumnFlags::SET_FLAG, 9, 0, 45, "set", kind::SET);
        check(T::MYSQL_TYPE_JSON, ColumnFlags::BINARY_FLAG, 9, 0, 63, "json", kind::JSON);
    }

    #[test]
    fn values_take_what_the_protocol_writes() {
        let check = |value, of, expected| assert_eq!(value_bytes(Some(&value), &Column::new(of)), expected);
        check(Value::Int(7), ColumnType::MYSQL_TYPE_TINY, 1);
        check(Value::UInt(7), ColumnType::MYSQL_TYPE_LONGLONG, 8);
        check(Value::Bytes(vec![0; 250]), ColumnType::MYSQL_TYPE_BLOB, 251);
        check(Value::Bytes(vec![0; 251]), ColumnType::MYSQL_TYPE_BLOB, 254);
        check(Value::Date(0, 0, 0, 0, 0, 0, 0), ColumnType::MYSQL_TYPE_DATE, 1);
        check(Value::Date(2026, 1, 5, 0, 0, 0, 0), ColumnType::MYSQL_TYPE_DATE, 5);
        check(Value::Date(2026, 1, 5, 0, 0, 0, 9), ColumnType::MYSQL_TYPE_DATETIME, 12);
        check(Value::Time(true, 0, 1, 0, 0, 0), ColumnType::MYSQL_TYPE_TIME, 9);
        check(Value::NULL, ColumnType::MYSQL_TYPE_TIME, 0);
    }
}
