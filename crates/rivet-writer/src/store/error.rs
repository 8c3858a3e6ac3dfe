use std::fmt;
use std::io;

use miette::Diagnostic;
use rivet_model::{Retry, RunId};
use thiserror::Error;

use super::refusal::{RefusalKind, StoreRefusal};

/// Why a destination did not do what was asked.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum StoreError {
    /// The user that runs Rivet may not do this here.
    #[error("no permission to {action} `{path}`")]
    #[diagnostic(
        code("rivet::writer::permission"),
        help("Let the user that runs Rivet write there, or choose another destination.")
    )]
    Permission {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// What the destination said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No space is left, or the quota is used up.
    #[error("no space is left to {action} `{path}`")]
    #[diagnostic(
        code("rivet::writer::full"),
        help("Free some space or raise the quota, or choose a destination that has room, and run again.")
    )]
    Full {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file system is mounted read-only.
    #[error("cannot {action} `{path}`: its file system is read-only")]
    #[diagnostic(
        code("rivet::writer::read_only"),
        help("Mount the file system writable, or choose another destination.")
    )]
    ReadOnly {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file stands where a folder is needed.
    #[error("cannot {action} `{path}`: a part of this path is a file, not a folder")]
    #[diagnostic(
        code("rivet::writer::not_a_folder"),
        help("Choose a folder as the destination's `path`, or move the file away.")
    )]
    NotAFolder {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Any other refusal of the operating system.
    #[error("cannot {action} `{path}`")]
    #[diagnostic(
        code("rivet::writer::io"),
        help("Check the path and the state of its file system, or choose another destination.")
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// What is configured can't be used as it is. Nothing was sent.
    #[error("cannot use `{destination}`: {refusal}")]
    #[diagnostic(forward(refusal))]
    Unusable {
        /// Where the parts were to go.
        destination: String,
        /// What is wrong.
        refusal: Box<StoreRefusal>,
    },
    /// A store refused a request, and said why.
    #[error("cannot {action} `{path}`: {refusal}")]
    #[diagnostic(forward(refusal))]
    Refused {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// What came back.
        refusal: Box<StoreRefusal>,
    },
    /// Any other refusal of an object store.
    #[error("cannot {action} `{path}`")]
    #[diagnostic(code("rivet::writer::object_store"))]
    Object {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// What the store said.
        source: Box<object_store::Error>,
    },
    /// An object of this name is there, and it is not the part that was to be put there.
    #[error("`{name}` is already in `{destination}`, and it is not the part of this run")]
    #[diagnostic(
        code("rivet::writer::name_taken"),
        help("Move that file away: Rivet never overwrites what it did not write.")
    )]
    NameTaken {
        /// The object's name.
        name: String,
        /// Where.
        destination: String,
    },
    /// A name that the run can't have given to a part of its own.
    #[error("`{name}` is no part of run {run}")]
    #[diagnostic(code("rivet::writer::foreign_name"))]
    ForeignName {
        /// The name.
        name: String,
        /// The run.
        run: RunId,
    },
    /// A part that should be there is not.
    #[error("the part `{name}` is missing from `{destination}`")]
    #[diagnostic(code("rivet::writer::missing"), help("Run the export again: something else removed the part."))]
    Missing {
        /// The part's name.
        name: String,
        /// Where.
        destination: String,
    },
    /// A part can't be read back, or is not what was written.
    #[error("the part `{name}` is damaged: {reason}")]
    #[diagnostic(code("rivet::writer::damaged"), help("Run the export again, and look at the disk below it."))]
    Damaged {
        /// The part's name.
        name: String,
        /// What does not agree.
        reason: String,
    },
    /// The run has a manifest already, with other content.
    #[error("run {run} already has a manifest with other content: `{name}`")]
    #[diagnostic(code("rivet::writer::manifest_conflict"), help("Start a new run: a committed run is never changed."))]
    ManifestConflict {
        /// The manifest's name.
        name: String,
        /// The run.
        run: RunId,
    },
    /// A manifest can't be read.
    #[error("`{name}` is no manifest of Rivet's")]
    #[diagnostic(code("rivet::writer::manifest"))]
    Manifest {
        /// The manifest's name.
        name: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A manifest is of a later version than this program knows.
    #[error("`{name}` has the manifest version {found}; this program reads up to {known}")]
    #[diagnostic(
        code("rivet::writer::manifest_version"),
        help("Use the release of Rivet that wrote it, or a later one.")
    )]
    ManifestVersion {
        /// The manifest's name.
        name: String,
        /// Its version.
        found: u64,
        /// The latest version that is known here.
        known: u32,
    },
    /// A second part for a stream that takes one.
    #[error("`{destination}` takes one part, and there is a second one")]
    #[diagnostic(
        code("rivet::writer::one_part"),
        help("Take `max_file_size` out and read the export in one chunk, or choose a folder as its destination.")
    )]
    OnePart {
        /// Which stream.
        destination: String,
    },
    /// A stream can't be read back.
    #[error("what was written to `{destination}` cannot be read back")]
    #[diagnostic(
        code("rivet::writer::not_readable"),
        help("Leave out `--validate`, or choose a folder as the destination.")
    )]
    NotReadable {
        /// Which stream.
        destination: String,
    },
    /// The task that uploads ended before it was asked to.
    #[error("the upload of `{name}` ended early")]
    #[diagnostic(code("rivet::writer::upload"))]
    Upload {
        /// The part's name.
        name: String,
    },
}

