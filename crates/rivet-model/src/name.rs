use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text, or one part of a qualified name, is empty.
    #[error("a {what} must not be empty")]
    Empty {
        /// What was being named.
        what: &'static str,
    },
    /// The text holds a character that no name may hold.
    #[error("a {what} must not hold control characters")]
    Control {
        /// What was being named.
        what: &'static str,
    },
    /// A double quote opens a part that nothing closes, or stands in the middle of one.
    #[error("the double quotes in `{text}` do not match")]
    Quote {
        /// The whole text.
        text: String,
    },
    /// More than a schema and a table.
    #[error("`{text}` has more than two parts; expected `table` or `schema.table`")]
    TooManyParts {
        /// The whole text.
        text: String,
    },
}

fn checked(what: &'static str, text: &str) -> Result<String, NameError> {
    if text.trim().is_empty() {
        return Err(NameError::Empty { what });
    }
    if text.chars().any(char::is_control) {
        return Err(NameError::Control { what });
    }
    Ok(text.to_owned())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the name as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                checked($what, text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// The name of a configured export: any text without control characters.
    ExportName, "export name"
}

name_type! {
    /// The name of a column, exactly as the source spells it.
    ColumnName, "column name"
}

/// A table, with its schema where one was given.
///
/// Parts are split at dots. A part in double quotes may hold dots, spaces and, doubled, a double quote.
/// Nothing is folded to lower case: the name is taken as the catalog spells it.
///
/// ```
/// use rivet_model::TableRef;
///
/// let table: TableRef = r#"crm."Order.Items""#.parse()?;
/// assert_eq!((table.schema(), table.name()), (Some("crm"), "Order.Items"));
/// # Ok::<(), rivet_model::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableRef {
    schema: Option<String>,
    name: String,
}

impl TableRef {
    /// Makes a reference from parts that are taken as they are, dots and quotes included.
    pub fn new(schema: Option<&str>, name: &str) -> Result<Self, NameError> {
        Ok(Self {
            schema: schema.map(|schema| checked("schema name", schema)).transpose()?,
            name: checked("table name", name)?,
        })
    }

    /// Returns the schema (on MySQL: the database), where one was given.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Returns the table's own name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Splits at dots outside of double quotes and takes the quotes off.
fn split_parts(text: &str) -> Result<Vec<String>, NameError> {
    let mismatch = || NameError::Quote { text: text.to_owned() };
    let mut parts = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let mut part = String::new();
        if chars.next_if_eq(&'"').is_some() {
            loop {
                match chars.next() {
                    Some('"') if chars.next_if_eq(&'"').is_some() => part.push('"'),
                    Some('"') => break,
                    Some(c) => part.push(c),
                    None => return Err(mismatch()),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| *c != '.') {
                if c == '"' {
                    return Err(mismatch());
                }
                part.push(c);
            }
        }
        parts.push(part);
        match chars.next() {
            None => return Ok(parts),
            Some('.') => {}
            Some(_) => return Err(mismatch()),
        }
    }
}

impl FromStr for TableRef {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parts = split_parts(text)?;
        match parts.as_slice() {
            [name] => Self::new(None, name),
            [schema, name] => Self::new(Some(schema), name),
            _ => Err(NameError::TooManyParts { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for TableRef {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<TableRef> for String {
    fn from(table: TableRef) -> Self {
        table.to_string()
    }
}

/// Writes a part so that [`TableRef::from_str`] reads the same part back.
fn write_part(f: &mut fmt::Formatter<'_>, part: &str) -> fmt::Result {
    if part.contains(['.', '"']) { write!(f, "\"{}\"", part.replace('"', "\"\"")) } else { f.write_str(part) }
}

impl fmt::Display for TableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write_part(f, schema)?;
            f.write_str(".")?;
        }
        write_part(f, &self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn qualified_names_split_at_dots_outside_of_quotes() {
        let parts = |text: &str| {
            let table: TableRef = text.parse().unwrap();
            (table.schema().map(ToOwned::to_owned), table.name().to_owned())
        };
        assert_eq!(parts("orders"), (None, "orders".to_owned()));
        assert_eq!(parts("Sales.Order Items"), (Some("Sales".to_owned()), "Order Items".to_owned()));
        assert_eq!(parts(r#""a.b"."c""d""#), (Some("a.b".to_owned()), "c\"d".to_owned()));
        assert_eq!(parts("продажи.заказы"), (Some("продажи".to_owned()), "заказы".to_owned()));
    }

    #[test]
    fn what_is_not_a_table_is_refused() {
        for text in ["", ".", "a.", ".a", "a.b.c", "\"a", "a\"b", "\"a\"b", "a\u{0}b", " "] {
            assert!(text.parse::<TableRef>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn display_reads_back(schema in proptest::option::of("[a-zA-Z \"./ж]{1,8}x"), name in "[a-zA-Z \"./ж]{1,8}x") {
            let table = TableRef::new(schema.as_deref(), &name).unwrap();
            prop_assert_eq!(table.to_string().parse::<TableRef>().unwrap(), table);
        }
    }
}
