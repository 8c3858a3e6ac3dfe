//! Virtual environments below the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};

use crate::{process, workspace};

/// Returns the Python of a virtual environment with the packages of `fixtures/python/<requirements>`, made where it
/// is missing or was made for other packages.
pub(crate) fn environment(requirements: &str) -> Result<PathBuf> {
    let wanted_path = workspace::fixture("python").join(requirements);
    let wanted = fs::read_to_string(&wanted_path).into_diagnostic().wrap_err("the requirements can't be read")?;
    let folder = workspace::target().join(requirements.trim_end_matches(".txt").replace("requirements", "python"));
    let (python, marker) = (folder.join("bin/python"), folder.join("installed.txt"));
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted)
        && process::succeeds(Command::new(&python).arg("--version"))
    {
        return Ok(python);
    }
    println!(
        "python: installing {} into {}",
        wanted.split_whitespace().collect::<Vec<_>>().join(", "),
        folder.display()
    );
    make(&folder, &python, &wanted_path)?;
    fs::write(&marker, wanted).into_diagnostic()?;
    Ok(python)
}

/// Returns a Python that is there and has a module that is too large to be installed for tests alone: the one that a
/// variable names, else the machine's own.
pub(crate) fn with(module: &str, variable: &str) -> Option<PathBuf> {
    let python = std::env::var_os(variable).map(PathBuf::from).or_else(|| process::find("python3"))?;
    process::succeeds(Command::new(&python).args(["-c", &format!("import {module}")])).then_some(python)
}

fn make(folder: &Path, python: &Path, requirements: &Path) -> Result<()> {
    let system = process::find("python3").ok_or_else(|| miette!("there is no python3"))?;
    process::capture(Command::new(system).args(["-m", "venv", "--clear"]).arg(folder))
        .wrap_err("no virtual environment could be made (on Debian it needs the package `python3-venv`)")?;
    // Wheels only: nothing may be compiled here.
    process::capture(
        Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--only-binary", ":all:", "--retries", "3", "--timeout", "60", "-r"])
            .arg(requirements),
    )
    .wrap_err("pip could not install the packages")?;
    Ok(())
}
