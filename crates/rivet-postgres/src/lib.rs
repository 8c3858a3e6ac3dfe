//! PostgreSQL as a source.
//!
//! Rows come by `COPY (SELECT …) TO STDOUT (FORMAT binary)`, which costs the server least of all ways, and are
//! decoded in the buffer that they were read into, straight into Arrow. Everything else goes through the simple
//! query protocol inside of short transactions with `SET LOCAL`, so that a pooler in transaction mode may stand in
//! between.
//!
//! A large table is read in several statements of one transaction where a scan has a budget for each: ranges of
//! pages, in their order, so that no statement runs for long and the rows are the same. Ranges of keys are written
//! as comparisons of tuples, which an index serves, with every value as a quoted literal of its column's type. Splits
//! come from samples of a table's pages, counted by the server, which returns nothing but the cuts.
//!
//! What preflight asks takes one round trip for each statement, is answered by the planner, by catalogs and by the two
//! ends of an index, and never scans a table.
//!
//! ```no_run
//! use rivet_model::{ConnectionSettings, SourceKind};
//! use rivet_postgres::PostgresFactory;
//! use rivet_source::SourceFactory as _;
//!
//! # async fn example(settings: &ConnectionSettings) -> Result<(), rivet_source::SourceError> {
//! let source = PostgresFactory.open(settings)?;
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
mod link;
mod oid;
mod pace;
mod reader;
mod record;
mod scan;
mod server;
mod session;
mod snapshot;
mod socket;
mod source;
mod split;
mod storage;
mod tap;
mod tls;
mod types;
mod watermark;

pub use source::PostgresFactory;
