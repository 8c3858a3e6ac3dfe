use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use rivet_model::{DestinationRecord, ExportName, OutputOptions, PartRecord, RunId};
use sha2::{Digest as _, Sha256};

use super::error::StoreError;
use super::{Commit, Discarded, PartCheck, PartSink, PartStore, ProbeStep, SinkReceipt, StoreProbe};
use crate::layout::{PartName, hex};
use crate::manifest::Manifest;

/// One part in a stream, such as standard output.
///
/// A stream has no names: there is no manifest, publishing does nothing, and what has been written can't be taken
/// back.
pub struct StreamStore {
    kind: &'static str,
    stream: Mutex<Option<Box<dyn Write + Send>>>,
}

impl StreamStore {
    /// Makes a store over a stream; `kind` names it in messages and records, for example `stdout`.
    pub fn new(kind: &'static str, stream: impl Write + Send + 'static) -> Self {
        Self { kind, stream: Mutex::new(Some(Box::new(stream))) }
    }
}

impl fmt::Display for StreamStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

impl fmt::Debug for StreamStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamStore").field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[async_trait]
impl PartStore for StreamStore {
    fn record(&self) -> DestinationRecord {
        DestinationRecord { kind: self.kind.to_owned(), root: String::new() }
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn probe(&self) -> Box<dyn StoreProbe> {
        Box::new(NoProbe)
    }

    fn create(&self, _: RunId, _: &PartName) -> Result<Box<dyn PartSink>, StoreError> {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        let stream = stream.ok_or_else(|| StoreError::OnePart { destination: self.kind.to_owned() })?;
        Ok(Box::new(StreamSink { kind: self.kind, stream, digest: Sha256::new(), bytes: 0 }))
    }

    async fn publish(&self, _: RunId, _: &[PartRecord]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn commit(&self, _: &Manifest) -> Result<Commit, StoreError> {
        Ok(Commit::Created)
    }

    async fn manifest(&self, _: &ExportName, _: RunId) -> Result<Option<Manifest>, StoreError> {
        Ok(None)
    }

    async fn discard(&self, _: RunId, _: &[PartRecord]) -> Result<Discarded, StoreError> {
        Ok(Discarded::default())
    }

    async fn verify_part(&self, _: &OutputOptions, _: &PartRecord) -> Result<PartCheck, StoreError> {
        Err(StoreError::NotReadable { destination: self.kind.to_owned() })
    }
}

struct StreamSink {
    kind: &'static str,
    stream: Box<dyn Write + Send>,
    digest: Sha256,
    bytes: u64,
}

impl Write for StreamSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).map_err(|source| StoreError::io("write to", self.kind, source).into_io())?;
        self.digest.update(bytes);
        self.bytes += u64::try_from(bytes.len()).expect("memory is counted in at most 64 bits");
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl PartSink for StreamSink {
    fn finish(mut self: Box<Self>) -> Result<SinkReceipt, StoreError> {
        self.stream.flush().map_err(|source| StoreError::io("write to", self.kind, source))?;
        Ok(SinkReceipt { bytes: self.bytes, sha256: hex(&self.digest.finalize()) })
    }

    fn abort(self: Box<Self>) {}
}

/// There is nothing to try: a stream is there, and takes what comes.
#[derive(Debug)]
struct NoProbe;

#[async_trait]
impl StoreProbe for NoProbe {
    async fn step(&mut self) -> Option<ProbeStep> {
        None
    }

    async fn clean(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
