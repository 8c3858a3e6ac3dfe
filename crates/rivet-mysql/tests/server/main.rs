//! The driver against real servers, a MySQL and a MariaDB; `cargo xtask e2e` brings them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod account;
mod cancel;
mod conformance;
mod describe;
mod fault;
mod gentle;
mod harness;
mod inspect;
mod key;
mod packets;
mod probes;
mod reader;
mod sentinel;
mod skew;
mod split;
mod types;
mod watermark;
