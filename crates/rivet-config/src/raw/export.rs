use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::{
    NumberOrText, OneOrMany, RawCompression, RawCompressionProfile, RawCsv, RawDestination, RawFormat, RawMask,
    RawMetaColumns, RawParquet, RawPartitions, RawQuality, RawTuning,
};
use crate::chunked::ChunkConsistency;
use crate::export::OnSchemaDrift;
use crate::incremental::{CursorMode, CursorNulls};
use crate::resume::Resume;
use crate::time_window::TimeColumnType;

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
    /// How much is read; see above. Default: `full`.
    pub(crate) mode: Option<ModeName>,
    /// Whether a run that was cut off less than 24 hours ago is gone on with by itself, rather than begun anew; see
    /// above. Default: `auto` for `chunked` with checkpoints and `consistency: chunk`, else `never`.
    pub(crate) resume: Option<Resume>,
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
    /// What becomes of values, by column, before they are written: `hash`, `null`, or a mapping with `method`. What
    /// each of them does is in `docs/masking.md`.
    pub(crate) mask: Option<BTreeMap<String, RawMask>>,
    /// What names the folders that rows go to, level by level: a column for its values, or a mapping for a part of a
    /// date. What the folders look like and who reads them is in `docs/partitions.md`.
    pub(crate) partition_by: Option<RawPartitions>,
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
    /// `incremental`: what becomes of rows whose cursor is NULL: the run fails, they are left out, or the first run
    /// alone exports them. Default: `error`.
    pub(crate) cursor_nulls: Option<CursorNulls>,

    /// `chunked`: the column to cut by. Default: the primary key.
    pub(crate) chunk_column: Option<String>,
    /// `chunked`: rows of a chunk, about. Default: 100000.
    pub(crate) chunk_size: Option<u64>,
    /// `chunked`: the number of chunks, about.
    pub(crate) chunk_count: Option<u32>,
    /// `chunked`: whole days (UTC) of a chunk, for a date or timestamp column.
    pub(crate) chunk_by_days: Option<u32>,
    /// `chunked`: counts rows exactly to find the cuts, rather than to estimate them: with `chunk_size` alone.
    /// Default: false.
    pub(crate) chunk_dense: Option<bool>,
    /// `chunked`: the unique key to cut by, one column or several in order, in place of `chunk_column`. `chunk_size`
    /// gives the rows of its chunks.
    pub(crate) chunk_by_key: Option<OneOrMany>,
    /// `chunked`: MiB of a chunk, about, in the source's own form of the columns that are read.
    pub(crate) chunk_size_memory_mb: Option<u64>,
    /// `chunked`: chunks that are read at a time, each over a connection of its own. Default: 1.
    pub(crate) parallel: Option<u64>,
    /// `chunked`: remembers finished chunks, so that a run can be resumed. Default: true.
    pub(crate) chunk_checkpoint: Option<bool>,
    /// `chunked`: how often one chunk is tried. Default: `tuning.max_retries` and one more.
    pub(crate) chunk_max_attempts: Option<u32>,
    /// `chunked`: whether all chunks show the source at one moment. Default: `chunk`.
    pub(crate) consistency: Option<ChunkConsistency>,

    /// `time_window`: the column that holds the time. Required there.
    pub(crate) time_column: Option<String>,
    /// `time_window`: what the column holds: a date or timestamp, or seconds since 1970. Default: `timestamp`.
    pub(crate) time_column_type: Option<TimeColumnType>,
    /// `time_window`: whole days to look back from the beginning of today, at least 1. Required there.
    pub(crate) days_window: Option<u32>,
    /// `time_window`: the zone in which days begin; `incremental` with `cursor_lag`: the zone of a cursor that names
    /// none. An IANA name such as `Europe/Berlin`. Default: `UTC`.
    pub(crate) time_zone: Option<String>,
}

/// How much of the relation an export reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModeName {
    /// All rows.
    Full,
    /// The rows after the cursor that the last run has left.
    Incremental,
    /// All rows, cut into chunks that are read and remembered one by one.
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
