//! One module per command: its arguments, whose documentation is the manual, and what it does.

mod arguments;
pub(crate) mod completions;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod state;

pub(crate) use arguments::ConfigArgs;
