use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use csv_async::{AsyncWriter, AsyncWriterBuilder, ByteRecord, QuoteStyle, Terminator};
use futures_util::FutureExt as _;
use rivet_model::OutputOptions;

use super::compress::Compressor;
use super::meter::{Meter, MeteredSink, MeteredWriter};
use super::quote::Quoting;
use super::{BatchWriter, EncodedPart, as_u64};
use crate::budget::Permit;
use crate::error::WriteError;
use crate::store::PartSink;
use crate::value::{Column, Values, push_text};

/// What csv-async collects before it hands on.
const BUFFER_BYTES: usize = 256 << 10;

/// A record up to this size is put together first, which is csv-async's fast way; the fields of a larger one go into
/// its buffer one by one, so that a large value is not held once more.
const WHOLE_RECORD_BYTES: usize = 64 << 10;

/// A buffer that a large value has grown above this size is given back.
const KEPT_BYTES: usize = 1 << 20;

const WHAT: &str = "CSV";

/// Writes CSV: RFC 4180 quoting, lines ended by `\n` (as psql and DuckDB end them), UTF-8 without a mark.
///
/// csv-async holds the records together. What it writes into is always ready, so each of its futures is polled once
/// and no runtime is needed.
pub(super) struct CsvBatchWriter {
    /// Absent once the part is ended or given up.
    writer: Option<AsyncWriter<MeteredWriter>>,
    quoting: Quoting,
    buffers: Buffers,
    /// Lines without a character that are due before the next record. See [`CsvBatchWriter::write_rows`].
    blank_lines: usize,
    single: bool,
    rows: u64,
    meter: Meter,
}

/// Kept from row to row.
#[derive(Default)]
struct Buffers {
    record: ByteRecord,
    fields: FieldBuffers,
    lines: Vec<u8>,
}

#[derive(Default)]
struct FieldBuffers {
    text: Vec<u8>,
    quoted: Vec<u8>,
}

/// Finds what stands against writing this schema as CSV.
pub(super) fn check(schema: &SchemaRef, options: &OutputOptions) -> Result<(), WriteError> {
    Compressor::check(options.compression)?;
    Quoting::new(&options.csv, schema.fields().len())?;
    Column::check_all(schema, WHAT)
}

impl CsvBatchWriter {
    pub(super) fn new(
        schema: &SchemaRef,
        options: &OutputOptions,
        sink: Box<dyn PartSink>,
    ) -> Result<Self, WriteError> {
        let meter = Meter::default();
        let compressor = Compressor::new(options.compression, Box::new(MeteredSink::new(sink, meter.clone())))?;
        let writer = AsyncWriterBuilder::new()
            .delimiter(options.csv.delimiter)
            .quote_style(QuoteStyle::Never)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(BUFFER_BYTES)
            .create_writer(MeteredWriter::new(compressor, meter.clone()));
        let columns = schema.fields().len();
        let mut this = Self {
            writer: Some(writer),
            quoting: Quoting::new(&options.csv, columns)?,
            buffers: Buffers::default(),
            blank_lines: 0,
            single: columns == 1,
            rows: 0,
            meter,
        };
        if options.csv.header {
            this.write_header(schema)?;
        }
        Ok(this)
    }

    fn write_header(&mut self, schema: &SchemaRef) -> Result<(), WriteError> {
        let Self { writer: Some(writer), quoting, buffers: Buffers { record, fields, .. }, .. } = self else {
            return Err(ended());
        };
        record.clear();
        for field in schema.fields() {
            record.push_field(fields.quote(field.name().as_bytes(), quoting));
        }
        ready(writer.write_byte_record(record)).map_err(csv_error)
    }

