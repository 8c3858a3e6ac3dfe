use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rivet_model::{DestinationRecord, ExportName, OutputOptions, PartRecord, RunId};
use tracing::debug;

use super::durable::{
    beside, create_file, error, forget, make_folder, read_file, remove_empty, remove_file, replace_file, sync_folder,
    touch_file,
};
use super::error::StoreError;
use super::local_probe::LocalProbe;
use super::local_sink::LocalSink;
use super::verify::{PartCheck, digest_of, verify};
use super::{Commit, Discarded, PartSink, PartStore, StoreProbe, blocking};
use crate::failpoint;
use crate::layout::{PartName, STAGING_FOLDER, SUCCESS_NAME, file_name, latest_name, manifest_name, manifest_of_part};
use crate::manifest::{Latest, Manifest};

/// How often a check makes its folder again that a check of another export has just removed.
const CHECK_ATTEMPTS: usize = 20;

/// How often the folders of a part are made again that another run has just removed.
const PUBLISH_ATTEMPTS: usize = 20;

/// What a check writes: enough for a file system to need a block for it.
const PROBE: [u8; 4_096] = [b'.'; 4_096];

/// Parts and manifests in a local folder.
///
/// Parts wait in `.rivet-staging/{run}/` on the same file system and become visible by rename. Everything is fsynced,
/// files and folders, before a step counts as done.
#[derive(Debug, Clone)]
pub struct LocalStore {
    root: PathBuf,
}

impl LocalStore {
    /// Makes a store for a folder, which is created when it is needed. A relative path is taken from the current
    /// folder of the process.
    pub fn new(root: impl AsRef<Path>) -> Result<Self, StoreError> {
        let root = root.as_ref();
        let absolute = std::path::absolute(root).map_err(error("find", root))?;
        Ok(Self { root: absolute })
    }

