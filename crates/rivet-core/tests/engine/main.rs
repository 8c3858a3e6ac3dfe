//! The engine over the twins that need no server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod destinations;
mod doctor;
mod full;
mod mask;
mod modes;
mod partitions;
mod plan;
mod resume;
mod support;
