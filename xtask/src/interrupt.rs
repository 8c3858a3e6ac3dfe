//! Signals: the first one only sets a flag, so that servers and temporary folders are always removed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use miette::{IntoDiagnostic as _, Result, bail};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Begins to listen for SIGINT and SIGTERM.
pub(crate) fn install() -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build().into_diagnostic()?;
    // Registered before this returns: from here on neither signal ends the process.
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).into_diagnostic()?;
        (interrupt, signal(SignalKind::terminate()).into_diagnostic()?)
    };
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                INTERRUPTED.store(true, Ordering::SeqCst);
            }
        });
    });
    Ok(())
}

/// Returns whether a signal has come.
pub(crate) fn happened() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Fails once a signal has come.
pub(crate) fn check() -> Result<()> {
    if happened() {
        bail!("interrupted");
    }
    Ok(())
}

/// Sleeps until a signal comes.
pub(crate) fn wait() {
    while !happened() {
        thread::sleep(Duration::from_millis(50));
    }
}
