//! The vocabulary of Rivet: the names, types and records that every other crate speaks.
//!
//! Nothing here does any work: no input or output, no clock except where a caller passes a time in,
//! no database. A value of these types has been validated when it was made, so that the crates above
//! never check it again.
//!
//! ```
//! use rivet_model::{ColumnType, TableRef};
//!
//! let table: TableRef = "sales.orders".parse()?;
//! assert_eq!(table.schema(), Some("sales"));
//!
//! let price: ColumnType = "decimal(12,2)".parse()?;
//! assert_eq!(price, ColumnType::Decimal { precision: 12, scale: 2 });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chunk;
mod column_type;
mod connection;
mod consistency;
mod metadata;
mod name;
mod output;
mod partition;
mod relation;
mod retry;
mod run;
mod scalar;

pub use chunk::{Chunk, ChunkId, CursorPosition, KeyBound, ReadView, RowRange};
pub use column_type::{COLUMN_TYPE_WORDS, ColumnType, NumericDefault, OnUnrepresentable, ParseColumnTypeError};
pub use connection::{ConnectionSettings, SourceKind, TlsMode, TlsSettings};
pub use consistency::Consistency;
pub use metadata::{FIDELITY_KEY, Fidelity, LOGICAL_TYPE_KEY, SOURCE_TYPE_KEY};
pub use name::{ColumnName, ExportName, NameError, TableRef};
pub use output::{
    Compression, CsvOptions, Format, MetaColumns, OutputOptions, ParquetEncoding, ParquetOptions, RowGroupTarget,
};
pub use partition::{
    DatePart, PartitionBy, PartitionKey, PartitionKeyError, PartitionKind, PartitionScalar, PartitionValue,
    is_plain_in_folders,
};
pub use relation::Relation;
pub use retry::Retry;
pub use run::{
    ChunkCheckpoint, CursorRecord, CursorSighting, CursorState, DestinationRecord, ErrorRecord, Fingerprint,
    PartRecord, PlanRecord, ProcessRecord, RunId, RunMetrics, RunRecord, RunStatus,
};
pub use scalar::{Scalar, ScalarError, ScalarKind};
