use std::time::Duration;

use jiff::Timestamp;
use rivet_model::{ColumnName, RowRange, Scalar, ScalarKind};

use crate::{Probe, SourceType};

/// Which columns order the rows of a relation: asked for with [`DescribeRequest`](crate::DescribeRequest).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRequest {
    /// The first columns of the key. Empty for the relation's own: its primary key, else a unique key without NULLs.
    pub columns: Vec<ColumnName>,
    /// The column that stands in where the first one is NULL.
    pub fallback: Option<ColumnName>,
    /// What tells rows apart that have the same values in `columns`.
    pub tiebreak: Tiebreak,
}

/// What tells rows apart that are equal in the first columns of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tiebreak {
    /// Nothing.
    None,
    /// These columns.
    Columns(Vec<ColumnName>),
    /// The relation's own key, where the first columns are not unique by themselves and there is one.
    #[default]
    OwnKey,
}

/// A column of a key. It need not be among the columns that are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    /// Its name in the relation.
    pub name: ColumnName,
    /// Its position in the relation, from 0.
    pub position: usize,
    /// What the source says it is.
    pub source_type: SourceType,
    /// What its values are.
    pub kind: ScalarKind,
    /// Whether it may hold NULL, as far as the source tells.
    pub nullable: bool,
}

/// What the source says of the key that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFacts {
    /// Whether no two rows have the same values in all of its columns.
    pub unique: bool,
    /// Whether an index begins with its first column.
    pub indexed: bool,
    /// Whether the first column holds days or moments, which a clock can be compared with.
    pub temporal: bool,
}

/// A question to [`Source::split`](crate::Source::split).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitRequest {
    /// How large the pieces should be.
    pub by: SplitBy,
    /// The rows to cut up.
    pub within: RowRange,
}

/// How large the pieces of a split should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitBy {
    /// About this many rows each.
    Rows {
        /// The number, 1 or more.
        rows: u64,
        /// Whether rows are counted, rather than estimated from statistics and samples.
        exact: bool,
    },
    /// About this many pieces of the same number of rows.
    Count(u32),
    /// This many whole days (UTC) each, by a first key column that holds days or moments;
    /// [`SourceErrorKind::Config`](crate::SourceErrorKind::Config) for another.
    Days(u32),
    /// About this many bytes of the columns that are read.
    Bytes(u64),
}

/// The answer of [`Source::split`](crate::Source::split): pieces that hold every row exactly once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// The pieces, in the order of the key, the one for NULL keys last.
    pub pieces: Vec<Piece>,
    /// Whether the pieces hold within one read view only, as physical ranges do.
    pub needs_shared_view: bool,
    /// What a person should know of it, one sentence each.
    pub notes: Vec<String>,
    /// Every statement that was sent to find this out, in order, failed ones too.
    pub probes: Vec<Probe>,
}

/// One piece of a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its rows.
    pub range: RowRange,
    /// How many there may be, where that is known.
    pub estimated_rows: Option<u64>,
}

/// A question to [`Source::watermark`](crate::Source::watermark).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatermarkRequest {
    /// The position that was reached before: only rows after it are looked at. None for all rows.
    pub after: Option<Vec<Scalar>>,
    /// What keeps the watermark below the newest row.
    pub hold: Hold,
    /// Whether rows without a cursor are counted.
    pub count_nulls: bool,
}

/// What keeps a watermark below the newest row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// Nothing.
    Nothing,
    /// The clock of the source, less a lag. For a first key column that holds days or moments, else
    /// [`SourceErrorKind::Config`](crate::SourceErrorKind::Config); a day counts once it is over.
    Clock {
        /// How far behind the clock.
        lag: Duration,
        /// The IANA name of the time zone that days and moments without a zone are in.
        time_zone: String,
    },
    /// A position.
    Position(Vec<Scalar>),
}

/// The answer of [`Source::watermark`](crate::Source::watermark).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermark {
    /// The key of the last row after `after` that is not held back: one value for each column. None without a row.
    pub highest: Option<Vec<Scalar>>,
    /// The key of the last row of all, held back or not. None without a row that has a cursor.
    pub newest: Option<Vec<Scalar>>,
    /// Rows that no range of keys holds: those of [`RowRange::NullKey`]. None where nobody asked.
    pub null_rows: Option<u64>,
    /// The clock of the source: everything that was committed until then has been looked at. On a replica that is the
    /// clock of what it has replayed.
    pub now: Timestamp,
    /// The clock of the source once everything had been looked at.
    pub seen_at: Timestamp,
    /// The age of the oldest transaction that may still write, as far as the role may see.
    pub oldest_transaction: Option<Duration>,
    /// Every statement that was sent to find this out, in order, failed ones too.
    pub probes: Vec<Probe>,
}
