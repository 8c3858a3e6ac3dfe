//! The command `rivet`: arguments go to the engine, and what it says becomes text and an exit code.
//!
//! Data goes to stdout, everything else to stderr. Nothing below this crate prints.

mod app;
mod atomic_file;
mod commands;
mod exit;
mod failure;
#[cfg(test)]
mod manual;
mod memory;
mod notify;
mod panic;
mod render;
mod signals;
mod state_store;
mod stdout;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Places where a test ends the process: read once from `FAILPOINTS`, and only in builds for such tests.
    #[cfg(feature = "failpoints")]
    let _failpoints = fail::FailScenario::setup();
    // Another provider can't be there: this is the first line of the program.
    drop(rustls::crypto::ring::default_provider().install_default());
    panic::install_hook();
    panic::guarded(app::run).into()
}
