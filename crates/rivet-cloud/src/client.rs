//! How requests are sent, and where the refusals of servers get their words.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    SpawnedReqwestConnector,
};
use object_store::{ClientConfigKey, ClientOptions};
use rivet_writer::StoreRefusal;
use tokio::runtime::Handle;

use crate::answer::Answer;
use crate::digest::Digests;
use crate::explain::{no_credentials, refusal, unreachable};
use crate::patience::Patience;
use crate::place::Place;

/// Attempts to connect to a server that has never answered; an address that is wrong stays wrong.
const FIRST_CONNECTIONS: u32 = 3;

/// What tells a machine of a cloud provider who it is. It answers inside of the provider's network alone.
const METADATA_HOSTS: [&str; 5] =
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "metadata.google.internal"];

/// Returns the options of the connections to a place.
pub(crate) fn options(place: &Place, patience: &Patience) -> ClientOptions {
    let is_bare = place.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    ClientOptions::new()
        .with_timeout(patience.request)
        .with_connect_timeout(patience.connect)
        .with_allow_http(is_bare)
        .with_config(ClientConfigKey::UserAgent, concat!("rivet/", env!("CARGO_PKG_VERSION")))
}

/// Makes clients that send on one runtime, whatever runtime asks, and that explain refusals.
#[derive(Debug)]
pub(crate) struct Connector {
    inner: SpawnedReqwestConnector,
    place: Arc<Place>,
    digests: Digests,
}

impl Connector {
    pub(crate) fn new(place: &Place, handle: Handle) -> Self {
        let inner = SpawnedReqwestConnector::new(handle);
        Self { inner, place: Arc::new(place.clone()), digests: Digests::Sent }
    }

    /// Says how checksums go with what is sent.
    pub(crate) fn with_digests(self, digests: Digests) -> Self {
        Self { digests, ..self }
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = self.inner.connect(options)?;
        let (place, digests) = (Arc::clone(&self.place), self.digests.clone());
        let (reached, failed) = (AtomicBool::new(false), AtomicU32::new(0));
        Ok(HttpClient::new(Explaining { client, place, digests, reached, failed }))
    }
}

/// A client whose errors say what to do.
#[derive(Debug)]
struct Explaining {
    client: HttpClient,
    place: Arc<Place>,
    digests: Digests,
    /// Whether any server has answered.
    reached: AtomicBool,
    /// Requests without an answer before that.
    failed: AtomicU32,
}

#[async_trait]
impl HttpService for Explaining {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let server = Server::of(&request);
        match self.client.execute(self.digests.add(request).await).await {
            Ok(response) => {
                self.reached.store(true, Ordering::Relaxed);
                self.judge(&server, response).await
            }
            Err(error) => Err(self.silent(&server, &error)),
        }
    }
}

impl Explaining {
    /// Passes an answer on, or turns it into a refusal. The body of a refusal is never passed on as it came.
    async fn judge(&self, server: &Server, response: HttpResponse) -> Result<HttpResponse, HttpError> {
        let status = response.status().as_u16();
        if status < 300 || status == 304 {
            return Ok(response);
        }
        let (mut parts, body) = response.into_parts();
        let body = body.bytes().await.unwrap_or_default();
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let mut answer = Answer::read(status, &String::from_utf8_lossy(&body));
        answer = answer.with_date(header("date"), Timestamp::now());
        answer.code = answer.code.or_else(|| header("x-ms-error-code").map(ToOwned::to_owned));
        answer.region = header("x-amz-bucket-region").map(ToOwned::to_owned).or(answer.region);
        if server.is_metadata && status < 500 {
            return Err(refused(no_credentials(&self.place, &answer.text())));
        }
        if status == 400 && answer.is_about_the_network() {
            parts.status = 408_u16.try_into().expect("408 is a status");
            return Ok(HttpResponse::from_parts(parts, answer.text().into()));
        }
        // What the server can't do now it may do later.
        let may_pass = status >= 500 && status != 501;
        match refusal(&self.place, server.name.as_deref(), &answer) {
            Some(refusal) if !may_pass => Err(refused(refusal)),
            _ => Ok(HttpResponse::from_parts(parts, answer.text().into())),
        }
    }

    /// No answer came.
    fn silent(&self, server: &Server, error: &HttpError) -> HttpError {
        let cause = std::iter::successors(Some(error as &dyn Error), |&error| error.source()).last();
        let cause = cause.map(ToString::to_string).unwrap_or_default();
        if server.is_metadata {
            return refused(no_credentials(&self.place, &cause));
        }
        let refusal = unreachable(&self.place, server.name.as_deref(), &cause);
        let is_first = !self.reached.load(Ordering::Relaxed);
        if is_first && self.failed.fetch_add(1, Ordering::Relaxed) + 1 >= FIRST_CONNECTIONS {
            return HttpError::new(HttpErrorKind::Unknown, refusal);
        }
        HttpError::new(error.kind(), refusal)
    }
}

/// Whom a request goes to.
struct Server {
    name: Option<String>,
    /// Whether it is the service that gives a machine of the provider its credentials.
    is_metadata: bool,
}

impl Server {
    fn of(request: &HttpRequest) -> Self {
        let host = request.uri().host().unwrap_or_default();
        let is_metadata = METADATA_HOSTS.contains(&host.trim_start_matches('[').trim_end_matches(']'));
        Self { name: request.uri().authority().map(ToString::to_string), is_metadata }
    }
}

/// Errors of this kind are not repeated.
fn refused(refusal: StoreRefusal) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, refusal)
}
