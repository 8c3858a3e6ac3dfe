//! Running other programs.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, bail, miette};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{interrupt, workspace};

const TICK: Duration = Duration::from_millis(20);

/// Returns a command that runs cargo in the repository.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(workspace::variable("CARGO").unwrap_or_else(|| "cargo".to_owned()));
    command.args(arguments).current_dir(workspace::root());
    if workspace::is_ci() {
        // A machine that builds once gains nothing from incremental files.
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// Runs a command that prints for itself, and fails where it fails. An interrupt ends it first.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = name(command);
    let mut child = command.spawn().into_diagnostic().wrap_err_with(|| format!("`{name}` does not start"))?;
    let status = wait(&mut child, Signal::SIGTERM)?;
    interrupt::check()?;
    if !status.success() {
        bail!("`{name}` failed with {status}");
    }
    Ok(())
}

/// Runs a command in silence and returns what it printed on stdout.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let name = name(command);
    command.stdin(Stdio::null());
    let output = command.output().into_diagnostic().wrap_err_with(|| format!("`{name}` does not start"))?;
    if !output.status.success() {
        bail!("`{name}` failed with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Waits for a child that someone may interrupt: then it is killed at once.
pub(crate) fn wait_or_kill(child: &mut Child) -> Result<ExitStatus> {
    let status = wait(child, Signal::SIGKILL)?;
    interrupt::check()?;
    Ok(status)
}

/// Returns whether a command runs and succeeds, without a word.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Returns the path of a program, looked for in `PATH` and in the folders where packages put servers.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/usr/local/bin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(usual)
        .map(|folder| folder.join(program))
        .find(|candidate| fs::metadata(candidate).is_ok_and(|metadata| metadata.is_file()))
}

/// Waits for a child. An interrupt is passed on to it as this signal, and after ten seconds it is killed.
fn wait(child: &mut Child, ask: Signal) -> Result<ExitStatus> {
    let mut told: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait().into_diagnostic()? {
            return Ok(status);
        }
        match told {
            None if interrupt::happened() => {
                signal(child, ask);
                told = Some(Instant::now());
            }
            Some(moment) if moment.elapsed() > Duration::from_secs(10) => signal(child, Signal::SIGKILL),
            _ => {}
        }
        thread::sleep(TICK);
    }
}

/// Ends a child: asks with a signal, waits, kills.
pub(crate) fn stop(child: &mut Child, ask: Signal, patience: Duration) {
    signal(child, ask);
    let begin = Instant::now();
    while begin.elapsed() < patience {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(TICK);
    }
    // It may have ended by itself in between.
    drop(child.kill());
    drop(child.wait());
}

fn signal(child: &Child, signal: Signal) {
    if let Ok(id) = i32::try_from(child.id()) {
        // A child that has ended meanwhile needs no signal.
        let _gone = kill(Pid::from_raw(id), signal);
    }
}

fn name(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Arguments may hold a password, which stands in a URL.
    let shown = command.get_args().map(OsStr::to_string_lossy).filter(|argument| !argument.contains("://")).take(4);
    shown.fold(program, |text, argument| text + " " + &argument)
}

/// Turns a missing answer into an error.
pub(crate) fn expected<T>(value: Option<T>, what: &str) -> Result<T> {
    value.ok_or_else(|| miette!("expected {what}"))
}
