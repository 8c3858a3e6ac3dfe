//! MySQL and MariaDB as a source.
//!
//! Rows come by the binary protocol as a stream, and go into Arrow builders where they were read: nothing is kept but the
//! batch that grows. Cursors on the server and buffered results are not used, for both write the whole result to a temporary
//! table of the source.
//!
//! A large table is read in several statements of one transaction where a scan has a budget for each: ranges of its
//! primary key, in its order, so that no statement runs for long and the rows are the same. Ranges of several columns
//! are written as comparisons of single columns that are joined by OR, which an index serves here, and rows of columns do not.
//!
//! A read view lasts within one connection only. Where several workers ask for a shared one, each of their scans has
//! a view of its own instead, and the snapshot says so.
//!
//! ```no_run
//! use rivet_model::{ConnectionSettings, SourceKind};
//! use rivet_mysql::MysqlFactory;
//! use rivet_source::SourceFactory as _;
//!
//! # async fn example(settings: &ConnectionSettings) -> Result<(), rivet_source::SourceError> {
//! let source = MysqlFactory.open(settings)?;
//! println!("{}", source.server().await?);
//! # Ok(())
//! # }
//! ```

mod connect;
mod decode;
mod describe;
mod dialect;
mod error;
mod estimate;
mod inspect;
mod key;
mod kind;
mod link;
mod pace;
mod raw;
mod reader;
mod scan;
mod server;
mod session;
mod snapshot;
mod source;
mod split;
mod tls;
mod types;
mod watermark;
mod wire;

pub use source::{MysqlFactory, MysqlLibraryFactory};
