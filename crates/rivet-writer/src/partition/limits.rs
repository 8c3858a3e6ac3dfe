use arrow::datatypes::Schema;
use rivet_model::{Compression, Format, OutputOptions, RowGroupTarget};

use crate::encode::ROWS_TARGET_MEMORY;

/// Parts that are open at a time, at most: each is an open file or an upload.
const MOST_OPEN: usize = 64;

/// What open parts may take for buffers and compressors that no rows are needed to fill.
const OPEN_BYTES: usize = 64 << 20;

/// What uploads may hold that their store has not confirmed. One alone holds up to 40 MiB.
const SINK_BYTES: usize = 128 << 20;

/// What rows may take that wait for their part to be opened; for a moment they take twice as much when it is.
const WAITING_BYTES: usize = 32 << 20;

/// Parts of one chunk, at most. What is known of each takes some hundred bytes, in memory, in the state store and in the
/// manifest.
const MOST_PARTS: usize = 200_000;

/// How much the parts of one chunk may take together, however many folders there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Parts that are open at a time.
    pub(super) open_parts: usize,
    /// What open parts hold of rows that are not encoded to their end.
    pub(super) buffered: usize,
    /// What sinks hold.
    pub(super) in_sinks: usize,
    /// What waiting rows take.
    pub(super) waiting: usize,
    /// Parts in all.
    pub(super) parts: usize,
}

impl Limits {
    /// Returns the limits for files of this schema, where so many chunks are written at a time.
    pub(super) fn of(schema: &Schema, options: &OutputOptions, at_a_time: usize) -> Self {
        let each = match (options.format, options.compression) {
            // The sink's buffer, and the first pages of each column.
            (Format::Parquet, _) => (256 << 10) + schema.flattened_fields().len() * (16 << 10),
            // The encoder's buffer and the sink's; a compressor has its own window and tables.
            (Format::Csv, Compression::Zstd { level: ..=3 }) => 5 << 20,
            (Format::Csv, Compression::Zstd { level: 4..=9 }) => 20 << 20,
            (Format::Csv, Compression::Zstd { .. }) => 128 << 20,
            (Format::Csv, _) => 1 << 20,
        };
        let buffered = match options.parquet.row_group {
            RowGroupTarget::Auto(bytes) | RowGroupTarget::Bytes(bytes) => {
                usize::try_from(bytes).unwrap_or(usize::MAX).max(1)
            }
            RowGroupTarget::Rows(_) => ROWS_TARGET_MEMORY,
        };
        let open_parts = (OPEN_BYTES / each).min(MOST_OPEN / at_a_time.max(1)).max(2);
        Self { open_parts, buffered, in_sinks: SINK_BYTES, waiting: WAITING_BYTES, parts: MOST_PARTS }
    }
}
