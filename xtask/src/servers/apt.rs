use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use miette::{Result, WrapErr as _};
use nix::unistd::geteuid;

use crate::process;

/// One installation at a time: servers come up side by side, and dpkg has one lock.
static TURN: Mutex<()> = Mutex::new(());

/// Returns whether packages can be installed here.
pub(super) fn may_install() -> bool {
    geteuid().is_root() && process::find("apt-get").is_some()
}

/// Installs packages without what they only recommend; the lists are fetched anew where it does not work with those
/// that are there.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let shown = packages.join(", ");
    println!("servers: installing {shown} with apt-get");
    let mut arguments = vec!["install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"];
    arguments.extend(packages);
    apt(&arguments)
        .or_else(|_stale| apt(&["update"]).and_then(|()| apt(&arguments)))
        .wrap_err_with(|| format!("{shown} could not be installed"))
}

fn apt(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    // In a process group of its own: a ctrl-c in the middle would leave the machine with half of a package.
    process::capture(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments).process_group(0))?;
    Ok(())
}
