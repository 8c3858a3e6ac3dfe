//! Against servers that speak the real protocols on this machine. `cargo xtask e2e` brings them.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails the test")]

mod azure;
mod faults;
mod gcs;
mod refusals;
mod s3;
mod support;
