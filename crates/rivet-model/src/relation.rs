use std::fmt;

use serde::{Deserialize, Serialize};

use crate::TableRef;

/// What an export reads: a table, or the result of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// A table, a partitioned table, a view, a materialized view or a foreign table.
    Table(TableRef),
    /// One `SELECT`, `VALUES`, `TABLE` or `WITH` statement, without a semicolon at its end.
    Query(String),
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(table) => write!(f, "table `{table}`"),
            Self::Query(_) => f.write_str("query"),
        }
    }
}
