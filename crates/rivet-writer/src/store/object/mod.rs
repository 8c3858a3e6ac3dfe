mod listing;
mod manifest;
mod probe;
mod scan;
mod uploads;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use rivet_model::{DestinationRecord, ExportName, Format, OutputOptions, PartRecord, RunId};
use tokio::runtime::Handle;

use super::error::StoreError;
use super::local::own;
use super::object_probe::ObjectProbe;
use super::upload::UploadSink;
use super::verify::{PartCheck, Scan};
use super::{Commit, Discarded, PartSink, PartStore, StoreProbe};
use crate::failpoint;
use crate::layout::{PartName, SUCCESS_NAME, latest_name, manifest_name, manifest_of_part};
use crate::manifest::{Latest, Manifest};

pub use uploads::OpenUploads;

/// Requests that are sent at once where many objects are looked at or removed.
const CONCURRENT_REQUESTS: usize = 16;

/// Parts and manifests behind the `object_store` interface: S3, GCS, Azure, or memory.
///
/// An object appears under its final name when its last piece has arrived. So parts can be seen before the commit,
/// but no manifest lists them; readers go by the manifest.
#[derive(Clone)]
pub struct ObjectStoreParts {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) root: Path,
    record: DestinationRecord,
    handle: Handle,
    pub(super) uploads: Option<Arc<dyn OpenUploads>>,
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

    /// Returns the path of a name below the root. Names are made of what a path may hold.
    pub(super) fn path(&self, name: &str) -> Result<Path, StoreError> {
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

    async fn remove(&self, name: &str) -> Result<bool, StoreError> {
        let path = self.path(name)?;
        match self.store.head(&path).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            found => found.map_err(|source| StoreError::object("look at", name, source))?,
        };
        match self.store.delete(&path).await {
            Ok(()) => {
                failpoint::reach("part_removed");
                Ok(true)
            }
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(StoreError::object("remove", name, source)),
        }
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

    async fn check(&self) -> Result<(), StoreError> {
        self.try_out().await
    }

    fn probe(&self) -> Box<dyn StoreProbe> {
        Box::new(ObjectProbe::new(self.clone()))
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
        failpoint::reach("manifest_created");
        let (latest, pointer) = (Latest::new(manifest, &name), latest_name(&manifest.export));
        if latest.replaces(self.read(&pointer).await?.as_deref()) {
            self.write(&pointer, latest.to_bytes()).await?;
        }
        failpoint::reach("latest_replaced");
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
