//! From Arrow batches to finished parts, and from parts to a committed run.
//!
//! - [`ExportWriter`] encodes batches as Parquet or CSV and cuts them into parts, those of a [`Partitioner`] in folders
//!   named after values;
//! - [`PartStore`] keeps parts and manifests, atomically: [`LocalStore`] in a folder, [`ObjectStoreParts`] behind
//!   the `object_store` interface (whose in-memory backend is the twin that needs no disk), [`StreamStore`] in a
//!   stream such as standard output;
//! - [`Manifest`] is the list of a run's parts, and creating it is the commit point;
//! - [`Masker`] hides values before anything is encoded, [`MetaAppender`] adds the columns that Rivet makes itself.
//!
//! ```
//! use std::sync::Arc;
//!
//! use arrow::array::{ArrayRef, Int32Array, RecordBatch};
//! use rivet_model::{ChunkId, Compression, CsvOptions, Format, MetaColumns, OutputOptions, ParquetOptions, RunId};
//! use rivet_writer::{ExportWriter, PartNamer, StreamStore};
//!
//! let ids: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
//! let batch = RecordBatch::try_from_iter([("id", ids)])?;
//! let options = OutputOptions {
//!     format: Format::Csv,
//!     compression: Compression::None,
//!     parquet: ParquetOptions::default(),
//!     csv: CsvOptions::default(),
//!     max_file_size: None,
//!     meta_columns: MetaColumns::default(),
//! };
//! let store = Arc::new(StreamStore::new("stdout", std::io::sink()));
//! let namer = PartNamer::new(&"orders".parse()?, RunId::generate(), ChunkId(0), &options);
//! let mut writer = ExportWriter::new(batch.schema(), options, namer, store)?;
//! writer.write(&batch)?;
//! let parts = writer.finish(false)?;
//! assert_eq!((parts.len(), parts[0].rows, parts[0].bytes), (1, 2, 7));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Why this shape
//!
//! Encoding takes the CPU, so it is plain synchronous code for one thread that the engine owns; a part is never held
//! whole. What may wait on a network or a disk between parts is asynchronous. A part's name follows from its run,
//! chunk and place, so that a repeated attempt replaces its own parts; nobody sees a part before it is whole, and
//! nobody needs to look at a part that no manifest lists.

mod budget;
mod encode;
mod error;
mod export;
mod failpoint;
mod layout;
mod manifest;
mod mask;
mod meta;
mod partition;
mod parts;
mod row_hash;
mod store;
mod value;

pub use budget::{ByteBudget, Permit};
pub use encode::{BatchWriter, EncodedPart, EncoderShare, batch_writer};
pub use error::WriteError;
pub use export::ExportWriter;
pub use layout::{PartName, PartNamer};
pub use manifest::{Manifest, ManifestChunk, ManifestField, ManifestPart, ManifestSource, schema_fingerprint};
pub use mask::{MASK_KEY, Mask, MaskKey, MaskMethod, Masker, masked_schema};
pub use meta::{EXPORTED_AT_COLUMN, MetaAppender, ROW_HASH_COLUMN};
pub use partition::Partitioner;
pub use row_hash::RowHasher;
pub use store::{
    Commit, Discarded, LocalStore, ObjectStoreParts, OpenUploads, PartCheck, PartSink, PartStore, ProbeAction,
    ProbeOutcome, ProbeStep, RefusalKind, SinkReceipt, StoreError, StoreProbe, StoreRefusal, StreamStore, conformance,
};
