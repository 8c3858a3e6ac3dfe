use std::io::{self, Write};

use flate2::write::GzEncoder;
use rivet_model::Compression;
use zstd::stream::write::Encoder as ZstdEncoder;

use super::slot::SinkSlot;
use crate::error::WriteError;
use crate::store::PartSink;

/// Compresses a stream on its way to a sink.
pub(super) enum Compressor {
    Plain(SinkSlot),
    Gzip(GzEncoder<SinkSlot>),
    Zstd(ZstdEncoder<'static, SinkSlot>),
}

impl Compressor {
    /// Fails for what is no compression of a whole file.
    pub(super) fn check(compression: Compression) -> Result<(), WriteError> {
        let message = match compression {
            Compression::None | Compression::Gzip { level: 1..=9 } | Compression::Zstd { level: 1..=22 } => {
                return Ok(());
            }
            Compression::Gzip { level } => format!("gzip has no level {level}"),
            Compression::Zstd { level } => format!("zstd has no level {level}"),
            Compression::Snappy => "CSV files can't be compressed with snappy".to_owned(),
            Compression::Lz4 => "CSV files can't be compressed with lz4".to_owned(),
        };
        let help = "Choose `none`, `gzip` (levels 1 to 9) or `zstd` (levels 1 to 22) for CSV.";
        Err(WriteError::Options { message, help })
    }

    pub(super) fn new(compression: Compression, sink: Box<dyn PartSink>) -> Result<Self, WriteError> {
        let slot = SinkSlot::new(sink);
        Ok(match compression {
            Compression::Gzip { level } => Self::Gzip(GzEncoder::new(slot, flate2::Compression::new(level))),
            Compression::Zstd { level } => {
                let mut encoder = ZstdEncoder::new(slot, level).map_err(WriteError::from_csv)?;
                // The checksum that the command-line tool writes too.
                encoder.include_checksum(true).map_err(WriteError::from_csv)?;
                Self::Zstd(encoder)
            }
            _ => Self::Plain(slot),
        })
    }

    /// Writes what is held back and returns the sink.
    pub(super) fn finish(self) -> io::Result<Box<dyn PartSink>> {
        let mut slot = match self {
            Self::Plain(slot) => slot,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        slot.take().ok_or_else(|| io::Error::other("the part was given up"))
    }

    pub(super) fn abort(mut self) {
        let slot = match &mut self {
            Self::Plain(slot) => slot,
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        };
        if let Some(sink) = slot.take() {
            sink.abort();
        }
    }
}

impl Write for Compressor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(slot) => slot.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
