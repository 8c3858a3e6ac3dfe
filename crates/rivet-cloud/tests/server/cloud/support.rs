use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use rivet_cloud::Patience;
use rivet_config::{AzureDestination, Destination, Environment, GcsDestination, PathTemplate, S3Destination};
use rivet_testing::{AZURE_ACCOUNT, Protocol};
use rivet_writer::{Manifest, PartStore, StoreError};

/// An empty bucket, and the stores of it.
#[derive(Debug)]
pub(crate) struct Bucket(rivet_testing::Bucket);

impl Deref for Bucket {
    type Target = rivet_testing::Bucket;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Bucket {
    pub(crate) fn start(protocol: Protocol) -> Self {
        Self(rivet_testing::Bucket::create(protocol))
    }

    /// Opens the store at the server's own address.
    pub(crate) fn open(&self, prefix: &str) -> Arc<dyn PartStore> {
        self.open_at(self.url(), prefix).expect("the destination is complete")
    }

    /// Opens the store at another address, which leads to the server.
    pub(crate) fn open_at(&self, url: &str, prefix: &str) -> Result<Arc<dyn PartStore>, StoreError> {
        let opened = rivet_cloud::open_with(&patience(), &self.destination_at(url), prefix, &environment())?;
        Ok(opened.expect("this is a kind of store that is known"))
    }

    /// Returns a destination that works, to be changed.
    pub(crate) fn destination_at(&self, url: &str) -> Destination {
        let prefix = PathTemplate::try_from(String::new()).unwrap();
        match self.protocol() {
            Protocol::S3 => Destination::S3(S3Destination {
                bucket: self.name().to_owned(),
                prefix,
                region: Some("us-east-1".to_owned()),
                endpoint: Some(url.to_owned()),
                keys_env: Some(("S3_KEY".to_owned(), "S3_SECRET".to_owned())),
                session_token_env: None,
                profile: None,
                allow_anonymous: false,
            }),
            Protocol::Gcs => Destination::Gcs(GcsDestination {
                bucket: self.name().to_owned(),
                prefix,
                endpoint: Some(url.to_owned()),
                credentials_file: None,
                allow_anonymous: true,
            }),
            Protocol::Azure => Destination::Azure(AzureDestination {
                account: AZURE_ACCOUNT.to_owned(),
                container: self.name().to_owned(),
                prefix,
                endpoint: Some(format!("{url}/{AZURE_ACCOUNT}")),
                account_key_env: Some("AZURE_KEY".to_owned()),
                sas_token_env: None,
                allow_anonymous: false,
            }),
        }
    }

    /// Fails unless the bucket holds one committed run and nothing else, and no upload is open.
    #[track_caller]
    pub(crate) fn assert_holds(&self, manifest: &Manifest, prefix: &str) {
        let below = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        let mut objects = self.objects();
        for part in &manifest.parts {
            let found = objects.remove(&below(&part.record.name));
            assert_eq!(found, Some((part.record.bytes, part.record.sha256.clone())), "{}", part.record.name);
        }
        let copy = tempfile::tempdir().unwrap();
        self.fetch(prefix, copy.path());
        let there = std::fs::read(copy.path().join(manifest.name())).unwrap();
        assert_eq!(serde_json::from_slice::<Manifest>(&there).unwrap(), *manifest);
        let folder = manifest.name().rsplit_once('/').unwrap().0.to_owned();
        for name in [manifest.name(), format!("{folder}/latest.json"), "_SUCCESS".to_owned()] {
            assert!(objects.remove(&below(&name)).is_some(), "{name} is not in {objects:?}");
        }
        assert!(objects.is_empty(), "more than the run: {objects:?}");
        assert_eq!(self.uploads(), [""; 0]);
    }

    /// Fails unless the bucket is empty, and no upload is open.
    #[track_caller]
    pub(crate) fn assert_empty(&self) {
        let objects = self.objects();
        assert!(objects.is_empty(), "{objects:?}");
        assert_eq!(self.uploads(), [""; 0]);
    }
}

/// Returns the variables that destinations of tests name.
pub(crate) fn environment() -> Environment {
    let all = [Protocol::S3, Protocol::Gcs, Protocol::Azure];
    all.into_iter().flat_map(Protocol::secrets).copied().collect()
}

/// Returns a patience that tests can wait for.
pub(crate) fn patience() -> Patience {
    let mut patience = Patience::default();
    patience.request = Duration::from_secs(8);
    patience.retries = 4;
    patience.first_wait = Duration::from_millis(50);
    patience.longest_wait = Duration::from_millis(500);
    patience
}
