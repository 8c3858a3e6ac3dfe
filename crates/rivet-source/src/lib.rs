//! The seam to a database.
//!
//! A driver implements three small traits and the engine asks for nothing else:
//!
//! - [`SourceFactory`] makes a [`Source`] from connection settings, without connecting;
//! - [`Source`] describes a relation and opens a [`Snapshot`], one read view;
//! - [`Snapshot`] hands out [`Scan`]s, each a stream of Arrow batches, which several workers may read at once.
//!
//! What is read is one value, a [`ScanSpec`]: everything that sends the same rows renders the same value, so
//! that the statement that was explained is the statement that runs.
//!
//! [`memory`] is the twin that needs no server, and [`conformance`] is the suite that every driver passes.
//!
//! # Why this shape
//!
//! A scan is pulled, one batch at a time, by the thread that owns its connection: no other thread is woken per
//! buffer, which doubles the CPU that a fast decoder takes (`docs/benchmarks.md`). Futures of this crate are
//! `Send`, but a scan must be polled on the runtime that made it.

pub mod conformance;
mod error;
pub mod memory;
mod scan;
mod sql;
mod traits;

pub use error::{SourceError, SourceErrorKind, StatementSpan};
pub use scan::{
    ColumnRequest, ColumnSpec, DescribeRequest, Description, ReadAs, ScanLimits, ScanSpec, ScanSummary, ServerInfo,
    SourceType, TypeShape,
};
pub use sql::{StatementError, single_statement};
pub use traits::{Scan, Snapshot, Source, SourceFactory};
