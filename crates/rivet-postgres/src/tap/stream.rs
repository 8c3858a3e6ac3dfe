use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::TapHandle;
use super::buffer::ReadBuffer;

/// Tag and length of a message. <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const HEADER: usize = 5;

/// Wraps a stream whose server side speaks PostgreSQL messages from its first byte on.
pub(crate) struct Tap<S> {
    inner: S,
    handle: TapHandle,
    buffer: ReadBuffer,
    /// Bytes of the current message that still have to be passed on.
    passing: usize,
}

/// What to do with the message at the front of the buffer.
enum Step {
    /// Pass this many bytes on.
    Pass(usize),
    /// This many bytes are needed to decide.
    Need(usize),
    /// Wait until the scan has taken a batch.
    Pause,
}

impl<S> Tap<S> {
    pub(crate) fn new(inner: S, handle: TapHandle) -> Self {
        Self { inner, handle, buffer: ReadBuffer::new(), passing: 0 }
    }

    /// Looks at complete messages at the front of the buffer and takes out those of a COPY.
    fn step(&mut self) -> io::Result<Step> {
        let mut state = self.handle.lock();
        loop {
            if state.is_full() {
                return Ok(Step::Pause);
            }
            let unread = self.buffer.unread();
            let Some((&[tag, a, b, c, d], rest)) = unread.split_first_chunk::<HEADER>() else {
                return Ok(Step::Need(HEADER));
            };
            let length = usize::try_from(i32::from_be_bytes([a, b, c, d]))
                .ok()
                .and_then(|length| length.checked_sub(4))
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a message of negative length"))?;
            let taken = matches!(tag, b'd' | b'c' | b'H');
            let watched = matches!(tag, b'T' | b'K');
            if !taken && !watched {
                return Ok(Step::Pass(HEADER + length));
            }
            let Some(body) = rest.get(..length) else {
                return Ok(Step::Need(HEADER + length));
            };
            match tag {
                b'd' => state.copy_data(body),
                b'c' => state.copy_done(),
                b'T' => state.row_description = Some(body.to_vec()),
                b'K' => state.backend_pid = body.first_chunk().map(|pid| i32::from_be_bytes(*pid)),
                _ => {} // CopyOutResponse: the format is ours, the columns are known.
            }
            if watched {
                return Ok(Step::Pass(HEADER + length));
            }
            self.buffer.consume(HEADER + length);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.passing > 0 && !this.buffer.unread().is_empty() {
                let unread = this.buffer.unread();
                let count = this.passing.min(unread.len()).min(out.remaining());
                out.put_slice(&unread[..count]);
                this.buffer.consume(count);
                this.passing -= count;
                return Poll::Ready(Ok(()));
            }
            let needed = if this.passing > 0 {
                1
            } else {
                match this.step()? {
                    Step::Pass(length) => {
                        this.passing = length;
                        continue;
                    }
                    Step::Need(length) => length,
                    // No waker is kept: the scan polls again, on this task, after it has taken a batch.
                    Step::Pause => return Poll::Pending,
                }
            };
            this.buffer.reserve(needed);
            if ready!(this.buffer.poll_fill(&mut this.inner, cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Tap<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

impl<S> fmt::Debug for Tap<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("passing", &self.passing).finish_non_exhaustive()
    }
}
