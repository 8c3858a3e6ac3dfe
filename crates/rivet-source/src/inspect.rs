use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rivet_model::{ColumnName, Scalar};
use serde::{Deserialize, Serialize};

use crate::{Probe, ScanLimits, ScanSpec, SourceError};

/// What preflight asks of a source: read-only questions that never scan a table.
///
/// Each question is a statement, or a few, in a read-only transaction with a statement and a lock timeout of its own,
/// so that one that is slow or forbidden costs no more than its own answer. Everything that was sent is in
/// [`Inspector::take_probes`], failed ones too.
#[async_trait]
pub trait Inspector: std::fmt::Debug + Send {
    /// Asks the source's planner about the very statement that a scan with these limits would send.
    ///
    /// A scan that is read in several statements is explained as a whole: its rows, their width, its accesses and its
    /// sort are those of the one statement that would read everything. What is returned as its statement is the first
    /// of the several, which is explained as well, in a probe of its own, so that the server has seen that very text.
    /// Where the planner is known to misjudge the rows of a range, they come from another statement, in a probe that
    /// says why.
    async fn explain(&mut self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Explanation, SourceError>;

    /// Asks the catalog about the relation of a scan, its indexes, and the columns of its key.
    ///
    /// The smallest and largest values of the key's first column come from an index that begins with it, or from
    /// statistics, or are absent. Of a query only what the source knows of the columns that it takes from a table is
    /// answered.
    async fn statistics(&mut self, spec: &ScanSpec) -> Result<RelationStatistics, SourceError>;

    /// Asks how the server is doing now.
    async fn vitals(&mut self) -> Result<Vitals, SourceError>;

    /// Takes what was sent so far, in order.
    fn take_probes(&mut self) -> Vec<Probe>;

    /// Ends the connection.
    async fn close(self: Box<Self>);
}

/// What a planner says of a statement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The text that a scan sends, without what explains it: the first statement where there are several.
    pub statement: String,
    /// Rows that the scan is expected to return, in all of its statements.
    pub estimated_rows: Option<u64>,
    /// Bytes of a row, on average.
    pub row_bytes: Option<f64>,
    /// How each relation is read, in the order of the plan.
    pub accesses: Vec<Access>,
    /// Whether the whole result is sorted before its first row comes.
    pub sorts_result: bool,
}

/// How a planner would read one relation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Access {
    /// The relation as the plan names it.
    pub relation: String,
    /// The way.
    pub path: AccessPath,
    /// The index, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Whether the index is entered at a bound of the scan's range, rather than read whole.
    pub bounded: bool,
    /// Rows that come out of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_rows: Option<u64>,
}

/// A way to the rows of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessPath {
    /// Every row, in the order of the table.
    SequentialScan,
    /// The rows of some pages.
    PageRange,
    /// Rows in the order of an index.
    IndexScan,
    /// Rows from an index alone.
    IndexOnlyScan,
    /// Rows that one or several indexes found, in the order of the table.
    BitmapScan,
    /// Anything else: a function, a foreign table, a list of values.
    Other,
}

/// What a catalog says of a relation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RelationStatistics {
    /// What it is: `table`, `unlogged table`, `partitioned table`, `view`, `materialized view`, `foreign table` or `query`.
    pub kind: String,
    /// Rows that the catalog expects in it.
    pub estimated_rows: Option<u64>,
    /// Bytes on disk of the rows, without indexes.
    pub bytes: Option<u64>,
    /// When statistics were last gathered, by whomever; none where never.
    pub analyzed_at: Option<Timestamp>,
    /// Rows that were changed since, as far as the server has counted.
    pub changed_rows: Option<u64>,
    /// Its indexes.
    pub indexes: Vec<IndexFacts>,
    /// What is known of the columns of the key.
    pub columns: BTreeMap<ColumnName, ColumnStatistics>,
}

/// An index of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexFacts {
    /// Its name.
    pub name: String,
    /// Its columns, in their order; an expression is an empty name.
    pub columns: Vec<String>,
    /// Whether no two rows may be equal in it.
    pub unique: bool,
    /// Whether it leaves rows out.
    pub partial: bool,
    /// Whether queries may use it.
    pub usable: bool,
}

/// What statistics say of a column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnStatistics {
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// The part of rows that hold NULL, 0 to 1.
    pub null_fraction: Option<f64>,
    /// Different values: a number, or negative a fraction of the rows.
    pub distinct: Option<f64>,
    /// How the order of values follows the order on disk: 1 the same, 0 not at all, -1 the other way round.
    pub correlation: Option<f64>,
    /// The smallest value.
    pub lowest: Option<Scalar>,
    /// The largest value.
    pub highest: Option<Scalar>,
}

/// How a server is doing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Vitals {
    /// Where it is, as it says itself: address and port. None over a socket of the machine's own.
    pub address: Option<String>,
    /// Connections that it allows to roles without privileges.
    pub max_connections: Option<u64>,
    /// Connections that it has now.
    pub connections: Option<u64>,
    /// How far a replica is behind its primary.
    pub replica_lag: Option<Duration>,
    /// The age of the oldest transaction, as far as the role may see.
    pub oldest_transaction: Option<Duration>,
    /// Transactions whose old versions of rows are still kept, where the server has such a count: InnoDB's history list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_list_length: Option<u64>,
}
