//! What is installed once for all checkouts of the repository.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use miette::{IntoDiagnostic as _, Result, miette};

use crate::{interrupt, workspace};

/// Returns `XDG_CACHE_HOME/rivet`, or `~/.cache/rivet`, which is made where it is missing.
pub(super) fn folder() -> Result<PathBuf> {
    let base = workspace::variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || workspace::variable("HOME").map(|home| Path::new(&home).join(".cache"));
    let folder = base.or_else(home).ok_or_else(|| miette!("there is no HOME for a cache"))?.join("rivet");
    fs::create_dir_all(&folder).into_diagnostic()?;
    Ok(folder)
}

/// Waits for others who install the same, and keeps them waiting for as long as the file is held.
pub(super) fn lock(path: &Path, what: &str) -> Result<File> {
    let file = File::create(path).into_diagnostic()?;
    let mut told = false;
    loop {
        interrupt::check()?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error).into_diagnostic(),
            Err(TryLockError::WouldBlock) => {}
        }
        if !told {
            println!("servers: waiting for another xtask that installs {what}");
            told = true;
        }
        thread::sleep(Duration::from_millis(200));
    }
}
