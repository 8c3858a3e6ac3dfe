use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::{NumberOrText, OneOrMany, RawDestination, RawQuality, RawTuning};
use crate::export::OnSchemaDrift;
use crate::mode::{ChunkConsistency, CursorMode, TimeColumnType};

/// One unit of work: what is read, how, and where it goes.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawExport {
    /// The export's name, unique in the file. Required.
    pub(crate) name: Option<String>,
    /// The table or view to read: `table` or `schema.table`, spelled as the catalog spells it; a part with a dot in
    /// double quotes. One of `table`, `query` and `query_file` is required.
    pub(crate) table: Option<String>,
    /// The statement to read. `${key}` is filled by `--param key=value`, else by the environment.
    pub(crate) query: Option<String>,
    /// A file that holds the statement, below the configuration's folder.
    pub(crate) query_file: Option<String>,
    /// How much is read. Default: `full`.
    pub(crate) mode: Option<ModeName>,
    /// The format of the files. Default: `parquet`.
    pub(crate) format: Option<RawFormat>,
    /// Where the files go. Required.
    pub(crate) destination: Option<RawDestination>,
    /// How the files are compressed; CSV takes `zstd`, `gzip` and `none`. Default: `zstd` for Parquet, `none` for CSV.
    pub(crate) compression: Option<RawCompression>,
    /// How hard to compress: zstd 1 to 22 (default 1), gzip 1 to 9 (default 6).
    pub(crate) compression_level: Option<i64>,
    /// A compression by what it is for: `fast` is snappy, `balanced` zstd 3, `compact` zstd 9. Not with `compression`.
    pub(crate) compression_profile: Option<RawCompressionProfile>,
    /// The size at which a file ends and the next one begins: bytes, or a text such as `256MB` (10^6) and `1GiB`
    /// (2^30); at least `1MiB`. Default: one file per chunk.
    pub(crate) max_file_size: Option<NumberOrText>,
    /// Writes nothing at all where there are no rows. Default: false.
    pub(crate) skip_empty: Option<bool>,
    /// Columns that Rivet adds.
    pub(crate) meta_columns: Option<RawMetaColumns>,
    /// Rules that a run must keep.
    pub(crate) quality: Option<RawQuality>,
    /// Types to use in place of Rivet's own choice, by column: `bool`, `int2`, `int4`, `int8`, `float4`, `float8`,
    /// `decimal(p,s)`, `date`, `time`, `timestamp`, `timestamp_tz`, `text`, `binary`, `json`, `uuid`, `range`.
    pub(crate) columns: Option<BTreeMap<String, String>>,
    /// The columns to read, in this order. Default: all.
    pub(crate) select: Option<OneOrMany>,
    /// Columns to leave out.
    pub(crate) exclude: Option<OneOrMany>,
    /// What becomes of values, by column, before they are written: `hash`, `null`, or a mapping with `method`.
    pub(crate) mask: Option<BTreeMap<String, RawMask>>,
    /// The columns whose values name the folders that rows go to.
    pub(crate) partition_by: Option<OneOrMany>,
    /// What a decimal column without precision and scale becomes: `text` or `decimal(p,s)`. Default:
    /// `decimal(38,18)`.
    pub(crate) numeric_default: Option<String>,
    /// What becomes of a value that its column has no form for. Default: an infinite date or timestamp becomes NULL
    /// and is counted, anything else fails the export.
    #[serde(default, deserialize_with = "null_is_a_word")]
    pub(crate) on_unrepresentable: Option<NullOrError>,
    /// What happens when the source's columns are not those of the last run. Default: `warn`.
    pub(crate) on_schema_drift: Option<OnSchemaDrift>,
    /// Warns when the size of a row has grown by this factor since the last run; above 1.
    pub(crate) shape_drift_warn_factor: Option<f64>,
    /// How Parquet is written.
    pub(crate) parquet: Option<RawParquet>,
    /// How CSV is written.
    pub(crate) csv: Option<RawCsv>,
    /// A name for what this export shares with others: a host, a replica. `rivet plan` warns of heavy neighbours.
    pub(crate) source_group: Option<String>,
    /// Tells `rivet plan` that this export will be reconciled. Default: false.
    pub(crate) reconcile_required: Option<bool>,
    /// How hard this export may work the server and this machine; wins over `source.tuning`.
    pub(crate) tuning: Option<RawTuning>,

    /// `incremental`: the column to follow. Required there.
    pub(crate) cursor_column: Option<String>,
    /// `incremental`: whether a second column stands in where the first is NULL. Default: `single_column`.
    pub(crate) incremental_cursor_mode: Option<CursorMode>,
    /// `incremental` with `coalesce`: the column that stands in. Required there.
    pub(crate) cursor_fallback_column: Option<String>,
    /// `incremental`: columns that order rows of one cursor value. Default: the primary key.
    pub(crate) cursor_tiebreak: Option<OneOrMany>,
    /// `incremental`: how far each run stays behind the newest rows, so that late ones are not lost: seconds, or a
    /// text such as `30s`, `5m`, `2h`, `1d`. Default: 0.
    pub(crate) cursor_lag: Option<NumberOrText>,

    /// `chunked`: the column to cut by. Default: the primary key.
    pub(crate) chunk_column: Option<String>,
    /// `chunked`: rows of a chunk. Default: 100000.
    pub(crate) chunk_size: Option<u64>,
    /// `chunked`: the number of chunks.
    pub(crate) chunk_count: Option<u32>,
    /// `chunked`: days of a chunk, for a date or timestamp column.
    pub(crate) chunk_by_days: Option<u32>,
    /// `chunked`: cuts by counting rows, for keys with wide gaps. Default: false.
    pub(crate) chunk_dense: Option<bool>,
    /// `chunked`: the unique column to page by, in place of `chunk_column`.
    pub(crate) chunk_by_key: Option<String>,
    /// `chunked`: MiB of a chunk.
    pub(crate) chunk_size_memory_mb: Option<u64>,
    /// `chunked`: chunks that are read at a time. Default: 1.
    pub(crate) parallel: Option<u64>,
    /// `chunked`: remembers finished chunks, so that a run can be resumed. Default: true.
    pub(crate) chunk_checkpoint: Option<bool>,
    /// `chunked`: how often one chunk is tried. Default: `tuning.max_retries` and one more.
    pub(crate) chunk_max_attempts: Option<u32>,
    /// `chunked`: whether all chunks show the source at one moment. Default: `chunk`.
    pub(crate) consistency: Option<ChunkConsistency>,

    /// `time_window`: the column that holds the time. Required there.
    pub(crate) time_column: Option<String>,
    /// `time_window`: what the column holds. Default: `timestamp`.
    pub(crate) time_column_type: Option<TimeColumnType>,
    /// `time_window`: days to look back, at least 1. Required there.
    pub(crate) days_window: Option<u32>,
}

