use std::fmt;
use std::fmt::Write as _;

use rivet_model::{ChunkId, Compression, ExportName, Format, OutputOptions, RunId};
use sha2::{Digest as _, Sha256};

use crate::partition::is_folder;

/// The folder, below the root, in which local parts wait for their run's commit.
///
/// Its name begins with a dot and its files end in `.part`, so that neither a reader that skips hidden names nor one
/// that looks for `**/*.parquet` meets them.
pub(crate) const STAGING_FOLDER: &str = ".rivet-staging";

/// The folder, below the root, of manifests. Spark, Hive and pyarrow skip names that begin with `_`.
pub(crate) const MANIFEST_FOLDER: &str = "_rivet";

/// The object whose presence says that a run was committed here, as Hadoop's committers have it.
pub(crate) const SUCCESS_NAME: &str = "_SUCCESS";

/// Safe names up to this length are kept whole: with the run id and the numbers a part's name stays below the
/// 255 bytes that common file systems allow.
const WHOLE_NAME_BYTES: usize = 160;

/// The readable start that stays of a longer one.
const LONG_NAME_PREFIX_BYTES: usize = 100;

/// The name of a part below the destination's root: `{export}-{run}-{chunk}-{sequence}.{extension}`, where rows are
/// sorted into folders with these in front: `country=DE/`.
///
/// It follows from what the part is, so that a repeated attempt replaces its own parts. Only a [`PartNamer`] makes
/// one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartName(String);

impl PartName {
    /// Returns the name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Gives the parts of one chunk their names.
#[derive(Debug, Clone)]
pub struct PartNamer {
    stem: String,
    run: RunId,
    extension: &'static str,
}

impl PartNamer {
    /// Makes a namer for the parts of a chunk.
    pub fn new(export: &ExportName, run: RunId, chunk: ChunkId, options: &OutputOptions) -> Self {
        let extension = match (options.format, options.compression) {
            (Format::Parquet, _) => "parquet",
            (Format::Csv, Compression::Gzip { .. }) => "csv.gz",
            (Format::Csv, Compression::Zstd { .. }) => "csv.zst",
            (Format::Csv, _) => "csv",
        };
        Self { stem: format!("{}-{run}-{:05}", safe_name(export), chunk.0), run, extension }
    }

    /// Returns the run whose parts it names.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Returns the name of the chunk's part number `sequence` in a folder below the root.
    pub(crate) fn name_in(&self, folder: &str, sequence: u32) -> PartName {
        PartName(format!("{folder}/{}", self.name(sequence)))
    }

    /// Returns the name of the chunk's part number `sequence`, from 0.
    pub fn name(&self, sequence: u32) -> PartName {
        PartName(format!("{}-{sequence:03}.{}", self.stem, self.extension))
    }
}

/// Makes a file name of an export's name: readable, and different for different names.
///
/// Letters and digits of any script, `-` and `_` stay; every other byte, and a `_` at the beginning, becomes `%` and
/// two digits. A name that comes out long keeps its beginning and gets a digest of the whole behind `%~`, which no
/// short name holds.
pub(crate) fn safe_name(export: &ExportName) -> String {
    let mut safe = String::with_capacity(export.as_str().len());
    for (index, c) in export.as_str().char_indices() {
        if c.is_alphanumeric() || c == '-' || (c == '_' && index > 0) {
            safe.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                write!(safe, "%{byte:02X}").expect("a String takes all text");
            }
        }
    }
    if safe.len() <= WHOLE_NAME_BYTES {
        return safe;
    }
    safe.truncate(safe.floor_char_boundary(LONG_NAME_PREFIX_BYTES));
    let digest = hex(&Sha256::digest(export.as_str()));
    safe.push_str("%~");
    safe.extend(digest.chars().take(32));
    safe
}

/// Returns the name of a run's manifest below the root.
pub(crate) fn manifest_name(export: &ExportName, run: RunId) -> String {
    manifest_name_of(&safe_name(export), run)
}

fn manifest_name_of(safe_export: &str, run: RunId) -> String {
    format!("{MANIFEST_FOLDER}/{safe_export}/{run}.json")
}

/// Returns the name of the pointer to an export's latest run below the root.
pub(crate) fn latest_name(export: &ExportName) -> String {
    format!("{MANIFEST_FOLDER}/{}/latest.json", safe_name(export))
}

/// Returns the name of the manifest that would list a part of this run, or nothing where the run can't have made
/// a part of that name.
///
/// It is the guard before anything is renamed or removed: part names come back from a state file.
pub(crate) fn manifest_of_part(name: &str, run: RunId) -> Option<String> {
    let (folders, file) = name.rsplit_once('/').map_or((None, name), |(folders, file)| (Some(folders), file));
    let (export, rest) = file.split_once(&format!("-{run}-"))?;
    let (numbers, extension) = rest.split_once('.')?;
    let (chunk, sequence) = numbers.split_once('-')?;
    let number = |text: &str, least: usize| text.len() >= least && text.bytes().all(|byte| byte.is_ascii_digit());
    let ours = number(chunk, 5)
        && number(sequence, 3)
        && matches!(extension, "parquet" | "csv" | "csv.gz" | "csv.zst")
        && !export.is_empty()
        && !export.starts_with(['.', '_'])
        && export.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '%' | '~'))
        && folders.is_none_or(|folders| folders.split('/').all(is_folder));
    ours.then(|| manifest_name_of(export, run))
}

