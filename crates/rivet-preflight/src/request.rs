use rivet_model::{Chunk, RowRange};
use rivet_source::{KeyColumn, KeyFacts, ScanLimits, ScanSpec, ServerInfo};

use crate::Profile;

/// What is to be judged: a run as it was planned, before it reads anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightRequest {
    /// The very scan that the run will send. For an incremental export it has the bounds of the cursor, for a time
    /// window its lower bound. For a chunked one it is the scan of one chunk that stands for all: one with a lower and
    /// an upper end, where there is one.
    pub spec: ScanSpec,
    /// What the scan may take: it decides in how many statements it is read.
    pub limits: ScanLimits,
    /// What the source says of the key of the scan.
    pub key: KeyFacts,
    /// How the rows are selected.
    pub strategy: Strategy,
    /// What the server says of itself, where somebody has asked it.
    pub server: Option<ServerInfo>,
    /// Rows that the whole run is expected to read, where [`spec`](Self::spec) is the scan of a part of it and the
    /// strategy does not say so.
    pub whole_rows: Option<u64>,
    /// Connections that will read at a time, at least 1.
    pub workers: u32,
    /// The tuning profile that was asked for; none where it is a default.
    pub profile: Option<Profile>,
}

/// How a run selects its rows, with what a verdict takes from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Every row.
    Full,
    /// The rows beyond the last value of a cursor. Whether another column stands in where the cursor is NULL is in
    /// [`ScanSpec::fallback`].
    Incremental,
    /// Every row, chunk by chunk.
    Chunked(ChunkPlan),
    /// The rows of the last days.
    TimeWindow {
        /// Whole days to look back.
        days: u32,
    },
}

/// The chunks of a run, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlan {
    /// How many there are.
    pub count: u32,
    /// Rows in all of them, where each says how many it has.
    pub estimated_rows: Option<u64>,
    /// Rows that a chunk should have, where the configuration says so. Windows of equal width are as wide as this in a
    /// key without gaps.
    pub chunk_rows: Option<u64>,
}

impl Strategy {
    /// Makes the strategy of a chunked run from its chunks and the rows that one of them should have.
    pub fn chunked(chunks: &[Chunk], chunk_rows: Option<u64>) -> Self {
        let sum = |sum: u64, chunk: &Chunk| chunk.estimated_rows.map(|rows| sum.saturating_add(rows));
        let estimated_rows = (!chunks.is_empty()).then(|| chunks.iter().try_fold(0, sum)).flatten();
        let count = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
        Self::Chunked(ChunkPlan { count, estimated_rows, chunk_rows })
    }
}

impl PreflightRequest {
    /// Makes a request of one worker without limits, of which neither the server nor a profile is known.
    pub fn new(spec: ScanSpec, key: KeyFacts, strategy: Strategy) -> Self {
        Self {
            spec,
            limits: ScanLimits::default(),
            key,
            strategy,
            server: None,
            whole_rows: None,
            workers: 1,
            profile: None,
        }
    }

    /// Returns the first column of the key.
    pub(crate) fn key_column(&self) -> Option<&KeyColumn> {
        self.spec.key.first()
    }

    /// Returns the number of chunks: 1 for a run that has none.
    pub(crate) fn chunk_count(&self) -> u32 {
        match self.strategy {
            Strategy::Chunked(plan) => plan.count.max(1),
            Strategy::Full | Strategy::Incremental | Strategy::TimeWindow { .. } => 1,
        }
    }

    /// Returns whether a statement of the run wants some rows of many, so that an index should find them.
    pub(crate) fn selects_by_key(&self) -> bool {
        match self.strategy {
            Strategy::Full => false,
            Strategy::Incremental | Strategy::TimeWindow { .. } => true,
            Strategy::Chunked(plan) => plan.count > 1 && !self.reads_pages(),
        }
    }

    /// Returns whether the scan is a range of pages.
    pub(crate) fn reads_pages(&self) -> bool {
        matches!(self.spec.range, RowRange::Pages { .. })
    }

    /// Returns whether the scan begins somewhere after the first row.
    pub(crate) fn has_lower_end(&self) -> bool {
        match &self.spec.range {
            RowRange::Key { lower, .. } => lower.is_some(),
            RowRange::NullKey => true,
            RowRange::All => false,
            RowRange::Pages { from, .. } => *from > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use rivet_model::ChunkId;

    use super::*;

    #[test]
    fn chunks_are_summed_where_all_of_them_are_known() {
        let check = |rows: &[Option<u64>], count, estimated_rows| {
            let chunk = |rows: &Option<u64>| Chunk { id: ChunkId(0), range: RowRange::All, estimated_rows: *rows };
            let chunks: Vec<_> = rows.iter().map(chunk).collect();
            let expected = Strategy::Chunked(ChunkPlan { count, estimated_rows, chunk_rows: Some(10) });
            assert_eq!(Strategy::chunked(&chunks, Some(10)), expected, "{rows:?}");
        };
        check(&[], 0, None);
        check(&[Some(3), Some(4)], 2, Some(7));
        check(&[Some(3), None], 2, None);
        check(&[Some(u64::MAX), Some(1)], 2, Some(u64::MAX));
    }
}
