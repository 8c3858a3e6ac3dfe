use std::error::Error;
use std::fmt;

use miette::Diagnostic;
use rivet_model::Retry;

/// What a store objects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The credentials are not there, or are not what the store knows.
    Credentials,
    /// The credentials are known, and are not allowed to do this.
    Permission,
    /// The bucket or the container does not exist.
    NoBucket,
    /// The bucket is in another region, or at another address.
    Region,
    /// The clock of this machine is too far off for signed requests.
    Clock,
    /// The store does not know this kind of request.
    Unsupported,
    /// No answer came.
    Unreachable,
    /// Anything else.
    Other,
}

/// Why a store refused a request, in words that a person can act on. It holds no secret.
///
/// Whoever makes an `object_store` backend puts it at the bottom of its errors; [`StoreError`](crate::StoreError)
/// finds it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRefusal {
    /// What the store objects to.
    pub kind: RefusalKind,
    /// What came back, as a fragment.
    pub message: String,
    /// What to do, as a full sentence.
    pub help: String,
}

impl StoreRefusal {
    /// Returns the refusal at the bottom of an error, where there is one.
    pub fn inside<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
    }

    /// Returns whether another attempt may succeed.
    pub(crate) fn retry(&self) -> Retry {
        if self.kind == RefusalKind::Unreachable { Retry::Backoff } else { Retry::Never }
    }
}

impl fmt::Display for StoreRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for StoreRefusal {}

impl Diagnostic for StoreRefusal {
    fn code(&self) -> Option<Box<dyn fmt::Display + '_>> {
        let code = match self.kind {
            RefusalKind::Credentials => "rivet::writer::credentials",
            RefusalKind::Permission => "rivet::writer::permission",
            RefusalKind::NoBucket => "rivet::writer::no_bucket",
            RefusalKind::Region => "rivet::writer::region",
            RefusalKind::Clock => "rivet::writer::clock",
            RefusalKind::Unsupported => "rivet::writer::unsupported",
            RefusalKind::Unreachable => "rivet::writer::unreachable",
            RefusalKind::Other => "rivet::writer::refused",
        };
        Some(Box::new(code))
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        Some(Box::new(&self.help))
    }
}
