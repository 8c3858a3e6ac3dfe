use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};

use super::limits::raw_bytes;
use crate::error::WriteError;

/// The columns of a file, of which row groups are made.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    schema: SchemaRef,
    factory: Arc<ArrowRowGroupWriterFactory>,
}

/// A row group that is encoded in memory: its columns must stand one after the other in the file.
#[derive(Debug)]
pub(super) struct RowGroup {
    schema: SchemaRef,
    writers: Vec<ArrowColumnWriter>,
    /// Bytes that the encoders set aside before they have a row: a mebibyte for each column of differences.
    set_aside: usize,
    rows: usize,
    raw: usize,
}

/// A row group that is ready for its file.
#[derive(Debug)]
pub(super) struct EncodedRowGroup {
    pub(super) chunks: Vec<ArrowColumnChunk>,
    pub(super) size: RowGroupSize,
}

/// What a row group took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowGroupSize {
    /// Bytes of its rows as Arrow holds them.
    pub(super) raw: usize,
    /// Bytes of memory that its rows took when it ended.
    pub(super) memory: usize,
}

impl Columns {
    pub(super) fn new(schema: SchemaRef, factory: ArrowRowGroupWriterFactory) -> Self {
        Self { schema, factory: Arc::new(factory) }
    }

    /// Begins a row group.
    pub(super) fn begin(&self) -> Result<RowGroup, WriteError> {
        // The number of a row group matters for encryption alone.
        let writers = self.factory.create_column_writers(0).map_err(WriteError::from_parquet)?;
        let set_aside = memory(&writers);
        Ok(RowGroup { schema: Arc::clone(&self.schema), writers, set_aside, rows: 0, raw: 0 })
    }
}

fn memory(writers: &[ArrowColumnWriter]) -> usize {
    writers.iter().map(ArrowColumnWriter::memory_size).sum()
}

impl RowGroup {
    pub(super) fn write(&mut self, piece: &RecordBatch) -> Result<(), WriteError> {
        let mut writers = self.writers.iter_mut();
        for (field, column) in self.schema.fields().iter().zip(piece.columns()) {
            for leaf in compute_leaves(field, column).map_err(WriteError::from_parquet)? {
                let writer = writers.next().expect("there is a writer for each leaf of the schema");
                writer.write(&leaf).map_err(WriteError::from_parquet)?;
            }
        }
        self.rows += piece.num_rows();
        self.raw += raw_bytes(piece);
        Ok(())
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the bytes that its rows take in memory.
    pub(super) fn memory(&self) -> usize {
        memory(&self.writers).saturating_sub(self.set_aside)
    }

    /// Returns the bytes that it will take in the file, as far as can be said now.
    pub(super) fn estimated_bytes(&self) -> usize {
        self.writers.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum()
    }

    pub(super) fn end(self) -> Result<EncodedRowGroup, WriteError> {
        let size = RowGroupSize { raw: self.raw, memory: self.memory() };
        let ended: Result<_, _> = self.writers.into_iter().map(ArrowColumnWriter::close).collect();
        Ok(EncodedRowGroup { chunks: ended.map_err(WriteError::from_parquet)?, size })
    }
}
