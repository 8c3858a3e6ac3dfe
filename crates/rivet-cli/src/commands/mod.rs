//! One module per command: its arguments, whose documentation is the manual, and what it does.

pub(crate) mod apply;
mod arguments;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod doctor;
mod engine;
mod execution;
pub(crate) mod metrics;
pub(crate) mod plan;
mod planning;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod state;

pub(crate) use arguments::ConfigArgs;
pub(crate) use engine::{planning_engine, runtime, tell_unreadable};
