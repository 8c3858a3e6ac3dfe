use std::fmt;

use serde::{Deserialize, Serialize};

/// How much of a run shows the source at one moment. It stands in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "held", rename_all = "snake_case")]
pub enum Consistency {
    /// All rows come from one read view.
    Snapshot {
        /// Where the source stood: a PostgreSQL LSN or a MySQL GTID set. Absent where it may not be asked.
        position: Option<String>,
    },
    /// Each chunk comes from a read view of its own.
    Chunk,
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot { position: Some(position) } => write!(f, "one snapshot at {position}"),
            Self::Snapshot { position: None } => f.write_str("one snapshot"),
            Self::Chunk => f.write_str("one snapshot per chunk"),
        }
    }
}
