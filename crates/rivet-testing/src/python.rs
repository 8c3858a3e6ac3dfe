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
    run(environment::PYTHON, Path::new("."), script, arguments)
}

/// Runs the blocks of a page of `docs/` in a folder, as `page.py` says, and returns what it prints.
///
/// Blocks of `python spark` run with the Python of `RIVET_TEST_SPARK_PYTHON`, all others with the usual one.
#[track_caller]
pub fn page(page: &str, language: &str, folder: &Path) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    let python = if language.ends_with("spark") { environment::SPARK } else { environment::PYTHON };
    let output = run(python, folder, "page.py", [page.as_os_str(), language.as_ref()]);
    assert!(output.status.success(), "{language}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn run<I, S>(python: &str, folder: &Path, script: &str, arguments: I) -> Output
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let python = required(python);
    Command::new(&python)
        .arg(fixture(&format!("python/{script}")))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("`{python}` does not start: {error}"))
}
