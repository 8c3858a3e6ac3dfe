//! The seam to a database.
//!
//! A driver implements a few small traits and the engine asks for nothing else:
//!
//! - [`SourceFactory`] makes a [`Source`] from connection settings, without connecting;
//! - [`Source`] describes a relation, cuts it into ranges, and opens a [`Snapshot`], one read view;
//! - [`Snapshot`] hands out a [`Reader`] for each worker, which keeps its connection from one [`Scan`] to the next;
//! - a [`Scan`] is a stream of Arrow batches.
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

mod byte_column;
pub mod conformance;
mod error;
mod inspect;
pub mod memory;
mod probe;
mod scan;
mod split;
mod sql;
mod traits;

pub use byte_column::{ByteColumn, ColumnFull, NotUtf8};
pub use error::{SourceError, SourceErrorKind, StatementSpan};
pub use inspect::{
    Access, AccessPath, ColumnStatistics, Explanation, IndexFacts, Inspector, RelationStatistics, Vitals,
};
pub use probe::Probe;
pub use scan::{
    ColumnRequest, ColumnSpec, DescribeRequest, Description, ReadAs, ScanLimits, ScanSpec, ScanSummary, ServerInfo,
    SourceType, TypeShape,
};
pub use split::{
    Hold, KeyColumn, KeyFacts, KeyRequest, Piece, Split, SplitBy, SplitRequest, Tiebreak, Watermark, WatermarkRequest,
};
pub use sql::{StatementError, single_statement};
pub use traits::{Reader, Scan, Snapshot, Source, SourceFactory};
