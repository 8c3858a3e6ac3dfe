use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, bail};
use nix::sys::signal::Signal;

use crate::{interrupt, process};

/// Starts a server in a process group of its own, so that a ctrl-c reaches the tests and not their server.
pub(super) fn launch(command: &mut Command, log: &Path) -> Result<Child> {
    let log = fs::File::create(log).into_diagnostic()?;
    let errors = log.try_clone().into_diagnostic()?;
    command.process_group(0).stdin(Stdio::null()).stdout(log).stderr(errors);
    let program = Path::new(command.get_program()).display().to_string();
    command.spawn().into_diagnostic().wrap_err_with(|| format!("`{program}` does not start"))
}

/// Asks the system for a port that nobody listens on. Someone else may take it before the server does; then the
/// server says so.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).into_diagnostic()?;
    Ok(listener.local_addr().into_diagnostic()?.port())
}

/// Asks a server for its version until it answers, has ended (`ended` says so), or the patience is over.
pub(super) fn wait(
    mut ask: impl FnMut() -> Result<String>,
    mut ended: impl FnMut() -> bool,
    patience: Duration,
) -> Result<String> {
    let begin = Instant::now();
    loop {
        interrupt::check()?;
        let why = match ask() {
            Ok(version) => return Ok(version),
            Err(error) => error,
        };
        if ended() {
            bail!("the server has ended");
        }
        if begin.elapsed() > patience {
            bail!("the server does not answer after {} s: {}", patience.as_secs(), super::flat(&why));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Ends servers and removes their folder, which may be a disk of its own, once xtask is gone without having done so itself, as after `kill -9`.
///
/// It is a shell that waits for the end of a pipe, which the system closes together with the process that holds it.
#[derive(Debug)]
pub(super) struct Watchdog {
    shell: Child,
}

/// Arguments: the signal that asks for the end, the folder, and the processes.
const WATCH: &str = r#"
trap '' INT TERM HUP
signal=$1 folder=$2
shift 2
one_lives() { for process; do kill -s 0 "$process" && return 0; done; return 1; }
cat >/dev/null
kill -s "$signal" "$@"
left=100
while one_lives "$@" && [ "$left" -gt 0 ]; do left=$((left - 1)); sleep 0.1; done
kill -s KILL "$@"
umount -l "$folder"
rm -rf "$folder"
"#;

impl Watchdog {
    /// Begins to watch over processes and the folder that belongs to them.
    pub(super) fn of<'a>(
        processes: impl IntoIterator<Item = &'a Child>,
        signal: Signal,
        folder: &Path,
    ) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", WATCH, "watchdog", signal.as_str().trim_start_matches("SIG")]).arg(folder);
        command.args(processes.into_iter().map(|child| child.id().to_string()));
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { shell: command.spawn().into_diagnostic().wrap_err("no watchdog can be started")? })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Before its pipe closes: who drops it cleans up by himself.
        process::stop(&mut self.shell, Signal::SIGKILL, Duration::from_secs(1));
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn sleeper(folder: &Path) -> Child {
        launch(Command::new("sleep").arg("60"), &folder.join("log")).unwrap()
    }

    #[test]
    fn what_a_dead_xtask_leaves_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut server = sleeper(folder.path());
        let mut watchdog = Watchdog::of([&server], Signal::SIGTERM, folder.path()).unwrap();
        // What the system does at the end of a process.
        drop(watchdog.shell.stdin.take());
        assert!(!server.wait().unwrap().success());
        watchdog.shell.wait().unwrap();
        assert!(!folder.path().exists());
    }

    #[test]
    fn a_watchdog_that_is_dropped_does_nothing() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut server = sleeper(folder.path());
        drop(Watchdog::of([&server], Signal::SIGTERM, folder.path()).unwrap());
        thread::sleep(Duration::from_millis(200));
        assert!(server.try_wait()?.is_none() && folder.path().exists());
        server.kill()?;
        server.wait()?;
        Ok(())
    }

    #[test]
    fn waiting_ends_with_the_server_or_with_the_patience() {
        let silent = || Err(miette::miette!("connection refused"));
        let wait = |ended: bool| wait(silent, || ended, Duration::ZERO).unwrap_err().to_string();
        assert_eq!(wait(true), "the server has ended");
        assert_eq!(wait(false), "the server does not answer after 0 s: connection refused");
    }
}
