//! Exports that are cut into chunks.

mod keys;
mod meanwhile;
mod refusals;
mod relations;
mod sizes;
mod snapshot;
