//! The store in one file: its tables, what is read from them and written to them, and what can go wrong.

mod failure;
mod read;
mod store;
mod tables;
mod write;

pub(crate) use failure::Failure;
pub use store::RedbStore;
pub(crate) use tables::{META, begin_write, create_tables, open_tables};
