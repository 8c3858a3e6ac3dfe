use serde::{Deserialize, Serialize};

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same attempt fails in the same way: a wrong password, a missing table, a value out of range.
    Never,
    /// The cause may pass by itself: a lost connection, a server that starts up, a recovery conflict.
    Backoff,
}
