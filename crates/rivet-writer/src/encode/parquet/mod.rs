//! Parquet, one row group after the other; further row groups are encoded beside the first where there are cores for it.

mod ahead;
mod limits;
mod properties;
mod row_group;

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::file::writer::SerializedFileWriter;
use rivet_model::OutputOptions;
use tracing::debug;

use self::ahead::{Ahead, Encoder};
use self::limits::Limits;
use self::properties::properties;
use self::row_group::{Columns, EncodedRowGroup, RowGroup};
use super::slot::SinkSlot;
use super::{BatchWriter, EncodedPart, EncoderShare, as_u64};
use crate::budget::Permit;
use crate::error::WriteError;
use crate::store::PartSink;

pub(crate) use self::limits::ROWS_TARGET_MEMORY;

/// Rows handed to the encoder at once. Memory is looked at after each such piece, so that a large batch can't carry
/// a row group far above its target.
const PIECE_ROWS: usize = 8_192;

/// Writes Parquet with the synchronous encoder of the `parquet` crate.
///
/// The first row group is encoded on the thread that writes, so that a small table starts no other. With more than one
/// encoder, each of the next is encoded on a thread of its own while the rows of the one after it come in; a row group
/// is begun once that which so many encoders ago was begun is in the file. Where it ends follows from the row groups
/// before that one alone, so that the same rows make the same file however the threads are scheduled.
pub(super) struct ParquetBatchWriter {
    file: SerializedFileWriter<SinkSlot>,
    columns: Columns,
    limits: Limits,
    current: Option<Current>,
    /// Threads, the one that was given a row group last at the end.
    encoders: VecDeque<Encoder>,
    /// Row groups whose rows are complete and which are not in the file yet, in its order.
    ended: VecDeque<Ahead>,
    rows: u64,
}

/// The row group that rows are added to.
enum Current {
    Here(RowGroup),
    Ahead(Ahead),
}

/// Finds what stands against writing this schema as Parquet.
pub(super) fn check(schema: &SchemaRef, options: &OutputOptions) -> Result<(), WriteError> {
    ArrowWriter::try_new(std::io::sink(), SchemaRef::clone(schema), Some(properties(schema, options)?))
        .map(drop)
        .map_err(WriteError::from_parquet)
}

impl ParquetBatchWriter {
    pub(super) fn new(
        schema: &SchemaRef,
        options: &OutputOptions,
        share: EncoderShare,
        sink: Box<dyn PartSink>,
    ) -> Result<Self, WriteError> {
        let properties = properties(schema, options)?;
        let writer = ArrowWriter::try_new(SinkSlot::new(sink), Arc::clone(schema), Some(properties))
            .map_err(WriteError::from_parquet)?;
        let (file, factory) = writer.into_serialized_writer().map_err(WriteError::from_parquet)?;
        let limits = Limits::new(options.parquet.row_group, schema.fields().len(), share);
        let columns = Columns::new(Arc::clone(schema), factory);
        Ok(Self { file, columns, limits, current: None, encoders: VecDeque::new(), ended: VecDeque::new(), rows: 0 })
    }

    /// Begins a row group, on a thread of its own where another one is in the file already.
    fn begin(&mut self) -> Result<Current, WriteError> {
        if !self.limits.goes_ahead() {
            return Ok(Current::Here(self.columns.begin()?));
        }
        while self.ended.len() >= self.limits.encoders {
            self.take_in_first()?;
        }
        if self.encoders.len() < self.limits.encoders {
            match Encoder::start() {
                Ok(encoder) => self.encoders.push_back(encoder),
                Err(error) => debug!(%error, "no further thread could be started to encode row groups"),
            }
        }
        // The one that has been at rest for longest has nothing left to do.
        let Some(encoder) = self.encoders.pop_front() else { return Ok(Current::Here(self.columns.begin()?)) };
        let ahead = encoder.begin(self.columns.clone(), self.limits.clone());
        self.encoders.push_back(encoder);
        Ok(Current::Ahead(ahead))
    }

