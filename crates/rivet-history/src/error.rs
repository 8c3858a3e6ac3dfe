use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use rivet_model::{ChunkId, Retry, RunId, RunStatus};
use thiserror::Error;

use crate::Holder;

/// Why the state store could not do what was asked.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum HistoryError {
    /// Another process, or this one, has the store open.
    #[error("state store `{}` is in use by {}", path.display(), holder_text(holder.as_deref()))]
    #[diagnostic(
        code(rivet::history::locked),
        help(
            "Wait until that process ends, or give this one a state store of its own with another `state` path. \
             One state store serves one process at a time."
        )
    )]
    Locked {
        /// The store's file.
        path: PathBuf,
        /// Who has it, where the note beside it can be read.
        holder: Option<Box<Holder>>,
    },
    /// A newer Rivet wrote the store.
    #[error("state store `{}` has format version {found}, newer than version {supported} that this Rivet knows", path.display())]
    #[diagnostic(
        code(rivet::history::newer_format),
        help("Run the newer Rivet that wrote the file, or give this one another `state` path.")
    )]
    NewerFormat {
        /// The store's file.
        path: PathBuf,
        /// The version that the file has.
        found: u32,
        /// The newest version that this build reads.
        supported: u32,
    },
    /// The file was a state store and is one no more.
    #[error("state store `{}` is damaged: {reason}", path.display())]
    #[diagnostic(
        code(rivet::history::damaged),
        help(
            "Restore the file from a backup, or move it away and run again. Without it the history and the \
             checkpoints of unfinished runs are lost; files that were committed are not."
        )
    )]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file is something else.
    #[error("`{}` is not a state store: {reason}", path.display())]
    #[diagnostic(
        code(rivet::history::not_a_store),
        help("Check the `state` path, or move the file away if it is not needed.")
    )]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The path is that of a folder.
    #[error("state store `{}` is a folder", path.display())]
    #[diagnostic(
        code(rivet::history::is_a_folder),
        help("Let the `state` path name a file, for example `{}`.", path.join("state.redb").display())
    )]
    IsAFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The file or its folder can't be written.
    #[error("state store `{}` can't be opened for writing", path.display())]
    #[diagnostic(
        code(rivet::history::not_writable),
        help(
            "Let this user read and write the file and its folder, or set a `state` path on a file system that is \
             not read-only."
        )
    )]
    NotWritable {
        /// The store's file, or the folder that could not be made.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The file system failed.
    #[error("state store `{}` could not be {action}", path.display())]
    #[diagnostic(
        code(rivet::history::storage),
        help("Check that the disk has room and is healthy. The next run settles what this one has left.")
    )]
    Storage {
        /// The store's file.
        path: PathBuf,
        /// What was being done: `opened`, `read` or `written`.
        action: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store could not be opened, and the caller went on without it.
    #[error("{reason}")]
    #[diagnostic(code(rivet::history::unreadable))]
    Unreadable {
        /// Why.
        reason: String,
    },
    /// A run with this id has begun before.
    #[error("run `{run}` has begun already")]
    #[diagnostic(code(rivet::history::run_exists))]
    RunExists {
        /// Which run.
        run: RunId,
    },
    /// No run has this id.
    #[error("run `{run}` is not known")]
    #[diagnostic(code(rivet::history::unknown_run))]
    UnknownRun {
        /// Which run.
        run: RunId,
    },
    /// The run has ended, so that nothing can be added to it.
    #[error("run `{run}` is {} and can't go on", status_text(*status))]
    #[diagnostic(code(rivet::history::not_running))]
    NotRunning {
        /// Which run.
        run: RunId,
        /// How it stands.
        status: RunStatus,
    },
    /// The run has a split, and the chunk is not in it.
    #[error("run `{run}` has no chunk {chunk}")]
    #[diagnostic(code(rivet::history::unknown_chunk))]
    UnknownChunk {
        /// Which run.
        run: RunId,
        /// The chunk that it does not have.
        chunk: ChunkId,
    },
    /// The chunk has another checkpoint already.
    #[error("chunk {chunk} of run `{run}` has another checkpoint already")]
    #[diagnostic(code(rivet::history::checkpoint_differs))]
    CheckpointDiffers {
        /// Which run.
        run: RunId,
        /// Which of its chunks.
        chunk: ChunkId,
    },
    /// The run has ended in another way already.
    #[error("run `{run}` is {} already and can't become {}", status_text(*status), status_text(*asked))]
    #[diagnostic(code(rivet::history::already_finished))]
    AlreadyFinished {
        /// Which run.
        run: RunId,
        /// How it stands.
        status: RunStatus,
        /// How it was to end.
        asked: RunStatus,
    },
    /// The caller asked for what no run can be.
    #[error("the record of run `{run}` is not valid: {reason}")]
    #[diagnostic(code(rivet::history::invalid_record))]
    InvalidRecord {
        /// Which run.
        run: RunId,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl HistoryError {
    /// Returns whether the same call may succeed later without anybody's help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Locked { .. } => Retry::Backoff,
            Self::NewerFormat { .. }
            | Self::Damaged { .. }
            | Self::NotAStore { .. }
            | Self::IsAFolder { .. }
            | Self::NotWritable { .. }
            | Self::Storage { .. }
            | Self::Unreadable { .. }
            | Self::RunExists { .. }
            | Self::UnknownRun { .. }
            | Self::NotRunning { .. }
            | Self::UnknownChunk { .. }
            | Self::CheckpointDiffers { .. }
            | Self::AlreadyFinished { .. }
            | Self::InvalidRecord { .. } => Retry::Never,
        }
    }

    /// Sorts an error of the operating system by what the user can do about it.
    pub(crate) fn from_io(path: &Path, action: &'static str, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::NotWritable { path, source },
            io::ErrorKind::IsADirectory => Self::IsAFolder { path },
            io::ErrorKind::NotADirectory => Self::NotAStore { path, reason: "a part of its path is a file".to_owned() },
            // What redb answers for a file without its mark.
            io::ErrorKind::InvalidData => Self::NotAStore { path, reason: source.to_string() },
            // The file is shorter than it says of itself.
            io::ErrorKind::UnexpectedEof => Self::Damaged { path, reason: "it ends too early".to_owned() },
            _ => Self::Storage { path, action, source: Box::new(source) },
        }
    }

    /// Sorts an error of redb by what the user can do about it.
    pub(crate) fn from_redb(path: &Path, action: &'static str, source: redb::Error) -> Self {
        match source {
            redb::Error::Io(source) => Self::from_io(path, action, source),
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                Self::Locked { path: path.to_owned(), holder: Holder::read(path).map(Box::new) }
            }
            redb::Error::Corrupted(reason) => Self::Damaged { path: path.to_owned(), reason },
            redb::Error::UpgradeRequired(version) => {
                Self::NotAStore { path: path.to_owned(), reason: format!("its redb file format is version {version}") }
            }
            redb::Error::TableDoesNotExist(table) | redb::Error::TableIsMultimap(table) => {
                Self::Damaged { path: path.to_owned(), reason: format!("its table `{table}` is missing") }
            }
            redb::Error::TableTypeMismatch { table, .. } => {
                Self::Damaged { path: path.to_owned(), reason: format!("its table `{table}` has other types") }
            }
            other => Self::Storage { path: path.to_owned(), action, source: Box::new(other) },
        }
    }
}

