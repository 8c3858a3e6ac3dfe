use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// The size at which reads were measured to cost least (`docs/benchmarks.md`): larger ones leave the cache.
const USUAL_CAPACITY: usize = 256 << 10;

/// Bytes read from the server and not yet consumed: `bytes[start..end]`.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReadBuffer {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; USUAL_CAPACITY], start: 0, end: 0 }
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            // One huge row must not hold its memory for the rest of the scan.
            if self.bytes.len() > USUAL_CAPACITY {
                *self = Self::new();
            }
        }
    }

    /// Makes sure that `needed` unread bytes fit in one piece.
    pub(super) fn reserve(&mut self, needed: usize) {
        if self.start + needed > self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if needed > self.bytes.len() {
            self.bytes.resize(needed, 0);
        } else if self.bytes.len() > USUAL_CAPACITY && self.end.max(needed) <= USUAL_CAPACITY {
            self.bytes.truncate(USUAL_CAPACITY);
            self.bytes.shrink_to_fit();
        }
    }

    /// Reads once. Ready with 0 at the end of the stream.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<std::io::Result<usize>> {
        let mut target = ReadBuf::new(&mut self.bytes[self.end..]);
        ready!(Pin::new(stream).poll_read(cx, &mut target))?;
        let count = target.filled().len();
        self.end += count;
        Poll::Ready(Ok(count))
    }
}
