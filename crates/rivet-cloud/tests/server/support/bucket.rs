use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rivet_cloud::Patience;
use rivet_config::{AzureDestination, Destination, Environment, GcsDestination, PathTemplate, S3Destination};
use rivet_writer::{Manifest, PartStore, StoreError};
use serde_json::Value;

use super::Program;
use super::program::{fixture, required};

/// The account that every Azurite has.
const AZURE_ACCOUNT: &str = "devstoreaccount1";

/// Its key, which is no secret.
pub(crate) const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Which protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    S3,
    Gcs,
    Azure,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
        }
    }
}

/// An empty bucket on a server of its own, and what the provider's client sees in it.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) kind: Kind,
    pub(crate) server: Program,
    pub(crate) name: &'static str,
}

impl Bucket {
    pub(crate) fn start(kind: Kind) -> Self {
        let bucket = Self { kind, server: Program::start(kind), name: "lake" };
        bucket.client(&["create", bucket.name]);
        bucket
    }

    /// Opens the store at the server's own address.
    pub(crate) fn open(&self, prefix: &str) -> Arc<dyn PartStore> {
        self.open_at(&self.server.url(), prefix).expect("the destination is complete")
    }

    /// Opens the store at another address, which leads to the server.
    pub(crate) fn open_at(&self, url: &str, prefix: &str) -> Result<Arc<dyn PartStore>, StoreError> {
        let environment = environment();
        let opened = rivet_cloud::open_with(&patience(), &self.destination(url), prefix, &environment)?;
        Ok(opened.expect("this is a kind of store that is known"))
    }

    /// Returns a destination that works, to be changed.
    pub(crate) fn destination(&self, url: &str) -> Destination {
        let prefix = PathTemplate::try_from(String::new()).unwrap();
        match self.kind {
            Kind::S3 => Destination::S3(S3Destination {
                bucket: self.name.to_owned(),
                prefix,
                region: Some("us-east-1".to_owned()),
                endpoint: Some(url.to_owned()),
                keys_env: Some(("S3_KEY".to_owned(), "S3_SECRET".to_owned())),
                session_token_env: None,
                profile: None,
                allow_anonymous: false,
            }),
            Kind::Gcs => Destination::Gcs(GcsDestination {
                bucket: self.name.to_owned(),
                prefix,
                endpoint: Some(url.to_owned()),
                credentials_file: None,
                allow_anonymous: true,
            }),
            Kind::Azure => Destination::Azure(AzureDestination {
                account: AZURE_ACCOUNT.to_owned(),
                container: self.name.to_owned(),
                prefix,
                endpoint: Some(format!("{url}/{AZURE_ACCOUNT}")),
                account_key_env: Some("AZURE_KEY".to_owned()),
                sas_token_env: None,
                allow_anonymous: false,
            }),
        }
    }

    /// Returns the objects that there are: their bytes and their SHA-256 by name.
    pub(crate) fn objects(&self) -> BTreeMap<String, (u64, String)> {
        let listed: Value = serde_json::from_slice(&self.client(&["objects", self.name])).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let objects = listed.as_array().unwrap().iter();
        objects
            .map(|found| (text(&found["name"]), (found["bytes"].as_u64().unwrap(), text(&found["sha256"]))))
            .collect()
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
        let there: Manifest =
            serde_json::from_slice(&self.client(&["get", self.name, &below(&manifest.name())])).unwrap();
        assert_eq!(there, *manifest);
        let folder = manifest.name().rsplit_once('/').unwrap().0.to_owned();
        for name in [manifest.name(), format!("{folder}/latest.json"), "_SUCCESS".to_owned()] {
            assert!(objects.remove(&below(&name)).is_some(), "{name} is not in {objects:?}");
        }
        assert!(objects.is_empty(), "more than the run: {objects:?}");
        self.assert_no_upload();
    }

    /// Fails unless the bucket is empty, and no upload is open.
    #[track_caller]
    pub(crate) fn assert_empty(&self) {
        let objects = self.objects();
        assert!(objects.is_empty(), "{objects:?}");
        self.assert_no_upload();
    }

    #[track_caller]
    fn assert_no_upload(&self) {
        let uploads: Vec<String> = serde_json::from_slice(&self.client(&["uploads", self.name])).unwrap();
        assert!(uploads.is_empty(), "open uploads: {uploads:?}");
    }

    /// Runs the provider's own client.
    fn client(&self, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new(required("RIVET_TEST_CLOUD_PYTHON"));
        let url = if arguments[0] == "uploads" { self.server.url() } else { self.server.client_url() };
        command.arg(fixture("cloud.py")).args([self.kind.as_str(), &url]).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

/// Returns the variables that destinations of tests name.
pub(crate) fn environment() -> Environment {
    Environment::from_iter([("S3_KEY", "writer"), ("S3_SECRET", "secret"), ("AZURE_KEY", AZURE_KEY)])
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
