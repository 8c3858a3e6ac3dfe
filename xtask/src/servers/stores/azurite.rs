use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};

use super::super::cache;
use crate::process;

/// The last release that runs on Node 18, which Debian 12 has.
const VERSION: &str = "3.35.0";

/// Returns Azurite's program, installed into the cache folder where it is not there yet.
pub(super) fn obtain() -> Result<PathBuf> {
    let node = process::find("node").or_else(|| process::find("nodejs")).ok_or_else(|| miette!("there is no Node"))?;
    let cache = cache::folder()?;
    let folder = cache.join(format!("azurite-{VERSION}"));
    let program = folder.join("node_modules/.bin/azurite-blob");
    // Held while it is installed: someone else who wants it waits.
    let _lock = cache::lock(&cache.join("azurite.lock"), "Azurite")?;
    if !program.exists() {
        install(&folder)?;
    }
    // What is installed may be too new for this Node.
    process::capture(Command::new(node).arg(program.canonicalize().into_diagnostic()?).arg("--version"))
        .wrap_err("Azurite does not run here")?;
    Ok(program)
}

/// Installs it beside its place and moves it there, so that what is in its place is whole.
fn install(folder: &Path) -> Result<()> {
    let npm = process::find("npm").ok_or_else(|| miette!("there is no npm"))?;
    let partial = folder.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).into_diagnostic()?;
    }
    fs::create_dir_all(&partial).into_diagnostic()?;
    println!("servers: installing Azurite {VERSION} into {}", folder.display());
    let mut command = Command::new(npm);
    // Scripts of packages run for nobody: none of them is needed here.
    command.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--prefix"]);
    command.arg(&partial).arg(format!("azurite@{VERSION}")).current_dir(&partial);
    process::capture(&mut command).wrap_err("npm could not install Azurite")?;
    fs::rename(&partial, folder).into_diagnostic()
}
