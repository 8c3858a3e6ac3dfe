use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::durable::{error, forget, sync_folder};
use super::error::StoreError;
use super::{PartSink, SinkReceipt};
use crate::failpoint;
use crate::layout::hex;

/// What is collected before it is digested and written.
const BUFFER_BYTES: usize = 256 << 10;

/// Writes a part into the staging folder: under a temporary name until it is whole.
pub(super) struct LocalSink {
    /// Absent once finished.
    file: Option<File>,
    temporary: PathBuf,
    staged: PathBuf,
    buffer: Vec<u8>,
    digest: Sha256,
    bytes: u64,
}

impl LocalSink {
    /// Begins the part that will be at `staged`, whose folder exists.
    pub(super) fn create(staged: PathBuf) -> Result<Self, StoreError> {
        let mut temporary = staged.clone().into_os_string();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let file = File::create(&temporary).map_err(error("create", &temporary))?;
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Ok(Self { file: Some(file), temporary, staged, buffer, digest: Sha256::new(), bytes: 0 })
    }

    fn write_through(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).map_err(error("write", &self.staged))?;
        self.digest.update(bytes);
        self.bytes += u64::try_from(bytes.len()).expect("memory is counted in at most 64 bits");
        Ok(())
    }

    fn write_buffer(&mut self) -> Result<(), StoreError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let written = self.write_through(&buffer);
        buffer.clear();
        self.buffer = buffer;
        written
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.write_buffer()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            return self.write_through(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }
}

impl Write for LocalSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_bytes(bytes).map_err(StoreError::into_io)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PartSink for LocalSink {
    fn finish(mut self: Box<Self>) -> Result<SinkReceipt, StoreError> {
        self.write_buffer()?;
        if let Some(file) = &self.file {
            file.sync_all().map_err(error("sync", &self.staged))?;
        }
        fs::rename(&self.temporary, &self.staged).map_err(error("create", &self.staged))?;
        self.file = None;
        if let Some(folder) = self.staged.parent() {
            sync_folder(folder)?;
        }
        failpoint::reach("part_staged");
        let digest = std::mem::take(&mut self.digest);
        Ok(SinkReceipt { bytes: self.bytes, sha256: hex(&digest.finalize()) })
    }

    fn abort(self: Box<Self>) {
        drop(self);
    }
}

impl Drop for LocalSink {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            forget(&self.temporary);
        }
    }
}
