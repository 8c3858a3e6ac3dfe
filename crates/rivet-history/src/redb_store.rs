use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase as _, ReadableTable, TableDefinition, WriteTransaction,
};
use rivet_model::{ChunkCheckpoint, ExportName, RunId, RunRecord};
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use crate::holder::Note;
use crate::open::{CREATED_BY_KEY, FORMAT_VERSION, FORMAT_VERSION_KEY, guarded, open_or_create};
use crate::rules::{self, Step};
use crate::{HistoryError, RunEnd, StateStore};

/// What the file says about itself.
pub(crate) const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
/// Run id to the JSON of its record, without checkpoints.
const RUNS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("runs");
/// Run id and chunk to the JSON of the checkpoint.
const CHECKPOINTS: TableDefinition<'_, (u128, u32), &[u8]> = TableDefinition::new("checkpoints");
/// Export and run id, so that the newest runs of an export are found without reading the others.
const RUNS_BY_EXPORT: TableDefinition<'_, (&str, u128), ()> = TableDefinition::new("runs_by_export");
/// Ids of the runs that are running, so that a start does not read the whole history.
const UNFINISHED: TableDefinition<'_, u128, ()> = TableDefinition::new("unfinished");

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
        self.blocking("written", move |inner| inner.write(|transaction| begin(transaction, &run))).await
    }

    async fn checkpoint(&self, run: RunId, checkpoint: &ChunkCheckpoint) -> Result<(), HistoryError> {
        let new = checkpoint.clone();
        self.blocking("written", move |inner| inner.write(|transaction| add_checkpoint(transaction, run, &new))).await
    }

    async fn finish(&self, run: RunId, end: RunEnd) -> Result<(), HistoryError> {
        self.blocking("written", move |inner| inner.write(|transaction| finish(transaction, run, end))).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, HistoryError> {
        self.blocking("read", move |inner| Reader::new(&inner.database)?.run(key(run))).await
    }

    async fn unfinished(&self) -> Result<Vec<RunRecord>, HistoryError> {
        self.blocking("read", |inner| Reader::new(&inner.database)?.unfinished()).await
    }

    async fn runs(&self, export: &ExportName, last: usize) -> Result<Vec<RunRecord>, HistoryError> {
        let export = export.clone();
        self.blocking("read", move |inner| Reader::new(&inner.database)?.runs(&export, last)).await
    }
}

impl Inner {
    /// Runs one durable transaction. One that has nothing to write is given up, and costs no disk access.
    fn write(&self, work: impl FnOnce(&WriteTransaction) -> Result<Step, Failure>) -> Result<(), Failure> {
        let transaction = begin_write(&self.database)?;
        match work(&transaction)? {
            Step::Write => transaction.commit()?,
            Step::Nothing => transaction.abort()?,
        }
        Ok(())
    }
}

/// Durable when it commits, and quick to open after a crash.
fn begin_write(database: &Database) -> Result<WriteTransaction, Failure> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// Fills a new file, so that every table can be opened for reading.
pub(crate) fn create_tables(database: &Database) -> Result<(), Failure> {
    let transaction = begin_write(database)?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT_VERSION_KEY, FORMAT_VERSION.to_string().as_str())?;
        meta.insert(CREATED_BY_KEY, env!("CARGO_PKG_VERSION"))?;
        transaction.open_table(RUNS)?;
        transaction.open_table(CHECKPOINTS)?;
        transaction.open_table(RUNS_BY_EXPORT)?;
        transaction.open_table(UNFINISHED)?;
    }
    transaction.commit()?;
    Ok(())
}

fn begin(transaction: &WriteTransaction, run: &RunRecord) -> Result<Step, Failure> {
    rules::begin(run)?;
    let key = key(run.run_id);
    let mut runs = transaction.open_table(RUNS)?;
    if runs.get(key)?.is_some() {
        return Err(HistoryError::RunExists { run: run.run_id }.into());
    }
    runs.insert(key, serde_json::to_vec(run)?.as_slice())?;
    transaction.open_table(RUNS_BY_EXPORT)?.insert((run.export.as_str(), key), ())?;
    transaction.open_table(UNFINISHED)?.insert(key, ())?;
    Ok(Step::Write)
}

fn add_checkpoint(transaction: &WriteTransaction, run: RunId, new: &ChunkCheckpoint) -> Result<Step, Failure> {
    let record = record(&transaction.open_table(RUNS)?, key(run))?.ok_or(HistoryError::UnknownRun { run })?;
    let mut checkpoints = transaction.open_table(CHECKPOINTS)?;
    let place = (key(run), new.chunk.0);
    let stored = checkpoints.get(place)?.map(|json| parsed("checkpoint", json.value())).transpose()?;
    let step = rules::checkpoint(run, record.status, stored.as_ref(), new)?;
    if step == Step::Write {
        checkpoints.insert(place, serde_json::to_vec(new)?.as_slice())?;
    }
    Ok(step)
}

