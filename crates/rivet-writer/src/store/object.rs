use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode};
use rivet_model::{DestinationRecord, ExportName, Format, OutputOptions, PartRecord, Retry, RunId};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, channel};

use super::error::StoreError;
use super::local::{compare, own};
use super::upload::{UploadSink, begin};
use super::verify::{FOOTER_TAIL_BYTES, PartCheck, Scan, footer_place, rows_of_footer, scan};
use super::{Commit, Discarded, PartSink, PartStore, blocking};
use crate::layout::{MANIFEST_FOLDER, PartName, SUCCESS_NAME, latest_name, manifest_name, manifest_of_part, safe_name};
use crate::manifest::{Latest, Manifest};

/// Requests that are sent at once where many objects are looked at or removed.
const CONCURRENT_REQUESTS: usize = 16;

/// How often the manifest is tried to be created, beyond what the backend repeats by itself.
const MANIFEST_ATTEMPTS: u32 = 4;

/// The wait after the first of these attempts; each one after it is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Finds uploads of several pieces that were begun and have not ended: those of a process that was killed, and those
/// whose beginning was never answered.
#[async_trait]
pub trait OpenUploads: fmt::Debug + Send + Sync + 'static {
    /// Returns the objects that uploads below a prefix are for, each with a name for the upload.
    async fn list(&self, prefix: &str) -> object_store::Result<Vec<(Path, String)>>;

    /// Gives one of them up. One that is not there any more is no error.
    async fn abort(&self, path: &Path, upload: &str) -> object_store::Result<()>;
}

/// Parts and manifests behind the `object_store` interface: S3, GCS, Azure, or memory.
///
/// An object appears under its final name when its last piece has arrived. So parts can be seen before the commit,
/// but no manifest lists them; readers go by the manifest.
#[derive(Clone)]
pub struct ObjectStoreParts {
    store: Arc<dyn ObjectStore>,
    root: Path,
    record: DestinationRecord,
    handle: Handle,
    uploads: Option<Arc<dyn OpenUploads>>,
}

impl ObjectStoreParts {
    /// Makes a store below `root`. `record` says where that is, without secrets; uploads run on `handle`'s runtime.
    pub fn new(store: Arc<dyn ObjectStore>, root: Path, record: DestinationRecord, handle: Handle) -> Self {
        Self { store, root, record, handle, uploads: None }
    }

    /// Says how uploads are found that have not ended, where the backend keeps them for ever.
    #[must_use]
    pub fn with_uploads(mut self, uploads: Arc<dyn OpenUploads>) -> Self {
        self.uploads = Some(uploads);
        self
    }

    /// Gives up what was begun to be uploaded under names that fit, and will not end. It costs room and nothing else, so
    /// that a store that does not allow this holds nobody up.
    async fn abort_uploads(&self, fits: impl Fn(&str) -> bool + Send + Sync) {
        let Some(uploads) = &self.uploads else { return };
        let tidy = async {
            for (path, upload) in uploads.list(self.root.as_ref()).await? {
                if self.name_of(&path).is_some_and(&fits) {
                    uploads.abort(&path, &upload).await?;
                }
            }
            Ok::<_, object_store::Error>(())
        };
        if let Err(source) = tidy.await {
            let error = StoreError::object("look for open uploads in", self, source);
            tracing::warn!(%error, "uploads that have not ended may be left");
        }
    }

    /// Returns the path of a name below the root. Names are made of what a path may hold.
    fn path(&self, name: &str) -> Result<Path, StoreError> {
        let path = if self.root.as_ref().is_empty() { name.to_owned() } else { format!("{}/{name}", self.root) };
        Path::parse(&path).map_err(|error| StoreError::object("name", name, error.into()))
    }

