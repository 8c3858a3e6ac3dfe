use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use rivet_model::{OutputOptions, PartRecord, PartitionValue};
use tracing::debug;

use crate::encode::{BatchWriter, EncoderShare, batch_writer};
use crate::error::WriteError;
use crate::layout::{PartName, PartNamer};
use crate::store::PartStore;

/// Begins and ends the parts of one chunk.
#[derive(Debug)]
pub(crate) struct PartMaker {
    /// What stands in the files.
    schema: SchemaRef,
    options: OutputOptions,
    share: EncoderShare,
    namer: PartNamer,
    store: Arc<dyn PartStore>,
    begun: u32,
    ended: Vec<(u32, PartRecord)>,
    ended_bytes: u64,
}

/// A part that rows are written to.
pub(crate) struct OpenPart {
    name: PartName,
    sequence: u32,
    partition: Vec<PartitionValue>,
    pub(crate) writer: Box<dyn BatchWriter>,
}

impl PartMaker {
    pub(crate) fn new(schema: SchemaRef, options: OutputOptions, namer: PartNamer, store: Arc<dyn PartStore>) -> Self {
        Self {
            schema,
            options,
            share: EncoderShare::default(),
            namer,
            store,
            begun: 0,
            ended: Vec::new(),
            ended_bytes: 0,
        }
    }

    /// Says what of the machine the encoders may use.
    pub(crate) fn share(&mut self, share: EncoderShare) {
        self.share = share;
    }

    /// Returns how many parts were begun.
    pub(crate) fn begun(&self) -> usize {
        self.begun as usize
    }

    /// Returns the bytes of all parts that have ended.
    pub(crate) fn ended_bytes(&self) -> u64 {
        self.ended_bytes
    }

    /// Begins the next part, in a folder below the root or in the root itself.
    pub(crate) fn begin(
        &mut self,
        folder: Option<&str>,
        partition: Vec<PartitionValue>,
    ) -> Result<OpenPart, WriteError> {
        let sequence = self.begun;
        self.begun = sequence.checked_add(1).expect("a chunk has fewer parts than a file system has files");
        let name = match folder {
            Some(folder) => self.namer.name_in(folder, sequence),
            None => self.namer.name(sequence),
        };
        let sink = self.store.create(self.namer.run(), &name)?;
        Ok(OpenPart { writer: batch_writer(&self.schema, &self.options, self.share, sink)?, name, sequence, partition })
    }

    /// Ends a part, which is durable then.
    pub(crate) fn end(&mut self, part: OpenPart) -> Result<(), WriteError> {
        let (sink, encoded) = part.writer.finish()?;
        let receipt = sink.finish()?;
        debug!(part = %part.name, rows = encoded.rows, bytes = receipt.bytes, "part written");
        self.ended_bytes += receipt.bytes;
        let record = PartRecord {
            name: part.name.as_str().to_owned(),
            rows: encoded.rows,
            bytes: receipt.bytes,
            sha256: receipt.sha256,
            partition: part.partition,
        };
        self.ended.push((part.sequence, record));
        Ok(())
    }

    /// Returns all parts that have ended, in the order in which they were begun.
    pub(crate) fn into_records(mut self) -> Vec<PartRecord> {
        self.ended.sort_by_key(|(sequence, _)| *sequence);
        self.ended.into_iter().map(|(_, record)| record).collect()
    }
}

impl OpenPart {
    /// Returns its place among the parts of its chunk.
    pub(crate) fn sequence(&self) -> u32 {
        self.sequence
    }
}

impl fmt::Debug for OpenPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenPart").field("name", &self.name).finish_non_exhaustive()
    }
}
