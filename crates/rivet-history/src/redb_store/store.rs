use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use redb::{Database, WriteTransaction};
use rivet_model::{Chunk, ChunkCheckpoint, CursorState, ExportName, ProcessRecord, RunId, RunRecord};
use tokio::runtime::Handle;

use super::read::Reader;
use super::tables::{begin_write, key};
use super::{Failure, write};
use crate::holder::Note;
use crate::open::{guarded, open_or_create};
use crate::rules::Step;
use crate::{HistoryError, RunEnd, StateStore};

/// A store in one file, for one process at a time.
///
/// Every write is on the disk when its call returns. redb's calls block; within a tokio runtime they run on its
/// blocking pool, elsewhere on the calling thread.
///
/// A call whose future was dropped still runs to its end, and keeps the file open until then.
///
/// While it is open, a note beside the file (`state.redb.holder`) names the process that has it.
pub struct RedbStore {
    inner: Arc<Inner>,
}

struct Inner {
    /// Dropped before `database`, so that the note goes while the lock is still held.
    note: Option<Note>,
    database: Database,
    path: PathBuf,
}

impl RedbStore {
    /// Opens the store at a path, or makes a new one. Blocks for as long as it takes to verify the file.
    ///
    /// A missing folder is made, with mode 0700 and a `.gitignore` that leaves out everything in it; the file has
    /// mode 0600. A file that exists is never replaced, whatever it holds.
    ///
    /// # Errors
    ///
    /// [`HistoryError::Locked`], [`HistoryError::NewerFormat`], [`HistoryError::Damaged`] (an empty file too),
    /// [`HistoryError::NotAStore`], [`HistoryError::IsAFolder`], [`HistoryError::NotWritable`],
    /// [`HistoryError::Storage`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, HistoryError> {
        let path = path.as_ref().to_owned();
        let database = open_or_create(&path)?;
        let note = Note::write(&path).map_or_else(
            |error| {
                tracing::warn!(path = %path.display(), %error, "the holder of the state store could not be noted");
                None
            },
            Some,
        );
        Ok(Self { inner: Arc::new(Inner { note, database, path }) })
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Makes sure that it can be written, by a durable transaction that changes nothing. Blocks.
    pub(crate) fn touch(&self) -> Result<(), HistoryError> {
        let inner = &self.inner;
        guarded(&inner.path, "written", || Ok(begin_write(&inner.database)?.commit()?))
    }

    /// Runs one durable transaction. One that has nothing to write is given up, and costs no disk access.
    async fn write<T, F>(&self, work: F) -> Result<T, HistoryError>
    where
        F: FnOnce(&WriteTransaction) -> Result<(Step, T), Failure> + Send + 'static,
        T: Send + 'static,
    {
        let run = |inner: &Inner| {
            let transaction = begin_write(&inner.database)?;
            let (step, result) = work(&transaction)?;
            match step {
                Step::Write => transaction.commit()?,
                Step::Nothing => transaction.abort()?,
            }
            Ok(result)
        };
        self.blocking("written", run).await
    }

    /// Reads from one view.
    async fn read<T, F>(&self, work: F) -> Result<T, HistoryError>
    where
        F: FnOnce(&Reader) -> Result<T, Failure> + Send + 'static,
        T: Send + 'static,
    {
        self.blocking("read", |inner| work(&Reader::new(&inner.database)?)).await
    }

    /// Runs work that blocks where blocking is allowed.
    async fn blocking<T, F>(&self, action: &'static str, work: F) -> Result<T, HistoryError>
    where
        F: FnOnce(&Inner) -> Result<T, Failure> + Send + 'static,
        T: Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let work = move || guarded(&inner.path, action, || work(&inner));
        match Handle::try_current() {
            Ok(runtime) => match runtime.spawn_blocking(work).await {
                Ok(result) => result,
                // The runtime shuts down.
                Err(error) => {
                    Err(HistoryError::Storage { path: self.inner.path.clone(), action, source: Box::new(error) })
                }
            },
            Err(_) => work(),
        }
    }
}

impl fmt::Display for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "state store `{}`", self.inner.path.display())
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("path", &self.inner.path).field("note", &self.inner.note).finish()
    }
}

#[async_trait]
impl StateStore for RedbStore {
    async fn begin(&self, run: &RunRecord) -> Result<(), HistoryError> {
        let run = run.clone();
        self.write(move |transaction| Ok((write::begin(transaction, &run)?, ()))).await
    }

    async fn resume(&self, run: RunId, process: &ProcessRecord, forced: &[String]) -> Result<RunRecord, HistoryError> {
        let (process, forced) = (process.clone(), forced.to_vec());
        self.write(move |transaction| write::resume(transaction, run, process, &forced)).await
    }

    async fn resplit(&self, run: RunId, chunks: &[Chunk]) -> Result<(), HistoryError> {
        let chunks = chunks.to_vec();
        self.write(move |transaction| Ok((write::resplit(transaction, run, &chunks)?, ()))).await
    }

    async fn checkpoint(&self, run: RunId, checkpoint: &ChunkCheckpoint) -> Result<(), HistoryError> {
        let new = checkpoint.clone();
        self.write(move |transaction| Ok((write::checkpoint(transaction, run, &new)?, ()))).await
    }

    async fn finish(&self, run: RunId, end: RunEnd) -> Result<(), HistoryError> {
        self.write(move |transaction| Ok((write::finish(transaction, run, end)?, ()))).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, HistoryError> {
        self.read(move |reader| reader.run(key(run))).await
    }

    async fn unfinished(&self) -> Result<Vec<RunRecord>, HistoryError> {
        self.read(Reader::unfinished).await
    }

    async fn runs(&self, export: &ExportName, last: usize) -> Result<Vec<RunRecord>, HistoryError> {
        let export = export.clone();
        self.read(move |reader| reader.runs(&export, last)).await
    }

    async fn cursor(&self, export: &ExportName) -> Result<Option<CursorState>, HistoryError> {
        let export = export.clone();
        self.read(move |reader| reader.cursor(&export)).await
    }

    async fn forget_cursor(&self, export: &ExportName) -> Result<Option<CursorState>, HistoryError> {
        let export = export.clone();
        self.write(move |transaction| write::forget_cursor(transaction, &export)).await
    }
}
