use std::fmt;
use std::vec::IntoIter;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use object_store::{Error, MultipartUpload, ObjectStoreExt as _, PutMode, PutPayload};
use rivet_model::RunId;

use super::error::StoreError;
use super::object::ObjectStoreParts;
use super::probe::{ProbeAction, ProbeOutcome, ProbeStep, StoreProbe, ends_all};
use super::upload::begin;
use crate::layout::MANIFEST_FOLDER;

/// What probes hold.
const TEXT: &str = "rivet doctor\n";

/// Why nothing more is tried at a place that answers everything alike.
const SAME_ERROR: &str = "it would end in the same error";

/// Why nothing is read or replaced where nothing was written.
const NO_PROBE: &str = "no probe could be written";

/// Tries an object store with two objects of its own.
pub(super) struct ObjectProbe {
    objects: Objects,
    actions: IntoIter<ProbeAction>,
    /// What may be there.
    left: Vec<String>,
    /// Whether the first object is there.
    is_put: bool,
    /// Whether an upload was begun since open ones were last given up.
    has_begun: bool,
    upload: Option<Box<dyn MultipartUpload>>,
    /// Whether the place itself was refused.
    is_over: bool,
}

/// The two objects.
#[derive(Debug)]
struct Objects {
    parts: ObjectStoreParts,
    /// The name, below the root, of the one that is put as a whole.
    whole: String,
    /// The name of the one that is uploaded in pieces; it begins with the other one's.
    pieces: String,
}

impl ObjectProbe {
    pub(super) fn new(parts: ObjectStoreParts) -> Self {
        let mut actions = vec![
            ProbeAction::Put,
            ProbeAction::Get,
            ProbeAction::List,
            ProbeAction::Create,
            ProbeAction::Multipart,
            ProbeAction::Abort,
        ];
        actions.extend(parts.uploads.is_some().then_some(ProbeAction::Uploads));
        actions.push(ProbeAction::Delete);
        let whole = format!("{MANIFEST_FOLDER}/check-{}", RunId::generate());
        Self {
            objects: Objects { pieces: format!("{whole}-pieces"), whole, parts },
            actions: actions.into_iter(),
            left: Vec::new(),
            is_put: false,
            has_begun: false,
            upload: None,
            is_over: false,
        }
    }

    async fn attempt(&mut self, action: ProbeAction) -> Result<ProbeOutcome, StoreError> {
        match action {
            ProbeAction::Get | ProbeAction::Create if !self.is_put => return Ok(ProbeOutcome::Skipped(NO_PROBE)),
            ProbeAction::Delete if self.left.is_empty() => return Ok(ProbeOutcome::Skipped(NO_PROBE)),
            ProbeAction::Put => self.put().await?,
            ProbeAction::Get => self.objects.get().await?,
            ProbeAction::List => self.objects.list().await?,
            ProbeAction::Create => return self.objects.create().await,
            ProbeAction::Multipart => self.upload_pieces().await?,
            ProbeAction::Abort => self.give_upload_up().await?,
            ProbeAction::Uploads => return Ok(self.objects.look_for_uploads().await),
            ProbeAction::Delete => self.remove().await?,
            // Of folders alone.
            ProbeAction::Folder | ProbeAction::Room | ProbeAction::Rename => {}
        }
        Ok(ProbeOutcome::Passed(None))
    }

    async fn put(&mut self) -> Result<(), StoreError> {
        self.left.push(self.objects.whole.clone());
        self.objects.put().await?;
        self.is_put = true;
        Ok(())
    }

    async fn begin_upload(&mut self) -> Result<&mut Box<dyn MultipartUpload>, StoreError> {
        self.has_begun = true;
        let upload = self.objects.begin_upload().await?;
        Ok(self.upload.insert(upload))
    }

    async fn upload_pieces(&mut self) -> Result<(), StoreError> {
        let name = self.objects.pieces.clone();
        let upload = self.begin_upload().await?;
        let sent = upload.put_part(PutPayload::from_static(TEXT.as_bytes())).await;
        let done = match sent {
            Err(source) => Err(("send a piece to", source)),
            Ok(()) => {
                self.left.push(name);
                self.complete().await.map_err(|source| ("complete an upload to", source))
            }
        };
        if let Err((action, source)) = done {
            let error = self.objects.failed(action, source);
            drop(self.abort().await);
            return Err(error);
        }
        self.upload = None;
        Ok(())
    }

    /// An answer may be lost although the upload was completed: nobody else makes an object of that name.
    async fn complete(&mut self) -> Result<(), Error> {
        let Some(upload) = &mut self.upload else { return Ok(()) };
        match upload.complete().await {
            Ok(_) => Ok(()),
            Err(source) => {
                if self.objects.has_pieces().await {
                    Ok(())
                } else {
                    Err(source)
                }
            }
        }
    }

    async fn give_upload_up(&mut self) -> Result<(), StoreError> {
        self.begin_upload().await?;
        self.abort().await
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        let Some(mut upload) = self.upload.take() else { return Ok(()) };
        upload.abort().await.map_err(|source| self.objects.failed("give up an upload to", source))
    }

