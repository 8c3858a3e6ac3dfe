use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ColumnName;

/// Longest name of a level of folders, in bytes: a common file system allows 255 for it, `=` and the value.
const MOST_KEY_BYTES: usize = 128;

/// One level of the folders that rows are sorted into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionBy {
    /// What stands before the `=` in the names of the folders.
    pub key: PartitionKey,
    /// The column whose values name them.
    pub column: ColumnName,
    /// What of its values counts; none for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<DatePart>,
}

/// The name of a level of folders: one that no reader takes for anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartitionKey(String);

/// A text that can't name a level of folders.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{key}` can't name folders: {reason}")]
pub struct PartitionKeyError {
    key: String,
    reason: &'static str,
}

impl PartitionKey {
    /// Returns the name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PartitionKey {
    type Err = PartitionKeyError;

    fn from_str(key: &str) -> Result<Self, PartitionKeyError> {
        let reason = if key.is_empty() {
            "it is empty"
        } else if key.len() > MOST_KEY_BYTES {
            "it has more than 128 bytes"
        } else if key.starts_with(['_', '.']) {
            "many readers pass over names that begin with `_` or `.`"
        } else if !key.chars().all(is_plain_in_folders) || key.starts_with(' ') || key.ends_with(['.', ' ']) {
            "it holds characters that would have to be escaped"
        } else {
            return Ok(Self(key.to_owned()));
        };
        Err(PartitionKeyError { key: key.to_owned(), reason })
    }
}

impl TryFrom<String> for PartitionKey {
    type Error = PartitionKeyError;

    fn try_from(key: String) -> Result<Self, PartitionKeyError> {
        key.parse()
    }
}

impl From<PartitionKey> for String {
    fn from(key: PartitionKey) -> Self {
        key.0
    }
}

impl fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether a character stands for itself in the name of a folder of partitioned data.
///
/// Escaped are the characters that Hive escapes, those that Windows forbids, and those that XML, in which object
/// stores list names, has no form for.
pub fn is_plain_in_folders(c: char) -> bool {
    let is_special = matches!(
        c,
        '"' | '#'
            | '%'
            | '\''
            | '*'
            | '/'
            | ':'
            | '='
            | '?'
            | '\\'
            | '{'
            | '}'
            | '['
            | ']'
            | '^'
            | '<'
            | '>'
            | '|'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{fffe}'
            | '\u{ffff}'
    );
    !c.is_control() && !is_special
}

/// What of a date or of a moment names a folder. A moment with a zone counts in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatePart {
    /// `2026`
    Year,
    /// `2026-01`
    Month,
    /// `2026-01-31`
    Day,
    /// `2026-01-31-23`
    Hour,
}

impl DatePart {
    /// Returns the word for it in a configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
        }
    }
}

impl fmt::Display for DatePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The value that the rows of a part have in common, with its type: what a folder's name tells as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionValue {
    /// The name of the level.
    pub key: PartitionKey,
    /// What the value is.
    #[serde(rename = "type")]
    pub kind: PartitionKind,
    /// The value; none for NULL.
    pub value: Option<PartitionScalar>,
}

/// What a [`PartitionValue`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionKind {
    /// A truth value.
    Bool,
    /// An integer.
    Int,
    /// A decimal number, in digits.
    Decimal,
    /// A text.
    Text,
    /// A day: `2026-01-31`.
    Date,
    /// A time of a day: `12:00:00.5`.
    Time,
    /// A moment without a zone: `2026-01-31 12:00:00.5`.
    Timestamp,
    /// A moment: `2026-01-31 12:00:00.5+00`, in UTC.
    TimestampTz,
    /// A UUID.
    Uuid,
}

/// The JSON form of a value: a truth value, a number, or text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PartitionScalar {
    /// Of [`PartitionKind::Bool`].
    Bool(bool),
    /// Of [`PartitionKind::Int`].
    Int(i64),
    /// Of [`PartitionKind::Int`], above the signed ones.
    Uint(u64),
    /// Of all other kinds.
    Text(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_json_with_its_type() {
        let check = |kind, value: Option<PartitionScalar>, json: &str| {
            let value = PartitionValue { key: "k".parse().unwrap(), kind, value };
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(serde_json::from_str::<PartitionValue>(json).unwrap(), value);
        };
        check(PartitionKind::Bool, Some(PartitionScalar::Bool(true)), r#"{"key":"k","type":"bool","value":true}"#);
        check(PartitionKind::Int, Some(PartitionScalar::Int(-7)), r#"{"key":"k","type":"int","value":-7}"#);
        let most = Some(PartitionScalar::Uint(u64::MAX));
        check(PartitionKind::Int, most, r#"{"key":"k","type":"int","value":18446744073709551615}"#);
        let text = Some(PartitionScalar::Text("007".to_owned()));
        check(PartitionKind::Text, text, r#"{"key":"k","type":"text","value":"007"}"#);
        check(PartitionKind::Date, None, r#"{"key":"k","type":"date","value":null}"#);
    }

    #[test]
    fn keys_are_names_that_every_reader_takes() {
        for key in ["country", "Created_At_day", "a b", "ж", "a-b.c"] {
            assert_eq!(key.parse::<PartitionKey>().map(String::from), Ok(key.to_owned()));
        }
        for key in ["", "_hidden", ".hidden", "a=b", "a/b", "a%b", "a\nb", "a.", "a ", " a", &"k".repeat(129)] {
            assert!(key.parse::<PartitionKey>().is_err(), "{key:?}");
        }
    }
}
