use std::fmt;

use miette::{Diagnostic, LabeledSpan, SourceCode};
use rivet_model::Retry;
use thiserror::Error;

/// What went wrong, as far as a caller decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// The settings can't be used.
    Config,
    /// The host name leads to no address.
    UnknownHost,
    /// No connection: nothing listens, the network refuses, time ran out.
    Connect,
    /// The server refuses for now: it starts up, shuts down, or has no connection left.
    Unavailable,
    /// Wrong user or password, or no entry that lets this client in.
    Authentication,
    /// TLS could not be agreed on.
    Tls,
    /// The role may not do what was asked.
    Permission,
    /// The table, column or database does not exist.
    NotFound,
    /// The statement is not valid.
    Statement,
    /// A column can't be read as asked.
    UnsupportedType,
    /// A value does not fit the type it should become.
    Value,
    /// The statement ran out of its time.
    StatementTimeout,
    /// A lock was not to be had in time.
    LockTimeout,
    /// The server ended the statement for its own sake: recovery conflict, deadlock, out of memory.
    Conflict,
    /// The connection broke.
    ConnectionLost,
    /// The statement was cancelled, by us or by an administrator.
    Cancelled,
    /// The server sent what it must not send.
    Protocol,
    /// Any other error of the server.
    Server,
}

impl SourceErrorKind {
    /// Returns the stable code of the kind, as it stands in errors and records.
    pub fn code(self) -> &'static str {
        match self {
            Self::Config => "rivet::source::config",
            Self::UnknownHost => "rivet::source::unknown_host",
            Self::Connect => "rivet::source::connect",
            Self::Unavailable => "rivet::source::unavailable",
            Self::Authentication => "rivet::source::authentication",
            Self::Tls => "rivet::source::tls",
            Self::Permission => "rivet::source::permission",
            Self::NotFound => "rivet::source::not_found",
            Self::Statement => "rivet::source::statement",
            Self::UnsupportedType => "rivet::source::unsupported_type",
            Self::Value => "rivet::source::value",
            Self::StatementTimeout => "rivet::source::statement_timeout",
            Self::LockTimeout => "rivet::source::lock_timeout",
            Self::Conflict => "rivet::source::conflict",
            Self::ConnectionLost => "rivet::source::connection_lost",
            Self::Cancelled => "rivet::source::cancelled",
            Self::Protocol => "rivet::source::protocol",
            Self::Server => "rivet::source::server",
        }
    }

    /// Returns whether another attempt may succeed. The list of those that may is kept narrow.
    pub fn retry(self) -> Retry {
        match self {
            Self::Connect | Self::Unavailable | Self::Conflict | Self::ConnectionLost | Self::LockTimeout => {
                Retry::Backoff
            }
            Self::Config
            | Self::UnknownHost
            | Self::Authentication
            | Self::Tls
            | Self::Permission
            | Self::NotFound
            | Self::Statement
            | Self::UnsupportedType
            | Self::Value
            | Self::StatementTimeout
            | Self::Cancelled
            | Self::Protocol
            | Self::Server => Retry::Never,
        }
    }
}

/// A place in the statement that the user wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementSpan {
    /// The whole statement.
    pub statement: String,
    /// Where the server points to, in bytes.
    pub offset: usize,
}

/// An error of a source: what went wrong, on what, and what to do.
///
/// The message is a lowercase fragment without secrets and without values of cells.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct SourceError(Box<Details>);

/// Behind a box, so that a result is not large for the sake of its error.
#[derive(Debug, Error)]
#[error("{message}")]
struct Details {
    kind: SourceErrorKind,
    message: String,
    help: Option<String>,
    sqlstate: Option<String>,
    span: Option<StatementSpan>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SourceError {
    /// Makes an error.
    pub fn new(kind: SourceErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Details { kind, message, help: None, sqlstate: None, span: None, source: None }))
    }

    /// Adds what the user can do: a full imperative sentence.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Adds the server's own code.
    #[must_use]
    pub fn with_sqlstate(mut self, sqlstate: impl Into<String>) -> Self {
        self.0.sqlstate = Some(sqlstate.into());
        self
    }

    /// Adds the place in the user's statement.
    #[must_use]
    pub fn with_span(mut self, span: StatementSpan) -> Self {
        self.0.span = Some(span);
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Returns what a caller decides by.
    pub fn kind(&self) -> SourceErrorKind {
        self.0.kind
    }

    /// Returns the server's own code, where it gave one.
    pub fn sqlstate(&self) -> Option<&str> {
        self.0.sqlstate.as_deref()
    }

    /// Returns the advice, where there is one.
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Returns whether another attempt may succeed.
    pub fn retry(&self) -> Retry {
        self.0.kind.retry()
    }
}

impl Diagnostic for SourceError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.0.kind.code()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.span.as_ref().map(|span| &span.statement as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.0.span.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::at_offset(span.offset, "here"))))
    }
}
