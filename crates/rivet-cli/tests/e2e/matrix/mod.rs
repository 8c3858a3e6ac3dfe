//! The matrix: for every signal and every rule of the scores a scenario on a real database in which it speaks, and
//! one in which it does not.
//!
//! A new kind of reason, signal or rule fails here until it has its scenarios. What the scenarios show stands in
//! `docs/prioritization.md`, which `RIVET_UPDATE_DOCS=1 cargo xtask e2e matrix` writes.

mod coverage;
mod inputs;
mod page;
mod reasons;
mod scenario;
mod scenarios;
mod shown;
mod stage;
mod table;
