use std::fmt;

use async_trait::async_trait;
use rivet_model::Retry;

use super::error::StoreError;
use super::refusal::RefusalKind;

/// Tries in small all that runs do at a place, one thing after the other.
///
/// Whatever came back, and wherever it was left, [`clean`](Self::clean) is called at the end.
#[async_trait]
pub trait StoreProbe: fmt::Debug + Send {
    /// Tries the next thing; `None` once all were tried. What fails does not stop what can be tried without it. Its
    /// future may be dropped; what it was about then counts as tried.
    async fn step(&mut self) -> Option<ProbeStep>;

    /// Removes what the steps have left behind, also where one of them was cut off. After all steps there is nothing to
    /// remove, and nothing is sent.
    ///
    /// # Errors
    ///
    /// What could not be removed, with its name.
    async fn clean(self: Box<Self>) -> Result<(), StoreError>;
}

/// One thing that was tried.
#[derive(Debug)]
pub struct ProbeStep {
    /// What.
    pub action: ProbeAction,
    /// What came back.
    pub outcome: ProbeOutcome,
}

/// Something that a run has to be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProbeAction {
    /// Find the folder, or make it.
    Folder,
    /// Look how much room is left.
    Room,
    /// Put an object, or write a file and sync it.
    Put,
    /// Read it back.
    Get,
    /// List what is there.
    List,
    /// Give a file its name, and sync the folder.
    Rename,
    /// Create what is there already, which has to be refused: so a manifest is created once.
    Create,
    /// Upload an object in pieces.
    Multipart,
    /// Give such an upload up.
    Abort,
    /// Look for uploads that have not ended.
    Uploads,
    /// Remove what the other steps have left.
    Delete,
}

impl ProbeAction {
    /// Returns a word for it that does not change.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Room => "room",
            Self::Put => "put",
            Self::Get => "get",
            Self::List => "list",
            Self::Rename => "rename",
            Self::Create => "create",
            Self::Multipart => "multipart",
            Self::Abort => "abort",
            Self::Uploads => "uploads",
            Self::Delete => "delete",
        }
    }

    /// Returns what is tried, for a person.
    pub fn described(self) -> &'static str {
        match self {
            Self::Folder => "find or make the folder",
            Self::Room => "look for free room",
            Self::Put => "write a probe",
            Self::Get => "read the probe back",
            Self::List => "list what is there",
            Self::Rename => "give the probe another name",
            Self::Create => "see a taken name refused",
            Self::Multipart => "upload a probe in pieces",
            Self::Abort => "give an upload up",
            Self::Uploads => "look for open uploads",
            Self::Delete => "remove the probes",
        }
    }
}

/// What came back.
#[derive(Debug)]
pub enum ProbeOutcome {
    /// It worked; with what there is to say of it.
    Passed(Option<String>),
    /// A run works without it, and not as well.
    Warning {
        /// What came back, as a fragment.
        message: String,
        /// What to do about it, as a full sentence.
        help: String,
    },
    /// It did not work: no run could end well here.
    Failed(StoreError),
    /// It was not tried, for this reason.
    Skipped(&'static str),
}

impl ProbeOutcome {
    /// Passes what worked, and fails what did not.
    pub(super) fn of(result: Result<(), StoreError>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed(None))
    }
}

/// Returns whether everything else would end in the same error.
pub(super) fn ends_all(error: &StoreError) -> bool {
    let is_about_the_place = |kind: RefusalKind| {
        matches!(kind, RefusalKind::Credentials | RefusalKind::NoBucket | RefusalKind::Region | RefusalKind::Clock)
    };
    match error {
        StoreError::Refused { refusal, .. } if is_about_the_place(refusal.kind) => true,
        StoreError::Unusable { .. } => true,
        // Each request is repeated for a while before it fails like this.
        other => other.retry() == Retry::Backoff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreRefusal;

    #[test]
    fn what_is_wrong_with_the_place_is_said_once() {
        let check = |kind, expected| {
            let refusal = StoreRefusal { kind, message: "no".to_owned(), help: "Ask.".to_owned() };
            let error = StoreError::Refused { action: "list", path: "b".to_owned(), refusal: Box::new(refusal) };
            assert_eq!(ends_all(&error), expected, "{kind:?}");
        };
        check(RefusalKind::Credentials, true);
        check(RefusalKind::NoBucket, true);
        check(RefusalKind::Unreachable, true);
        check(RefusalKind::Permission, false);
        check(RefusalKind::Unsupported, false);
        check(RefusalKind::Other, false);
    }
}
