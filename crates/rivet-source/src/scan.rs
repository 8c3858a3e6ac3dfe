use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Field, Schema, SchemaRef};
use rivet_model::{ColumnName, ColumnType, Fidelity, NumericDefault, OnUnrepresentable, Relation, RowRange};
use serde::{Deserialize, Serialize};

use crate::{KeyColumn, KeyFacts, KeyRequest, Probe};

/// What a server says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// The product and its version, for a person: `PostgreSQL 16.2`.
    pub product: String,
    /// The version as a number that grows with it: 160002 for PostgreSQL 16.2.
    pub version: u32,
    /// Whether it is a replica, which applies what a primary sends it.
    pub replica: bool,
    /// Whether a connection pooler stands between us and the server.
    pub pooled: bool,
    /// The role that statements run as.
    pub role: String,
    /// A text that is the same for every connection to one server and differs between servers, where the role
    /// may ask for it.
    pub system_id: Option<String>,
    /// The database that statements run in.
    pub database: String,
}

/// Which columns are wanted, and as what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnRequest {
    /// The columns to read, in this order; empty for all, in the order of the relation.
    pub select: Vec<ColumnName>,
    /// Columns to leave out.
    pub exclude: Vec<ColumnName>,
    /// Types to use in place of the driver's own choice, by column.
    pub overrides: BTreeMap<ColumnName, ColumnType>,
}

/// A question to [`Source::describe`](crate::Source::describe).
#[derive(Debug, Clone)]
pub struct DescribeRequest {
    /// What would be read.
    pub relation: Relation,
    /// Which of its columns, and as what.
    pub columns: ColumnRequest,
    /// What becomes of decimals without precision and scale.
    pub numeric_default: NumericDefault,
    /// What becomes of values without a form; the driver's own rule per kind of value where absent.
    pub on_unrepresentable: Option<OnUnrepresentable>,
    /// Which columns order its rows, where that will be asked.
    pub key: Option<KeyRequest>,
}

/// The answer of [`Source::describe`](crate::Source::describe).
#[derive(Debug, Clone)]
pub struct Description {
    /// What to read and how: all rows.
    pub spec: ScanSpec,
    /// What the source says of the key that was asked for, and of no other.
    pub key: KeyFacts,
    /// Rows that the source's planner expects of it, where it says.
    pub estimated_rows: Option<u64>,
    /// What a person should know before reading, one sentence each.
    pub notes: Vec<String>,
    /// Every statement that was sent to find this out, in order, failed ones too.
    pub probes: Vec<Probe>,
}

/// How the values of one column come over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadAs {
    /// In the type's own binary form; parts of it that have none as text.
    Native,
    /// As the server's text form of the whole value.
    Text,
    /// As the server's JSON form of the whole value.
    Json,
    /// As well-known binary, for geometries.
    Wkb,
    /// Cast to another type by the server, then in that type's binary form.
    Cast(SourceType),
}

/// A type as the source knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceType {
    /// Its name as the source writes it, modifiers included: `numeric(15,2)`, `text[]`.
    pub name: String,
    /// Its bare name without schema and modifiers: `numeric`, `_text`.
    pub base: String,
    /// The driver's identifier of the base type; a PostgreSQL OID.
    pub id: u32,
    /// The driver's type modifier; -1 where there is none.
    pub modifier: i32,
    /// What it is made of.
    pub shape: TypeShape,
}

/// What a [`SourceType`] is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypeShape {
    /// One value.
    Scalar,
    /// One of a set of labels.
    Enum,
    /// An array, nested this deep, of one type.
    List {
        /// The depth, 1 or more.
        depth: u32,
        /// The type of its elements.
        element: Box<SourceType>,
    },
    /// Named fields, in order.
    Struct {
        /// Name and type of each.
        fields: Vec<(String, SourceType)>,
    },
    /// A range over a type.
    Range {
        /// The type of its bounds.
        element: Box<SourceType>,
    },
}

/// One column of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its name in the relation and in the files.
    pub name: ColumnName,
    /// Its position in the relation, from 0.
    pub position: usize,
    /// What the source says it is.
    pub source_type: SourceType,
    /// How it is read.
    pub read_as: ReadAs,
    /// What it becomes; its metadata carries source type, fidelity and meaning.
    pub field: Arc<Field>,
    /// How faithfully.
    pub fidelity: Fidelity,
}

/// Which rows and columns to read: the one value that extraction, explaining and counting render to SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanSpec {
    /// What is read.
    pub relation: Relation,
    /// The number of columns that the relation has, of which `columns` is a selection.
    pub relation_width: usize,
    /// The columns to read, in order.
    pub columns: Vec<ColumnSpec>,
    /// What becomes of values without a form; the driver's own rule where absent.
    pub on_unrepresentable: Option<OnUnrepresentable>,
    /// Columns that name a row in a message: the primary key where there is one.
    pub key_columns: Vec<ColumnName>,
    /// The columns that ranges are compared with, as one tuple; empty where no key was asked for or there is none.
    pub key: Vec<KeyColumn>,
    /// The column that stands in where the first column of the key is NULL.
    pub fallback: Option<KeyColumn>,
    /// The rows to read.
    pub range: RowRange,
}

impl ScanSpec {
    /// Returns the schema of the batches that a scan gives.
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(|column| Arc::clone(&column.field)).collect::<Vec<_>>()))
    }

    /// Returns the same scan of other rows.
    #[must_use]
    pub fn with_range(&self, range: RowRange) -> Self {
        Self { range, ..self.clone() }
    }
}

/// What a scan may take from the server and from memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanLimits {
    /// The longest a statement may run, the time in which the client is slow included. Zero for no limit.
    pub statement_timeout: Duration,
    /// The longest to wait for a lock. Zero for no limit.
    pub lock_timeout: Duration,
    /// The time in which a statement should end: a scan that can be read in several statements of one read view is,
    /// each sized to take about this long. Zero for one statement, however long it takes.
    pub statement_budget: Duration,
    /// Rows of a batch, at most.
    pub batch_rows: usize,
    /// Bytes at which a batch ends; one value may go beyond it.
    pub batch_bytes: usize,
    /// Bytes of the largest value that is read.
    pub max_value_bytes: usize,
}

impl Default for ScanLimits {
    /// No limits on the server; batches of 8,192 rows or 4 MiB; values up to 1 GiB. Batches of 8 MiB were measured to
    /// take 30 MB more memory on wide rows and no less time (`docs/benchmarks.md`).
    fn default() -> Self {
        Self {
            statement_timeout: Duration::ZERO,
            lock_timeout: Duration::ZERO,
            statement_budget: Duration::ZERO,
            batch_rows: 8_192,
            batch_bytes: 4 << 20,
            max_value_bytes: 1 << 30,
        }
    }
}

/// What a scan has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanSummary {
    /// Rows decoded.
    pub rows: u64,
    /// Bytes of rows received, as they were on the wire.
    pub wire_bytes: u64,
    /// Values that became NULL because their Arrow type has no form for them, by column.
    pub nulled: BTreeMap<String, u64>,
    /// How long the longest of its statements has been open on the server.
    pub statement_elapsed: Duration,
    /// Statements that it took.
    pub statements: u64,
}

impl fmt::Display for ServerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.product, if self.replica { "replica" } else { "primary" })?;
        if self.pooled {
            f.write_str(", behind a pooler")?;
        }
        Ok(())
    }
}
