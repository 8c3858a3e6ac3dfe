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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use arrow::array::AsArray as _;
    use arrow::datatypes::{DataType, Field, Int64Type};
    use proptest::prelude::*;
    use rivet_model::{Fidelity, Relation, RowRange};
    use rivet_source::{ColumnSpec, ReadAs, ScanLimits, ScanSpec, SourceType, TypeShape};

    use super::*;
    use crate::decode::RowDecoder;

    /// Gives its bytes in pieces of these sizes, over and over.
    struct Pieces {
        bytes: Vec<u8>,
        sizes: Vec<usize>,
        read: usize,
        turn: usize,
    }

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let size = self.sizes[self.turn % self.sizes.len()].min(out.remaining()).min(self.bytes.len() - self.read);
            out.put_slice(&self.bytes[self.read..self.read + size]);
            self.read += size;
            self.turn += 1;
            Poll::Ready(Ok(()))
        }
    }

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = i32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[tag][..], &length, body].concat()
    }

    fn row(value: i64) -> Vec<u8> {
        [&1_i16.to_be_bytes()[..], &8_i32.to_be_bytes(), &value.to_be_bytes()].concat()
    }

    /// The messages of a COPY of these values, and those that the library must see of it.
    fn conversation(values: &[i64]) -> (Vec<u8>, Vec<u8>) {
        let before = [message(b'K', &[0, 0, 0, 7, 0, 0, 0, 1]), message(b'Z', b"I")].concat();
        let after = [message(b'C', b"COPY\0"), message(b'Z', b"I")].concat();
        let header = [&b"PGCOPY\n\xff\r\n\0"[..], &[0; 8]].concat();
        let mut copy = message(b'H', &[1, 0, 0]);
        for (place, value) in values.iter().enumerate() {
            let first = if place == 0 { header.clone() } else { Vec::new() };
            copy.extend(message(b'd', &[first, row(*value)].concat()));
        }
        let first = if values.is_empty() { header } else { Vec::new() };
        copy.extend(message(b'd', &[first, vec![0xFF, 0xFF]].concat()));
        copy.extend(message(b'c', &[]));
        ([before.clone(), copy, after.clone()].concat(), [before, after].concat())
    }

    fn decoder(batch_rows: usize) -> RowDecoder {
        let source_type = SourceType {
            name: "bigint".to_owned(),
            base: "int8".to_owned(),
            id: crate::oid::INT8,
            modifier: -1,
            shape: TypeShape::Scalar,
        };
        let column = ColumnSpec {
            name: "id".parse().unwrap(),
            position: 0,
            source_type,
            read_as: ReadAs::Native,
            field: Arc::new(Field::new("id", DataType::Int64, true)),
            fidelity: Fidelity::Exact,
        };
        let spec = ScanSpec {
            relation: Relation::Table("t".parse().unwrap()),
            relation_width: 1,
            columns: vec![column],
            on_unrepresentable: None,
            key_columns: Vec::new(),
            key: Vec::new(),
            fallback: None,
            range: RowRange::All,
        };
        RowDecoder::new(&spec, &ScanLimits { batch_rows, ..ScanLimits::default() })
    }

    /// Reads everything, taking batches where the tap waits for that.
    fn run(values: &[i64], sizes: Vec<usize>, batch_rows: usize) -> (Vec<u8>, Vec<i64>) {
        let (bytes, _) = conversation(values);
        let total = bytes.len();
        let handle = TapHandle::default();
        handle.lock().decoder = Some(decoder(batch_rows));
        let mut tap = Tap::new(Pieces { bytes, sizes, read: 0, turn: 0 }, handle.clone());
        let mut cx = Context::from_waker(Waker::noop());
        let (mut passed, mut decoded) = (Vec::new(), Vec::new());
        loop {
            let mut space = [0; 16];
            let mut out = ReadBuf::new(&mut space);
            let polled = Pin::new(&mut tap).poll_read(&mut cx, &mut out);
            passed.extend_from_slice(out.filled());
            let batch = handle.lock().take_batch();
            let took = batch.is_some();
            decoded.extend(batch.into_iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()));
            let ended = matches!(polled, Poll::Ready(Ok(()))) && out.filled().is_empty() && tap.inner.read == total;
            if ended && !took {
                return (passed, decoded);
            }
            assert!(polled.is_ready() || took, "a tap that waits has a batch to take");
        }
    }

    proptest! {
        #[test]
        fn frames_cut_anywhere_give_the_same_rows_and_messages(
            values in proptest::collection::vec(any::<i64>(), 0..40),
            sizes in proptest::collection::vec(1_usize..60, 1..8),
            batch_rows in 1_usize..10,
        ) {
            let (passed, decoded) = run(&values, sizes, batch_rows);
            prop_assert_eq!(decoded, values.clone());
            prop_assert_eq!(passed, conversation(&values).1);
        }
    }

    #[test]
    fn the_process_id_is_seen_on_the_way() {
        let handle = TapHandle::default();
        let bytes = conversation(&[]).0;
        let mut tap = Tap::new(Pieces { bytes, sizes: vec![3], read: 0, turn: 0 }, handle.clone());
        let mut space = [0; 64];
        let mut out = ReadBuf::new(&mut space);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut tap).poll_read(&mut cx, &mut out).is_ready());
        assert_eq!(handle.lock().backend_pid, Some(7));
    }

    #[test]
    fn a_length_below_its_own_is_an_error() {
        let mut tap =
            Tap::new(Pieces { bytes: vec![b'Z', 0, 0, 0, 3], sizes: vec![9], read: 0, turn: 0 }, TapHandle::default());
        let mut space = [0; 64];
        let mut cx = Context::from_waker(Waker::noop());
        let polled = Pin::new(&mut tap).poll_read(&mut cx, &mut ReadBuf::new(&mut space));
        assert!(matches!(polled, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::InvalidData));
    }
}
