use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A type that a user may ask for, in `columns: {name: type}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum ColumnType {
    /// `bool`
    Bool,
    /// `int2`: 16 bits.
    Int2,
    /// `int4`: 32 bits.
    Int4,
    /// `int8`: 64 bits.
    Int8,
    /// `float4`: 32 bits.
    Float4,
    /// `float8`: 64 bits.
    Float8,
    /// `decimal(p,s)`: up to 76 digits.
    Decimal {
        /// Digits in all, 1 to 76.
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: u8,
    },
    /// `date`
    Date,
    /// `time`: microseconds.
    Time,
    /// `timestamp`: microseconds, without a zone.
    Timestamp,
    /// `timestamp_tz`: microseconds, UTC.
    TimestampTz,
    /// `text`: the server's own text form.
    Text,
    /// `binary`
    Binary,
    /// `json`
    Json,
    /// `uuid`
    Uuid,
    /// `range`: a struct of the bounds of a PostgreSQL range.
    Range,
}

/// The words that [`ColumnType`] is written with, for messages and completions.
pub const COLUMN_TYPE_WORDS: &[&str] = &[
    "bool",
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "decimal(p,s)",
    "date",
    "time",
    "timestamp",
    "timestamp_tz",
    "text",
    "binary",
    "json",
    "uuid",
    "range",
];

/// A text that names no [`ColumnType`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is no column type; expected one of {}", COLUMN_TYPE_WORDS.join(", "))]
pub struct ParseColumnTypeError {
    text: String,
}

impl FromStr for ColumnType {
    type Err = ParseColumnTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = text.trim().to_ascii_lowercase();
        Ok(match word.as_str() {
            "bool" => Self::Bool,
            "int2" => Self::Int2,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "float4" => Self::Float4,
            "float8" => Self::Float8,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "timestamp_tz" => Self::TimestampTz,
            "text" => Self::Text,
            "binary" => Self::Binary,
            "json" => Self::Json,
            "uuid" => Self::Uuid,
            "range" => Self::Range,
            other => parse_decimal(other).ok_or_else(|| ParseColumnTypeError { text: text.to_owned() })?,
        })
    }
}

fn parse_decimal(word: &str) -> Option<ColumnType> {
    let inner = word.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',')?;
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    let fits = (1..=76).contains(&precision) && scale <= precision;
    fits.then_some(ColumnType::Decimal { precision, scale })
}

impl TryFrom<String> for ColumnType {
    type Error = ParseColumnTypeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ColumnType> for String {
    fn from(column_type: ColumnType) -> Self {
        column_type.to_string()
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::Int2 => "int2",
            Self::Int4 => "int4",
            Self::Int8 => "int8",
            Self::Float4 => "float4",
            Self::Float8 => "float8",
            Self::Decimal { precision, scale } => return write!(f, "decimal({precision},{scale})"),
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamp_tz",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Json => "json",
            Self::Uuid => "uuid",
            Self::Range => "range",
        })
    }
}

/// What becomes of a decimal column that the source declares without precision and scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumericDefault {
    /// A decimal of this shape; a value that does not fit is an error.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// The server's own text form.
    Text,
}

impl Default for NumericDefault {
    fn default() -> Self {
        Self::Decimal { precision: 38, scale: 18 }
    }
}

/// What becomes of a value that the column's Arrow type has no form for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnrepresentable {
    /// It becomes NULL and is counted.
    Null,
    /// It fails the export.
    Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for word in COLUMN_TYPE_WORDS.iter().filter(|word| **word != "decimal(p,s)") {
            assert_eq!(word.parse::<ColumnType>().unwrap().to_string(), *word);
        }
        assert_eq!("Decimal( 10 , 2 )".parse::<ColumnType>().unwrap().to_string(), "decimal(10,2)");
    }

    #[test]
    fn decimals_out_of_range_are_refused() {
        for text in ["decimal", "decimal(0,0)", "decimal(77,0)", "decimal(5,6)", "decimal(5)", "numeric", ""] {
            assert!(text.parse::<ColumnType>().is_err(), "{text}");
        }
    }
}
