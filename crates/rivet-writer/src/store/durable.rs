//! Files and folders that survive a crash of the machine: what is created, renamed or removed counts only once its
//! folder is fsynced too.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rivet_model::RunId;

use super::error::StoreError;
use crate::failpoint;

/// How often a folder that somebody else removes while it is made is made again. Two exports that begin at the same
/// time meet like this: one removes the empty staging folder that the other is about to use.
const FOLDER_ATTEMPTS: usize = 20;

/// Fsyncs a folder, so that the names in it last.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    // Other systems can't open a folder as a file, and keep names in order by themselves.
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).map_err(error("sync the folder", path))?;
    }
    Ok(())
}

/// Makes a folder and those above it, durable. Returns the ones that were missing, the outermost first.
pub(super) fn make_folder(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut attempt = 1;
    loop {
        let mut made = Vec::new();
        match make_missing(path, &mut made) {
            Err(StoreError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempt < FOLDER_ATTEMPTS =>
            {
                attempt += 1;
            }
            done => return done.map(|()| made),
        }
    }
}

fn make_missing(path: &Path, made: &mut Vec<PathBuf>) -> Result<(), StoreError> {
    match fs::create_dir(path) {
        Ok(()) => {
            made.push(path.to_owned());
            path.parent().map_or(Ok(()), sync_folder)
        }
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {
            if path.is_dir() {
                return Ok(());
            }
            let source = io::Error::from(io::ErrorKind::NotADirectory);
            Err(StoreError::io("create the folder", path.display(), source))
        }
        Err(source) if source.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let Some(parent) = parent else { return Err(StoreError::io("create the folder", path.display(), source)) };
            make_missing(parent, made)?;
            match fs::create_dir(path) {
                Ok(()) => made.push(path.to_owned()),
                Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(StoreError::io("create the folder", path.display(), source)),
            }
            sync_folder(parent)
        }
        Err(source) => Err(StoreError::io("create the folder", path.display(), source)),
    }
}

/// Removes folders as long as they are empty, the innermost first.
pub(super) fn remove_empty(folders: &[PathBuf]) {
    for folder in folders.iter().rev() {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

/// Writes a new file beside its place and gives it the name in one step, replacing what was there. Several runs may do
/// so at the same time: each has a hidden name of its own.
pub(super) fn replace_file(path: &Path, run: RunId, bytes: &[u8]) -> Result<(), StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{run}.tmp"));
    write_new(&temporary, path, bytes)?;
    if let Err(source) = fs::rename(&temporary, path) {
        forget(&temporary);
        return Err(StoreError::io("create", path.display(), source));
    }
    sync_parent(path)
}

/// Makes an empty file, or makes the time of one that is there that of now.
pub(super) fn touch_file(path: &Path) -> Result<(), StoreError> {
    File::create(path).and_then(|file| file.sync_all()).map_err(error("create", path))?;
    sync_parent(path)
}

/// Writes a new file unless there is one of this name. Returns whether it did. The file is whole or absent.
pub(super) fn create_file(path: &Path, bytes: &[u8]) -> Result<bool, StoreError> {
    let temporary = beside(path);
    write_new(&temporary, path, bytes)?;
    failpoint::reach("manifest_staged");
    let created = match fs::hard_link(&temporary, path) {
        Ok(()) => Ok(true),
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // Some file systems have no hard links (FAT, some network and FUSE ones). A rename is as whole, but looks
        // for an earlier file in a step of its own; one process at a time works on a run.
        Err(_) if path.exists() => Ok(false),
        Err(_) => fs::rename(&temporary, path).map(|()| true).map_err(error("create", path)),
    };
    forget(&temporary);
    if created? {
        sync_parent(path)?;
        return Ok(true);
    }
    Ok(false)
}

/// Returns the hidden name under which a run's manifest is written before it gets its own.
pub(super) fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.tmp"))
}

/// Writes and fsyncs the hidden file that is to become `path`.
fn write_new(temporary: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let mut file = File::create(temporary)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| {
        forget(temporary);
        StoreError::io("write", path.display(), source)
    })
}

fn sync_parent(path: &Path) -> Result<(), StoreError> {
    path.parent().map_or(Ok(()), sync_folder)
}

/// Removes a temporary file. Where that fails the next one takes its place, since it has the same name.
pub(super) fn forget(path: &Path) {
    drop(fs::remove_file(path));
}

/// Removes a file. Returns whether it was there.
pub(super) fn remove_file(path: &Path) -> Result<bool, StoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(StoreError::io("remove", path.display(), source)),
    }
}

/// Reads a small file; nothing where there is none.
pub(super) fn read_file(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::io("read", path.display(), source)),
    }
}

/// Returns what makes an error of a failed action.
pub(super) fn error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::io(action, path.display(), source)
}