    /// Writes a record per row.
    ///
    /// Where a table has one column only, NULL with nothing in its place makes an empty line. csv-async would write
    /// `""` there, which is the empty text, so such lines are put in front of the next record.
    fn write_rows(&mut self, columns: &[Column<'_>], rows: usize) -> Result<(), WriteError> {
        let Self { writer: Some(writer), quoting, buffers: Buffers { record, fields, lines }, .. } = self else {
            return Err(ended());
        };
        let lone_null = self.single && quoting.null().is_empty();
        let written = ready(async {
            for row in 0..rows {
                if lone_null && columns[0].is_null(row) {
                    self.blank_lines += 1;
                    continue;
                }
                record.clear();
                let mut in_pieces = false;
                for column in columns {
                    let mut field = fields.render(column, row, quoting);
                    if self.blank_lines > 0 {
                        lines.clear();
                        lines.resize(std::mem::take(&mut self.blank_lines), b'\n');
                        lines.extend_from_slice(field);
                        field = lines.as_slice();
                    }
                    if !in_pieces && record.as_slice().len() + field.len() <= WHOLE_RECORD_BYTES {
                        record.push_field(field);
                        continue;
                    }
                    if !in_pieces {
                        in_pieces = true;
                        for earlier in record.iter() {
                            writer.write_field(earlier).await?;
                        }
                    }
                    writer.write_field(field).await?;
                }
                if in_pieces {
                    writer.write_record(None::<&[u8]>).await?;
                } else {
                    writer.write_byte_record(record).await?;
                }
            }
            writer.flush().await.map_err(csv_async::Error::from)
        });
        fields.give_back();
        written.map_err(csv_error)
    }

    /// Takes csv-async's writer apart. It must not be dropped whole: it would block on its last write, which panics
    /// where a caller runs it inside of an executor.
    fn take_compressor(&mut self) -> Result<Compressor, WriteError> {
        let writer = self.writer.take().ok_or_else(ended)?;
        let inner = ready(writer.into_inner()).map_err(WriteError::from_csv)?;
        Ok(inner.into_compressor())
    }
}

impl BatchWriter for CsvBatchWriter {
    fn write(&mut self, batch: &RecordBatch, _held: Option<&Permit>) -> Result<(), WriteError> {
        let columns = Column::bind_all(batch, WHAT)?;
        self.write_rows(&columns, batch.num_rows())?;
        self.rows += as_u64(batch.num_rows());
        Ok(())
    }

    fn written_bytes(&self) -> u64 {
        self.meter.estimate() + as_u64(self.blank_lines)
    }

    /// What the encoder and a compressor hold does not grow with the rows.
    fn buffered_bytes(&self) -> usize {
        0
    }

    fn sink_bytes(&self) -> usize {
        self.meter.held()
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(Box<dyn PartSink>, EncodedPart), WriteError> {
        let mut compressor = self.take_compressor()?;
        let ending = vec![b'\n'; self.blank_lines];
        let ended = std::io::Write::write_all(&mut compressor, &ending).and_then(|()| compressor.finish());
        Ok((ended.map_err(WriteError::from_csv)?, EncodedPart { rows: self.rows }))
    }

    fn abort(mut self: Box<Self>) {
        if let Ok(compressor) = self.take_compressor() {
            compressor.abort();
        }
    }
}

impl Drop for CsvBatchWriter {
    fn drop(&mut self) {
        drop(self.take_compressor());
    }
}

impl FieldBuffers {
    /// Returns a value as it stands in its record. Text that needs no quotes is not copied.
    fn render<'a>(&'a mut self, column: &'a Column<'_>, row: usize, quoting: &'a Quoting) -> &'a [u8] {
        if column.is_null(row) {
            return quoting.null();
        }
        let values = &column.values;
        match values {
            Values::Null => quoting.null(),
            Values::Text(text) | Values::Json(text) => self.quote(text.get(row).as_bytes(), quoting),
            Values::List(_, _) | Values::Struct(_) | Values::Map { .. } | Values::Dictionary(_, _) => {
                self.text.clear();
                push_text(column, row, &mut self.text);
                self.quote_text(quoting.needs_quotes(&self.text))
            }
            _ => {
                self.text.clear();
                push_text(column, row, &mut self.text);
                self.quote_text(quoting.plain_needs_quotes(&self.text))
            }
        }
    }

    fn quote<'a>(&'a mut self, field: &'a [u8], quoting: &Quoting) -> &'a [u8] {
        if !quoting.needs_quotes(field) {
            return field;
        }
        self.quoted.clear();
        Quoting::push_quoted(field, &mut self.quoted);
        &self.quoted
    }

    fn quote_text(&mut self, needs_quotes: bool) -> &[u8] {
        if !needs_quotes {
            return &self.text;
        }
        self.quoted.clear();
        Quoting::push_quoted(&self.text, &mut self.quoted);
        &self.quoted
    }

    fn give_back(&mut self) {
        for buffer in [&mut self.text, &mut self.quoted] {
            if buffer.capacity() > KEPT_BYTES {
                *buffer = Vec::new();
            }
        }
    }
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("what csv-async writes into is always ready")
}

fn csv_error(error: csv_async::Error) -> WriteError {
    match error.into_kind() {
        csv_async::ErrorKind::Io(error) => WriteError::from_csv(error),
        other => WriteError::Csv(std::io::Error::other(format!("{other:?}"))),
    }
}

fn ended() -> WriteError {
    WriteError::Csv(std::io::Error::other("the part has ended"))
}
