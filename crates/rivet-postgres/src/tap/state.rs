use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;

use crate::decode::{DecodeError, RowDecoder};

/// Batches that wait for the scan to take them. One is enough: the scan polls on the same task.
const READY_LIMIT: usize = 1;

/// What the stream and the scan that uses it share. Both are polled by one task, so the lock is never waited for.
#[derive(Debug, Default)]
pub(crate) struct TapState {
    /// The process id in BackendKeyData: a pooler puts its own there.
    pub(crate) backend_pid: Option<i32>,
    /// The body of the last RowDescription.
    pub(crate) row_description: Option<Vec<u8>>,
    /// Decodes COPY data while one is running.
    pub(crate) decoder: Option<RowDecoder>,
    /// Whether the rows of another COPY follow those of the one that runs, in the same batches.
    pub(crate) more_follows: bool,
    ready: VecDeque<RecordBatch>,
    fault: Option<DecodeError>,
}

impl TapState {
    /// Decodes the body of one CopyData message. After a fault, rows are thrown away unread until the server stops.
    pub(super) fn copy_data(&mut self, body: &[u8]) {
        let Some(decoder) = &mut self.decoder else { return };
        if self.fault.is_none()
            && let Err(fault) = decoder.push(body, &mut self.ready)
        {
            self.fault = Some(fault);
        }
    }

    /// Decodes what is left at CopyDone.
    pub(super) fn copy_done(&mut self) {
        let Some(decoder) = &mut self.decoder else { return };
        if self.more_follows {
            decoder.expect_header();
        } else if self.fault.is_none()
            && let Err(fault) = decoder.finish(&mut self.ready)
        {
            self.fault = Some(fault);
        }
    }

    /// Whether reading should pause until the scan has taken what is ready.
    pub(super) fn is_full(&self) -> bool {
        self.ready.len() >= READY_LIMIT || (self.fault.is_some() && self.decoder.is_some())
    }

    pub(crate) fn take_batch(&mut self) -> Option<RecordBatch> {
        self.ready.pop_front()
    }

    pub(crate) fn take_fault(&mut self) -> Option<DecodeError> {
        self.fault.take()
    }

    /// Stops decoding: what the server still sends is thrown away.
    pub(crate) fn discard(&mut self) {
        self.decoder = None;
        self.ready.clear();
        self.fault = None;
    }
}

/// A shared [`TapState`].
#[derive(Debug, Clone, Default)]
pub(crate) struct TapHandle(Arc<Mutex<TapState>>);

impl TapHandle {
    pub(crate) fn lock(&self) -> MutexGuard<'_, TapState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
