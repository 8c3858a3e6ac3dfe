use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use rivet_model::{ConnectionSettings, Consistency, SourceKind};

use crate::{DescribeRequest, Description, ScanLimits, ScanSpec, ScanSummary, ServerInfo, SourceError};

/// Makes sources of one kind. An embedder names the factories that it compiles in.
pub trait SourceFactory: fmt::Debug + Send + Sync + 'static {
    /// Returns the kind that the configuration names.
    fn kind(&self) -> SourceKind;

    /// Makes a source. Sends nothing: what is wrong with the server is found by the first call that needs it.
    ///
    /// # Errors
    ///
    /// [`SourceErrorKind::Config`](crate::SourceErrorKind::Config) where the settings can't be used as they are,
    /// for example an authority file that can't be read.
    fn open(&self, settings: &ConnectionSettings) -> Result<Arc<dyn Source>, SourceError>;
}

/// A database server.
///
/// All methods may be called concurrently and from any runtime. Each opens a connection of its own and closes
/// it before it returns, except that a [`Snapshot`] keeps what it needs to hold its read view. `Display` names
/// the server without secrets.
#[async_trait]
pub trait Source: fmt::Display + fmt::Debug + Send + Sync + 'static {
    /// Asks the server who it is.
    async fn server(&self) -> Result<ServerInfo, SourceError>;

    /// Finds the columns of a relation, their types and the Arrow types that they become. Reads no row.
    ///
    /// A relation without rows is described like any other. Every column that can't be read as asked is named
    /// in one error.
    async fn describe(&self, request: &DescribeRequest) -> Result<Description, SourceError>;

    /// Opens a read view that all scans of the returned snapshot share.
    ///
    /// With `workers` above 1 the view must hold for scans that run at the same time; a driver that can't give
    /// that answers with [`Consistency::Chunk`] from [`Snapshot::consistency`] instead of failing.
    async fn open_snapshot(&self, workers: usize, limits: &ScanLimits) -> Result<Box<dyn Snapshot>, SourceError>;
}

/// One read view of a source.
#[async_trait]
pub trait Snapshot: fmt::Debug + Send + Sync {
    /// Returns what is really held. Complete once the first scan has ended.
    fn consistency(&self) -> Consistency;

    /// Starts to read. The scan belongs to the calling task's runtime and must be polled there.
    ///
    /// Several scans may be open at once, on different threads. Nothing is read before the first
    /// [`Scan::next_batch`].
    async fn scan(&self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Box<dyn Scan>, SourceError>;

    /// Gives the read view back, after its scans have ended. Dropping does the same, without waiting for the server.
    async fn close(&self) -> Result<(), SourceError>;
}

/// A stream of batches of one statement.
#[async_trait]
pub trait Scan: fmt::Debug + Send {
    /// Returns the schema of every batch: known before the first one and the same for all.
    fn schema(&self) -> SchemaRef;

    /// Returns the next batch, or `None` once the server has confirmed that it sent every row and the number of
    /// rows it sent equals the number that were decoded.
    ///
    /// No batch is empty: a relation without rows gives `None` at once. After `None` or an error the scan has
    /// ended and its connection is closed.
    async fn next_batch(&mut self) -> Result<Option<RecordBatch>, SourceError>;

    /// Stops the statement on the server and returns when it has ended there, or when the server can't be
    /// reached any more. Calling it on a scan that has ended does nothing.
    async fn cancel(&mut self);

    /// Returns what the scan has seen so far.
    fn summary(&self) -> ScanSummary;
}
