use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};
use rivet_model::Retry;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::error::StoreError;
use super::{PartSink, SinkReceipt};
use crate::failpoint;
use crate::layout::hex;

/// What is sent at once. Every store takes pieces of 5 MiB and more; 10,000 of these make 80 GB.
const PIECE_BYTES: usize = 8 << 20;

/// Pieces that are on their way at the same time. With one in the channel and one being filled, an upload holds at
/// most five.
const IN_FLIGHT: usize = 3;

/// How often an upload is tried to be begun, beyond what the backend repeats by itself.
const BEGIN_ATTEMPTS: u32 = 3;

/// The wait after the first of these attempts; that after the second is twice as long.
const BEGIN_WAIT: Duration = Duration::from_millis(300);

/// What the encoding thread sends to the task that uploads. An end without [`Piece::Last`] gives the part up.
enum Piece {
    Data(Bytes),
    /// All pieces were sent, and this is what they make together.
    Last(SinkReceipt),
}

/// Sends a part to an object store in pieces. The object appears when the last one has arrived, or not at all.
pub(super) struct UploadSink {
    name: String,
    handle: Handle,
    pieces: Option<Sender<Piece>>,
    task: Option<JoinHandle<Result<(), StoreError>>>,
    buffer: Vec<u8>,
    digest: Sha256,
    bytes: u64,
}

impl UploadSink {
    /// Begins the upload of an object; its requests are sent on the runtime of `handle`.
    pub(super) fn create(store: Arc<dyn ObjectStore>, path: Path, handle: Handle) -> Self {
        let (pieces, received) = channel(1);
        let name = path.to_string();
        let task = handle.spawn(upload(store, path, received));
        let digest = Sha256::new();
        Self { name, handle, pieces: Some(pieces), task: Some(task), buffer: Vec::new(), digest, bytes: 0 }
    }

    fn send(&mut self, piece: Piece) -> Result<(), StoreError> {
        let sent = self.pieces.as_ref().is_some_and(|pieces| pieces.blocking_send(piece).is_ok());
        if sent { Ok(()) } else { self.join().and_then(|()| Err(StoreError::Upload { name: self.name.clone() })) }
    }

    /// Waits for the task, and returns how it ended.
    fn join(&mut self) -> Result<(), StoreError> {
        self.pieces = None;
        let Some(task) = self.task.take() else { return Err(StoreError::Upload { name: self.name.clone() }) };
        self.handle.block_on(task).map_err(|_lost| StoreError::Upload { name: self.name.clone() })?
    }

    fn send_buffer(&mut self) -> Result<(), StoreError> {
        // The next piece will be as long as this one.
        let next = Vec::with_capacity(self.buffer.len());
        let piece = Bytes::from(std::mem::replace(&mut self.buffer, next));
        self.send(Piece::Data(piece))
    }
}