fn holder_text(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { process, since }) => {
            format!("process {} on host `{}` since {since:.0}", process.pid, process.host)
        }
        None => "an unknown process".to_owned(),
    }
}

/// The word that the record itself uses.
fn status_text(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Committed => "committed",
        RunStatus::Skipped => "skipped",
        RunStatus::Failed => "failed",
        RunStatus::Interrupted => "interrupted",
        RunStatus::Abandoned => "abandoned",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(error: &HistoryError) -> String {
        error.code().unwrap().to_string()
    }

    #[test]
    fn errors_of_the_operating_system_are_sorted_by_the_way_out() {
        let check = |kind: io::ErrorKind, expected: &str| {
            let error = HistoryError::from_io(Path::new("state.redb"), "written", io::Error::from(kind));
            assert_eq!(code(&error), format!("rivet::history::{expected}"), "{kind}");
            assert!(error.to_string().contains("state.redb"), "{error}");
            assert!(error.help().is_some());
            assert_eq!(error.retry(), Retry::Never);
        };
        check(io::ErrorKind::PermissionDenied, "not_writable");
        check(io::ErrorKind::ReadOnlyFilesystem, "not_writable");
        check(io::ErrorKind::IsADirectory, "is_a_folder");
        check(io::ErrorKind::NotADirectory, "not_a_store");
        check(io::ErrorKind::InvalidData, "not_a_store");
        check(io::ErrorKind::UnexpectedEof, "damaged");
        check(io::ErrorKind::StorageFull, "storage");
        check(io::ErrorKind::Other, "storage");
    }

    #[test]
    fn an_unknown_holder_is_said_to_be_unknown() {
        let error = HistoryError::Locked { path: "a/state.redb".into(), holder: None };
        assert_eq!(error.to_string(), "state store `a/state.redb` is in use by an unknown process");
        assert_eq!(error.retry(), Retry::Backoff);
    }

    #[test]
    fn an_error_fits_in_a_result() {
        // The size above which clippy asks for a box.
        assert!(size_of::<HistoryError>() <= 128, "{}", size_of::<HistoryError>());
    }
}
