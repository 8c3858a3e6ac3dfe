use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use rivet_model::OutputOptions;
use tokio::sync::mpsc::{Receiver, channel};

use super::ObjectStoreParts;
use crate::store::verify::{FOOTER_TAIL_BYTES, Scan, footer_place, rows_of_footer, scan};
use crate::store::{StoreError, blocking};

impl ObjectStoreParts {
    /// Reads a part from beginning to end, decoding on a thread that may block.
    pub(super) async fn scan(&self, options: &OutputOptions, name: &str, path: &Path) -> Result<Scan, StoreError> {
        let found = match self.store.get(path).await {
            Err(object_store::Error::NotFound { .. }) => return Err(self.missing(name)),
            found => found.map_err(|source| StoreError::object("read", name, source))?,
        };
        let (pieces, received) = channel::<Bytes>(2);
        let (owned_name, owned_options) = (name.to_owned(), options.clone());
        let scanning = blocking(move || scan(&owned_name, &owned_options, PieceReader::new(received)));
        let sending = async move {
            let mut stream = found.into_stream();
            while let Some(piece) = stream.next().await {
                let piece = piece.map_err(|source| StoreError::object("read", name, source))?;
                if pieces.send(piece).await.is_err() {
                    // The other side found damage and says so.
                    return Ok(());
                }
            }
            Ok(())
        };
        let (scanned, sent) = futures_util::join!(scanning, sending);
        sent.and(scanned)
    }

    pub(super) async fn footer_rows(&self, name: &str, path: &Path, bytes: u64) -> Result<u64, StoreError> {
        let failed = |source| StoreError::object("read", name, source);
        let tail = bytes.saturating_sub(FOOTER_TAIL_BYTES)..bytes;
        let tail = self.store.get_range(path, tail).await.map_err(failed)?;
        let (start, length) = footer_place(name, &tail, bytes)?;
        let footer = self.store.get_range(path, start..start + length).await.map_err(failed)?;
        rows_of_footer(name, &footer)
    }
}

/// Reads pieces that arrive through a channel.
struct PieceReader {
    pieces: Receiver<Bytes>,
    piece: Bytes,
}

impl PieceReader {
    fn new(pieces: Receiver<Bytes>) -> Self {
        Self { pieces, piece: Bytes::new() }
    }
}

impl std::io::Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.piece.len());
        buffer[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}
