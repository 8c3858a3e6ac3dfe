use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use rivet_model::{OutputOptions, PartRecord};
use tracing::debug;

use crate::encode::{BatchWriter, batch_writer, check};
use crate::error::WriteError;
use crate::layout::{PartName, PartNamer};
use crate::store::PartStore;

/// Writes the rows of one chunk into as many parts as they need.
///
/// A part is begun with its first row and ends once it has `max_file_size` bytes. All calls come from one thread,
/// which may block and is no thread of an asynchronous runtime. A writer that is dropped removes the part that is
/// open; the parts that it ended stay in their staging place, where a repeated attempt replaces them.
pub struct ExportWriter {
    schema: SchemaRef,
    options: OutputOptions,
    namer: PartNamer,
    store: Arc<dyn PartStore>,
    open: Option<OpenPart>,
    parts: Vec<PartRecord>,
}

struct OpenPart {
    name: PartName,
    writer: Box<dyn BatchWriter>,
}

impl ExportWriter {
    /// Makes a writer for batches of this schema. Fails where the options do not fit the format, or a column has a
    /// type without a form in it; the store has not been touched by then.
    pub fn new(
        schema: SchemaRef,
        options: OutputOptions,
        namer: PartNamer,
        store: Arc<dyn PartStore>,
    ) -> Result<Self, WriteError> {
        check(&schema, &options)?;
        Ok(Self { schema, options, namer, store, open: None, parts: Vec::new() })
    }

    /// Writes the rows of a batch.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let mut part = match self.open.take() {
            Some(part) => part,
            None => self.begin()?,
        };
        if let Err(error) = part.writer.write(batch) {
            part.writer.abort();
            return Err(error);
        }
        if self.options.max_file_size.is_some_and(|limit| part.writer.written_bytes() >= limit) {
            self.end(part)
        } else {
            self.open = Some(part);
            Ok(())
        }
    }

    /// Returns the bytes of all parts so far, with an estimate for the one that is open.
    pub fn written_bytes(&self) -> u64 {
        let ended: u64 = self.parts.iter().map(|part| part.bytes).sum();
        ended + self.open.as_ref().map_or(0, |part| part.writer.written_bytes())
    }

    /// Ends the last part and returns all of them, durable. Without a row there is none, or with `write_empty` one
    /// that holds the schema (Parquet) or the header (CSV) alone.
    pub fn finish(mut self, write_empty: bool) -> Result<Vec<PartRecord>, WriteError> {
        if self.open.is_none() && self.parts.is_empty() && write_empty {
            self.open = Some(self.begin()?);
        }
        if let Some(part) = self.open.take() {
            self.end(part)?;
        }
        Ok(self.parts)
    }

    /// Removes the part that is open.
    pub fn abort(mut self) {
        if let Some(part) = self.open.take() {
            part.writer.abort();
        }
    }

    fn begin(&self) -> Result<OpenPart, WriteError> {
        let sequence = u32::try_from(self.parts.len()).expect("a chunk has fewer parts than a file system has files");
        let name = self.namer.name(sequence);
        let sink = self.store.create(self.namer.run(), &name)?;
        Ok(OpenPart { writer: batch_writer(&self.schema, &self.options, sink)?, name })
    }

    fn end(&mut self, part: OpenPart) -> Result<(), WriteError> {
        let (sink, encoded) = part.writer.finish()?;
        let receipt = sink.finish()?;
        debug!(part = %part.name, rows = encoded.rows, bytes = receipt.bytes, "part written");
        self.parts.push(PartRecord {
            name: part.name.as_str().to_owned(),
            rows: encoded.rows,
            bytes: receipt.bytes,
            sha256: receipt.sha256,
        });
        Ok(())
    }
}

impl fmt::Debug for ExportWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportWriter")
            .field("options", &self.options)
            .field("namer", &self.namer)
            .field("store", &self.store)
            .field("open", &self.open.as_ref().map(|part| &part.name))
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}
