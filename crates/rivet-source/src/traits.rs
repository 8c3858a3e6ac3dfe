use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use rivet_model::{ConnectionSettings, Consistency, ReadView, SourceKind};

use crate::{
    DescribeRequest, Description, Inspector, ScanLimits, ScanSpec, ScanSummary, ServerInfo, SourceError,
    SourceErrorKind, Split, SplitRequest, Watermark, WatermarkRequest,
};

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

    /// Cuts a range of rows into pieces that hold every row of it exactly once, whatever is written to the relation
    /// meanwhile: the first piece has no lower end that `within` has not, the last one no upper end, and NULLs of a
    /// key that may have them are a piece of their own. The cuts follow where rows are, not how wide the keys are.
    ///
    /// Reads no more of the relation than indexes, statistics and samples ask for, unless rows are to be counted. A
    /// relation without rows gives one piece. A spec without a key is cut by where rows are stored, where the source
    /// can read such ranges; else
    /// [`SourceErrorKind::Config`](crate::SourceErrorKind::Config) says which setting names a key.
    async fn split(&self, spec: &ScanSpec, request: &SplitRequest, limits: &ScanLimits) -> Result<Split, SourceError>;

    /// Finds the position that an export which follows the spec's key may be read up to.
    async fn watermark(
        &self,
        spec: &ScanSpec,
        request: &WatermarkRequest,
        limits: &ScanLimits,
    ) -> Result<Watermark, SourceError>;

    /// Opens what preflight asks its questions with. `patience` is the statement and lock timeout of each of them.
    ///
    /// A source that can't be inspected answers with
    /// [`SourceErrorKind::Config`](crate::SourceErrorKind::Config), and is planned with less confidence.
    async fn inspector(&self, patience: Duration) -> Result<Box<dyn Inspector>, SourceError> {
        let _patience = patience;
        Err(SourceError::new(SourceErrorKind::Config, "this source can't be inspected"))
    }

    /// Opens what so many workers read from.
    ///
    /// With [`ReadView::Shared`] all scans of all its readers see the source at one moment; a driver that can't give
    /// that to several workers answers with [`Consistency::Chunk`] from [`Snapshot::consistency`] instead of failing.
    /// With [`ReadView::PerScan`] nothing is held open between scans.
    async fn open_snapshot(
        &self,
        view: ReadView,
        workers: usize,
        limits: &ScanLimits,
    ) -> Result<Box<dyn Snapshot>, SourceError>;
}

/// What the workers of one run read from.
#[async_trait]
pub trait Snapshot: fmt::Debug + Send + Sync {
    /// Returns what is really held. Complete once the first scan has ended.
    fn consistency(&self) -> Consistency;

    /// Makes the reader of one worker: at most as many as there are workers. It belongs to the calling task's runtime.
    async fn reader(&self, limits: &ScanLimits) -> Result<Box<dyn Reader>, SourceError>;

    /// Gives the read view back, after its readers have ended. Dropping does the same, without waiting for the
    /// server.
    async fn close(&self) -> Result<(), SourceError>;
}

/// Reads one scan after the other, over a connection that it keeps where it can.
///
/// It may be on another thread than the other readers of its snapshot; its futures and those of its scans are polled
/// on the runtime that made it.
#[async_trait]
pub trait Reader: fmt::Debug + Send {
    /// Starts to read, once the scan before has ended or was dropped. Nothing is read before the first
    /// [`Scan::next_batch`].
    ///
    /// After a scan that failed or was cancelled, a reader whose scans have views of their own goes on, over a new
    /// connection if it has to; one of a shared view may answer that the view is gone.
    async fn scan(&mut self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Box<dyn Scan>, SourceError>;

    /// Ends its connection and waits until the server knows.
    async fn close(self: Box<Self>) -> Result<(), SourceError>;
}

/// A stream of the rows of a range.
#[async_trait]
pub trait Scan: fmt::Debug + Send {
    /// Returns the schema of every batch: known before the first one and the same for all.
    fn schema(&self) -> SchemaRef;

    /// Returns the next batch, or `None` once the server has confirmed that it sent every row and the number of
    /// rows it sent equals the number that were decoded.
    ///
    /// No batch is empty: a relation without rows gives `None` at once. After `None` or an error the scan has
    /// ended.
    async fn next_batch(&mut self) -> Result<Option<RecordBatch>, SourceError>;

    /// Stops the statement on the server and returns when it has ended there, or when the server can't be
    /// reached any more. Calling it on a scan that has ended does nothing.
    async fn cancel(&mut self);

    /// Returns what the scan has seen so far.
    fn summary(&self) -> ScanSummary;
}
