//! Planning, and applying what was planned.
//!
//! Tables are as large as statistics say: a few pages of real rows, and a catalog that speaks of millions.

pub(crate) mod exact;
pub(crate) mod refusals;
pub(crate) mod support;

pub(crate) mod campaign;
pub(crate) mod check;
mod columns;
mod cost;
pub(crate) mod crash;
pub(crate) mod failed_preflight;
mod groups;
pub(crate) mod history;
pub(crate) mod metrics;
mod own_server;
pub(crate) mod permutations;
mod seal;
mod secrets;
pub(crate) mod state;
mod verdicts;
mod what_if;
