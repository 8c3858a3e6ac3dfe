//! Checksums of what is sent, which the store compares with what has arrived.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http_body::Body as _;
use md5::{Digest as _, Md5};
use object_store::azure::{AzureAuthorizer, AzureCredential};
use object_store::client::{HttpRequest, HttpRequestBody};

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// How the checksum of a body goes with it.
#[derive(Clone)]
pub(crate) enum Digests {
    /// `object_store` sends one by itself.
    Sent,
    /// As `Content-MD5`, which no signature covers.
    Added,
    /// As `Content-MD5`, which is signed with the key of this account of Azure.
    Signed(String, Arc<AzureCredential>),
}

impl fmt::Debug for Digests {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sent => "Sent",
            Self::Added => "Added",
            Self::Signed(..) => "Signed",
        })
    }
}

impl Digests {
    /// Adds the checksum to a request that puts something.
    pub(crate) async fn add(&self, mut request: HttpRequest) -> HttpRequest {
        let is_put = request.method() == Method::PUT && request.body().content_length() > 0;
        if matches!(self, Self::Sent) || !is_put {
            return request;
        }
        // A clone shares the bytes.
        let digest = md5_of(request.body().clone()).await;
        let value = HeaderValue::try_from(digest).expect("Base64 is ASCII");
        request.headers_mut().insert(CONTENT_MD5, value);
        if let Self::Signed(account, credential) = self {
            request.headers_mut().remove(AUTHORIZATION);
            AzureAuthorizer::new(credential, account).authorize(&mut request);
        }
        request
    }
}

/// Returns the MD5 of a body as the header has it.
async fn md5_of(mut body: HttpRequestBody) -> String {
    let mut digest = Md5::new();
    // What is in memory can't fail to be read.
    while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Some(bytes) = frame.data_ref() {
            digest.update(bytes);
        }
    }
    STANDARD.encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use object_store::PutPayloadMut;
    use object_store::azure::AzureAccessKey;

    use super::*;

    fn request(method: Method, body: impl Into<HttpRequestBody>) -> HttpRequest {
        let request = http::Request::builder().method(method).uri("http://127.0.0.1/account/lake/part");
        request.header(AUTHORIZATION, "old").body(body.into()).unwrap()
    }

    fn header<'r>(request: &'r HttpRequest, name: &HeaderName) -> Option<&'r str> {
        request.headers().get(name).map(|value| value.to_str().unwrap())
    }

    #[tokio::test]
    async fn what_is_put_goes_with_its_checksum() {
        // From `printf 'one,two' | openssl md5 -binary | base64`.
        let expected = Some("xJPL8v4pViRyvAuJerybgA==");
        let put = || {
            let mut payload = PutPayloadMut::new().with_block_size(4);
            payload.extend_from_slice(b"one,two");
            request(Method::PUT, payload.freeze())
        };
        let added = Digests::Added.add(put()).await;
        assert_eq!((header(&added, &CONTENT_MD5), header(&added, &AUTHORIZATION)), (expected, Some("old")));
        assert_eq!(header(&Digests::Sent.add(put()).await, &CONTENT_MD5), None);
        for other in [request(Method::PUT, Vec::new()), request(Method::POST, b"one,two".to_vec())] {
            assert_eq!(header(&Digests::Added.add(other).await, &CONTENT_MD5), None);
        }
        let key = AzureCredential::AccessKey(AzureAccessKey::try_new("c2VjcmV0").unwrap());
        let digests = Digests::Signed("account".to_owned(), Arc::new(key));
        let signed = digests.add(put()).await;
        assert_eq!(header(&signed, &CONTENT_MD5), expected);
        assert_eq!(signed.headers().get_all(AUTHORIZATION).iter().count(), 1);
        assert!(header(&signed, &AUTHORIZATION).unwrap().starts_with("SharedKey account:"));
        assert_eq!(format!("{digests:?}"), "Signed");
    }
}
