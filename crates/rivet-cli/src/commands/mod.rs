//! One module per command: its arguments, whose documentation is the manual, and what it does.

pub(crate) mod completions;
pub(crate) mod run;
pub(crate) mod schema;
