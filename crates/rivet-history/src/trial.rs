use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rivet_model::RunId;

use crate::open::folder_of;
use crate::{HistoryError, RedbStore};

/// What [`try_out`] found at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// A store that was opened, verified and written to. It holds what it held.
    Written,
    /// No store, and room for one: one was made under another name, and removed again.
    CanBeMade,
}

/// Finds out whether a process can have its state store at a path, and leaves nothing behind. Blocks for as long as it
/// takes to verify the file.
///
/// # Errors
///
/// What [`RedbStore::open`] says, and what writing to the store says.
pub fn try_out(path: &Path) -> Result<Trial, HistoryError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let traces = Traces::new(path);
            let tried = RedbStore::open(&traces.store).and_then(|store| store.touch());
            drop(traces);
            tried.map(|()| Trial::CanBeMade)
        }
        // Whatever else it is, opening it says so.
        _ => RedbStore::open(path)?.touch().map(|()| Trial::Written),
    }
}

/// A store beside the place of another one, and the folders that are made for it; removed when it is dropped.
struct Traces {
    store: PathBuf,
    /// Folders that are not there yet, the outermost first.
    missing: Vec<PathBuf>,
}

impl Traces {
    fn new(path: &Path) -> Self {
        let mut name = OsString::from(path);
        name.push(format!(".check-{}", RunId::generate()));
        let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let mut missing: Vec<PathBuf> =
            folder_of(path).ancestors().take_while(is_missing).map(Path::to_owned).collect();
        missing.reverse();
        Self { store: name.into(), missing }
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // The error that counts is that of the trial.
        drop(fs::remove_file(&self.store));
        if let Some(folder) = self.missing.last() {
            // Another process may have begun to use the folder meanwhile.
            let is_ours = fs::read_dir(folder)
                .is_ok_and(|entries| entries.flatten().all(|entry| entry.file_name() == ".gitignore"));
            if is_ours {
                drop(fs::remove_file(folder.join(".gitignore")));
            }
        }
        for folder in self.missing.iter().rev() {
            drop(fs::remove_dir(folder));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_place_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/.rivet/state.redb");
        assert_eq!(try_out(&path).unwrap(), Trial::CanBeMade);
        assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));

        drop(RedbStore::open(&path).unwrap());
        let before = (names(path.parent().unwrap()), fs::read(path.with_file_name(".gitignore")).unwrap());
        assert_eq!(try_out(&path).unwrap(), Trial::Written);
        fs::remove_file(&path).unwrap();
        assert_eq!(try_out(&path).unwrap(), Trial::CanBeMade);
        assert_eq!(names(path.parent().unwrap()), [".gitignore"]);
        assert_eq!(before.0, [".gitignore", "state.redb"]);
    }

    #[test]
    fn what_stops_a_run_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        fs::write(&path, "not a store at all, and long enough to be read").unwrap();
        assert!(try_out(&path).is_err());
        assert_eq!(names(folder.path()), ["state.redb"]);
        fs::remove_file(&path).unwrap();
        let held = RedbStore::open(&path).unwrap();
        assert!(matches!(try_out(&path), Err(HistoryError::Locked { .. })));
        drop(held);
        let below = path.join("deep/state.redb");
        assert!(try_out(&below).is_err(), "a folder below a file");
        assert_eq!(names(folder.path()), ["state.redb"]);
    }
}
