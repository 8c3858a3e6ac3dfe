use std::time::Duration;

use object_store::PutMode;
use rivet_model::Retry;

use super::ObjectStoreParts;
use crate::manifest::Manifest;
use crate::store::local::compare;
use crate::store::{Commit, StoreError};

/// How often the manifest is tried to be created, beyond what the backend repeats by itself.
const MANIFEST_ATTEMPTS: u32 = 4;

/// The wait after the first of these attempts; each one after it is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);

impl ObjectStoreParts {
    /// Creates the manifest of a run where there is none.
    ///
    /// It is looked for before and after every attempt: the answer to an earlier one may have been lost. A store that
    /// does not know conditions gets the manifest without one, and it is read back.
    pub(super) async fn create_manifest(&self, manifest: &Manifest, name: &str) -> Result<Commit, StoreError> {
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
}
