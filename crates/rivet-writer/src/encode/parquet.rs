use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression as Codec, Encoding, GzipLevel, Type, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion};
use rivet_model::{Compression, OutputOptions, ParquetEncoding, RowGroupTarget};

use super::slot::SinkSlot;
use super::{BatchWriter, EncodedPart, as_u64};
use crate::error::WriteError;
use crate::store::PartSink;

/// Where a column gives its dictionary up. The library's 1 MiB lets columns of unique values build dictionaries that
/// are thrown away: 675 against 500 to 530 ns a row (`docs/benchmarks.md`).
const DICTIONARY_BYTES: usize = 128 << 10;

/// Minimum and maximum of text and binary in statistics are cut to this many bytes.
const STATISTICS_BYTES: usize = 64;

/// Rows handed to the encoder at once. Memory is looked at after each such piece, so that a large batch can't carry
/// a row group far above its target.
const PIECE_ROWS: usize = 8_192;

/// Where a row group ends in any case when it is to be ended by rows, so that wide rows don't take all memory.
pub(crate) const ROWS_TARGET_MEMORY: usize = 256 << 20;

/// Writes Parquet with the synchronous encoder of the `parquet` crate.
pub(super) struct ParquetBatchWriter {
    writer: ArrowWriter<SinkSlot>,
    memory: usize,
    rows: u64,
}

/// Finds what stands against writing this schema as Parquet.
pub(super) fn check(schema: &SchemaRef, options: &OutputOptions) -> Result<(), WriteError> {
    ArrowWriter::try_new(std::io::sink(), SchemaRef::clone(schema), Some(properties(schema, options)?))
        .map(drop)
        .map_err(WriteError::from_parquet)
}

impl ParquetBatchWriter {
    pub(super) fn new(
        schema: &SchemaRef,
        options: &OutputOptions,
        sink: Box<dyn PartSink>,
    ) -> Result<Self, WriteError> {
        let properties = properties(schema, options)?;
        let writer = ArrowWriter::try_new(SinkSlot::new(sink), Arc::clone(schema), Some(properties))
            .map_err(WriteError::from_parquet)?;
        let memory = match options.parquet.row_group {
            RowGroupTarget::Bytes(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX).max(1),
            RowGroupTarget::Rows(_) => ROWS_TARGET_MEMORY,
        };
        Ok(Self { writer, memory, rows: 0 })
    }

    fn write_piece(&mut self, piece: &RecordBatch) -> Result<(), WriteError> {
        self.writer.write(piece).map_err(WriteError::from_parquet)?;
        if self.writer.memory_size() >= self.memory {
            self.writer.flush().map_err(WriteError::from_parquet)?;
        }
        Ok(())
    }
}

impl BatchWriter for ParquetBatchWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        if batch.num_rows() <= PIECE_ROWS {
            self.write_piece(batch)?;
        } else {
            for start in (0..batch.num_rows()).step_by(PIECE_ROWS) {
                self.write_piece(&batch.slice(start, PIECE_ROWS.min(batch.num_rows() - start)))?;
            }
        }
        self.rows += as_u64(batch.num_rows());
        Ok(())
    }

    fn written_bytes(&self) -> u64 {
        as_u64(self.writer.bytes_written() + self.writer.in_progress_size())
    }

    fn buffered_bytes(&self) -> usize {
        self.writer.memory_size()
    }

    fn sink_bytes(&self) -> usize {
        self.writer.inner().held_bytes()
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        self.writer.flush().map_err(WriteError::from_parquet)
    }

    fn finish(mut self: Box<Self>) -> Result<(Box<dyn PartSink>, EncodedPart), WriteError> {
        self.writer.finish().map_err(WriteError::from_parquet)?;
        let gone = || WriteError::Parquet(parquet::errors::ParquetError::General("the part has ended".to_owned()));
        let sink = self.writer.inner_mut().take().ok_or_else(gone)?;
        Ok((sink, EncodedPart { rows: self.rows }))
    }

    fn abort(mut self: Box<Self>) {
        if let Some(sink) = self.writer.inner_mut().take() {
            sink.abort();
        }
    }
}

fn properties(schema: &SchemaRef, options: &OutputOptions) -> Result<WriterProperties, WriteError> {
    let rows = match options.parquet.row_group {
        RowGroupTarget::Rows(rows) => Some(usize::try_from(rows).unwrap_or(usize::MAX).max(1)),
        RowGroupTarget::Bytes(_) => None,
    };
    let builder = WriterProperties::builder()
        .set_created_by(concat!("rivet version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(codec(options.compression)?)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_max_row_group_row_count(rows)
        .set_max_row_group_bytes(None)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES))
        .set_coerce_types(false);
    let builder = match options.parquet.encoding {
        ParquetEncoding::Compat => builder.set_writer_version(WriterVersion::PARQUET_1_0),
        ParquetEncoding::Delta => with_deltas(builder.set_writer_version(WriterVersion::PARQUET_1_0), schema)?,
        ParquetEncoding::V2 => builder.set_writer_version(WriterVersion::PARQUET_2_0),
    };
    Ok(builder.build())
}

/// Sets what a column falls back to where its dictionary does not pay.
///
/// Lengths as deltas and the text as it is, rather than shared prefixes: unsorted text has few, and a compressor
/// finds the rest.
fn with_deltas(
    mut builder: WriterPropertiesBuilder,
    schema: &SchemaRef,
) -> Result<WriterPropertiesBuilder, WriteError> {
    let leaves = ArrowSchemaConverter::new().convert(schema).map_err(WriteError::from_parquet)?;
    for leaf in leaves.columns() {
        let encoding = match leaf.physical_type() {
            Type::INT32 | Type::INT64 => Encoding::DELTA_BINARY_PACKED,
            Type::BYTE_ARRAY => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            Type::BOOLEAN | Type::INT96 | Type::FLOAT | Type::DOUBLE | Type::FIXED_LEN_BYTE_ARRAY => continue,
        };
        builder = builder.set_column_encoding(leaf.path().clone(), encoding);
    }
    Ok(builder)
}

fn codec(compression: Compression) -> Result<Codec, WriteError> {
    let refuse = |codec, level: i64| WriteError::Options {
        message: format!("{codec} has no level {level}"),
        help: "Choose a level that the codec has: 1 to 9 for gzip, 1 to 22 for zstd.",
    };
    Ok(match compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Snappy => Codec::SNAPPY,
        Compression::Lz4 => Codec::LZ4_RAW,
        Compression::Gzip { level } => {
            Codec::GZIP(GzipLevel::try_new(level).map_err(|_range| refuse("gzip", i64::from(level)))?)
        }
        Compression::Zstd { level } => {
            Codec::ZSTD(ZstdLevel::try_new(level).map_err(|_range| refuse("zstd", i64::from(level)))?)
        }
    })
}
