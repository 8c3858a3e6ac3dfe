//! Uploads that were begun and have not ended, at S3 and at Google's XML interface, which has the same requests for them.

use std::fmt;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, Request};
use object_store::Result;
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpErrorKind, HttpRequest, HttpRequestBody};
use object_store::gcp::GcpCredentialProvider;
use object_store::path::Path;
use rivet_writer::OpenUploads;

use crate::answer::{elements, unescape};
use crate::patience::Patience;

/// Who asks.
pub(crate) enum Signer {
    /// Nobody in particular.
    Nobody,
    /// A user of AWS, in a region.
    Aws(AwsCredentialProvider, String),
    /// An account of Google's.
    Google(GcpCredentialProvider),
}

/// The uploads of a bucket.
pub(crate) struct Uploads {
    pub(crate) client: HttpClient,
    pub(crate) signer: Signer,
    /// The URL of the bucket, without a slash at its end.
    pub(crate) url: String,
    pub(crate) patience: Patience,
}

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploads").field("url", &self.url).finish_non_exhaustive()
    }
}

#[async_trait]
impl OpenUploads for Uploads {
    async fn list(&self, prefix: &str) -> Result<Vec<(Path, String)>> {
        let (mut found, mut marker) = (Vec::new(), String::new());
        loop {
            let url = format!("{}?uploads=&prefix={}{marker}", self.url, encoded(prefix, false));
            let text = self.send(&Method::GET, &url).await?;
            for upload in elements(&text, "Upload") {
                let field = |name| elements(upload, name).next().map(unescape);
                if let (Some(key), Some(id)) = (field("Key"), field("UploadId")) {
                    found.push((Path::parse(key)?, id));
                }
            }
            let next = |name| elements(&text, name).next().map(unescape).filter(|next| !next.is_empty());
            let (true, Some(key)) = (text.contains("<IsTruncated>true"), next("NextKeyMarker")) else {
                return Ok(found);
            };
            let id = next("NextUploadIdMarker").unwrap_or_default();
            marker = format!("&key-marker={}&upload-id-marker={}", encoded(&key, false), encoded(&id, false));
        }
    }

    async fn abort(&self, path: &Path, upload: &str) -> Result<()> {
        let url = format!("{}/{}?uploadId={}", self.url, encoded(path.as_ref(), true), encoded(upload, false));
        self.send(&Method::DELETE, &url).await.map(drop)
    }
}

impl Uploads {
    /// Sends a request until there is an answer. Each of these may be sent twice.
    async fn send(&self, method: &Method, url: &str) -> Result<String> {
        let mut wait = self.patience.first_wait;
        for attempt in 0.. {
            let (error, may_pass) = match self.client.execute(self.request(method, url).await?).await {
                Ok(response) => {
                    let status = response.status();
                    let body = response.into_body().bytes().await.map_err(failed)?;
                    // What is gone has ended.
                    if status.is_success() || status.as_u16() == 404 {
                        return Ok(String::from_utf8_lossy(&body).into_owned());
                    }
                    let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
                    (failed(format!("status {status}")), may_pass)
                }
                // A refusal is of this kind.
                Err(error) => {
                    let may_pass = error.kind() != HttpErrorKind::Unknown;
                    (failed(error), may_pass)
                }
            };
            if !may_pass || attempt >= self.patience.retries {
                return Err(error);
            }
            tokio::time::sleep(jittered(wait)).await;
            wait = (wait * 2).min(self.patience.longest_wait);
        }
        unreachable!("the last attempt returns")
    }

    async fn request(&self, method: &Method, url: &str) -> Result<HttpRequest> {
        let request = Request::builder().method(method).uri(url).body(HttpRequestBody::empty());
        let mut request = request.map_err(failed)?;
        match &self.signer {
            Signer::Nobody => {}
            Signer::Aws(provider, region) => {
                let credential = provider.get_credential().await?;
                AwsAuthorizer::new(&credential, "s3", region).authorize(&mut request, None);
            }
            Signer::Google(provider) => {
                let credential = provider.get_credential().await?;
                let mut value = http::HeaderValue::try_from(format!("Bearer {}", credential.bearer)).map_err(failed)?;
                value.set_sensitive(true);
                request.headers_mut().insert(http::header::AUTHORIZATION, value);
            }
        }
        Ok(request)
    }
}

/// Returns between half and all of a wait, so that those who fail together do not come back together.
fn jittered(wait: Duration) -> Duration {
    // Its seed is random.
    let random = RandomState::new().hash_one(wait);
    let thousandths = u32::try_from(random % 500).expect("it is less than 500");
    wait / 2 + wait * thousandths / 1000
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> object_store::Error {
    object_store::Error::Generic { store: "uploads", source: source.into() }
}

/// Writes a text as a part of a URL, with every byte that could have a meaning as `%` and two digits.
fn encoded(text: &str, is_path: bool) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut url, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(byte)),
            b'/' if is_path => url.push('/'),
            _ => write!(url, "%{byte:02X}").expect("a String takes all text"),
        }
        url
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_between_half_and_all() {
        let wait = Duration::from_secs(4);
        let waits: Vec<Duration> = (0..20).map(|_| jittered(wait)).collect();
        assert!(waits.iter().all(|found| (wait / 2..wait).contains(found)), "{waits:?}");
        assert!(waits.iter().any(|found| *found != waits[0]), "{waits:?}");
    }

    #[test]
    fn urls_hold_no_bare_characters() {
        assert_eq!(encoded("a/b%41 ü+&.~", true), "a/b%2541%20%C3%BC%2B%26.~");
        assert_eq!(encoded("a/b", false), "a%2Fb");
    }
}