/// How much of the relation an export reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModeName {
    /// All rows, in one statement.
    Full,
    /// The rows above the cursor that the last run has left.
    Incremental,
    /// All rows, cut into chunks that are read by one statement each.
    Chunked,
    /// The rows of the last days.
    TimeWindow,
}

impl ModeName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Chunked => "chunked",
            Self::TimeWindow => "time_window",
        }
    }
}

/// The format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values.
    Csv,
}

/// How the files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawCompression {
    /// Zstandard.
    Zstd,
    /// Snappy; Parquet only.
    Snappy,
    /// Deflate.
    Gzip,
    /// LZ4; Parquet only.
    Lz4,
    /// Not at all.
    None,
}

impl RawCompression {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Snappy => "snappy",
            Self::Gzip => "gzip",
            Self::Lz4 => "lz4",
            Self::None => "none",
        }
    }
}

/// A compression by what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawCompressionProfile {
    /// No compression.
    None,
    /// Snappy.
    Fast,
    /// Zstandard, level 3.
    Balanced,
    /// Zstandard, level 9.
    Compact,
}

/// Columns that Rivet adds.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMetaColumns {
    /// `_rivet_exported_at`: when the run began, a UTC timestamp. Default: false.
    pub(crate) exported_at: Option<bool>,
    /// `_rivet_row_hash`: a digest of the row's values. Default: false.
    pub(crate) row_hash: Option<bool>,
}

