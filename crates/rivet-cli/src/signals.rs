use std::io;
use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::render::Screen;

const STOPPING: &str = "\
stopping: statements are ended on the server, and what is not committed does not become visible.
Press ctrl-c again to leave at once; the next run then deals with what this one leaves behind.";

/// Returns when there is a SIGINT or a SIGTERM.
pub(crate) async fn any() {
    match Signals::new() {
        Ok(mut signals) => signals.next().await,
        Err(_) => std::future::pending().await,
    }
}

/// Turns the first SIGINT or SIGTERM into a cancellation, and the second one into the end of the process.
///
/// Must be called in a runtime; it listens until the returned set is dropped.
pub(crate) fn listen(cancel: &CancellationToken, screen: &Screen) -> io::Result<JoinSet<()>> {
    let mut signals = Signals::new()?;
    let (cancel, screen) = (cancel.clone(), screen.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        signals.next().await;
        cancel.cancel();
        screen.message(STOPPING);
        signals.next().await;
        leave();
    });
    Ok(tasks)
}

#[expect(clippy::exit, reason = "who asks twice does not want to wait for anything")]
fn leave() -> ! {
    process::exit(i32::from(Exit::Interrupted.code()))
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        // A stream of signals never ends: `None` is not given.
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