    /// Returns the folder, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn staging(&self, run: RunId) -> PathBuf {
        self.root.join(STAGING_FOLDER).join(run.to_string())
    }

    /// A part waits under its own name alone, whatever folder it will go to: another attempt, which may give the name to
    /// rows of another folder, replaces it.
    fn staged(&self, run: RunId, name: &str) -> PathBuf {
        self.staging(run).join(format!("{}.part", file_name(name)))
    }

    fn check_now(&self) -> Result<(), StoreError> {
        let mut attempt = 1;
        loop {
            let made = make_folder(&self.root)?;
            let probed = self.probe();
            remove_empty(&made);
            match probed {
                Err(StoreError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && attempt < CHECK_ATTEMPTS =>
                {
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    /// Does in small what a run does: create, rename, write, fsync, fsync the folder.
    fn probe(&self) -> Result<(), StoreError> {
        let run = RunId::generate();
        let (before, after) =
            (self.root.join(format!(".rivet-check-{run}.tmp")), self.root.join(format!(".rivet-check-{run}")));
        let write = || {
            let mut file = File::create(&before)?;
            fs::rename(&before, &after)?;
            // Without a name before what takes its time, so that a process that is killed leaves nothing.
            fs::remove_file(&after)?;
            file.write_all(&PROBE)?;
            file.sync_all()
        };
        let probed = write().map_err(error("write to", &self.root)).and_then(|()| sync_folder(&self.root));
        forget(&before);
        forget(&after);
        probed
    }

    fn publish_now(&self, run: RunId, parts: &[PartRecord]) -> Result<(), StoreError> {
        let mut folders = BTreeSet::new();
        for part in parts {
            own(run, &part.name)?;
            let mut attempt = 1;
            loop {
                let made = self.make_folders(&part.name, &mut folders);
                match made.and_then(|()| self.publish_part(run, part)) {
                    // Somebody who gives a run up removes the folders that it leaves empty.
                    Err(StoreError::Io { source, .. })
                        if source.kind() == io::ErrorKind::NotFound && attempt < PUBLISH_ATTEMPTS =>
                    {
                        attempt += 1;
                        folders.clear();
                    }
                    done => break done?,
                }
            }
        }
        let all: BTreeSet<PathBuf> = parts.iter().flat_map(|part| self.folders_of(&part.name)).collect();
        for folder in &all {
            sync_folder(folder)?;
        }
        if !parts.is_empty() {
            sync_folder(&self.root)?;
        }
        self.remove_staging_if_empty(run);
        Ok(())
    }

    fn publish_part(&self, run: RunId, part: &PartRecord) -> Result<(), StoreError> {
        let (staged, visible) = (self.staged(run, &part.name), self.root.join(&part.name));
        match (staged.exists(), visible.symlink_metadata()) {
            (true, Err(source)) if source.kind() == io::ErrorKind::NotFound => {
                fs::rename(&staged, &visible).map_err(error("create", &visible))?;
                failpoint::reach("part_visible");
                Ok(())
            }
            (false, Err(source)) if source.kind() == io::ErrorKind::NotFound => Err(self.missing(&part.name)),
            (_, Err(source)) => Err(StoreError::io("look at", visible.display(), source)),
            // An earlier call has published it. The digest is worth reading only where a second file claims the name.
            (false, Ok(found)) if found.is_file() && found.len() == part.bytes => Ok(()),
            (true, Ok(found)) if found.is_file() && digest_of(&visible)? == part.sha256 => {
                remove_file(&staged).map(drop)
            }
            (_, Ok(_)) => Err(self.taken(&part.name)),
        }
    }

    fn commit_now(&self, manifest: &Manifest) -> Result<Commit, StoreError> {
        let name = manifest.name();
        let path = self.root.join(&name);
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        let commit = if create_file(&path, &manifest.to_bytes())? {
            failpoint::reach("manifest_created");
            Commit::Created
        } else {
            let present = read_file(&path)?.unwrap_or_default();
            compare(&name, &present, manifest)?;
            Commit::AlreadyThere
        };
        self.follow_commit(manifest, &name)?;
        Ok(commit)
    }

    /// What comes after the commit point. All of it is done again where an earlier process did not get here.
    fn follow_commit(&self, manifest: &Manifest, name: &str) -> Result<(), StoreError> {
        let latest = Latest::new(manifest, name);
        let path = self.root.join(latest_name(&manifest.export));
        if latest.replaces(read_file(&path)?.as_deref()) {
            replace_file(&path, manifest.run_id, &latest.to_bytes())?;
        }
        failpoint::reach("latest_replaced");
        touch_file(&self.root.join(SUCCESS_NAME))?;
        // What attempts left that were repeated with fewer parts. The manifest does not list it.
        self.remove_staging(manifest.run_id).map(drop)
    }

    fn manifest_now(&self, name: &str) -> Result<Option<Manifest>, StoreError> {
        let Some(bytes) = read_file(&self.root.join(name))? else { return Ok(None) };
        Manifest::from_bytes(name, &bytes).map(|(manifest, _)| Some(manifest))
    }

    fn discard_now(&self, run: RunId, parts: &[PartRecord]) -> Result<Discarded, StoreError> {
        let mut discarded = Discarded { staged: self.remove_staging(run)?, visible: 0 };
        let mut manifest: Option<(String, Option<Manifest>)> = None;
        for part in parts {
            let Some(manifest_name) = manifest_of_part(&part.name, run) else { continue };
            if manifest.as_ref().is_none_or(|(name, _)| *name != manifest_name) {
                let read = self.manifest_now(&manifest_name)?;
                // What a process leaves that dies while it writes the manifest.
                forget(&beside(&self.root.join(&manifest_name)));
                manifest = Some((manifest_name, read));
            }
            let listed = manifest.as_ref().and_then(|(_, read)| read.as_ref()).is_some_and(|it| it.lists(&part.name));
            if !listed && remove_file(&self.root.join(&part.name))? {
                discarded.visible += 1;
                failpoint::reach("part_removed");
            }
        }
        self.tidy(run, parts)?;
        if discarded.visible > 0 {
            sync_folder(&self.root)?;
        }
        Ok(discarded)
    }

    /// Returns the folders between the root and a part, the outermost first.
    fn folders_of(&self, name: &str) -> Vec<PathBuf> {
        let mut names: Vec<&str> = name.split('/').collect();
        names.pop();
        let mut folder = self.root.clone();
        let within = |name| {
            folder.push(name);
            folder.clone()
        };
        names.into_iter().map(within).collect()
    }

    /// Makes the folders of a part. They are synced together, once all parts are there.
    fn make_folders(&self, name: &str, made: &mut BTreeSet<PathBuf>) -> Result<(), StoreError> {
        for folder in self.folders_of(name) {
            if made.contains(&folder) {
                continue;
            }
            match fs::create_dir(&folder) {
                Err(source) if source.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
                done => done.map_err(error("create the folder", &folder))?,
            }
            made.insert(folder);
        }
        Ok(())
    }

    /// Removes the folders of a run's parts that nothing is left in.
    fn tidy(&self, run: RunId, parts: &[PartRecord]) -> Result<(), StoreError> {
        let ours = parts.iter().filter(|part| manifest_of_part(&part.name, run).is_some());
        let folders: BTreeSet<PathBuf> = ours.flat_map(|part| self.folders_of(&part.name)).collect();
        let mut stay = BTreeSet::new();
        // What lies in a folder comes behind it.
        for folder in folders.into_iter().rev() {
            match fs::remove_dir(&folder) {
                Ok(()) => stay.extend(folder.parent().map(Path::to_owned)),
                Err(_not_empty_or_gone) => {
                    stay.insert(folder);
                }
            }
        }
        stay.iter().filter(|folder| folder.is_dir()).try_for_each(|folder| sync_folder(folder))
    }

    /// Removes the run's staging folder. Returns how many files were in it.
    fn remove_staging(&self, run: RunId) -> Result<u64, StoreError> {
        let folder = self.staging(run);
        let mut removed = 0;
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(source) => return Err(StoreError::io("read the folder", folder.display(), source)),
        };
        for entry in entries {
            let entry = entry.map_err(error("read the folder", &folder))?;
            removed += u64::from(remove_file(&entry.path())?);
        }
        self.remove_staging_if_empty(run);
        debug!(%run, removed, "staging folder removed");
        Ok(removed)
    }

    fn remove_staging_if_empty(&self, run: RunId) {
        remove_empty(&[self.root.join(STAGING_FOLDER), self.staging(run)]);
    }

    fn missing(&self, name: &str) -> StoreError {
        StoreError::Missing { name: name.to_owned(), destination: self.to_string() }
    }

    fn taken(&self, name: &str) -> StoreError {
        StoreError::NameTaken { name: name.to_owned(), destination: self.to_string() }
    }
}

/// Refuses names that are not the run's own: they come back from a state file, and may name any file.
pub(super) fn own(run: RunId, name: &str) -> Result<(), StoreError> {
    manifest_of_part(name, run).map(drop).ok_or_else(|| StoreError::ForeignName { name: name.to_owned(), run })
}

/// Compares the manifest that is there with the one that was to be created.
pub(super) fn compare(name: &str, present: &[u8], manifest: &Manifest) -> Result<(), StoreError> {
    let (found, digest) = Manifest::from_bytes(name, present)?;
    if found.run_id == manifest.run_id && digest == manifest.digest() {
        return Ok(());
    }
    Err(StoreError::ManifestConflict { name: name.to_owned(), run: manifest.run_id })
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.display().fmt(f)
    }
}

#[async_trait]
impl PartStore for LocalStore {
    fn record(&self) -> DestinationRecord {
        DestinationRecord { kind: "local".to_owned(), root: self.root.display().to_string() }
    }

    async fn check(&self) -> Result<(), StoreError> {
        let this = self.clone();
        blocking(move || this.check_now()).await
    }

    fn probe(&self) -> Box<dyn StoreProbe> {
        Box::new(LocalProbe::new(&self.root))
    }

    fn create(&self, run: RunId, name: &PartName) -> Result<Box<dyn PartSink>, StoreError> {
        own(run, name.as_str())?;
        make_folder(&self.staging(run))?;
        Ok(Box::new(LocalSink::create(self.staged(run, name.as_str()))?))
    }

    async fn publish(&self, run: RunId, parts: &[PartRecord]) -> Result<(), StoreError> {
        let (this, parts) = (self.clone(), parts.to_vec());
        blocking(move || this.publish_now(run, &parts)).await
    }

    async fn commit(&self, manifest: &Manifest) -> Result<Commit, StoreError> {
        let (this, manifest) = (self.clone(), manifest.clone());
        blocking(move || this.commit_now(&manifest)).await
    }

    async fn manifest(&self, export: &ExportName, run: RunId) -> Result<Option<Manifest>, StoreError> {
        let (this, name) = (self.clone(), manifest_name(export, run));
        blocking(move || this.manifest_now(&name)).await
    }

    async fn discard(&self, run: RunId, parts: &[PartRecord]) -> Result<Discarded, StoreError> {
        let (this, parts) = (self.clone(), parts.to_vec());
        blocking(move || this.discard_now(run, &parts)).await
    }

    async fn verify_part(&self, options: &OutputOptions, part: &PartRecord) -> Result<PartCheck, StoreError> {
        let (this, options, name) = (self.clone(), options.clone(), part.name.clone());
        blocking(move || {
            let path = this.root.join(&name);
            let mut file = match File::open(&path) {
                Ok(file) => file,
                Err(source) if source.kind() == io::ErrorKind::NotFound => return Err(this.missing(&name)),
                Err(source) => return Err(StoreError::io("read", path.display(), source)),
            };
            verify(&name, &options, &mut file)
        })
        .await
    }
}
