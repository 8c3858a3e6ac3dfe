use arrow::array::RecordBatch;
use rivet_model::RowGroupTarget;

use super::row_group::{RowGroup, RowGroupSize};
use crate::encode::EncoderShare;

/// Where a row group ends in any case when it is to be ended by rows, so that wide rows don't take all memory.
pub(crate) const ROWS_TARGET_MEMORY: usize = 256 << 20;

/// What a row group takes where several are encoded at one time: their rows wait in memory as well, and the more rows a
/// row group has, the longer those of the next one wait (`docs/benchmarks.md`).
const BESIDE_OTHERS: usize = 8 << 20;

/// What a column takes of a row group on average, at least, before that target is left for a larger one: readers fetch a
/// column of a row group at a time, and each costs them a page index and a dictionary.
const LEAST_OF_A_COLUMN: usize = 128 << 10;

/// Where row groups end.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Bytes that the rows of a row group take in memory.
    memory: usize,
    rows: usize,
    /// Row groups that are encoded at a time, at most.
    pub(super) encoders: usize,
    /// The bytes of rows, as Arrow holds them, that are expected to fill the memory: not known before one was encoded.
    raw: Option<usize>,
}

impl Limits {
    /// Returns the limits of a file of so many columns.
    pub(super) fn new(target: RowGroupTarget, columns: usize, share: EncoderShare) -> Self {
        let size = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX).max(1);
        let (memory, rows) = match target {
            RowGroupTarget::Auto(bytes) => {
                let alone = size(bytes);
                let beside = BESIDE_OTHERS.max(columns.saturating_mul(LEAST_OF_A_COLUMN));
                (if share.at_a_time() == 1 { alone } else { alone.min(beside) }, usize::MAX)
            }
            RowGroupTarget::Bytes(bytes) => (size(bytes), usize::MAX),
            RowGroupTarget::Rows(rows) => (ROWS_TARGET_MEMORY, size(rows)),
        };
        Self { memory, rows, encoders: share.encoders.max(1), raw: None }
    }

    /// Returns whether the next row group is encoded beside others.
    pub(super) fn goes_ahead(&self) -> bool {
        self.encoders > 1 && self.raw.is_some()
    }

    /// Returns how many rows there is room for.
    pub(super) fn room(&self, rows: usize) -> usize {
        self.rows.saturating_sub(rows).max(1)
    }

    pub(super) fn are_met_by(&self, group: &RowGroup) -> bool {
        group.rows() >= self.rows || group.memory() >= self.memory
    }

    /// Returns whether a row group takes so much more than was expected that it has to end before its rows do.
    pub(super) fn are_broken_by(&self, group: &RowGroup) -> bool {
        group.memory() >= self.memory.saturating_add(self.memory / 4)
    }

    /// Returns whether so many rows of so many bytes, not encoded yet, are a row group.
    pub(super) fn are_met_by_raw(&self, rows: usize, raw: usize) -> bool {
        rows >= self.rows || self.raw.is_some_and(|limit| raw >= limit)
    }

    /// Learns from row groups that have ended how many rows make the next.
    pub(super) fn learn(&mut self, ended: &[RowGroupSize]) {
        let raw: usize = ended.iter().map(|size| size.raw).sum();
        let memory: usize = ended.iter().map(|size| size.memory).sum::<usize>().max(1);
        let expected = scaled(self.memory, raw, memory);
        // One that is unlike the others should not make the next ones tiny or huge.
        let (least, most) = self.raw.map_or((1, usize::MAX), |raw| (raw / 2, raw.saturating_mul(2)));
        self.raw = Some(expected.clamp(least, most).max(1));
    }

    /// Returns how many bytes rows of so many bytes are expected to take once they are encoded.
    pub(super) fn expected_bytes(&self, raw: usize) -> usize {
        self.raw.map_or(raw, |expected| scaled(self.memory, raw, expected))
    }
}

/// Returns `value * by / of`.
fn scaled(value: usize, by: usize, of: usize) -> usize {
    let scaled = value as u128 * by as u128 / of.max(1) as u128;
    usize::try_from(scaled).unwrap_or(usize::MAX)
}

/// Returns the bytes of these rows, without what else their buffers hold.
pub(super) fn raw_bytes(rows: &RecordBatch) -> usize {
    let of_column = |column: &arrow::array::ArrayRef| column.to_data().get_slice_memory_size().unwrap_or_default();
    rows.columns().iter().map(of_column).sum()
}
