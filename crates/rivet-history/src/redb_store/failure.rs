use std::path::Path;

use crate::HistoryError;

/// What can go wrong inside a transaction, before the path is added.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The rules, or what was found in the file.
    History(HistoryError),
    /// The database.
    Redb(Box<redb::Error>),
    /// A value in the file that is not what it must be.
    Unreadable(String),
    /// A value that has no JSON.
    Json(serde_json::Error),
}

impl Failure {
    /// Names the file.
    pub(crate) fn at(self, path: &Path, action: &'static str) -> HistoryError {
        match self {
            Self::History(error) => error,
            Self::Redb(error) => HistoryError::from_redb(path, action, *error),
            Self::Unreadable(reason) => HistoryError::Damaged { path: path.to_owned(), reason },
            Self::Json(error) => HistoryError::Storage { path: path.to_owned(), action, source: Box::new(error) },
        }
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        Self::History(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

macro_rules! from_redb {
    ($($error:ty),+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Redb(Box::new(error.into()))
            }
        }
    )+};
}

from_redb!(
    redb::CommitError,
    redb::DatabaseError,
    redb::SetDurabilityError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError
);
