use std::fmt;

use async_trait::async_trait;
use object_store::path::Path;

use super::ObjectStoreParts;
use crate::store::StoreError;

/// Finds uploads of several pieces that were begun and have not ended: those of a process that was killed, and those
/// whose beginning was never answered.
#[async_trait]
pub trait OpenUploads: fmt::Debug + Send + Sync + 'static {
    /// Returns the objects that uploads below a prefix are for, each with a name for the upload.
    async fn list(&self, prefix: &str) -> object_store::Result<Vec<(Path, String)>>;

    /// Gives one of them up. One that is not there any more is no error.
    async fn abort(&self, path: &Path, upload: &str) -> object_store::Result<()>;
}

impl ObjectStoreParts {
    /// Gives up what was begun to be uploaded under names that fit, and will not end. It costs room and nothing else, so
    /// that a store that does not allow this holds nobody up.
    pub(in crate::store) async fn abort_uploads(&self, fits: impl Fn(&str) -> bool + Send + Sync) {
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
}
