//! From when on a server is under pressure. The numbers are our own choice, meant to be said aloud only when an
//! operator would want to know.

use std::time::Duration;

/// A transaction that is open as long as this keeps old versions of rows from being removed, and hides from an
/// incremental export what it has written.
pub(crate) const LONG_TRANSACTION: Duration = Duration::from_hours(1);

/// So many transactions whose old versions of rows nobody has removed yet are what a server has that can't keep up: one
/// that does has thousands at most. It is the history list length of InnoDB.
pub(crate) const LONG_HISTORY: u64 = 1_000_000;

/// A replica that is behind by this is missing rows that a person would expect.
pub(crate) const LAGGING: Duration = Duration::from_mins(1);
