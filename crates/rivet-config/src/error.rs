use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// What kind of mistake a [`Finding`] is. Its code is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// There is no file at the path.
    FileNotFound,
    /// The file, or one that it names, can't be read.
    FileNotReadable,
    /// The file is not YAML.
    Syntax,
    /// A key stands twice in one mapping.
    DuplicateKey,
    /// A key that has no meaning anywhere, or not where it stands.
    UnknownKey,
    /// A value of the wrong type.
    WrongType,
    /// A word that is none of the words that the key knows.
    UnknownWord,
    /// A value of the right type that the key can't take.
    InvalidValue,
    /// A key that must be there.
    MissingKey,
    /// Keys that exclude each other, or a key that means nothing beside another.
    Conflict,
    /// A name that something else has already.
    DuplicateName,
    /// A variable or a parameter that is not set.
    UnsetVariable,
    /// A URL that can't be used.
    InvalidUrl,
}

impl FindingKind {
    /// Returns the stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::FileNotFound => "rivet::config::file_not_found",
            Self::FileNotReadable => "rivet::config::file_not_readable",
            Self::Syntax => "rivet::config::syntax",
            Self::DuplicateKey => "rivet::config::duplicate_key",
            Self::UnknownKey => "rivet::config::unknown_key",
            Self::WrongType => "rivet::config::wrong_type",
            Self::UnknownWord => "rivet::config::unknown_word",
            Self::InvalidValue => "rivet::config::invalid_value",
            Self::MissingKey => "rivet::config::missing_key",
            Self::Conflict => "rivet::config::conflict",
            Self::DuplicateName => "rivet::config::duplicate_name",
            Self::UnsetVariable => "rivet::config::unset_variable",
            Self::InvalidUrl => "rivet::config::invalid_url",
        }
    }
}

/// One mistake of a configuration: what, where, and what to do.
///
/// It holds no secret and no value of the environment; its source text is the file with secrets covered.
#[derive(Debug)]
pub struct Finding {
    pub(crate) kind: FindingKind,
    pub(crate) at: String,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) labels: Vec<(Range<usize>, String)>,
    pub(crate) source_code: Option<Arc<NamedSource<String>>>,
    pub(crate) cause: Option<io::Error>,
}

impl Finding {
    pub(crate) fn unplaced(kind: FindingKind, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            kind,
            at: String::new(),
            message: message.into(),
            help: Some(help.into()),
            labels: Vec::new(),
            source_code: None,
            cause: None,
        }
    }

    pub(crate) fn with_cause(mut self, cause: io::Error) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Returns what a caller decides by.
    pub fn kind(&self) -> FindingKind {
        self.kind
    }

    /// Returns the way to the value, for example `exports[1].mode`; empty for the file as a whole.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Returns what is wrong: a lowercase fragment.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns what to do, where that can be said.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Returns the line and the column, from 1, of the place in the file; none for a mistake that is not in it.
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let text = self.source_code.as_ref()?.inner();
        let before = text.get(..self.labels.first()?.0.start)?;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
        Some((before.matches('\n').count() + 1, column + 1))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Finding {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

impl Diagnostic for Finding {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.kind.code()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source_code.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.labels.is_empty() {
            return None;
        }
        let labels = self.labels.iter();
        Some(Box::new(labels.map(|(span, label)| LabeledSpan::new_with_span(Some(label.clone()), span.clone()))))
    }
}

/// All mistakes of one configuration, at least one.
///
/// With one mistake it is that mistake; with several it is a headline with the mistakes as related diagnostics.
#[derive(Debug)]
pub struct ConfigErrors {
    path: PathBuf,
    findings: Vec<Finding>,
}

impl ConfigErrors {
    pub(crate) fn new(path: &Path, findings: Vec<Finding>) -> Self {
        Self { path: path.to_owned(), findings }
    }

    /// Returns the file that was read, as the caller named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the mistakes in the order of the file.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    fn only(&self) -> Option<&Finding> {
        if let [finding] = self.findings.as_slice() { Some(finding) } else { None }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.only() {
            Some(finding) => finding.fmt(f),
            None => write!(f, "`{}` holds {} mistakes", self.path.display(), self.findings.len()),
        }
    }
}

impl std::error::Error for ConfigErrors {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.only()?.source()
    }
}

impl Diagnostic for ConfigErrors {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        match self.only() {
            Some(finding) => finding.code(),
            None => Some(Box::new("rivet::config::invalid")),
        }
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.only()?.help()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.only()?.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.only()?.labels()
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        if self.only().is_some() {
            return None;
        }
        Some(Box::new(self.findings.iter().map(|finding| finding as &dyn Diagnostic)))
    }
}
