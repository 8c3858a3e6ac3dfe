use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use arrow::array::RecordBatch;
use parquet::errors::ParquetError;

use super::PIECE_ROWS;
use super::limits::{Limits, raw_bytes};
use super::row_group::{Columns, EncodedRowGroup};
use crate::budget::Permit;
use crate::error::WriteError;

/// A thread that encodes one row group after the other.
///
/// It is kept from one row group to the next, since the system's allocator keeps memory for each thread that comes. It
/// ends by itself once it is dropped and has no rows left.
pub(super) struct Encoder {
    jobs: Sender<Job>,
}

/// A row group whose rows may still be coming.
struct Job {
    columns: Columns,
    limits: Limits,
    rows: Receiver<(RecordBatch, Option<Permit>)>,
    encoded: Sender<thread::Result<Encoded>>,
}

/// There is more than one row group where its rows took more than was expected.
type Encoded = Result<Vec<EncodedRowGroup>, WriteError>;

/// A row group that an [`Encoder`] encodes.
///
/// Rows wait for the thread in a queue without an end of its own: what bounds it is the budget that their permits are
/// of.
pub(super) struct Ahead {
    /// Closed once the rows are complete.
    rows_to_encode: Option<Sender<(RecordBatch, Option<Permit>)>>,
    encoded: Receiver<thread::Result<Encoded>>,
    limits: Limits,
    rows: usize,
    raw: usize,
}

impl Encoder {
    /// Starts the thread. Fails where the system has no more of them.
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, waiting) = channel::<Job>();
        let work = move || {
            while let Ok(Job { columns, limits, rows, encoded }) = waiting.recv() {
                let ended = catch_unwind(AssertUnwindSafe(|| encode(&columns, &limits, &rows)));
                // Nobody waits for it where the part was given up.
                drop(encoded.send(ended));
            }
        };
        thread::Builder::new().name("rivet-encode".to_owned()).spawn(work)?;
        Ok(Self { jobs })
    }

    /// Begins a row group, which is encoded once those before it are.
    pub(super) fn begin(&self, columns: Columns, limits: Limits) -> Ahead {
        let (rows_to_encode, rows) = channel();
        let (sender, encoded) = channel();
        // A thread that is gone drops the job, which closes both channels: ending the row group tells.
        drop(self.jobs.send(Job { columns, limits: limits.clone(), rows, encoded: sender }));
        Ahead { rows_to_encode: Some(rows_to_encode), encoded, limits, rows: 0, raw: 0 }
    }
}

impl Ahead {
    /// Hands rows to the thread, and returns whether the row group has all that it takes.
    pub(super) fn write(&mut self, rows: RecordBatch, held: Option<Permit>) -> bool {
        self.rows += rows.num_rows();
        self.raw += raw_bytes(&rows);
        let taken = self.rows_to_encode.as_ref().is_some_and(|sender| sender.send((rows, held)).is_ok());
        // Where the thread has failed, ending the row group tells why.
        !taken || self.limits.are_met_by_raw(self.rows, self.raw)
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the bytes of its rows so far, as Arrow holds them.
    pub(super) fn raw_bytes(&self) -> usize {
        self.raw
    }

    /// Says that there are no more rows.
    pub(super) fn end_rows(&mut self) {
        self.rows_to_encode = None;
    }

    /// Waits until it is encoded.
    pub(super) fn finish(mut self) -> Encoded {
        self.end_rows();
        let gone = || WriteError::Parquet(ParquetError::General("an encoder's thread has ended".to_owned()));
        self.encoded.recv().map_err(|_gone| gone())?.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

fn encode(columns: &Columns, limits: &Limits, rows: &Receiver<(RecordBatch, Option<Permit>)>) -> Encoded {
    let mut ended = Vec::new();
    let mut group = columns.begin()?;
    while let Ok((batch, held)) = rows.recv() {
        for start in (0..batch.num_rows()).step_by(PIECE_ROWS) {
            if limits.are_broken_by(&group) {
                ended.push(std::mem::replace(&mut group, columns.begin()?).end()?);
            }
            group.write(&batch.slice(start, PIECE_ROWS.min(batch.num_rows() - start)))?;
        }
        drop((batch, held));
    }
    if group.rows() > 0 {
        ended.push(group.end()?);
    }
    Ok(ended)
}
