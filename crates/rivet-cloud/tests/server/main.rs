//! Against servers that speak the real protocols on this machine. `cargo xtask e2e cloud` brings them.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails the test")]

mod cloud;
