use std::path::Path;
use std::process::Command;

use miette::{IntoDiagnostic as _, Result, bail};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use tempfile::TempDir;

use super::launch::Watchdog;
use crate::process;

/// A disk of 16 MiB in memory, unmounted when dropped.
#[derive(Debug)]
pub(super) struct SmallDisk {
    watchdog: Option<Watchdog>,
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts it.
    pub(super) fn mount() -> Result<Self> {
        if !geteuid().is_root() || !cfg!(target_os = "linux") {
            bail!("mounting a small disk needs root on Linux");
        }
        let folder = TempDir::with_prefix("rivet-small-disk-").into_diagnostic()?;
        process::capture(
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m,mode=1777", "tmpfs"]).arg(folder.path()),
        )?;
        let mut disk = Self { watchdog: None, folder };
        disk.watchdog = Some(Watchdog::of([], Signal::SIGKILL, disk.folder.path())?);
        Ok(disk)
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.watchdog.take());
        // Lazily, since a test that was killed may still have a file open in it.
        process::succeeds(Command::new("umount").arg("-l").arg(self.folder.path()));
    }
}
