//! Planning, and applying what was planned.
//!
//! Tables are as large as statistics say: a few pages of real rows, and a catalog that speaks of millions.

mod support;

mod campaign;
mod check;
mod columns;
mod cost;
mod crash;
mod exact;
mod failed_preflight;
mod groups;
mod history;
mod metrics;
mod own_server;
mod permutations;
mod refusals;
mod seal;
mod secrets;
mod state;
mod verdicts;
mod what_if;