impl StoreError {
    /// Sorts an error of the operating system.
    pub(crate) fn io(action: &'static str, path: impl fmt::Display, source: io::Error) -> Self {
        let path = path.to_string();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Permission { action, path, source: Box::new(source) },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { action, path, source },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { action, path, source },
            io::ErrorKind::NotADirectory => Self::NotAFolder { action, path, source },
            _ => Self::Io { action, path, source },
        }
    }

    /// Sorts an error of an object store.
    pub(crate) fn object(action: &'static str, path: impl fmt::Display, source: object_store::Error) -> Self {
        use object_store::Error;
        let path = path.to_string();
        if let Some(refusal) = StoreRefusal::inside(&source) {
            return Self::Refused { action, path, refusal: Box::new(refusal.clone()) };
        }
        match source {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                Self::Permission { action, path, source: Box::new(source) }
            }
            _ => Self::Object { action, path, source: Box::new(source) },
        }
    }

    /// Wraps itself, so that it passes through encoders that only know `std::io`.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }

    /// Returns whether the store does not know this kind of request at all.
    pub(super) fn is_unsupported(&self) -> bool {
        match self {
            Self::Refused { refusal, .. } => refusal.kind == RefusalKind::Unsupported,
            Self::Object { source, .. } => matches!(
                **source,
                object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }
            ),
            _ => false,
        }
    }

    /// Returns whether another attempt may succeed.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Io { source, .. } => io_retry(source.kind()),
            Self::Object { source, .. } => object_retry(source),
            Self::Refused { refusal, .. } | Self::Unusable { refusal, .. } => refusal.retry(),
            Self::Upload { .. } => Retry::Backoff,
            Self::Permission { .. }
            | Self::Full { .. }
            | Self::ReadOnly { .. }
            | Self::NotAFolder { .. }
            | Self::NameTaken { .. }
            | Self::ForeignName { .. }
            | Self::Missing { .. }
            | Self::Damaged { .. }
            | Self::ManifestConflict { .. }
            | Self::Manifest { .. }
            | Self::ManifestVersion { .. }
            | Self::OnePart { .. }
            | Self::NotReadable { .. } => Retry::Never,
        }
    }
}

/// What a network file system gives while its server is away passes by itself; a local disk's errors do not.
fn io_retry(kind: io::ErrorKind) -> Retry {
    match kind {
        io::ErrorKind::TimedOut
        | io::ErrorKind::Interrupted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::StaleNetworkFileHandle => Retry::Backoff,
        _ => Retry::Never,
    }
}

fn object_retry(error: &object_store::Error) -> Retry {
    use object_store::Error;
    match error {
        // Refusals of the request, the network and the server's 5xx and 429 all come as `Generic`, after the
        // client's own retries.
        Error::Generic { .. } | Error::JoinError { .. } => Retry::Backoff,
        _ => Retry::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_operating_system_are_sorted() {
        let check = |kind: io::ErrorKind, code: &str, retry| {
            let error = StoreError::io("write", "/data", kind.into());
            assert_eq!(error.code().map(|code| code.to_string()), Some(format!("rivet::writer::{code}")));
            assert_eq!(error.retry(), retry, "{kind}");
            assert!(error.to_string().contains("`/data`"));
        };
        check(io::ErrorKind::StorageFull, "full", Retry::Never);
        check(io::ErrorKind::QuotaExceeded, "full", Retry::Never);
        check(io::ErrorKind::PermissionDenied, "permission", Retry::Never);
        check(io::ErrorKind::ReadOnlyFilesystem, "read_only", Retry::Never);
        check(io::ErrorKind::NotADirectory, "not_a_folder", Retry::Never);
        check(io::ErrorKind::InvalidInput, "io", Retry::Never);
        check(io::ErrorKind::StaleNetworkFileHandle, "io", Retry::Backoff);
    }

    #[test]
    fn errors_of_object_stores_are_sorted() {
        let source = || io::Error::other("503 Slow Down").into();
        let check = |error, code: &str, retry| {
            let error = StoreError::object("write", "bucket/part", error);
            assert_eq!(error.code().map(|code| code.to_string()), Some(format!("rivet::writer::{code}")));
            assert_eq!(error.retry(), retry, "{error:?}");
        };
        check(object_store::Error::Generic { store: "S3", source: source() }, "object_store", Retry::Backoff);
        let denied = object_store::Error::PermissionDenied { path: "p".to_owned(), source: source() };
        check(denied, "permission", Retry::Never);
        let missing = object_store::Error::NotFound { path: "p".to_owned(), source: source() };
        check(missing, "object_store", Retry::Never);
        let refusal = |kind| {
            let refusal = StoreRefusal { kind, message: "the bucket is away".to_owned(), help: "Wait.".to_owned() };
            let source = object_store::Error::Generic { store: "HTTP", source: Box::new(refusal) };
            object_store::Error::Generic { store: "S3", source: Box::new(source) }
        };
        check(refusal(RefusalKind::NoBucket), "no_bucket", Retry::Never);
        check(refusal(RefusalKind::Unreachable), "unreachable", Retry::Backoff);
        let error = StoreError::object("write", "bucket/part", refusal(RefusalKind::Other));
        assert_eq!(error.to_string(), "cannot write `bucket/part`: the bucket is away");
    }

    #[test]
    fn an_error_passes_through_std_io() {
        let error = StoreError::io("write", "/data", io::ErrorKind::StorageFull.into()).into_io();
        assert!(matches!(error.downcast::<StoreError>(), Ok(StoreError::Full { .. })));
    }
}
