use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use miette::{IntoDiagnostic as _, Result, bail};
use serde_json::Value;

use super::Bench;
use super::s3::KEYS;
use super::tool::DATABASE;
use crate::{process, workspace};

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measurement {
    /// Seconds from the start of the process to its end.
    pub(super) wall: f64,
    /// Seconds of CPU of the process and its children.
    pub(super) cpu: f64,
    /// Seconds of CPU of the database, where they can be seen.
    pub(super) server_cpu: Option<f64>,
    /// Seconds that the longest statement ran, as the server saw it, where it could be asked.
    pub(super) longest_statement: Option<f64>,
    /// The most memory that was resident, in bytes.
    pub(super) memory: f64,
    /// Bytes of the files, where there are any.
    pub(super) bytes: Option<u64>,
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7.2} s wall, {:7.2} s CPU, {:6.0} MB", self.wall, self.cpu, self.memory / 1e6)
    }
}

/// Runs a command through `measure.py`, which sees its children; its output is kept for the case that it fails.
pub(super) fn take(bench: &Bench, url: &str, folder: &Path, words: &[OsString]) -> Result<Measurement> {
    let (result, log) = (folder.join("measured.json"), folder.join("output.log"));
    let output = File::create(&log).into_diagnostic()?;
    let mut command = Command::new(&bench.python);
    command.arg(workspace::fixture("python/measure.py")).arg(&result).args(words);
    command.env(DATABASE, url).envs(KEYS).current_dir(folder);
    command.stdout(output.try_clone().into_diagnostic()?).stderr(output);
    process::run(&mut command)?;
    let measured: Value = serde_json::from_slice(&fs::read(&result).into_diagnostic()?).into_diagnostic()?;
    if measured["code"] != 0 {
        let said = fs::read_to_string(&log).unwrap_or_default();
        bail!("exit code {}: {}", measured["code"], said.trim().lines().next_back().unwrap_or("no message"));
    }
    let number = |key: &str| process::expected(measured[key].as_f64(), "a number from measure.py");
    let (wall, cpu, memory) = (number("wall")?, number("cpu")?, number("memory")?);
    Ok(Measurement { wall, cpu, memory, server_cpu: None, longest_statement: None, bytes: None })
}
