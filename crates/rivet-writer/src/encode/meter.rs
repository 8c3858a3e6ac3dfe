use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use super::as_u64;
use super::compress::Compressor;
use crate::store::{PartSink, SinkReceipt, StoreError};

/// What compressed CSV is taken to shrink to while the compressor still holds it.
const ASSUMED_RATIO: u64 = 4;

/// Counts what goes into a compressor and what comes out of it.
///
/// It is shared because csv-async does not lend what it writes into.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    entered: AtomicU64,
    left: AtomicU64,
    /// What had entered when something last left.
    entered_by_then: AtomicU64,
    /// What the sink held when something last left.
    held: AtomicUsize,
}

impl Meter {
    fn enter(&self, bytes: usize) {
        self.0.entered.fetch_add(as_u64(bytes), Ordering::Relaxed);
    }

    fn leave(&self, bytes: usize) {
        self.0.left.fetch_add(as_u64(bytes), Ordering::Relaxed);
        self.0.entered_by_then.store(self.0.entered.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn hold(&self, bytes: usize) {
        self.0.held.store(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes that the sink holds.
    pub(super) fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// Returns the size of what left, and what is likely to follow of what entered.
    pub(super) fn estimate(&self) -> u64 {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let held = count(&self.0.entered).saturating_sub(count(&self.0.entered_by_then));
        count(&self.0.left) + held / ASSUMED_RATIO
    }
}

/// The end of a compressor that csv-async writes into: always ready, and as quick as the sink below.
pub(super) struct MeteredWriter {
    compressor: Compressor,
    meter: Meter,
}

impl MeteredWriter {
    pub(super) fn new(compressor: Compressor, meter: Meter) -> Self {
        Self { compressor, meter }
    }

    pub(super) fn into_compressor(self) -> Compressor {
        self.compressor
    }
}

impl AsyncWrite for MeteredWriter {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.meter.enter(bytes.len());
        Poll::Ready(self.compressor.write_all(bytes).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A sink that counts what it takes.
pub(super) struct MeteredSink {
    sink: Box<dyn PartSink>,
    meter: Meter,
}

impl MeteredSink {
    pub(super) fn new(sink: Box<dyn PartSink>, meter: Meter) -> Self {
        Self { sink, meter }
    }
}

impl Write for MeteredSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.write_all(bytes)?;
        self.meter.leave(bytes.len());
        self.meter.hold(self.sink.held_bytes());
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl PartSink for MeteredSink {
    fn held_bytes(&self) -> usize {
        self.sink.held_bytes()
    }

    fn finish(self: Box<Self>) -> Result<SinkReceipt, StoreError> {
        self.sink.finish()
    }

    fn abort(self: Box<Self>) {
        self.sink.abort();
    }
}