/// All that a run's end changes is changed by this one transaction.
fn finish(transaction: &WriteTransaction, run: RunId, end: RunEnd) -> Result<Step, Failure> {
    let mut runs = transaction.open_table(RUNS)?;
    let mut record = record(&runs, key(run))?.ok_or(HistoryError::UnknownRun { run })?;
    let step = rules::finish(&mut record, end)?;
    if step == Step::Write {
        runs.insert(key(run), serde_json::to_vec(&record)?.as_slice())?;
        transaction.open_table(UNFINISHED)?.remove(key(run))?;
    }
    Ok(step)
}

/// One read view, in which records meet their checkpoints.
struct Reader {
    transaction: ReadTransaction,
}

impl Reader {
    fn new(database: &Database) -> Result<Self, Failure> {
        Ok(Self { transaction: database.begin_read()? })
    }

    fn run(&self, key: u128) -> Result<Option<RunRecord>, Failure> {
        let Some(mut record) = record(&self.transaction.open_table(RUNS)?, key)? else {
            return Ok(None);
        };
        for entry in self.transaction.open_table(CHECKPOINTS)?.range((key, u32::MIN)..=(key, u32::MAX))? {
            record.checkpoints.push(parsed("checkpoint", entry?.1.value())?);
        }
        Ok(Some(record))
    }

    /// Returns a run that an index names.
    fn indexed(&self, key: u128) -> Result<RunRecord, Failure> {
        self.run(key)?.ok_or_else(|| Failure::Unreadable("an index names a run that is missing".to_owned()))
    }

    fn unfinished(&self) -> Result<Vec<RunRecord>, Failure> {
        let unfinished = self.transaction.open_table(UNFINISHED)?;
        unfinished.iter()?.map(|entry| self.indexed(entry?.0.value())).collect()
    }

    fn runs(&self, export: &ExportName, last: usize) -> Result<Vec<RunRecord>, Failure> {
        let index = self.transaction.open_table(RUNS_BY_EXPORT)?;
        let of_export = index.range((export.as_str(), u128::MIN)..=(export.as_str(), u128::MAX))?;
        of_export.rev().take(last).map(|entry| self.indexed(entry?.0.value().1)).collect()
    }
}

fn record(runs: &impl ReadableTable<u128, &'static [u8]>, key: u128) -> Result<Option<RunRecord>, Failure> {
    runs.get(key)?.map(|json| parsed("run", json.value())).transpose()
}

fn parsed<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(json).map_err(|error| Failure::Unreadable(format!("a {what} can't be read ({error})")))
}

/// The run id as a number: its order is that of the id's bytes, which is the order of time.
fn key(run: RunId) -> u128 {
    let digits: String = run.to_string().chars().filter(|c| *c != '-').collect();
    u128::from_str_radix(&digits, 16).expect("a run id is written as 32 hexadecimal digits")
}

/// What can go wrong inside a transaction, before the path is added.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The rules, or what was found in the file.
    History(HistoryError),
    /// The database.
    Redb(Box<redb::Error>),
    /// A value in the file that is not what it must be.
    Unreadable(String),
    /// A value that has no JSON.
    Json(serde_json::Error),
}

impl Failure {
    /// Names the file.
    pub(crate) fn at(self, path: &Path, action: &'static str) -> HistoryError {
        match self {
            Self::History(error) => error,
            Self::Redb(error) => HistoryError::from_redb(path, action, *error),
            Self::Unreadable(reason) => HistoryError::Damaged { path: path.to_owned(), reason },
            Self::Json(error) => HistoryError::Storage { path: path.to_owned(), action, source: Box::new(error) },
        }
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        Self::History(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

macro_rules! from_redb {
    ($($error:ty),+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Redb(Box::new(error.into()))
            }
        }
    )+};
}

from_redb!(
    redb::CommitError,
    redb::DatabaseError,
    redb::SetDurabilityError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_is_the_order_of_ids() {
        let ids: Vec<RunId> = (0..64).map(|_| RunId::generate()).collect();
        for pair in ids.windows(2) {
            assert_eq!(key(pair[0]).cmp(&key(pair[1])), pair[0].cmp(&pair[1]));
        }
        let known: RunId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        assert_eq!(key(known), 0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);
    }
}