    async fn remove(&mut self) -> Result<(), StoreError> {
        drop(self.abort().await);
        // What was begun and never answered.
        if std::mem::take(&mut self.has_begun) {
            let begin = &self.objects.whole;
            self.objects.parts.abort_uploads(|found| found.starts_with(begin)).await;
        }
        let mut kept = Vec::new();
        let mut first = None;
        for name in std::mem::take(&mut self.left) {
            if let Err(error) = self.objects.remove(&name).await {
                first.get_or_insert(error);
                kept.push(name);
            }
        }
        self.left = kept;
        first.map_or(Ok(()), Err)
    }
}

impl Objects {
    async fn put(&self) -> Result<(), StoreError> {
        let path = self.parts.path(&self.whole)?;
        let put = self.parts.store.put(&path, TEXT.into()).await;
        put.map(drop).map_err(|source| self.failed("write to", source))
    }

    async fn get(&self) -> Result<(), StoreError> {
        let path = self.parts.path(&self.whole)?;
        let got = self.parts.store.get(&path).await.map_err(|source| self.failed("read from", source))?;
        let bytes = got.bytes().await.map_err(|source| self.failed("read from", source))?;
        if bytes == TEXT.as_bytes() {
            return Ok(());
        }
        Err(StoreError::Damaged { name: self.whole.clone(), reason: "it is not what was written".to_owned() })
    }

    /// Asks for one page of what is below the root, as a run does before it removes what it left.
    async fn list(&self) -> Result<(), StoreError> {
        let root = (!self.parts.root.as_ref().is_empty()).then_some(&self.parts.root);
        let offset = self.parts.path(&self.whole)?;
        let first = self.parts.store.list_with_offset(root, &offset).next().await;
        first.transpose().map(drop).map_err(|source| self.failed("list", source))
    }

    async fn create(&self) -> Result<ProbeOutcome, StoreError> {
        let path = self.parts.path(&self.whole)?;
        let created = self.parts.store.put_opts(&path, TEXT.into(), PutMode::Create.into()).await;
        let error = match created {
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => return Ok(ProbeOutcome::Passed(None)),
            Ok(_) => return Ok(without_conditions("the server replaced what was to be created only where nothing is")),
            Err(source) => self.failed("create", source),
        };
        if error.is_unsupported() {
            return Ok(without_conditions("the server can't be asked to create only where nothing is"));
        }
        Err(error)
    }

    /// What a process that was killed leaves open costs room, and nothing else.
    async fn look_for_uploads(&self) -> ProbeOutcome {
        let Some(uploads) = &self.parts.uploads else { return ProbeOutcome::Passed(None) };
        let prefix = match self.parts.path(&self.whole) {
            Ok(path) => path,
            Err(error) => return ProbeOutcome::Failed(error),
        };
        match uploads.list(prefix.as_ref()).await {
            Ok(_) => ProbeOutcome::Passed(None),
            Err(source) => ProbeOutcome::Warning {
                message: self.failed("look for open uploads in", source).to_string(),
                help: "Allow it (on S3 `s3:ListBucketMultipartUploads`), or let a rule of the bucket end uploads that \
                       were begun days ago: those of a process that was killed stay there otherwise."
                    .to_owned(),
            },
        }
    }

    async fn begin_upload(&self) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let path = self.parts.path(&self.pieces)?;
        begin(self.parts.store.as_ref(), &path).await
    }

    async fn has_pieces(&self) -> bool {
        match self.parts.path(&self.pieces) {
            Ok(path) => self.parts.store.head(&path).await.is_ok(),
            Err(_) => false,
        }
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        match self.parts.store.delete(&self.parts.path(name)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(StoreError::object("remove", format_args!("{}/{name}", self.parts), source)),
        }
    }

    fn failed(&self, action: &'static str, source: Error) -> StoreError {
        StoreError::object(action, &self.parts, source)
    }
}

fn without_conditions(message: &str) -> ProbeOutcome {
    ProbeOutcome::Warning {
        message: message.to_owned(),
        help: "Use a server that knows `If-None-Match`, or make sure that one process at a time runs an export: its \
               manifest is looked for, written, and read back."
            .to_owned(),
    }
}

impl fmt::Debug for ObjectProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectProbe").field("objects", &self.objects).field("left", &self.left).finish_non_exhaustive()
    }
}

#[async_trait]
impl StoreProbe for ObjectProbe {
    async fn step(&mut self) -> Option<ProbeStep> {
        let action = self.actions.next()?;
        if self.is_over && (action != ProbeAction::Delete || !self.is_put) {
            return Some(ProbeStep { action, outcome: ProbeOutcome::Skipped(SAME_ERROR) });
        }
        let outcome = self.attempt(action).await.unwrap_or_else(ProbeOutcome::Failed);
        if let ProbeOutcome::Failed(error) = &outcome {
            self.is_over |= ends_all(error);
        }
        Some(ProbeStep { action, outcome })
    }

    async fn clean(mut self: Box<Self>) -> Result<(), StoreError> {
        // A place that refuses everything has taken nothing, and can't be asked to remove it.
        if self.is_over && !self.is_put {
            return Ok(());
        }
        self.remove().await
    }
}