    /// Returns the name below the root of an object's path.
    fn name_of<'p>(&self, path: &'p Path) -> Option<&'p str> {
        let name = path.as_ref().strip_prefix(self.root.as_ref())?;
        Some(name.strip_prefix('/').unwrap_or(name))
    }

    async fn read(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let failed = |source| StoreError::object("read", name, source);
        match self.store.get(&self.path(name)?).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(failed(source)),
        }
    }

    async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let written = self.store.put(&self.path(name)?, bytes.into()).await;
        written.map(drop).map_err(|source| StoreError::object("create", name, source))
    }

    /// Creates the manifest of a run where there is none.
    ///
    /// It is looked for before and after every attempt: the answer to an earlier one may have been lost. A store that
    /// does not know conditions gets the manifest without one, and it is read back.
    async fn create_manifest(&self, manifest: &Manifest, name: &str) -> Result<Commit, StoreError> {
        let (path, bytes) = (self.path(name)?, manifest.to_bytes());
        let mut wait = FIRST_WAIT;
        let mut found = Commit::AlreadyThere;
        let mut attempt = 1;
        loop {
            if let Some(present) = self.read(name).await? {
                compare(name, &present, manifest)?;
                return Ok(found);
            }
            let created = self.store.put_opts(&path, bytes.clone().into(), PutMode::Create.into()).await;
            let Err(source) = created else { return Ok(Commit::Created) };
            let error = StoreError::object("create", name, source);
            if error.is_unsupported() {
                self.write(name, bytes).await?;
                compare(name, &self.read(name).await?.unwrap_or_default(), manifest)?;
                return Ok(Commit::Created);
            }
            // Somebody else was faster, or the store has begun to forget an object of this name.
            let is_taken = matches!(&error, StoreError::Object { source, .. } if matches!(
                **source,
                object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }
            ));
            if !is_taken {
                found = Commit::Created;
            }
            let may_pass = is_taken || error.retry() == Retry::Backoff;
            if !may_pass || attempt == MANIFEST_ATTEMPTS {
                let Ok(Some(present)) = self.read(name).await else { return Err(error) };
                return compare(name, &present, manifest).map(|()| found);
            }
            tracing::debug!(%error, attempt, "the manifest is looked for");
            tokio::time::sleep(wait).await;
            (attempt, wait) = (attempt + 1, wait * 2);
        }
    }

    /// Lists the parts of a run that its manifest does not.
    async fn strays(&self, manifest: &Manifest) -> Result<Vec<String>, StoreError> {
        // Names are listed in their order, and those of one run come one after the other.
        let before = format!("{}-{}-", safe_name(&manifest.export), manifest.run_id);
        let root = (!self.root.as_ref().is_empty()).then_some(&self.root);
        let offset = self.path(before.trim_end_matches('-'))?;
        let mut listed = self.store.list_with_offset(root, &offset);
        let mut strays = Vec::new();
        while let Some(object) = listed.next().await {
            let object = object.map_err(|source| StoreError::object("list", self, source))?;
            let Some(name) = self.name_of(&object.location) else { continue };
            if !name.starts_with(&before) {
                break;
            }
            if manifest_of_part(name, manifest.run_id).is_some() && !manifest.lists(name) {
                strays.push(name.to_owned());
            }
        }
        Ok(strays)
    }

    async fn probe(&self, name: &str) -> Result<(), Probe> {
        let path = self.path(name).map_err(Probe::Put)?;
        let put = self.store.put(&path, "check".into()).await;
        put.map_err(|source| Probe::Put(StoreError::object("write to", self, source)))?;
        let failed = |action| move |source| Probe::After(StoreError::object(action, self, source));
        let folder = self.path(MANIFEST_FOLDER).map_err(Probe::After)?;
        let first = self.store.list_with_offset(Some(&folder), &folder).next().await;
        first.transpose().map_err(failed("list"))?;
        let got = self.store.get(&path).await.map_err(failed("read from"))?;
        got.bytes().await.map_err(failed("read from"))?;
        let mut upload = begin(self.store.as_ref(), &path).await.map_err(Probe::After)?;
        upload.abort().await.map_err(failed("give up an upload to"))
    }

    async fn remove(&self, name: &str) -> Result<bool, StoreError> {
        let path = self.path(name)?;
        match self.store.head(&path).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            found => found.map_err(|source| StoreError::object("look at", name, source))?,
        };
        match self.store.delete(&path).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(StoreError::object("remove", name, source)),
        }
    }

    /// Lists the parts of a run that can be seen.
    async fn parts_of(&self, run: RunId) -> Result<Vec<String>, StoreError> {
        let root = (!self.root.as_ref().is_empty()).then_some(&self.root);
        let listed = self.store.list_with_delimiter(root).await;
        let listed = listed.map_err(|source| StoreError::object("list", self, source))?;
        let names = listed.objects.iter().filter_map(|object| object.location.filename());
        Ok(names.filter(|name| manifest_of_part(name, run).is_some()).map(ToOwned::to_owned).collect())
    }

    async fn remove_all(&self, names: Vec<String>) -> Result<u64, StoreError> {
        futures_util::stream::iter(names)
            .map(|name| async move { self.remove(&name).await })
            .buffer_unordered(CONCURRENT_REQUESTS)
            .try_fold(0, |sum, removed| async move { Ok(sum + u64::from(removed)) })
            .await
    }

    async fn check_part(&self, run: RunId, part: PartRecord) -> Result<(), StoreError> {
        own(run, &part.name)?;
        match self.store.head(&self.path(&part.name)?).await {
            Ok(found) if found.size == part.bytes => Ok(()),
            Ok(_) => Err(StoreError::NameTaken { name: part.name, destination: self.to_string() }),
            Err(object_store::Error::NotFound { .. }) => Err(self.missing(&part.name)),
            Err(source) => Err(StoreError::object("look at", &part.name, source)),
        }
    }

    /// Reads a part from beginning to end, decoding on a thread that may block.
    async fn scan(&self, options: &OutputOptions, name: &str, path: &Path) -> Result<Scan, StoreError> {
        let found = match self.store.get(path).await {
            Err(object_store::Error::NotFound { .. }) => return Err(self.missing(name)),
            found => found.map_err(|source| StoreError::object("read", name, source))?,
        };
        let (pieces, received) = channel::<Bytes>(2);
        let (owned_name, owned_options) = (name.to_owned(), options.clone());
        let scanning = blocking(move || scan(&owned_name, &owned_options, PieceReader::new(received)));
        let sending = async move {
            let mut stream = found.into_stream();
            while let Some(piece) = stream.next().await {
                let piece = piece.map_err(|source| StoreError::object("read", name, source))?;
                if pieces.send(piece).await.is_err() {
                    // The other side found damage and says so.
                    return Ok(());
                }
            }
            Ok(())
        };
        let (scanned, sent) = futures_util::join!(scanning, sending);
        sent.and(scanned)
    }

    async fn footer_rows(&self, name: &str, path: &Path, bytes: u64) -> Result<u64, StoreError> {
        let failed = |source| StoreError::object("read", name, source);
        let tail = bytes.saturating_sub(FOOTER_TAIL_BYTES)..bytes;
        let tail = self.store.get_range(path, tail).await.map_err(failed)?;
        let (start, length) = footer_place(name, &tail, bytes)?;
        let footer = self.store.get_range(path, start..start + length).await.map_err(failed)?;
        rows_of_footer(name, &footer)
    }

    fn missing(&self, name: &str) -> StoreError {
        StoreError::Missing { name: name.to_owned(), destination: self.to_string() }
    }
}

