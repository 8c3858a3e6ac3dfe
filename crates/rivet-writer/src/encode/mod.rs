//! Encoders: a stream of batches becomes the bytes of one part.

mod compress;
mod csv;
mod meter;
mod parquet;
mod quote;
mod slot;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use rivet_model::{Format, OutputOptions};

use crate::budget::Permit;
use crate::error::WriteError;
use crate::store::PartSink;

pub(crate) use self::parquet::ROWS_TARGET_MEMORY;

/// Writes batches into one part.
///
/// All calls come from one thread, which may block. After an error nothing but [`BatchWriter::abort`] may be called.
/// A writer that is dropped leaves its sink unfinished, which removes what was written.
pub trait BatchWriter: Send {
    /// Encodes the rows of a batch, which has the schema that the writer was made for.
    ///
    /// The permit is held until they are encoded, which may be after this has returned.
    fn write(&mut self, batch: &RecordBatch, held: Option<&Permit>) -> Result<(), WriteError>;

    /// Returns the part's size so far in bytes, with an estimate of what is not encoded yet.
    fn written_bytes(&self) -> u64;

    /// Returns the bytes that rows take until [`BatchWriter::flush`] hands them on.
    fn buffered_bytes(&self) -> usize;

    /// Returns the bytes that the sink holds.
    fn sink_bytes(&self) -> usize;

    /// Hands on the rows that are held back until there are more of them: a row group ends here.
    fn flush(&mut self) -> Result<(), WriteError>;

    /// Ends the part and gives its sink back, which is not finished yet.
    fn finish(self: Box<Self>) -> Result<(Box<dyn PartSink>, EncodedPart), WriteError>;

    /// Gives the part up.
    fn abort(self: Box<Self>);
}

/// What an encoder says of the part that it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodedPart {
    /// Rows in it.
    pub rows: u64,
}

/// What of the machine one encoder may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderShare {
    /// Row groups that it encodes at a time, at most, each on a thread of its own.
    pub encoders: usize,
    /// Encoders of the same export that work at a time, at most.
    pub writers: usize,
}

impl Default for EncoderShare {
    /// One encoder, which encodes on the thread that writes.
    fn default() -> Self {
        Self { encoders: 1, writers: 1 }
    }
}

impl EncoderShare {
    /// Returns how many row groups of the export are encoded at a time, at most.
    pub(crate) fn at_a_time(self) -> usize {
        self.encoders.saturating_mul(self.writers).max(1)
    }
}

/// Makes the encoder that the options ask for.
///
/// Fails where the options do not fit the format, or a column has a type without a form in it; nothing has been
/// written by then.
pub fn batch_writer(
    schema: &SchemaRef,
    options: &OutputOptions,
    share: EncoderShare,
    sink: Box<dyn PartSink>,
) -> Result<Box<dyn BatchWriter>, WriteError> {
    check(schema, options)?;
    Ok(match options.format {
        Format::Parquet => Box::new(parquet::ParquetBatchWriter::new(schema, options, share, sink)?),
        Format::Csv => Box::new(csv::CsvBatchWriter::new(schema, options, sink)?),
    })
}

/// Finds what stands against encoding this schema with these options, before any part is begun.
pub(crate) fn check(schema: &SchemaRef, options: &OutputOptions) -> Result<(), WriteError> {
    if schema.fields().is_empty() {
        return Err(WriteError::NoColumns);
    }
    match options.format {
        Format::Parquet => parquet::check(schema, options),
        Format::Csv => csv::check(schema, options),
    }
}

/// Counts in 64 bits.
fn as_u64(count: usize) -> u64 {
    u64::try_from(count).expect("memory is counted in at most 64 bits")
}
