//! The twin that needs no server: tables that are Arrow batches.
//!
//! ```
//! use std::sync::Arc;
//! use arrow::array::{Int64Array, RecordBatch};
//! use rivet_source::memory::MemorySource;
//!
//! let ids = Arc::new(Int64Array::from(vec![1, 2, 3])) as _;
//! let table = RecordBatch::try_from_iter_with_nullable([("id", ids, false)])?;
//! let source = MemorySource::default().with_table("orders".parse()?, table);
//! assert_eq!(source.to_string(), "memory");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It does what a driver does, with the tables themselves in place of statistics and samples. A page of it holds 100
//! rows. Keys may hold integers, texts, days and moments; texts are ordered by their bytes.

mod describe;
mod inspect;
mod range;
mod snapshot;
mod source;
mod split;
mod table;
mod value;
mod watermark;

pub use source::MemorySource;
