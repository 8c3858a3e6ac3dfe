//! The process dies, is started again, and nothing is lost or doubled.
//!
//! `RIVET_TEST_KILLS` sets how many times it dies at a random instant in each mode, `RIVET_TEST_SEED` which instants
//! those are.

mod chunked;
mod full;
mod incremental;
mod partitions;
mod siege;
mod snapshot;
mod steps;
mod window;
mod writer;
