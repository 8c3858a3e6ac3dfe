use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::dump;
use crate::python::python;

/// A database that says by itself what a query gives.
pub trait Oracle {
    /// Writes the rows as a CSV file, and beside it `<path>.types.json` with the type of each column, as `compare.py`
    /// reads them. Fails the test where that can't be done.
    #[track_caller]
    fn dump(&self, query: &str, path: &Path);
}

/// Compares the rows of a query, as the server prints them, with files that an export wrote: value for value,
/// in any order of rows.
///
/// Options go to `compare.py`: `--ignore COLUMN`, `--null-sentinels`, `--csv-null TEXT`, `--csv-delimiter CHAR`.
///
/// # Errors
///
/// What differs, as `compare.py` prints it.
#[track_caller]
pub fn compare(database: &impl Oracle, query: &str, files: &[PathBuf], options: &[&str]) -> Result<(), String> {
    let folder = TempDir::with_prefix("rivet-compare-").expect("the system's temporary folder can be written");
    let expected = folder.path().join("expected.csv");
    database.dump(query, &expected);
    let mut arguments: Vec<OsString> = options.iter().map(Into::into).collect();
    arguments.extend(["--types".into(), dump::types_path(&expected).into(), expected.into()]);
    arguments.extend(files.iter().map(Into::into));
    let output = python("compare.py", arguments);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(text) }
}

/// Fails the test where [`compare`] finds a difference.
#[track_caller]
pub fn assert_same(database: &impl Oracle, query: &str, files: &[PathBuf], options: &[&str]) {
    if let Err(differences) = compare(database, query, files, options) {
        panic!("the files differ from the source:\n{differences}");
    }
}
