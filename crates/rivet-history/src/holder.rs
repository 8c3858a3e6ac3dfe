use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rivet_model::ProcessRecord;
use serde::{Deserialize, Serialize};

use crate::process::this_process;

/// Who holds a state store, as the note beside it says.
///
/// The lock itself is the operating system's; the note only tells a person whom to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    #[serde(flatten)]
    pub process: ProcessRecord,
    /// When it opened the store.
    pub since: Timestamp,
}

impl Holder {
    /// Reads the note beside a store. What is missing or half written is nobody.
    pub(crate) fn read(store: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(note_path(store)).ok()?).ok()
    }
}

/// The note of this process, taken away when it is dropped.
///
/// It must be dropped before the lock is given back: afterwards it may be the note of another process.
#[derive(Debug)]
pub(crate) struct Note {
    path: PathBuf,
}

impl Note {
    /// Writes the note of this process, in place of one that a killed process has left.
    pub(crate) fn write(store: &Path) -> io::Result<Self> {
        let path = note_path(store);
        let holder = Holder { process: this_process(), since: Timestamp::now() };
        let text = serde_json::to_vec(&holder).map_err(io::Error::other)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        private(&mut options);
        options.open(&path)?.write_all(&text)?;
        Ok(Self { path })
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "the note of the state store's holder stays behind");
        }
    }
}

/// Asks for a file that its owner alone may read and write.
pub(crate) fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _: &mut OpenOptions = options;
}

/// `state.redb` has its note in `state.redb.holder`.
pub(crate) fn note_path(store: &Path) -> PathBuf {
    let mut name = OsString::from(store);
    name.push(".holder");
    PathBuf::from(name)
}
