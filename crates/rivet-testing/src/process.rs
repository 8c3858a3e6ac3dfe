use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a command may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(5);

/// How often a running command is looked at.
const TICK: Duration = Duration::from_millis(5);

/// A run of the built binary that has not begun.
#[derive(Debug)]
pub struct RivetCommand {
    command: Command,
    patience: Duration,
}

/// How to end a running command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT, what ctrl-c sends.
    Interrupt,
    /// SIGTERM
    Terminate,
    /// SIGKILL, which nothing survives.
    Kill,
}

impl RivetCommand {
    pub(crate) fn new(binary: &Path, folder: &Path) -> Self {
        let mut command = Command::new(binary);
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // `RIVET_*` variables are a layer of the configuration: those of the tests are none of its business.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RIVET_")) {
            command.env_remove(name);
        }
        command.env("NO_COLOR", "1");
        Self { command, patience: PATIENCE }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: &[S]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Writes stdout to a file, byte for byte, in place of [`Finished::stdout`].
    #[must_use]
    #[track_caller]
    pub fn stdout_to(mut self, path: &Path) -> Self {
        let file = std::fs::File::create(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.command.stdout(file);
        self
    }

    /// Sets how long the command may take; five minutes where this is not called.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts the command and waits for its end.
    #[track_caller]
    pub fn run(self) -> Finished {
        self.spawn().wait()
    }

    /// Starts the command and ends it after a while, unless it has ended by itself.
    #[track_caller]
    pub fn run_and_stop(self, after: Duration, how: Stop) -> Finished {
        let mut running = self.spawn();
        let begin = Instant::now();
        while begin.elapsed() < after && !running.has_ended() {
            thread::sleep(TICK.min(after.saturating_sub(begin.elapsed())));
        }
        running.stop(how);
        running.wait()
    }

    /// Starts the command.
    #[track_caller]
    pub fn spawn(mut self) -> Running {
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", self.command));
        let stdout = child.stdout.take().map_or_else(Captured::default, Captured::of);
        let stderr = Captured::of(child.stderr.take().expect("it is piped"));
        Running { child, stdout, stderr, begin: Instant::now(), patience: self.patience, peak: None }
    }
}

/// A command that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Captured,
    stderr: Captured,
    begin: Instant,
    patience: Duration,
    peak: Option<u64>,
}

impl Running {
    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns whether the command has ended.
    pub fn has_ended(&mut self) -> bool {
        self.peak = self.peak.max(peak_memory(self.child.id()));
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Sends a signal; does nothing where the command has ended.
    pub fn stop(&mut self, how: Stop) {
        if self.has_ended() {
            return;
        }
        let signal = match how {
            Stop::Interrupt => Signal::SIGINT,
            Stop::Terminate => Signal::SIGTERM,
            Stop::Kill => Signal::SIGKILL,
        };
        let id = Pid::from_raw(i32::try_from(self.child.id()).expect("process ids of unix are positive `i32`s"));
        kill(id, signal).expect("the child is ours and was not waited for");
    }

    /// Waits until a text stands on stderr.
    #[track_caller]
    pub fn wait_for_stderr(&mut self, text: &str) {
        self.wait_until(&format!("`{text}` on stderr"), |running| running.stderr.text().contains(text));
    }

    /// Waits until something is true of the world outside.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, mut is_true: impl FnMut(&mut Self) -> bool) {
        while !is_true(self) {
            let ended = self.has_ended();
            let late = self.begin.elapsed() > self.patience;
            assert!(!ended && !late, "waited in vain for {what}; stderr:\n{}", self.stderr.text());
            thread::sleep(TICK);
        }
    }

    /// Waits for the command's end.
    #[track_caller]
    pub fn wait(mut self) -> Finished {
        while !self.has_ended() {
            if self.begin.elapsed() > self.patience {
                drop(self.child.kill());
                panic!("no end after {:?}; stderr:\n{}", self.patience, self.stderr.text());
            }
            thread::sleep(TICK);
        }
        let elapsed = self.begin.elapsed();
        let status = self.child.wait().expect("the child is ours");
        let (stdout, stderr) = (self.stdout.join(), self.stderr.join());
        Finished { status, stdout, stderr, elapsed, peak_memory: self.peak }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// What a command left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
    /// How long it ran.
    pub elapsed: Duration,
    /// The most memory it held, in bytes, as Linux counts it. Absent elsewhere and for a command that ended within
    /// milliseconds.
    pub peak_memory: Option<u64>,
}

impl Finished {
    /// Returns the exit code; none where a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails the test unless the command ended with this exit code.
    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code(), Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test where this text, for example a password, was printed.
    #[track_caller]
    pub fn assert_silent_about(&self, secret: &str) -> &Self {
        let printed = self.stdout.contains(secret) || self.stderr.contains(secret);
        assert!(!printed, "a secret was printed; stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// What a command prints, read by a thread so that its pipe never fills.
#[derive(Debug, Default)]
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Captured {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                sink.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn join(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
        self.text()
    }
}

/// Returns the high watermark of a process's resident memory, which Linux keeps in kibibytes.
fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> RivetCommand {
        RivetCommand::new(Path::new("/bin/sh"), Path::new("/")).args(&["-c", script])
    }

    #[test]
    fn output_and_exit_code_are_kept() {
        let finished = shell("echo out; echo err >&2; exit 7").run();
        finished.assert_code(7).assert_silent_about("secret");
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
    }

    #[test]
    fn stdout_can_go_to_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let finished = shell("printf '\\377\\000'; echo err >&2").stdout_to(&path).run();
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("", "err\n"));
        assert_eq!(std::fs::read(&path).unwrap(), [255, 0]);
    }

    #[test]
    fn a_command_is_killed_after_a_while() {
        let finished = shell("exec sleep 60").run_and_stop(Duration::from_millis(20), Stop::Kill);
        assert_eq!(finished.code(), None);
        assert!(finished.elapsed < Duration::from_secs(30));
    }

    #[test]
    fn a_command_that_ended_before_is_left_alone() {
        shell("exit 3").run_and_stop(Duration::from_secs(20), Stop::Kill).assert_code(3);
    }

    #[test]
    fn a_signal_can_be_sent_once_a_text_stands_on_stderr() {
        let mut running = shell("trap 'exit 130' INT; echo ready >&2; while :; do sleep 0.01; done").spawn();
        running.wait_for_stderr("ready");
        running.stop(Stop::Interrupt);
        running.wait().assert_code(130);
    }

    #[test]
    #[should_panic(expected = "no end after")]
    fn a_command_without_end_fails_the_test() {
        shell("exec sleep 60").patience(Duration::from_millis(50)).run();
    }
}
