use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use rivet_model::{OutputOptions, PartRecord};

use crate::budget::Permit;
use crate::encode::{EncoderShare, check};
use crate::error::WriteError;
use crate::layout::PartNamer;
use crate::partition::{PartitionRouter, Partitioner};
use crate::parts::{OpenPart, PartMaker};
use crate::store::PartStore;

/// Writes the rows of one chunk into as many parts as they need.
///
/// A part is begun with its first row and ends once it has `max_file_size` bytes. All calls come from one thread,
/// which may block and is no thread of an asynchronous runtime. A writer that is dropped removes the parts that are
/// open; the parts that it ended stay in their staging place, where a repeated attempt replaces them.
#[derive(Debug)]
pub struct ExportWriter {
    parts: PartMaker,
    max_file_size: Option<u64>,
    way: Way,
}

/// Where rows go.
#[derive(Debug)]
enum Way {
    /// Into one part after the other.
    Single(Option<OpenPart>),
    /// Into those of their folders.
    Folders(Box<PartitionRouter>),
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
        let max_file_size = options.max_file_size;
        let parts = PartMaker::new(schema, options, namer, store);
        Ok(Self { parts, max_file_size, way: Way::Single(None) })
    }

    /// Makes a writer that sorts rows into folders. So many such writers, at most, work at a time: they share what may
    /// be open.
    pub fn partitioned(
        partitioner: Partitioner,
        at_a_time: usize,
        options: OutputOptions,
        namer: PartNamer,
        store: Arc<dyn PartStore>,
    ) -> Result<Self, WriteError> {
        let schema = Arc::clone(partitioner.schema());
        let router = PartitionRouter::new(partitioner, &options, at_a_time);
        let writer = Self::new(schema, options, namer, store)?;
        Ok(Self { way: Way::Folders(Box::new(router)), ..writer })
    }

    /// Says what of the machine it may use. Rows that go into folders are encoded by one encoder for each part.
    #[must_use]
    pub fn sharing(mut self, share: EncoderShare) -> Self {
        let is_single = matches!(self.way, Way::Single(_));
        self.parts.share(EncoderShare { encoders: if is_single { share.encoders } else { 1 }, ..share });
        self
    }

    /// Writes the rows of a batch.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        self.write_held(batch, None)
    }

    /// Writes the rows of a batch, and holds a permit for them until they are encoded, which may be later.
    pub fn write_held(&mut self, batch: &RecordBatch, held: Option<&Permit>) -> Result<(), WriteError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let Self { parts, max_file_size, way } = self;
        let open = match way {
            Way::Folders(router) => return router.write(batch, parts),
            Way::Single(open) => open,
        };
        let mut part = match open.take() {
            Some(part) => part,
            None => parts.begin(None, Vec::new())?,
        };
        if let Err(error) = part.writer.write(batch, held) {
            part.writer.abort();
            return Err(error);
        }
        if max_file_size.is_some_and(|limit| part.writer.written_bytes() >= limit) {
            parts.end(part)
        } else {
            *open = Some(part);
            Ok(())
        }
    }

    /// Returns the bytes of all parts so far, with an estimate for those that are open.
    pub fn written_bytes(&self) -> u64 {
        let open = match &self.way {
            Way::Single(open) => open.as_ref().map_or(0, |part| part.writer.written_bytes()),
            Way::Folders(router) => router.written_bytes(),
        };
        self.parts.ended_bytes() + open
    }

    /// Returns what rows take in memory that no finished part holds.
    pub fn held_bytes(&self) -> usize {
        match &self.way {
            Way::Single(open) => {
                open.as_ref().map_or(0, |part| part.writer.buffered_bytes() + part.writer.sink_bytes())
            }
            Way::Folders(router) => router.held_bytes(),
        }
    }

    /// Ends the last parts and returns all of them, durable. Without a row there is none, or with `write_empty` one
    /// that holds the schema (Parquet) or the header (CSV) alone; not with folders, of which no row says which.
    pub fn finish(self, write_empty: bool) -> Result<Vec<PartRecord>, WriteError> {
        let Self { mut parts, way, .. } = self;
        match way {
            Way::Single(Some(part)) => parts.end(part)?,
            Way::Single(None) if write_empty && parts.begun() == 0 => {
                let part = parts.begin(None, Vec::new())?;
                parts.end(part)?;
            }
            Way::Single(None) => {}
            Way::Folders(router) => router.finish(&mut parts)?,
        }
        Ok(parts.into_records())
    }

    /// Removes the parts that are open.
    pub fn abort(self) {
        match self.way {
            Way::Single(Some(part)) => part.writer.abort(),
            Way::Single(None) => {}
            Way::Folders(router) => router.abort(),
        }
    }
}
