//! The engine over the twins that need no server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod destinations;
mod full;
mod mask;
mod modes;
mod plan;
mod resume;
mod support;
