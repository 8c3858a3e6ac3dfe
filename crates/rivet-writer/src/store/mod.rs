//! Where parts and manifests are kept.

pub mod conformance;
mod durable;
mod error;
mod local;
mod local_probe;
mod local_sink;
mod object;
mod object_probe;
mod probe;
mod refusal;
mod stream;
mod upload;
mod verify;

use std::fmt::{Debug, Display};
use std::io;

use async_trait::async_trait;
use rivet_model::{DestinationRecord, ExportName, OutputOptions, PartRecord, RunId};

use crate::layout::PartName;
use crate::manifest::Manifest;

pub use error::StoreError;
pub use local::LocalStore;
pub use object::{ObjectStoreParts, OpenUploads};
pub use probe::{ProbeAction, ProbeOutcome, ProbeStep, StoreProbe};
pub use refusal::{RefusalKind, StoreRefusal};
pub use stream::StreamStore;
pub use verify::PartCheck;

/// What takes the bytes of one part.
///
/// Its errors carry a [`StoreError`] inside of the `std::io` error. A sink that is dropped removes what it wrote.
pub trait PartSink: io::Write + Send {
    /// Returns the bytes that it holds in memory and whose number grows with those that were written.
    fn held_bytes(&self) -> usize {
        0
    }

    /// Makes the part durable: it survives a crash of the machine, and is whole or absent.
    fn finish(self: Box<Self>) -> Result<SinkReceipt, StoreError>;

    /// Removes what was written.
    fn abort(self: Box<Self>);
}

/// What a sink took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkReceipt {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256, in lower hexadecimal.
    pub sha256: String,
}

/// What [`PartStore::commit`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// The manifest was created: this call committed the run.
    Created,
    /// The same manifest was there: an earlier call had committed the run.
    AlreadyThere,
}

/// What [`PartStore::discard`] removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Discarded {
    /// Files that nobody could see yet.
    pub staged: u64,
    /// Parts that could be seen.
    pub visible: u64,
}

/// Keeps the parts and manifests of runs below one root.
///
/// The way of a run is [`create`](Self::create) and finish for each part, [`publish`](Self::publish) for all of them,
/// then [`commit`](Self::commit); or [`discard`](Self::discard) at any point before the commit. Each step may be
/// repeated after a crash, by another process too, and then ends as one call would have. Different runs never
/// disturb each other; two processes must not work on one run at a time.
///
/// `create` and its sinks are called on a thread that may block and belongs to no asynchronous runtime; the other
/// methods are called inside of a Tokio runtime.
#[async_trait]
pub trait PartStore: Display + Debug + Send + Sync + 'static {
    /// Returns what a later process needs to find this place again. It holds no secret.
    fn record(&self) -> DestinationRecord;

    /// Tries whether parts can be written, and leaves nothing behind.
    async fn check(&self) -> Result<(), StoreError>;

    /// Begins to try all that runs do here, one thing after the other. Nothing is tried before the first step is asked
    /// for.
    fn probe(&self) -> Box<dyn StoreProbe>;

    /// Begins a part. A repeated attempt replaces the part that an earlier one finished or left half written.
    fn create(&self, run: RunId, name: &PartName) -> Result<Box<dyn PartSink>, StoreError>;

    /// Makes parts of a run visible under their names. When it returns they are durable there. What is there already under such a name and is no part of this run is left
    /// alone and is an error.
    async fn publish(&self, run: RunId, parts: &[PartRecord]) -> Result<(), StoreError>;

    /// Creates the run's manifest where there is none: the commit point. After it come `_SUCCESS` and the pointer to
    /// the latest run, which an earlier run never takes back from a later one.
    ///
    /// A manifest of this run with the same content is success; one with other content is an error.
    async fn commit(&self, manifest: &Manifest) -> Result<Commit, StoreError>;

    /// Reads the manifest of a run; nothing where the run was not committed.
    async fn manifest(&self, export: &ExportName, run: RunId) -> Result<Option<Manifest>, StoreError>;

    /// Removes what a run wrote and no manifest lists: what it staged, and those of `parts` that can be seen. Nothing
    /// else is touched.
    async fn discard(&self, run: RunId, parts: &[PartRecord]) -> Result<Discarded, StoreError>;

    /// Reads a visible part back to its end and counts.
    async fn verify_part(&self, options: &OutputOptions, part: &PartRecord) -> Result<PartCheck, StoreError>;
}

/// Runs what may wait on a disk where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is being shut down and will not poll this future again.
            Err(_) => std::future::pending().await,
        },
    }
}
