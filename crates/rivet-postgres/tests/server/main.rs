//! The driver against a real server; `cargo xtask e2e` brings one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod fault;
mod gentle;
mod harness;
mod inspect;
mod key;
mod plan;
mod probes;
mod reader;
mod scan;
mod skew;
mod split;
mod watermark;
