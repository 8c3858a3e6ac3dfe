use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// One value of a key or a cursor, with its type.
///
/// It is kept and written as what it is, never as a piece of SQL: a driver renders it as a literal of its column's
/// type. Values without an exact form in Rust (decimals, moments beyond the civil calendar, `infinity`) keep the
/// text that the source wrote, in its ISO form and in UTC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Scalar {
    /// A signed integer.
    Int(i64),
    /// An unsigned integer above the signed ones, as MySQL's `bigint unsigned` has them.
    Uint(u64),
    /// A decimal or floating-point number, in digits.
    Decimal(String),
    /// A text. How it is ordered is its column's collation, which the source knows.
    Text(String),
    /// Bytes, in lower hexadecimal.
    Bytes(String),
    /// A day: `2026-01-31`.
    Date(String),
    /// A moment without a zone: `2026-01-31 12:00:00.5`.
    Timestamp(String),
    /// A moment: `2026-01-31 12:00:00.5+00`.
    TimestampTz(String),
    /// A UUID.
    Uuid(Uuid),
}

/// What a [`Scalar`] is, without its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScalarKind {
    /// [`Scalar::Int`], or [`Scalar::Uint`] above its end.
    Int,
    /// [`Scalar::Decimal`]
    Decimal,
    /// [`Scalar::Text`]
    Text,
    /// [`Scalar::Bytes`]
    Bytes,
    /// [`Scalar::Date`]
    Date,
    /// [`Scalar::Timestamp`]
    Timestamp,
    /// [`Scalar::TimestampTz`]
    TimestampTz,
    /// [`Scalar::Uuid`]
    Uuid,
}

/// A text that is no value of the kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the source sent a value that is no {kind}")]
pub struct ScalarError {
    kind: &'static str,
}

impl ScalarKind {
    /// Reads the source's text form of a value.
    ///
    /// # Errors
    ///
    /// [`ScalarError`] for numbers, hexadecimal digits and UUIDs that are none. Moments are taken as the source
    /// writes them.
    pub fn parse(self, text: &str) -> Result<Scalar, ScalarError> {
        let wrong = |kind| ScalarError { kind };
        Ok(match self {
            Self::Int => match text.parse() {
                Ok(number) => Scalar::Int(number),
                Err(_) => Scalar::Uint(text.parse().map_err(|_not: std::num::ParseIntError| wrong("integer"))?),
            },
            Self::Decimal => {
                let number = text.parse::<f64>();
                number.map_err(|_not: std::num::ParseFloatError| wrong("number"))?;
                Scalar::Decimal(text.to_owned())
            }
            Self::Text => Scalar::Text(text.to_owned()),
            Self::Bytes if text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Scalar::Bytes(text.to_ascii_lowercase())
            }
            Self::Bytes => return Err(wrong("text of hexadecimal digits")),
            Self::Date => Scalar::Date(text.to_owned()),
            Self::Timestamp => Scalar::Timestamp(text.to_owned()),
            Self::TimestampTz => Scalar::TimestampTz(text.to_owned()),
            Self::Uuid => Scalar::Uuid(text.parse().map_err(|_not: uuid::Error| wrong("UUID"))?),
        })
    }
}

impl Scalar {
    /// Returns what the value is.
    pub fn kind(&self) -> ScalarKind {
        match self {
            Self::Int(_) | Self::Uint(_) => ScalarKind::Int,
            Self::Decimal(_) => ScalarKind::Decimal,
            Self::Text(_) => ScalarKind::Text,
            Self::Bytes(_) => ScalarKind::Bytes,
            Self::Date(_) => ScalarKind::Date,
            Self::Timestamp(_) => ScalarKind::Timestamp,
            Self::TimestampTz(_) => ScalarKind::TimestampTz,
            Self::Uuid(_) => ScalarKind::Uuid,
        }
    }
}

impl ScalarKind {
    /// Returns a word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Int => "integer",
            Self::Decimal => "number",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamp with time zone",
            Self::Uuid => "uuid",
        }
    }
}

/// Writes the value as the source would, without quotes.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Uint(number) => number.fmt(f),
            Self::Uuid(uuid) => uuid.fmt(f),
            Self::Decimal(text)
            | Self::Text(text)
            | Self::Bytes(text)
            | Self::Date(text)
            | Self::Timestamp(text)
            | Self::TimestampTz(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_values_and_read_back() {
        let check = |kind: ScalarKind, text: &str, json: &str| {
            let scalar = kind.parse(text).unwrap();
            assert_eq!((scalar.to_string().as_str(), scalar.kind()), (text, kind));
            assert_eq!(serde_json::to_string(&scalar).unwrap(), json);
            assert_eq!(serde_json::from_str::<Scalar>(json).unwrap(), scalar);
        };
        check(ScalarKind::Int, "-9223372036854775808", r#"{"type":"int","value":-9223372036854775808}"#);
        check(ScalarKind::Int, "18446744073709551615", r#"{"type":"uint","value":18446744073709551615}"#);
        check(ScalarKind::Decimal, "-0.10", r#"{"type":"decimal","value":"-0.10"}"#);
        check(ScalarKind::Decimal, "NaN", r#"{"type":"decimal","value":"NaN"}"#);
        check(ScalarKind::Text, "it's", r#"{"type":"text","value":"it's"}"#);
        check(ScalarKind::Bytes, "00ff", r#"{"type":"bytes","value":"00ff"}"#);
        check(ScalarKind::TimestampTz, "infinity", r#"{"type":"timestamp_tz","value":"infinity"}"#);
        let uuid = "0190d0a0-0000-7000-8000-000000000001";
        check(ScalarKind::Uuid, uuid, &format!(r#"{{"type":"uuid","value":"{uuid}"}}"#));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (kind, text) in [
            (ScalarKind::Int, "1.5"),
            (ScalarKind::Int, "18446744073709551616"),
            (ScalarKind::Decimal, "1,5"),
            (ScalarKind::Bytes, "0"),
            (ScalarKind::Bytes, "zz"),
            (ScalarKind::Uuid, "1"),
        ] {
            assert!(kind.parse(text).is_err(), "{text}");
        }
    }
}