impl Write for UploadSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.bytes += u64::try_from(bytes.len()).expect("memory is counted in at most 64 bits");
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PIECE_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            rest = later;
            if self.buffer.len() == PIECE_BYTES {
                self.send_buffer().map_err(StoreError::into_io)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PartSink for UploadSink {
    /// What is on its way is not known here; it is no more than fits, and no more than was written.
    fn held_bytes(&self) -> usize {
        let sent = usize::try_from(self.bytes).unwrap_or(usize::MAX).saturating_sub(self.buffer.len());
        self.buffer.capacity() + sent.min((IN_FLIGHT + 1) * PIECE_BYTES)
    }

    fn finish(mut self: Box<Self>) -> Result<SinkReceipt, StoreError> {
        self.send_buffer()?;
        let receipt = SinkReceipt { bytes: self.bytes, sha256: hex(&std::mem::take(&mut self.digest).finalize()) };
        self.send(Piece::Last(receipt.clone()))?;
        self.join()?;
        failpoint::reach("part_staged");
        Ok(receipt)
    }

    /// Dropping it does the work.
    fn abort(self: Box<Self>) {}
}

impl Drop for UploadSink {
    /// Waits until the pieces that were sent are removed again, unless that would hold up a runtime.
    fn drop(&mut self) {
        self.pieces = None;
        if self.task.is_some()
            && Handle::try_current().is_err()
            && let Err(error) = self.join()
        {
            tracing::debug!(part = %self.name, %error, "upload given up");
        }
    }
}

/// Receives pieces and sends them on: one that is small as a whole, more as a multipart upload.
async fn upload(store: Arc<dyn ObjectStore>, path: Path, mut pieces: Receiver<Piece>) -> Result<(), StoreError> {
    let failed = |source| StoreError::object("write", &path, source);
    let Some(Piece::Data(first)) = pieces.recv().await else { return Ok(()) };
    let second = match pieces.recv().await {
        None => return Ok(()),
        Some(Piece::Last(receipt)) => {
            let sent = store.put(&path, first.into()).await.map(drop);
            return believe(store.as_ref(), &path, &receipt, sent).await.map_err(failed);
        }
        Some(Piece::Data(second)) => second,
    };
    let mut multipart = begin(store.as_ref(), &path).await?;
    failpoint::reach("upload_begun");
    let sent = match send_pieces(multipart.as_mut(), [first, second], &mut pieces).await {
        Ok(Some(receipt)) => {
            failpoint::reach("pieces_sent");
            let completed = multipart.complete().await.map(drop);
            match believe(store.as_ref(), &path, &receipt, completed).await {
                Ok(()) => return Ok(()),
                Err(error) => Err(error),
            }
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = multipart.abort().await {
        let error = StoreError::object("give up the upload of", &path, error);
        tracing::warn!(%error, "the pieces of an upload could not be removed");
    }
    sent.map_err(failed)
}

/// Begins a multipart upload. Not every backend repeats this by itself, since an upload whose beginning was not answered
/// stays open: those are looked for when the run ends.
pub(super) async fn begin(store: &dyn ObjectStore, path: &Path) -> Result<Box<dyn MultipartUpload>, StoreError> {
    let mut attempt = 1;
    loop {
        let begun = store.put_multipart(path).await;
        match begun.map_err(|source| StoreError::object("begin an upload to", path, source)) {
            Err(error) if error.retry() == Retry::Backoff && attempt < BEGIN_ATTEMPTS => {
                tokio::time::sleep(BEGIN_WAIT * attempt).await;
                attempt += 1;
            }
            done => return done,
        }
    }
}

/// Takes an upload for done where the object is there, whatever the answer was: an answer may get lost after the
/// store has done what it was asked. An object of an earlier attempt may stand there too, so that it is read.
async fn believe(
    store: &dyn ObjectStore,
    path: &Path,
    receipt: &SinkReceipt,
    answer: object_store::Result<()>,
) -> object_store::Result<()> {
    let Err(error) = answer else { return Ok(()) };
    match is_there(store, path, receipt).await {
        Ok(true) => {
            tracing::debug!(part = %path, "the answer was lost, the upload was not");
            Ok(())
        }
        Ok(false) | Err(_) => Err(error),
    }
}

async fn is_there(store: &dyn ObjectStore, path: &Path, receipt: &SinkReceipt) -> object_store::Result<bool> {
    let found = store.get(path).await?;
    if found.meta.size != receipt.bytes {
        return Ok(false);
    }
    let (mut stream, mut digest) = (found.into_stream(), Sha256::new());
    while let Some(piece) = stream.next().await {
        digest.update(&piece?);
    }
    Ok(hex(&digest.finalize()) == receipt.sha256)
}

/// Sends what comes, and returns what it should make together; nothing where the part is given up.
///
/// What is on its way is looked after while the next piece is awaited: rows may come slowly, and a request that
/// nobody looks after runs into its time limit.
async fn send_pieces(
    multipart: &mut dyn MultipartUpload,
    begun: [Bytes; 2],
    pieces: &mut Receiver<Piece>,
) -> object_store::Result<Option<SinkReceipt>> {
    let mut in_flight = FuturesUnordered::new();
    for piece in begun {
        in_flight.push(multipart.put_part(PutPayload::from(piece)));
    }
    let receipt = loop {
        tokio::select! {
            Some(sent) = in_flight.next() => sent?,
            piece = pieces.recv(), if in_flight.len() < IN_FLIGHT => match piece {
                Some(Piece::Data(piece)) if piece.is_empty() => {}
                Some(Piece::Data(piece)) => in_flight.push(multipart.put_part(PutPayload::from(piece))),
                Some(Piece::Last(receipt)) => break receipt,
                None => return Ok(None),
            },
        }
    };
    while let Some(sent) = in_flight.next().await {
        sent?;
    }
    Ok(Some(receipt))
}
