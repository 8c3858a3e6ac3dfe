use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression as Codec, Encoding, GzipLevel, Type, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion};
use rivet_model::{Compression, OutputOptions, ParquetEncoding};

use crate::error::WriteError;

/// Where a column gives its dictionary up. The library's 1 MiB lets columns of unique values build dictionaries that
/// are thrown away: 675 against 500 to 530 ns a row (`docs/benchmarks.md`).
const DICTIONARY_BYTES: usize = 128 << 10;

/// Bytes of a page before it is compressed. The library's 1 MiB does not fit a core's cache beside the tables of the
/// compressor: pages of this size took 8 % less CPU to encode on wide text with both cores busy, and made the file 2 %
/// larger (`docs/benchmarks.md`).
const PAGE_BYTES: usize = 256 << 10;

/// Minimum and maximum of text and binary in statistics are cut to this many bytes.
const STATISTICS_BYTES: usize = 64;

pub(super) fn properties(schema: &SchemaRef, options: &OutputOptions) -> Result<WriterProperties, WriteError> {
    let builder = WriterProperties::builder()
        .set_created_by(concat!("rivet version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(codec(options.compression)?)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
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
