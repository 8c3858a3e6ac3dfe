use rivet_model::{
    Compression, CsvOptions, Format, MetaColumns, OutputOptions, ParquetEncoding, ParquetOptions, RowGroupTarget,
};

use crate::check::Checker;
use crate::document::Path;
use crate::raw::{
    RawCompression, RawCompressionProfile, RawCsv, RawEncoding, RawExport, RawFormat, RawParquet, RawRowGroupStrategy,
};
use crate::schema::listed;
use crate::size;

/// The smallest size at which a file may be cut: below it, headers outweigh rows.
const MIN_FILE_SIZE: u64 = 1 << 20;

/// Judges everything that decides how rows become files.
pub(crate) fn check(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<OutputOptions> {
    let format = match raw.format.unwrap_or(RawFormat::Parquet) {
        RawFormat::Parquet => Format::Parquet,
        RawFormat::Csv => Format::Csv,
    };
    refuse_foreign(format, at, cx);
    let compression = compression(raw, format, at, cx);
    let parquet = raw
        .parquet
        .as_ref()
        .map_or(Some(ParquetOptions::default()), |parquet| parquet_options(parquet, &at.key("parquet"), cx));
    let csv = raw.csv.as_ref().map_or(Some(CsvOptions::default()), |csv| csv_options(csv, &at.key("csv"), cx));
    let meta = raw.meta_columns.as_ref();
    Some(OutputOptions {
        format,
        compression: compression?,
        parquet: parquet?,
        csv: csv?,
        max_file_size: max_file_size(raw, at, cx),
        meta_columns: MetaColumns {
            exported_at: meta.and_then(|meta| meta.exported_at).unwrap_or(false),
            row_hash: meta.and_then(|meta| meta.row_hash).unwrap_or(false),
        },
    })
}

fn refuse_foreign(format: Format, at: &Path, cx: &mut Checker<'_>) {
    let (other, own) = match format {
        Format::Parquet => ("csv", "parquet"),
        Format::Csv => ("parquet", "csv"),
    };
    let place = at.key(other);
    if cx.has(&place) && !cx.is_inherited(&place) {
        let message = format!("`{other}` has no meaning for `format: {own}`");
        cx.meaningless(&place, message, format!("Remove it, or set `format: {other}`."));
    }
}

fn compression(raw: &RawExport, format: Format, at: &Path, cx: &mut Checker<'_>) -> Option<Compression> {
    if raw.compression.is_some() && raw.compression_profile.is_some() {
        cx.exclusive(at, "compression", "compression_profile", "Keep `compression` for a codec, or the profile.");
        return None;
    }
    let (codec, level, key) = match (raw.compression, raw.compression_profile) {
        (_, Some(profile)) => {
            if raw.compression_level.is_some() {
                let help = "Give `compression` and its level, or the profile alone.";
                cx.exclusive(at, "compression_profile", "compression_level", help);
            }
            let (codec, level) = match profile {
                RawCompressionProfile::None => (RawCompression::None, None),
                RawCompressionProfile::Fast => (RawCompression::Snappy, None),
                RawCompressionProfile::Balanced => (RawCompression::Zstd, Some(3)),
                RawCompressionProfile::Compact => (RawCompression::Zstd, Some(9)),
            };
            (codec, level, "compression_profile")
        }
        (Some(codec), None) => (codec, raw.compression_level, "compression"),
        (None, None) if format == Format::Csv => (RawCompression::None, raw.compression_level, "compression"),
        (None, None) => (RawCompression::Zstd, raw.compression_level, "compression"),
    };
    if format == Format::Csv && matches!(codec, RawCompression::Snappy | RawCompression::Lz4) {
        let message = format!("CSV can't be compressed with {}", codec.as_str());
        cx.invalid(&at.key(key), message, format!("Use {}.", listed(&["zstd", "gzip", "none"])));
        return None;
    }
    leveled(codec, level, &at.key("compression_level"), cx)
}

fn leveled(codec: RawCompression, level: Option<i64>, at: &Path, cx: &mut Checker<'_>) -> Option<Compression> {
    let mut out_of_range = |range: &str| {
        cx.invalid(at, format!("{} has the levels {range}", codec.as_str()), "Give a level of that range.");
        None
    };
    match (codec, level) {
        (RawCompression::Zstd, None) => Some(Compression::Zstd { level: 1 }),
        (RawCompression::Zstd, Some(level)) => match i32::try_from(level) {
            Ok(level @ 1..=22) => Some(Compression::Zstd { level }),
            _ => out_of_range("1 to 22"),
        },
        (RawCompression::Gzip, None) => Some(Compression::Gzip { level: 6 }),
        (RawCompression::Gzip, Some(level)) => match u32::try_from(level) {
            Ok(level @ 1..=9) => Some(Compression::Gzip { level }),
            _ => out_of_range("1 to 9"),
        },
        (RawCompression::None | RawCompression::Snappy | RawCompression::Lz4, Some(_)) if !cx.is_inherited(at) => {
            let message = format!("`compression_level` has no meaning for `compression: {}`", codec.as_str());
            cx.meaningless(at, message, "Remove it, or compress with `zstd` or `gzip`.");
            None
        }
        (RawCompression::None, _) => Some(Compression::None),
        (RawCompression::Snappy, _) => Some(Compression::Snappy),
        (RawCompression::Lz4, _) => Some(Compression::Lz4),
    }
}

fn max_file_size(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<u64> {
    let at = at.key("max_file_size");
    let bytes = size::bytes(raw.max_file_size.as_ref()?);
    let help = "Give bytes, or a text such as `256MB` (10^6) or `1GiB` (2^30).";
    match bytes {
        None => cx.invalid(&at, "`max_file_size` is no size", help),
        Some(bytes) if bytes < MIN_FILE_SIZE => cx.invalid(&at, "`max_file_size` must be at least 1 MiB", help),
        Some(_) => {}
    }
    bytes
}

fn parquet_options(raw: &RawParquet, at: &Path, cx: &mut Checker<'_>) -> Option<ParquetOptions> {
    let encoding = match raw.encoding.unwrap_or(RawEncoding::Compat) {
        RawEncoding::Compat => ParquetEncoding::Compat,
        RawEncoding::Delta => ParquetEncoding::Delta,
        RawEncoding::V2 => ParquetEncoding::V2,
    };
    Some(ParquetOptions { encoding, row_group: row_group(raw, at, cx)? })
}

/// The keys that a strategy has no use for.
fn idle_keys(strategy: RawRowGroupStrategy) -> (&'static str, &'static [&'static str]) {
    match strategy {
        RawRowGroupStrategy::Auto => ("auto", &["row_group_rows", "target_row_group_mb"]),
        RawRowGroupStrategy::FixedRows => ("fixed_rows", &["target_row_group_mb", "max_row_group_mb"]),
        RawRowGroupStrategy::FixedMemory => ("fixed_memory", &["row_group_rows"]),
    }
}

fn row_group(raw: &RawParquet, at: &Path, cx: &mut Checker<'_>) -> Option<RowGroupTarget> {
    let strategy = raw.row_group_strategy.unwrap_or(match (raw.row_group_rows, raw.target_row_group_mb) {
        (Some(_), _) => RawRowGroupStrategy::FixedRows,
        (None, Some(_)) => RawRowGroupStrategy::FixedMemory,
        (None, None) => RawRowGroupStrategy::Auto,
    });
    let (name, idle) = idle_keys(strategy);
    for key in idle {
        let place = at.key(key);
        if cx.has(&place) && !cx.is_inherited(&place) {
            let message = format!("`{key}` has no meaning for `row_group_strategy: {name}`");
            cx.meaningless(&place, message, "Remove it, or choose another strategy.");
        }
    }
    let (target, max) = (at.key("target_row_group_mb"), at.key("max_row_group_mb"));
    let max_mib = cx.positive(&max, raw.max_row_group_mb);
    let cap = cx.mebibytes(&max, max_mib).unwrap_or(u64::MAX);
    match strategy {
        RawRowGroupStrategy::Auto => Some(match ParquetOptions::default().row_group {
            RowGroupTarget::Auto(bytes) => RowGroupTarget::Auto(bytes.min(cap)),
            other @ (RowGroupTarget::Bytes(_) | RowGroupTarget::Rows(_)) => other,
        }),
        RawRowGroupStrategy::FixedRows => {
            let rows = at.key("row_group_rows");
            if raw.row_group_rows.is_none() {
                cx.missing(
                    &rows,
                    "`fixed_rows` needs `row_group_rows`",
                    "Add `row_group_rows:` with a number of rows.",
                );
            }
            cx.positive(&rows, raw.row_group_rows).map(RowGroupTarget::Rows)
        }
        RawRowGroupStrategy::FixedMemory => {
            if raw.target_row_group_mb.is_none() {
                let help = "Add `target_row_group_mb:` with a number of MiB.";
                cx.missing(&target, "`fixed_memory` needs `target_row_group_mb`", help);
            }
            let mib = cx.positive(&target, raw.target_row_group_mb);
            let bytes = cx.mebibytes(&target, mib)?;
            if bytes > cap {
                let message = "`target_row_group_mb` is above `max_row_group_mb`";
                cx.invalid(&target, message, "Lower it, or raise `max_row_group_mb`.");
            }
            Some(RowGroupTarget::Bytes(bytes))
        }
    }
}

fn csv_options(raw: &RawCsv, at: &Path, cx: &mut Checker<'_>) -> Option<CsvOptions> {
    let defaults = CsvOptions::default();
    let delimiter = match raw.delimiter.as_deref().map(str::as_bytes) {
        None => Some(defaults.delimiter),
        Some(&[byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => Some(byte),
        Some(br"\t") => Some(b'\t'),
        Some(_) => {
            let help = "Give one character such as `,`, `;`, `|` or `\"\\t\"`; a quote or a line's end can't be it.";
            cx.invalid(&at.key("delimiter"), "`delimiter` is not one ASCII character", help);
            None
        }
    };
    let null = raw.null.clone().unwrap_or(defaults.null);
    if null.contains(['"', '\n', '\r']) || delimiter.is_some_and(|byte| null.contains(char::from(byte))) {
        let help = "Give a text without quotes, delimiters and line ends, such as `\\N`.";
        cx.invalid(&at.key("null"), "`null` would not read back as NULL", help);
        return None;
    }
    Some(CsvOptions { header: raw.header.unwrap_or(defaults.header), delimiter: delimiter?, null })
}
