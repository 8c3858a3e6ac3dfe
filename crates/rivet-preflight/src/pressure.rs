//! From when on a server is under pressure. The numbers are our own choice, meant to be said aloud only when an
//! operator would want to know.

use std::time::Duration;

/// A transaction that is open as long as this keeps old versions of rows from being removed, and hides from an
/// incremental export what it has written.
pub(crate) const LONG_TRANSACTION: Duration = Duration::from_hours(1);

/// A replica that is behind by this is missing rows that a person would expect.
pub(crate) const LAGGING: Duration = Duration::from_mins(1);
