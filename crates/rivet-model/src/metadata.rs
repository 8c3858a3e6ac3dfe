use std::fmt;

use serde::{Deserialize, Serialize};

/// Field metadata key, in Arrow and Parquet: the column's type as the source names it.
pub const SOURCE_TYPE_KEY: &str = "rivet.source_type";

/// Field metadata key, in Arrow and Parquet: the [`Fidelity`] of the column.
pub const FIDELITY_KEY: &str = "rivet.fidelity";

/// Field metadata key, in Arrow and Parquet: what the values mean where their Arrow type does not say it,
/// for example `enum`, `interval` or `json`.
pub const LOGICAL_TYPE_KEY: &str = "rivet.logical_type";

/// How faithfully a column's Arrow type holds the source's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fidelity {
    /// The value and its meaning come back.
    Exact,
    /// The server's own text form; the meaning is in the metadata.
    Text,
}

impl Fidelity {
    /// Returns the word that stands in field metadata.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Text => "text",
        }
    }
}

impl fmt::Display for Fidelity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
