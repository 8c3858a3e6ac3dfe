//! From a path to an open database: folder, creation, damage, format version.

use std::any::Any;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase as _, TableError};
use rivet_model::RunId;

use crate::HistoryError;
use crate::holder::private;
use crate::redb_store::{Failure, META, begin_write, create_tables, open_tables};

/// The version of the tables and of what is in them.
///
/// 1: runs and their checkpoints. 2: the chunks of a run, and cursors.
pub(crate) const FORMAT_VERSION: u32 = 2;

/// Names of the rows of the table `meta`.
pub(crate) const FORMAT_VERSION_KEY: &str = "format_version";
pub(crate) const CREATED_BY_KEY: &str = "created_by";

/// Bytes that redb may keep in memory. Its default is 1 GiB; a history of thousands of runs fits in this.
const CACHE_BYTES: usize = 4 << 20;

/// Opens the store at a path, or makes one where nothing is. Nothing that exists is ever replaced.
pub(crate) fn open_or_create(path: &Path) -> Result<Database, HistoryError> {
    match fs::metadata(path) {
        Ok(_) => open_existing(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folder(folder_of(path))?;
            create(path)
        }
        Err(error) => Err(HistoryError::from_io(path, "opened", error)),
    }
}

/// Runs work of redb, and turns a panic in it into an error: it has some for files that were altered outside.
pub(crate) fn guarded<T>(
    path: &Path,
    action: &'static str,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, HistoryError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|failure| failure.at(path, action)),
        Err(panic) => {
            let reason = format!("its pages contradict each other ({})", panic_text(panic.as_ref()));
            Err(HistoryError::Damaged { path: path.to_owned(), reason })
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}

/// The integrity check reads the whole file and verifies every checksum: a store is small, and without the check
/// redb trusts a file that was altered since it was closed.
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

fn open_existing(path: &Path) -> Result<Database, HistoryError> {
    let metadata = fs::metadata(path).map_err(|error| HistoryError::from_io(path, "opened", error))?;
    if metadata.is_dir() {
        return Err(HistoryError::IsAFolder { path: path.to_owned() });
    }
    // Opening a pipe would wait for its other end.
    if !metadata.is_file() {
        return Err(HistoryError::NotAStore { path: path.to_owned(), reason: "it is not a regular file".to_owned() });
    }
    // No state store is ever empty, since it gets its name when it is complete: the contents were lost.
    if metadata.len() == 0 {
        return Err(HistoryError::Damaged { path: path.to_owned(), reason: "it is empty".to_owned() });
    }
    guarded(path, "opened", || {
        let database = builder().open(path)?;
        check_format(&database, path)?;
        Ok(database)
    })
}

/// Accepts the version of this build, brings an older one forward, and refuses a newer one.
fn check_format(database: &Database, path: &Path) -> Result<(), Failure> {
    let found = stored_version(database, path)?;
    match found {
        FORMAT_VERSION => Ok(()),
        newer if newer > FORMAT_VERSION => {
            Err(HistoryError::NewerFormat { path: path.to_owned(), found, supported: FORMAT_VERSION }.into())
        }
        // Each older version has an arm here, which changes the tables and stores the new number in one transaction.
        1 => migrate(database, path),
        older => Err(HistoryError::Damaged {
            path: path.to_owned(),
            reason: format!("it has format version {older}, which no Rivet writes"),
        }
        .into()),
    }
}

/// Version 1 has no chunks and no cursors: their tables are made, empty. What its runs had not finished has no split,
/// as every full export of that version had none.
fn migrate(database: &Database, path: &Path) -> Result<(), Failure> {
    let transaction = begin_write(database)?;
    open_tables(&transaction)?;
    transaction.commit()?;
    tracing::info!(path = %path.display(), version = FORMAT_VERSION, "state store brought forward");
    Ok(())
}

fn stored_version(database: &Database, path: &Path) -> Result<u32, Failure> {
    let foreign = |reason: &str| HistoryError::NotAStore { path: path.to_owned(), reason: reason.to_owned() };
    let meta = match database.begin_read()?.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Err(foreign("it is a redb database of another program").into()),
    };
    let version = meta.get(FORMAT_VERSION_KEY)?;
    let version = version.ok_or_else(|| foreign("it names no format version"))?;
    version.value().parse().map_err(|error| {
        let reason = format!("its format version is not a number ({error})");
        HistoryError::Damaged { path: path.to_owned(), reason }.into()
    })
}

/// Makes a store under another name and gives it its own when it is complete, so that a process that is killed in
/// between leaves nothing that the next one stumbles over.
fn create(path: &Path) -> Result<Database, HistoryError> {
    let staged = staged_path(path);
    let created = create_staged(&staged, path).and_then(|database| {
        let published = publish(&staged, path).map_err(|error| HistoryError::from_io(path, "written", error))?;
        Ok(published.then_some(database))
    });
    // Absent after a rename, or where it could not be made.
    if let Err(error) = fs::remove_file(&staged)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!(path = %staged.display(), %error, "the staged state store stays behind");
    }
    match created? {
        Some(database) => {
            tracing::debug!(path = %path.display(), "state store created");
            Ok(database)
        }
        // Another process made one at the same time; the lock decides which of the two goes on.
        None => open_existing(path),
    }
}

fn create_staged(staged: &Path, path: &Path) -> Result<Database, HistoryError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    private(&mut options);
    let file = options.open(staged).map_err(|error| HistoryError::from_io(path, "written", error))?;
    guarded(path, "written", || {
        let database = builder().create_with_backend(FileBackend::new(file)?)?;
        create_tables(&database)?;
        Ok(database)
    })
}

/// Gives the file its name, unless the name is taken. The open database and its lock stay with the file.
fn publish(staged: &Path, path: &Path) -> io::Result<bool> {
    match fs::hard_link(staged, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        // A file system without links, where two first starts in the same instant are not told apart.
        Err(_) if !path.try_exists()? => fs::rename(staged, path)?,
        Err(_) => return Ok(false),
    }
    sync_folder(folder_of(path))?;
    Ok(true)
}

fn staged_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".new-{}", RunId::generate()));
    PathBuf::from(name)
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Makes the folder, for its owner alone and out of sight of git, where it is missing.
fn make_folder(folder: &Path) -> Result<(), HistoryError> {
    let failed = |error| HistoryError::from_io(folder, "written", error);
    if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        fs::create_dir_all(above).map_err(failed)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    match builder.create(folder) {
        Ok(()) => {
            fs::write(folder.join(".gitignore"), "*\n").map_err(failed)?;
            sync_folder(folder_of(folder)).map_err(failed)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Makes new names in a folder survive a power cut, where the file system can.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}
