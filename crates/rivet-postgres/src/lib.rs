//! PostgreSQL as a source.
//!
//! Rows come by `COPY (SELECT …) TO STDOUT (FORMAT binary)`, which costs the server least of all ways, and are
//! decoded in the buffer that they were read into, straight into Arrow. Everything else goes through the simple
//! query protocol inside of short transactions with `SET LOCAL`, so that a pooler in transaction mode may stand in
//! between.
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
mod oid;
mod scan;
mod server;
mod session;
mod snapshot;
mod socket;
mod source;
mod tap;
mod tls;
mod types;

pub use source::PostgresFactory;
