use mysql_async::Column;
use mysql_async::consts::{ColumnFlags, ColumnType};
use serde_json::{Value, json};

/// The character set of what is no text.
const BINARY: u16 = 63;

/// How a column's values are brought from the server's text into the form that `compare.py` takes, which is
/// PostgreSQL's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A number without a fraction, zeros before it included.
    Integer,
    /// `1` or `0`.
    Boolean,
    /// One bit, as a byte.
    Bit,
    /// Up to 64 bits, as bytes.
    Bits,
    Decimal,
    Float,
    Double,
    Date,
    Time,
    Datetime,
    /// A moment, in UTC.
    Timestamp,
    Text,
    Json,
    Uuid,
    Bytes,
    /// Four bytes of SRID, then WKB.
    Geometry,
    /// Floats of four bytes.
    Vector,
}

impl Form {
    /// Judges by the definition that the server sends with a result.
    pub(crate) fn of(column: &Column) -> Self {
        use ColumnType as T;
        let is_text = column.character_set() != BINARY;
        match column.column_type() {
            // Without a sign it is a number, whatever its width.
            T::MYSQL_TYPE_TINY
                if column.column_length() == 1 && !column.flags().contains(ColumnFlags::UNSIGNED_FLAG) =>
            {
                Self::Boolean
            }
            T::MYSQL_TYPE_TINY
            | T::MYSQL_TYPE_SHORT
            | T::MYSQL_TYPE_INT24
            | T::MYSQL_TYPE_LONG
            | T::MYSQL_TYPE_LONGLONG
            | T::MYSQL_TYPE_YEAR => Self::Integer,
            T::MYSQL_TYPE_BIT if column.column_length() == 1 => Self::Bit,
            T::MYSQL_TYPE_BIT => Self::Bits,
            T::MYSQL_TYPE_DECIMAL | T::MYSQL_TYPE_NEWDECIMAL => Self::Decimal,
            T::MYSQL_TYPE_FLOAT => Self::Float,
            T::MYSQL_TYPE_DOUBLE => Self::Double,
            T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_NEWDATE => Self::Date,
            T::MYSQL_TYPE_TIME | T::MYSQL_TYPE_TIME2 => Self::Time,
            T::MYSQL_TYPE_DATETIME | T::MYSQL_TYPE_DATETIME2 => Self::Datetime,
            T::MYSQL_TYPE_TIMESTAMP | T::MYSQL_TYPE_TIMESTAMP2 => Self::Timestamp,
            // Their character set says nothing: JSON is text, whatever it is sent as.
            T::MYSQL_TYPE_JSON => Self::Json,
            T::MYSQL_TYPE_GEOMETRY => Self::Geometry,
            T::MYSQL_TYPE_VECTOR => Self::Vector,
            _ if is_text || column.flags().intersects(ColumnFlags::ENUM_FLAG | ColumnFlags::SET_FLAG) => Self::Text,
            _ => Self::Bytes,
        }
    }

    /// Judges by the name that MariaDB's catalog has for a type which it sends as something else.
    pub(crate) fn of_catalog(name: &str) -> Option<Self> {
        match name {
            "uuid" => Some(Self::Uuid),
            "inet4" | "inet6" => Some(Self::Text),
            "vector" => Some(Self::Vector),
            _ => None,
        }
    }

    /// Returns the name of the type for `compare.py`.
    pub(crate) fn kind(self) -> Value {
        match self {
            Self::Integer | Self::Bits => json!("int8"),
            Self::Boolean | Self::Bit => json!("bool"),
            Self::Decimal => json!("numeric"),
            Self::Float => json!("float4"),
            Self::Double => json!("float8"),
            Self::Date => json!("date"),
            Self::Time => json!("time"),
            Self::Datetime => json!("timestamp"),
            Self::Timestamp => json!("timestamptz"),
            Self::Text => json!("text"),
            Self::Json => json!("json"),
            Self::Uuid => json!("uuid"),
            Self::Bytes | Self::Geometry => json!("bytea"),
            Self::Vector => json!({ "list": "float4" }),
        }
    }

    /// Brings a value into the form.
    pub(crate) fn write(self, bytes: &[u8]) -> String {
        let text = || String::from_utf8_lossy(bytes).into_owned();
        match self {
            Self::Integer | Self::Decimal => without_leading_zeros(&text()),
            Self::Boolean => boolean(&text()),
            Self::Bit => boolean(&number(bytes).to_string()),
            Self::Bits => number(bytes).to_string(),
            Self::Float | Self::Double | Self::Text | Self::Json | Self::Uuid => text(),
            Self::Date => of_an_era(&text()),
            Self::Time => without_fraction_zeros(&text()).to_owned(),
            Self::Datetime => of_an_era(without_fraction_zeros(&text())),
            Self::Timestamp => without_fraction_zeros(&text()).to_owned() + "+00",
            Self::Bytes => hex(bytes),
            Self::Geometry => hex(bytes.get(4..).unwrap_or_default()),
            Self::Vector => vector(bytes),
        }
    }
}