impl fmt::Debug for ObjectStoreParts {
    /// Leaves the backend out, which may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStoreParts").field("record", &self.record).finish_non_exhaustive()
    }
}

impl fmt::Display for ObjectStoreParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.record.root)
    }
}

#[async_trait]
impl PartStore for ObjectStoreParts {
    fn record(&self) -> DestinationRecord {
        self.record.clone()
    }

    /// Does in small what a run does: put, list, read, begin an upload and give it up, remove.
    async fn check(&self) -> Result<(), StoreError> {
        let name = format!("{MANIFEST_FOLDER}/check-{}", RunId::generate());
        let probed = self.probe(&name).await;
        if !matches!(probed, Err(Probe::Put(_))) {
            self.abort_uploads(|found| found == name).await;
        }
        // What was put is removed whatever came after it.
        let removed = match &probed {
            Err(Probe::Put(_)) => Ok(()),
            _ => self.store.delete(&self.path(&name)?).await,
        };
        match (probed, removed) {
            (Err(Probe::Put(error) | Probe::After(error)), _) => Err(error),
            (Ok(()), Ok(()) | Err(object_store::Error::NotFound { .. })) => Ok(()),
            (Ok(()), Err(source)) => Err(StoreError::object("remove a probe from", self, source)),
        }
    }