    /// Ends the row group that rows are added to.
    fn end_current(&mut self) -> Result<(), WriteError> {
        match self.current.take() {
            None => Ok(()),
            Some(Current::Here(group)) => {
                let encoded = group.end()?;
                while !self.ended.is_empty() {
                    self.take_in_first()?;
                }
                self.limits.learn(&[encoded.size]);
                self.append(encoded)
            }
            Some(Current::Ahead(mut ahead)) => {
                ahead.end_rows();
                self.ended.push_back(ahead);
                Ok(())
            }
        }
    }

    /// Waits for the first of the row groups that have ended and puts it into the file.
    fn take_in_first(&mut self) -> Result<(), WriteError> {
        let Some(first) = self.ended.pop_front() else { return Ok(()) };
        let encoded = first.finish()?;
        let sizes: Vec<_> = encoded.iter().map(|group| group.size).collect();
        self.limits.learn(&sizes);
        encoded.into_iter().try_for_each(|group| self.append(group))
    }

    fn append(&mut self, encoded: EncodedRowGroup) -> Result<(), WriteError> {
        let mut group = self.file.next_row_group().map_err(WriteError::from_parquet)?;
        for chunk in encoded.chunks {
            chunk.append_to_row_group(&mut group).map_err(WriteError::from_parquet)?;
        }
        group.close().map(drop).map_err(WriteError::from_parquet)
    }

    /// Writes so many of the first rows as the row group takes, and returns how many that were.
    fn write_some(&mut self, rows: &RecordBatch, held: Option<&Permit>) -> Result<usize, WriteError> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.begin()?,
        };
        let (taken, is_full) = match &mut current {
            Current::Here(group) => {
                let piece = rows.slice(0, self.limits.room(group.rows()).min(PIECE_ROWS).min(rows.num_rows()));
                group.write(&piece)?;
                (piece.num_rows(), self.limits.are_met_by(group))
            }
            Current::Ahead(ahead) => {
                let piece = rows.slice(0, self.limits.room(ahead.rows()).min(rows.num_rows()));
                let taken = piece.num_rows();
                let is_full = ahead.write(piece, held.cloned());
                (taken, is_full)
            }
        };
        self.current = Some(current);
        if is_full {
            self.end_current()?;
        }
        Ok(taken)
    }
}

impl BatchWriter for ParquetBatchWriter {
    fn write(&mut self, batch: &RecordBatch, held: Option<&Permit>) -> Result<(), WriteError> {
        let mut written = 0;
        while written < batch.num_rows() {
            written += self.write_some(&batch.slice(written, batch.num_rows() - written), held)?;
        }
        self.rows += as_u64(batch.num_rows());
        Ok(())
    }

    fn written_bytes(&self) -> u64 {
        let current = match &self.current {
            None => 0,
            Some(Current::Here(group)) => group.estimated_bytes(),
            Some(Current::Ahead(ahead)) => self.limits.expected_bytes(ahead.raw_bytes()),
        };
        let ended: usize = self.ended.iter().map(|ahead| self.limits.expected_bytes(ahead.raw_bytes())).sum();
        as_u64(self.file.bytes_written() + current + ended)
    }

    fn buffered_bytes(&self) -> usize {
        let current = match &self.current {
            None => 0,
            Some(Current::Here(group)) => group.memory(),
            Some(Current::Ahead(ahead)) => self.limits.expected_bytes(ahead.raw_bytes()),
        };
        current + self.ended.iter().map(|ahead| self.limits.expected_bytes(ahead.raw_bytes())).sum::<usize>()
    }

    fn sink_bytes(&self) -> usize {
        self.file.inner().held_bytes()
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        self.end_current()?;
        while !self.ended.is_empty() {
            self.take_in_first()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(Box<dyn PartSink>, EncodedPart), WriteError> {
        self.flush()?;
        self.file.finish().map_err(WriteError::from_parquet)?;
        let gone = || WriteError::Parquet(parquet::errors::ParquetError::General("the part has ended".to_owned()));
        let sink = self.file.inner_mut().take().ok_or_else(gone)?;
        Ok((sink, EncodedPart { rows: self.rows }))
    }

    fn abort(mut self: Box<Self>) {
        if let Some(sink) = self.file.inner_mut().take() {
            sink.abort();
        }
    }
}
