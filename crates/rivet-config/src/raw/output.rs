use schemars::JsonSchema;
use serde::Deserialize;

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
    /// MiB of memory that a row group takes at most, for `auto` and `fixed_memory`. Left to itself, `auto` takes 32 where
    /// one row group is encoded at a time, and 8 where there are several, or more for more than 64 columns.
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
