use std::net::IpAddr;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use rivet_model::DestinationRecord;
use rivet_writer::{ObjectStoreParts, PartStore, RefusalKind, StoreError, StoreRefusal};
use tokio::runtime::Handle;
use url::Url;

use crate::uploads::Uploads;

/// Which protocol is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    S3,
    Gcs,
    Azure,
}

impl Kind {
    /// Returns the word of the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
        }
    }

    /// Returns what its users call a bucket.
    pub(crate) fn bucket(self) -> &'static str {
        match self {
            Self::S3 | Self::Gcs => "bucket",
            Self::Azure => "container",
        }
    }
}

/// A bucket at a server, as messages name it. It holds no secret.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) bucket: String,
    /// What the addresses of objects begin with: `s3://bucket`, or a URL where the server is another one.
    pub(crate) base: String,
    /// The server that keeps the objects, where that is not the provider's own.
    pub(crate) endpoint: Option<String>,
    /// The region that requests are signed for.
    pub(crate) region: Option<String>,
    /// Where the credentials come from, as the end of "Check ...".
    pub(crate) credentials: String,
}

impl Place {
    /// Returns an error before anything was sent.
    pub(crate) fn refuse(&self, kind: RefusalKind, message: impl Into<String>, help: impl Into<String>) -> StoreError {
        let refusal = StoreRefusal { kind, message: message.into(), help: help.into() };
        StoreError::Unusable { destination: self.base.clone(), refusal: Box::new(refusal) }
    }

    /// Returns the path of a prefix. Slashes around it and doubled ones mean nothing.
    pub(crate) fn prefix(&self, prefix: &str) -> Result<Path, StoreError> {
        let segments: Vec<&str> = prefix.split('/').filter(|segment| !segment.is_empty()).collect();
        Path::parse(segments.join("/")).map_err(|_invalid| {
            let message = format!("the prefix `{prefix}` can't begin the names of objects");
            self.refuse(RefusalKind::Other, message, "Leave `.` and `..` and control characters out of `prefix`.")
        })
    }

    /// Puts parts and manifests below a prefix of a store.
    pub(crate) fn store(
        self,
        store: impl ObjectStore,
        uploads: Option<Uploads>,
        prefix: &str,
    ) -> Result<Arc<dyn PartStore>, StoreError> {
        let prefix = self.prefix(prefix)?;
        let root = if prefix.as_ref().is_empty() { self.base.clone() } else { format!("{}/{prefix}", self.base) };
        let record = DestinationRecord { kind: self.kind.as_str().to_owned(), root };
        let handle = self.runtime()?;
        let parts = ObjectStoreParts::new(Arc::new(store), prefix, record, handle);
        Ok(Arc::new(match uploads {
            Some(uploads) => parts.with_uploads(Arc::new(uploads)),
            None => parts,
        }))
    }

    /// Returns the runtime that requests are sent on.
    pub(crate) fn runtime(&self) -> Result<Handle, StoreError> {
        Handle::try_current().map_err(|_none| {
            let help = "Call the engine inside of a Tokio runtime.";
            self.refuse(RefusalKind::Other, "there is no runtime to send requests on", help)
        })
    }

    /// Refuses to send a secret as it is over a network that anybody may listen to.
    pub(crate) fn refuse_bare_secret(&self, secret: &str) -> Result<(), StoreError> {
        let listens = |url: Url| url.scheme() == "http" && !is_loopback(&url);
        if !self.endpoint.as_deref().and_then(|text| Url::parse(text).ok()).is_some_and(listens) {
            return Ok(());
        }
        let message = format!("{secret} would cross the network unencrypted");
        Err(self.refuse(RefusalKind::Other, message, "Give `endpoint` an `https://` URL."))
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Returns what the addresses of a bucket's objects begin with at a server of one's own.
pub(crate) fn base_at(endpoint: &str, bucket: &str) -> String {
    format!("{}/{bucket}", endpoint.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn place(endpoint: Option<&str>) -> Place {
        Place {
            kind: Kind::S3,
            bucket: "lake".to_owned(),
            base: endpoint.map_or("s3://lake".to_owned(), |endpoint| base_at(endpoint, "lake")),
            endpoint: endpoint.map(ToOwned::to_owned),
            region: Some("us-east-1".to_owned()),
            credentials: "the keys".to_owned(),
        }
    }

    #[test]
    fn a_prefix_is_a_path() {
        let check = |prefix: &str, expected: Option<&str>| {
            let found = place(None).prefix(prefix).ok();
            assert_eq!(found.as_ref().map(AsRef::as_ref), expected, "{prefix}");
        };
        check("", Some(""));
        check("/", Some(""));
        check("/raw//orders/", Some("raw/orders"));
        check("raw/date=2026-01-01/ünï %41", Some("raw/date=2026-01-01/ünï %41"));
        check("raw/../other", None);
    }

    #[test]
    fn secrets_stay_off_the_open_network() {
        let check = |endpoint: Option<&str>, is_fine: bool| {
            assert_eq!(place(endpoint).refuse_bare_secret("a token").is_ok(), is_fine, "{endpoint:?}");
        };
        check(None, true);
        check(Some("https://store.example"), true);
        check(Some("http://127.0.0.1:9000"), true);
        check(Some("http://[::1]:9000"), true);
        check(Some("http://localhost:9000/x"), true);
        check(Some("http://store.example"), false);
        check(Some("http://127.0.0.1.example"), false);
    }
}