/// How Parquet is written.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawParquet {
    /// Which encodings. Default: `compat`.
    pub(crate) encoding: Option<RawEncoding>,
    /// Where a row group ends. Default: `auto`, or what the other keys say.
    pub(crate) row_group_strategy: Option<RawRowGroupStrategy>,
    /// Rows of a row group, for `fixed_rows`.
    pub(crate) row_group_rows: Option<u64>,
    /// MiB of memory that a row group takes, for `fixed_memory`.
    pub(crate) target_row_group_mb: Option<u64>,
    /// MiB of memory that a row group takes at most, for `auto` and `fixed_memory`.
    pub(crate) max_row_group_mb: Option<u64>,
}

/// Which Parquet encodings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawEncoding {
    /// Dictionaries and plain values: what every reader knows.
    Compat,
    /// Delta encodings in version 1 pages: smaller files.
    Delta,
    /// Delta encodings in version 2 pages.
    V2,
}

/// Where a row group ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RawRowGroupStrategy {
    /// Rivet's own choice, by memory.
    Auto,
    /// At `row_group_rows` rows.
    FixedRows,
    /// At `target_row_group_mb` MiB of memory.
    FixedMemory,
}

/// How CSV is written.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCsv {
    /// Whether the first record holds the column names. Default: true.
    pub(crate) header: Option<bool>,
    /// What stands between fields: one ASCII character. Default: a comma.
    pub(crate) delimiter: Option<String>,
    /// What stands, without quotes, for NULL. Default: nothing at all; the empty text is `""`.
    pub(crate) null: Option<String>,
}

/// A word of which one is `null`, which YAML takes for no value at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NullOrError {
    Null,
    Error,
}

fn null_is_a_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NullOrError>, D::Error> {
    struct Words;

    impl Visitor<'_> for Words {
        type Value = Option<NullOrError>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("`null` or `error`")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Some(NullOrError::Null))
        }

        fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
            match word {
                "null" => Ok(Some(NullOrError::Null)),
                "error" => Ok(Some(NullOrError::Error)),
                _ => Err(E::unknown_variant(word, &["null", "error"])),
            }
        }
    }

    deserializer.deserialize_any(Words)
}

impl JsonSchema for NullOrError {
    fn schema_name() -> Cow<'static, str> {
        "NullOrError".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["null", "error"] })
    }
}

/// What becomes of the values of a column before they are written.
#[derive(Clone)]
pub(crate) enum RawMask {
    Hash,
    Null,
    Options(RawMaskOptions),
}

/// A mask with its options.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMaskOptions {
    /// `hash`, `hmac`, `null` or `truncate`. Required.
    pub(crate) method: Option<RawMaskMethod>,
    /// `hmac`: the environment variable that holds the key. Required there.
    pub(crate) key_env: Option<String>,
    /// `truncate`: characters (or bytes) that stay. Required there.
    pub(crate) length: Option<u64>,
}

/// How a value is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawMaskMethod {
    /// SHA-256 of the value.
    Hash,
    /// HMAC-SHA-256 of the value, with a key.
    Hmac,
    /// NULL.
    Null,
    /// The beginning of the value.
    Truncate,
}

impl<'de> Deserialize<'de> for RawMask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MaskVisitor;

        impl<'de> Visitor<'de> for MaskVisitor {
            type Value = RawMask;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`hash`, `null` or a mapping with `method`")
            }

            fn visit_unit<E>(self) -> Result<RawMask, E> {
                Ok(RawMask::Null)
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<RawMask, E> {
                match word {
                    "hash" => Ok(RawMask::Hash),
                    "null" => Ok(RawMask::Null),
                    _ => Err(E::unknown_variant(word, &["hash", "null"])),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawMask, A::Error> {
                RawMaskOptions::deserialize(MapAccessDeserializer::new(map)).map(RawMask::Options)
            }
        }

        deserializer.deserialize_any(MaskVisitor)
    }
}

impl JsonSchema for RawMask {
    fn schema_name() -> Cow<'static, str> {
        "Mask".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let options = generator.subschema_for::<RawMaskOptions>();
        json_schema!({ "anyOf": [{ "enum": ["hash", "null", null] }, options] })
    }
}
