//! The process dies, is started again, and nothing is lost or doubled.
//!
//! `RIVET_TEST_KILLS` sets how many times it dies at a random instant in each mode, `RIVET_TEST_SEED` which instants
//! those are.

pub(crate) mod chunked;
pub(crate) mod full;
pub(crate) mod incremental;
mod siege;
pub(crate) mod snapshot;
mod steps;
pub(crate) mod window;
mod writer;
