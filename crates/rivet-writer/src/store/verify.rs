use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use csv_async::{AsyncReaderBuilder, ByteRecord};
use flate2::read::MultiGzDecoder;
use futures_util::FutureExt as _;
use parquet::file::metadata::{FooterTail, ParquetMetaDataReader, RowGroupMetaData};
use rivet_model::{Compression, Format, OutputOptions, PartRecord};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, ReadBuf};

use super::durable::error;
use super::error::StoreError;
use crate::layout::hex;

/// What is read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// What ends a Parquet file: the length of its footer and four letters.
pub(super) const FOOTER_TAIL_BYTES: u64 = 8;

/// What was found when a part was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartCheck {
    /// Rows: by the footer (Parquet), or counted (CSV).
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower hexadecimal.
    pub sha256: String,
}

impl PartCheck {
    /// Fails where the part is not what its record says.
    pub fn compare(&self, part: &PartRecord) -> Result<(), StoreError> {
        let reason = if self.bytes != part.bytes {
            format!("it has {} bytes in place of {}", self.bytes, part.bytes)
        } else if self.sha256 != part.sha256 {
            "its checksum is another".to_owned()
        } else if self.rows != part.rows {
            format!("it has {} rows in place of {}", self.rows, part.rows)
        } else {
            return Ok(());
        };
        Err(damaged(&part.name, reason))
    }
}

/// Reads a file to its end, and finds the rows of what it should be.
pub(super) fn verify(name: &str, options: &OutputOptions, file: &mut File) -> Result<PartCheck, StoreError> {
    let scan = scan(name, options, &mut *file)?;
    let rows = match scan.rows {
        Some(rows) => rows,
        None => footer_rows(name, file, scan.bytes)?,
    };
    Ok(PartCheck { rows, bytes: scan.bytes, sha256: scan.sha256 })
}

fn footer_rows(name: &str, file: &mut File, bytes: u64) -> Result<u64, StoreError> {
    let mut read = |start: u64, length: u64| {
        let mut buffer = Vec::new();
        file.seek(SeekFrom::Start(start)).map_err(|source| StoreError::io("read", name, source))?;
        file.take(length).read_to_end(&mut buffer).map_err(|source| StoreError::io("read", name, source))?;
        Ok::<_, StoreError>(buffer)
    };
    let tail = read(bytes.saturating_sub(FOOTER_TAIL_BYTES), FOOTER_TAIL_BYTES)?;
    let (start, length) = footer_place(name, &tail, bytes)?;
    rows_of_footer(name, &read(start, length)?)
}

/// Returns where the footer of a Parquet file begins and how long it is.
pub(super) fn footer_place(name: &str, tail: &[u8], bytes: u64) -> Result<(u64, u64), StoreError> {
    let tail = FooterTail::try_from(tail).map_err(|error| damaged(name, format!("it is no Parquet file: {error}")))?;
    let length = u64::try_from(tail.metadata_length()).expect("memory is counted in at most 64 bits");
    let start = bytes.checked_sub(FOOTER_TAIL_BYTES).and_then(|end| end.checked_sub(length));
    Ok((start.ok_or_else(|| damaged(name, "its footer is cut off".to_owned()))?, length))
}

/// Returns the rows that a Parquet footer lists.
pub(super) fn rows_of_footer(name: &str, footer: &[u8]) -> Result<u64, StoreError> {
    let metadata = ParquetMetaDataReader::decode_metadata(footer)
        .map_err(|error| damaged(name, format!("its footer can't be read: {error}")))?;
    let groups: i64 = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).sum();
    let rows = metadata.file_metadata().num_rows();
    if groups != rows {
        return Err(damaged(name, format!("its row groups have {groups} rows, its footer says {rows}")));
    }
    u64::try_from(rows).map_err(|_negative| damaged(name, format!("its footer says {rows} rows")))
}

/// What reading from beginning to end gives.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// Counted records; absent for Parquet, where the footer says it.
    pub(super) rows: Option<u64>,
}

/// Reads a part to its end.
pub(super) fn scan(name: &str, options: &OutputOptions, reader: impl Read + Send) -> Result<Scan, StoreError> {
    let mut reader = Digesting { reader, digest: Sha256::new(), bytes: 0 };
    let rows = match (options.format, options.compression) {
        (Format::Parquet, _) => None,
        (Format::Csv, Compression::Gzip { .. }) => Some(count(name, options, &mut MultiGzDecoder::new(&mut reader))?),
        (Format::Csv, Compression::Zstd { .. }) => {
            let mut decoder = zstd::stream::read::Decoder::new(&mut reader)
                .map_err(|error| damaged(name, format!("it can't be decompressed: {error}")))?;
            Some(count(name, options, &mut decoder)?)
        }
        (Format::Csv, _) => Some(count(name, options, &mut reader)?),
    };
    let mut rest = vec![0; BUFFER_BYTES];
    while reader.read(&mut rest).map_err(|source| StoreError::io("read", name, source))? > 0 {}
    Ok(Scan { bytes: reader.bytes, sha256: hex(&reader.digest.finalize()), rows })
}