/// Returns the file's own name of a part: it alone tells the part from all others, whatever its folder.
pub(crate) fn file_name(part: &str) -> &str {
    part.rsplit_once('/').map_or(part, |(_, file)| file)
}

/// Returns lower hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all text");
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rivet_model::{CsvOptions, MetaColumns, ParquetOptions};

    use super::*;

    fn safe(name: &str) -> String {
        safe_name(&name.parse().unwrap())
    }

    #[test]
    fn names_are_safe_and_readable() {
        let check = |name, expected| assert_eq!(safe(name), expected);
        check("orders", "orders");
        check("sales.orders", "sales%2Eorders");
        check("Заказы 2024", "Заказы%202024");
        check("_hidden", "%5Fhidden");
        check(".hidden", "%2Ehidden");
        check("a_b-c", "a_b-c");
        check("../../etc/passwd", "%2E%2E%2F%2E%2E%2Fetc%2Fpasswd");
        check("50%", "50%25");
    }

    #[test]
    fn long_names_stay_short_and_different() {
        let (one, two) = (safe(&"ж".repeat(500)), safe(&"ж".repeat(501)));
        assert!(one.len() < 140 && one.starts_with('ж'));
        assert_ne!(one, two);
    }

    #[test]
    fn extensions_follow_format_and_compression() {
        let run: RunId = "0190d0a0-0000-7000-8000-000000000001".parse().unwrap();
        let check = |format, compression, expected: &str| {
            let options = OutputOptions {
                format,
                compression,
                parquet: ParquetOptions::default(),
                csv: CsvOptions::default(),
                max_file_size: None,
                meta_columns: MetaColumns::default(),
            };
            let name = PartNamer::new(&"o".parse().unwrap(), run, ChunkId(7), &options).name(12);
            assert_eq!(name.as_str(), format!("o-0190d0a0-0000-7000-8000-000000000001-00007-012.{expected}"));
            let manifest = manifest_of_part(name.as_str(), run);
            assert_eq!(manifest.as_deref(), Some("_rivet/o/0190d0a0-0000-7000-8000-000000000001.json"));
            let nested = format!("a=%2F/b c=/{name}");
            assert_eq!(manifest_of_part(&nested, run), manifest);
            assert_eq!(file_name(&nested), name.as_str());
        };
        check(Format::Parquet, Compression::Zstd { level: 1 }, "parquet");
        check(Format::Csv, Compression::None, "csv");
        check(Format::Csv, Compression::Gzip { level: 6 }, "csv.gz");
        check(Format::Csv, Compression::Zstd { level: 3 }, "csv.zst");
    }

    #[test]
    fn foreign_names_are_no_parts() {
        let run: RunId = "0190d0a0-0000-7000-8000-000000000001".parse().unwrap();
        for name in [
            "",
            "o.csv",
            "o-0190d0a0-0000-7000-8000-000000000002-00000-000.csv",
            "../o-0190d0a0-0000-7000-8000-000000000001-00000-000.csv",
            "a/o-0190d0a0-0000-7000-8000-000000000001-00000-000.csv",
            "a=b/../o-0190d0a0-0000-7000-8000-000000000001-00000-000.csv",
            "a=b/c/o-0190d0a0-0000-7000-8000-000000000001-00000-000.csv",
            "a=b//o-0190d0a0-0000-7000-8000-000000000001-00000-000.csv",
            "/a=b/o-0190d0a0-0000-7000-8000-000000000001-00000-000.csv",
            ".a=b/o-0190d0a0-0000-7000-8000-000000000001-00000-000.csv",
            ".o-0190d0a0-0000-7000-8000-000000000001-00000-000.csv",
            "-0190d0a0-0000-7000-8000-000000000001-00000-000.csv",
            "o-0190d0a0-0000-7000-8000-000000000001-00000-000.txt",
            "o-0190d0a0-0000-7000-8000-000000000001-0-0.csv",
            "o-0190d0a0-0000-7000-8000-000000000001-00000-000.csv/../../x",
        ] {
            assert_eq!(manifest_of_part(name, run), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn different_names_stay_different(a in "[a-c_.%~/ жé-]{1,12}x", b in "[a-c_.%~/ жé-]{1,12}x") {
            prop_assert_eq!(safe(&a) == safe(&b), a == b);
            prop_assert!(!safe(&a).starts_with(['.', '_']));
        }
    }
}
