//! The state store: which runs there were, how they ended, which chunks of a broken one are done, and where cursors
//! stand.
//!
//! ```
//! use rivet_history::{RedbStore, RunEnd, StateStore as _, conformance};
//! use rivet_model::RunStatus;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join(".rivet/state.redb");
//! let store = RedbStore::open(&path)?;
//!
//! let run = conformance::sample_run("orders");
//! store.begin(&run).await?;
//! store.checkpoint(run.run_id, &conformance::sample_checkpoint(0)).await?;
//! assert_eq!(store.unfinished().await?.len(), 1);
//!
//! store.finish(run.run_id, RunEnd::new(RunStatus::Committed, run.started_at)).await?;
//! assert!(store.unfinished().await?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # Concepts
//!
//! - A run *begins* as `running` with its split, gets a *checkpoint* per chunk that is done, and *finishes* once.
//! - What is still `running` when a process starts was left by one that died: [`StateStore::unfinished`] lists it,
//!   and the engine settles it, or *resumes* it with the chunks that remain, before anything else.
//! - A *cursor* belongs to an export. It moves in the transaction that commits a run, and in no other.
//! - Each write is one durable transaction: when the call returns, a power cut does not undo it.
//!
//! # Why this shape
//!
//! The rules of a run's life are written once, apart from the stores, so that every store answers alike.
//! [`RedbStore`] keeps one file beside the configuration and lets one process in at a time; [`MemoryStore`] is the
//! twin for tests and for embedders that keep no history; [`conformance`] is the suite that all of them pass.

pub mod conformance;
mod error;
mod holder;
mod memory;
mod open;
mod process;
mod redb_store;
mod rules;
mod store;
mod trial;
mod unreadable;

pub use error::HistoryError;
pub use holder::Holder;
pub use memory::MemoryStore;
pub use process::this_process;
pub use redb_store::RedbStore;
pub use store::{RunEnd, StateStore};
pub use trial::{Trial, try_out};
pub use unreadable::UnreadableStore;