    fn create(&self, run: RunId, name: &PartName) -> Result<Box<dyn PartSink>, StoreError> {
        own(run, name.as_str())?;
        let path = self.path(name.as_str())?;
        Ok(Box::new(UploadSink::create(Arc::clone(&self.store), path, self.handle.clone())))
    }

    /// Parts are under their names already: each is looked at.
    async fn publish(&self, run: RunId, parts: &[PartRecord]) -> Result<(), StoreError> {
        futures_util::stream::iter(parts.to_vec())
            .map(|part| self.check_part(run, part))
            .buffer_unordered(CONCURRENT_REQUESTS)
            .try_collect::<()>()
            .await
    }

    async fn commit(&self, manifest: &Manifest) -> Result<Commit, StoreError> {
        let name = manifest.name();
        let commit = self.create_manifest(manifest, &name).await?;
        let (latest, pointer) = (Latest::new(manifest, &name), latest_name(&manifest.export));
        if latest.replaces(self.read(&pointer).await?.as_deref()) {
            self.write(&pointer, latest.to_bytes()).await?;
        }
        self.write(SUCCESS_NAME, Vec::new()).await?;
        self.abort_uploads(|name| manifest_of_part(name, manifest.run_id).is_some()).await;
        // What attempts left that were repeated with fewer parts.
        self.remove_all(self.strays(manifest).await?).await?;
        Ok(commit)
    }

    async fn manifest(&self, export: &ExportName, run: RunId) -> Result<Option<Manifest>, StoreError> {
        let name = manifest_name(export, run);
        let Some(bytes) = self.read(&name).await? else { return Ok(None) };
        Manifest::from_bytes(&name, &bytes).map(|(manifest, _)| Some(manifest))
    }

    /// Removes all parts of the run that no manifest lists, `parts` or not: one may have been uploaded right before
    /// its process died.
    async fn discard(&self, run: RunId, parts: &[PartRecord]) -> Result<Discarded, StoreError> {
        self.abort_uploads(|name| manifest_of_part(name, run).is_some()).await;
        let mut names = self.parts_of(run).await?;
        names.extend(parts.iter().map(|part| part.name.clone()));
        names.sort_unstable();
        names.dedup();
        let mut unlisted = Vec::new();
        let mut manifest: Option<(String, Option<Manifest>)> = None;
        for name in names {
            let Some(manifest_name) = manifest_of_part(&name, run) else { continue };
            if manifest.as_ref().is_none_or(|(known, _)| *known != manifest_name) {
                let read = match self.read(&manifest_name).await? {
                    Some(bytes) => Some(Manifest::from_bytes(&manifest_name, &bytes)?.0),
                    None => None,
                };
                manifest = Some((manifest_name, read));
            }
            if !manifest.as_ref().and_then(|(_, read)| read.as_ref()).is_some_and(|read| read.lists(&name)) {
                unlisted.push(name);
            }
        }
        Ok(Discarded { staged: 0, visible: self.remove_all(unlisted).await? })
    }

    async fn verify_part(&self, options: &OutputOptions, part: &PartRecord) -> Result<PartCheck, StoreError> {
        let path = self.path(&part.name)?;
        let Scan { bytes, sha256, rows } = self.scan(options, &part.name, &path).await?;
        let rows = match (options.format, rows) {
            (Format::Csv, Some(rows)) => rows,
            _ => self.footer_rows(&part.name, &path, bytes).await?,
        };
        Ok(PartCheck { rows, bytes, sha256 })
    }
}

/// What went wrong while a store was tried.
enum Probe {
    /// Nothing was put.
    Put(StoreError),
    /// The probe may be there.
    After(StoreError),
}

/// Reads pieces that arrive through a channel.
struct PieceReader {
    pieces: Receiver<Bytes>,
    piece: Bytes,
}

impl PieceReader {
    fn new(pieces: Receiver<Bytes>) -> Self {
        Self { pieces, piece: Bytes::new() }
    }
}

impl std::io::Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.piece.len());
        buffer[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}