/// Returns the SHA-256 of a file, in lower hexadecimal.
pub(super) fn digest_of(path: &Path) -> Result<String, StoreError> {
    let mut file = File::open(path).map_err(error("read", path))?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; BUFFER_BYTES]);
    loop {
        match file.read(&mut buffer).map_err(error("read", path))? {
            0 => return Ok(hex(&digest.finalize())),
            read => digest.update(&buffer[..read]),
        }
    }
}

/// Digests what passes.
struct Digesting<R> {
    reader: R,
    digest: Sha256,
    bytes: u64,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.digest.update(&buffer[..read]);
        self.bytes += u64::try_from(read).expect("memory is counted in at most 64 bits");
        Ok(read)
    }
}

/// Counts the records of CSV, without its header.
fn count(name: &str, options: &OutputOptions, reader: &mut (dyn Read + Send)) -> Result<u64, StoreError> {
    // The reader is always ready, so that one poll does it all.
    count_records(options, reader)
        .now_or_never()
        .expect("what csv-async reads from is always ready")
        .map_err(|reason| damaged(name, reason))
}

async fn count_records(options: &OutputOptions, reader: &mut (dyn Read + Send)) -> Result<u64, String> {
    let mut lines = Lines::default();
    let ready = ReadyReader { reader, lines: &mut lines };
    let mut csv = AsyncReaderBuilder::new()
        .delimiter(options.csv.delimiter)
        .has_headers(options.csv.header)
        .buffer_capacity(BUFFER_BYTES)
        .create_reader(ready);
    let read = |error: csv_async::Error| format!("it can't be read as CSV: {error}");
    if options.csv.header && csv.byte_headers().await.map_err(read)?.is_empty() {
        return Err("its header is missing".to_owned());
    }
    let (mut records, mut record) = (0, ByteRecord::new());
    while csv.read_byte_record(&mut record).await.map_err(read)? {
        records += 1;
    }
    drop(csv);
    if lines.quoted || lines.begun {
        return Err("it ends in the middle of a record".to_owned());
    }
    Ok(records + lines.blank)
}

/// Counts empty lines, which are records of a table of one column but which csv-async passes over.
#[derive(Debug, Default)]
struct Lines {
    blank: u64,
    /// Whether the line at hand has a character.
    begun: bool,
    /// Whether a quote is open.
    quoted: bool,
}

impl Lines {
    fn look_at(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'"' => (self.quoted, self.begun) = (!self.quoted, true),
                b'\n' if !self.quoted => {
                    self.blank += u64::from(!self.begun);
                    self.begun = false;
                }
                _ => self.begun = true,
            }
        }
    }
}

struct ReadyReader<'a> {
    reader: &'a mut (dyn Read + Send),
    lines: &'a mut Lines,
}

impl AsyncRead for ReadyReader<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let read = this.reader.read(buffer.initialize_unfilled())?;
        buffer.advance(read);
        let filled = buffer.filled();
        this.lines.look_at(&filled[filled.len() - read..]);
        Poll::Ready(Ok(()))
    }
}

pub(super) fn damaged(name: &str, reason: String) -> StoreError {
    StoreError::Damaged { name: name.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use rivet_model::{CsvOptions, MetaColumns, ParquetOptions};

    use super::*;

    fn csv(header: bool) -> OutputOptions {
        OutputOptions {
            format: Format::Csv,
            compression: Compression::None,
            parquet: ParquetOptions::default(),
            csv: CsvOptions { header, ..CsvOptions::default() },
            max_file_size: None,
            meta_columns: MetaColumns::default(),
        }
    }

    #[test]
    fn records_are_counted_as_they_were_written() {
        let check = |header, text: &str, rows| {
            assert_eq!(scan("p", &csv(header), text.as_bytes()).unwrap().rows, Some(rows), "{text:?}");
        };
        check(true, "a,b\n", 0);
        check(true, "a,b\n1,2\n\"x\ny\",\"\"\"\"\n", 2);
        check(false, "", 0);
        check(false, "\n\n\"\"\n1\n\n", 5);
        check(true, "a\n\n", 1);
        check(false, "\"\n\n\"\n", 1);
    }

    #[test]
    fn damage_is_found() {
        let check = |text: &str, expected: &str| {
            let error = scan("p", &csv(true), text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("", "its header is missing");
        check("a,b\n1,2\n1", "can't be read as CSV");
        check("a,b\n1,2", "in the middle of a record");
        check("a,b\n1,\"2\n", "in the middle of a record");
        check("a,b\n1,2,3\n", "can't be read as CSV");
    }

    #[test]
    fn a_footer_must_fit_its_file() {
        let tail = [&1_000_u32.to_le_bytes()[..], b"PAR1"].concat();
        assert_eq!(footer_place("p", &tail, 2_000).unwrap(), (992, 1_000));
        assert!(footer_place("p", &tail, 500).is_err());
        assert!(footer_place("p", b"nonsense", 500).is_err());
        assert!(footer_place("p", b"PAR1", 4).is_err());
    }
}