/// Drops what ZEROFILL adds, and `0000` of a year.
fn without_leading_zeros(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let short = digits.trim_start_matches('0');
    let zero = if short.is_empty() || short.starts_with('.') { "0" } else { "" };
    format!("{sign}{zero}{short}")
}

fn without_fraction_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// Calls the year 0 what PostgreSQL calls it. A date without a month or a day stays as it is.
fn of_an_era(text: &str) -> String {
    match text.strip_prefix("0000-") {
        Some(rest) if !rest.starts_with("00-") && rest.get(3..5) != Some("00") => format!("0001-{rest} BC"),
        _ => text.to_owned(),
    }
}

/// A number beyond 0 and 1 stays: it must not be taken for a boolean.
fn boolean(text: &str) -> String {
    match text {
        "0" => "f".to_owned(),
        "1" => "t".to_owned(),
        other => other.to_owned(),
    }
}

/// Reads a number whose first byte is the greatest.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = "\\x".to_owned();
    for byte in bytes {
        // Writing into a string can't fail.
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

fn vector(bytes: &[u8]) -> String {
    let (floats, _rest) = bytes.as_chunks::<4>();
    let texts: Vec<String> = floats.iter().map(|bytes| f32::from_le_bytes(*bytes).to_string()).collect();
    format!("{{{}}}", texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_brought_into_the_form_of_the_judge() {
        let check = |form: Form, value: &[u8], expected: &str| assert_eq!(form.write(value), expected, "{form:?}");
        check(Form::Integer, b"00042", "42");
        check(Form::Integer, b"0000", "0");
        check(Form::Integer, b"-128", "-128");
        check(Form::Integer, b"18446744073709551615", "18446744073709551615");
        check(Form::Decimal, b"0000.50", "0.50");
        check(Form::Decimal, b"-0.05", "-0.05");
        check(Form::Boolean, b"1", "t");
        check(Form::Boolean, b"2", "2");
        check(Form::Bit, &[0], "f");
        check(Form::Bits, &[0xFF; 8], "18446744073709551615");
        check(Form::Bits, &[1, 0], "256");
        check(Form::Time, b"-838:59:59.000000", "-838:59:59");
        check(Form::Datetime, b"2024-02-29 12:00:00.120000", "2024-02-29 12:00:00.12");
        check(Form::Datetime, b"2024-02-29 12:00:00", "2024-02-29 12:00:00");
        check(Form::Datetime, b"0000-12-31 00:00:00.5", "0001-12-31 00:00:00.5 BC");
        check(Form::Date, b"0000-01-01", "0001-01-01 BC");
        check(Form::Date, b"0000-01-00", "0000-01-00");
        check(Form::Date, b"0000-00-00", "0000-00-00");
        check(Form::Timestamp, b"2024-02-29 12:00:00.000000", "2024-02-29 12:00:00+00");
        check(Form::Bytes, &[0, 255], "\\x00ff");
        check(Form::Geometry, &[1, 2, 3, 4, 0xAB], "\\xab");
        check(Form::Vector, &[0, 0, 0xC0, 0x3F, 0, 0, 0, 0x40], "{1.5,2}");
    }

    #[test]
    fn definitions_are_judged_by_type_length_and_character_set() {
        let check = |column: Column, expected| assert_eq!(Form::of(&column), expected, "{column:?}");
        let column = |kind| Column::new(kind).with_character_set(BINARY);
        check(column(ColumnType::MYSQL_TYPE_TINY).with_column_length(1), Form::Boolean);
        check(column(ColumnType::MYSQL_TYPE_TINY).with_column_length(4), Form::Integer);
        let unsigned = ColumnFlags::UNSIGNED_FLAG;
        check(column(ColumnType::MYSQL_TYPE_TINY).with_column_length(1).with_flags(unsigned), Form::Integer);
        check(column(ColumnType::MYSQL_TYPE_BIT).with_column_length(1), Form::Bit);
        check(column(ColumnType::MYSQL_TYPE_BIT).with_column_length(9), Form::Bits);
        check(column(ColumnType::MYSQL_TYPE_BLOB), Form::Bytes);
        check(column(ColumnType::MYSQL_TYPE_BLOB).with_character_set(45), Form::Text);
        check(column(ColumnType::MYSQL_TYPE_STRING).with_flags(ColumnFlags::SET_FLAG), Form::Text);
        check(column(ColumnType::MYSQL_TYPE_JSON), Form::Json);
    }
}
