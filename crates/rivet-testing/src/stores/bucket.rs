use std::collections::BTreeMap;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::client::StoreClient;
use super::server::StoreServer;
use super::{AZURE_ACCOUNT, Protocol};

/// The key that servers of tests are started with.
pub(super) const S3_KEY: &str = "rivet-writer";

/// Its secret, which is none.
pub(super) const S3_SECRET: &str = "rivet-writer-secret";

/// Buckets that this process has made.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// An empty bucket on a server that speaks the real protocol, and what the provider's own client sees in it.
///
/// `cargo xtask e2e` says in the environment where the servers are: `RIVET_TEST_S3_SERVER` (and the same for `GCS` and
/// `AZURE`) is a program that each bucket starts for itself, `RIVET_TEST_S3_URL` a server that all of them share, and
/// `RIVET_TEST_CLOUD_PYTHON` a Python that imports the clients.
#[derive(Debug)]
pub struct Bucket {
    protocol: Protocol,
    name: String,
    // Ended before its server.
    client: Mutex<StoreClient>,
    server: StoreServer,
}

impl Bucket {
    /// Makes a bucket.
    #[track_caller]
    pub fn create(protocol: Protocol) -> Self {
        let server = StoreServer::start(protocol);
        let name = if server.is_shared { unused_name() } else { "lake".to_owned() };
        let client = Mutex::new(StoreClient::start(protocol, &server));
        let bucket = Self { protocol, name, client, server };
        bucket.ask(&["create", &bucket.name]);
        bucket
    }

    /// Returns which protocol its server speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Returns its name, a container's at Azure.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the address of the server, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Returns the keys of a destination in this bucket, as the inside of a flow mapping. `url` is the server's, or of
    /// a network before it.
    pub fn destination(&self, url: &str, prefix: &str) -> String {
        let place = format!("type: {}, bucket: {}, prefix: {prefix:?}", self.protocol, self.name);
        match self.protocol {
            Protocol::S3 => format!(
                "{place}, region: us-east-1, endpoint: {url:?}, access_key_env: S3_KEY, secret_key_env: S3_SECRET"
            ),
            Protocol::Gcs => format!("{place}, endpoint: {url:?}, allow_anonymous: true"),
            Protocol::Azure => format!(
                "{place}, account_name: {AZURE_ACCOUNT}, endpoint: \"{url}/{AZURE_ACCOUNT}\", \
                 account_key_env: AZURE_KEY"
            ),
        }
    }

    /// Returns the objects that there are: their bytes and their SHA-256 by name.
    #[track_caller]
    pub fn objects(&self) -> BTreeMap<String, (u64, String)> {
        let text = |value: &Value| value.as_str().expect("names and digests are texts").to_owned();
        let listed = self.ask(&["objects", &self.name]);
        let objects = listed.as_array().expect("the client lists").iter();
        objects
            .map(|found| {
                let bytes = found["bytes"].as_u64().expect("a length is a number");
                (text(&found["name"]), (bytes, text(&found["sha256"])))
            })
            .collect()
    }

    /// Returns the names of uploads in pieces that were begun and have not ended. Azure has none: blocks that belong to
    /// no blob are removed by itself after a week, and nobody can do so before.
    #[track_caller]
    pub fn uploads(&self) -> Vec<String> {
        serde_json::from_value(self.ask(&["uploads", &self.name])).expect("the client lists names")
    }

    /// Copies all objects below a prefix into a folder, each under its name without the prefix.
    #[track_caller]
    pub fn fetch(&self, prefix: &str, folder: &Path) {
        self.ask(&["fetch", &self.name, prefix, &folder.display().to_string()]);
    }

    /// Puts a small object of somebody else's.
    #[track_caller]
    pub fn put(&self, name: &str, text: &str) {
        self.ask(&["put", &self.name, name, text]);
    }

    #[track_caller]
    fn ask(&self, question: &[&str]) -> Value {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).ask(question)
    }
}

/// A name that no other test on a shared server has, nor had.
fn unused_name() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    format!("lake-{since}-{}-{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}
