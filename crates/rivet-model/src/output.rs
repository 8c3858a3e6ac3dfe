use serde::{Deserialize, Serialize};

/// The format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values, RFC 4180.
    Csv,
}

/// How the files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "codec", rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// Snappy; Parquet only.
    Snappy,
    /// Deflate with a gzip header.
    Gzip {
        /// 1 (fast) to 9 (small).
        level: u32,
    },
    /// LZ4, raw blocks; Parquet only.
    Lz4,
    /// Zstandard.
    Zstd {
        /// 1 (fast) to 22 (small).
        level: i32,
    },
}

/// Which Parquet encodings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParquetEncoding {
    /// Dictionaries and plain values in version 1 pages: what every reader knows.
    #[default]
    Compat,
    /// Version 1 pages with delta encodings where a dictionary does not pay: smaller files.
    Delta,
    /// Version 2 pages with delta encodings.
    V2,
}

/// Where a row group ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowGroupTarget {
    /// At so many bytes held in memory as there is room for, and at this many at most.
    Auto(u64),
    /// At this many bytes held in memory for it.
    Bytes(u64),
    /// At this many rows.
    Rows(u64),
}

/// How Parquet is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParquetOptions {
    /// Which encodings.
    pub encoding: ParquetEncoding,
    /// Where a row group ends.
    pub row_group: RowGroupTarget,
}

impl Default for ParquetOptions {
    /// Version 1 pages; row groups of 32 MiB, the size at which a full export was measured to stay below 64 MB
    /// resident (`docs/benchmarks.md`).
    fn default() -> Self {
        Self { encoding: ParquetEncoding::default(), row_group: RowGroupTarget::Auto(32 << 20) }
    }
}

/// How CSV is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvOptions {
    /// Whether the first record holds the column names.
    pub header: bool,
    /// What stands between fields: one ASCII character.
    pub delimiter: u8,
    /// What stands, without quotes, for NULL. A value that reads the same is quoted, so that the two differ.
    pub null: String,
}

impl Default for CsvOptions {
    /// A header, commas, and nothing at all for NULL, as PostgreSQL's own CSV has it: the empty string is `""`.
    fn default() -> Self {
        Self { header: true, delimiter: b',', null: String::new() }
    }
}

/// Columns that Rivet adds to each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MetaColumns {
    /// `_rivet_exported_at`: when the run began, a UTC timestamp.
    pub exported_at: bool,
    /// `_rivet_row_hash`: a digest of the row's values.
    pub row_hash: bool,
}

/// Everything that decides how rows become files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputOptions {
    /// The format.
    pub format: Format,
    /// The compression; one that the format knows.
    pub compression: Compression,
    /// How Parquet is written.
    pub parquet: ParquetOptions,
    /// How CSV is written.
    pub csv: CsvOptions,
    /// The size at which a part ends and the next one begins, in bytes; it may be passed by one batch.
    pub max_file_size: Option<u64>,
    /// Columns that are added.
    pub meta_columns: MetaColumns,
}
