use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::environment::{self, required};

/// Returns the path of a file below `fixtures/`.
#[track_caller]
pub fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
    path.canonicalize().unwrap_or_else(|error| panic!("no fixture `{name}`: {error}"))
}

/// Runs a script of `fixtures/python` with the Python of `RIVET_TEST_PYTHON`.
#[track_caller]
pub fn python<I, S>(script: &str, arguments: I) -> Output
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let python = required(environment::PYTHON);
    Command::new(&python)
        .arg(fixture(&format!("python/{script}")))
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("`{python}` does not start: {error}"))
}
