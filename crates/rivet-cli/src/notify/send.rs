use std::error::Error as _;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};

/// Attempts in all, as long as there is time for them.
const ATTEMPTS: u32 = 2;

/// The wait between them.
const WAIT: Duration = Duration::from_millis(500);

/// Sends letters to URLs, which are secrets: they are in no reason that it gives.
#[derive(Debug)]
pub(super) struct Sender {
    client: Client,
}

impl Sender {
    pub(super) fn new() -> Result<Self, String> {
        let client = Client::builder()
            // A letter goes where it was sent, and nowhere else.
            .redirect(Policy::none())
            .user_agent(concat!("rivet/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(|client| Self { client }).map_err(|error| reason(&error))
    }

    /// Sends one letter, twice where that may help. It is for the caller to say how long that may take.
    pub(super) async fn send(&self, url: &SecretString, body: &str) -> Result<(), String> {
        let mut attempt = 1;
        loop {
            let request = self.client.post(url.expose_secret()).header(CONTENT_TYPE, "application/json");
            let (reason, may_pass) = match request.body(body.to_owned()).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => (format!("the answer was {}", answer.status()), may_pass(answer.status())),
                Err(error) => (reason(&error), error.is_connect() || error.is_request()),
            };
            if !may_pass || attempt == ATTEMPTS {
                return Err(reason);
            }
            attempt += 1;
            tokio::time::sleep(WAIT).await;
        }
    }
}

fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT
}

/// Says why there was no answer. The library's own words name the URL, so that only what the operating system says is
/// repeated.
fn reason(error: &reqwest::Error) -> String {
    let chain = std::iter::successors(error.source(), |cause| (*cause).source());
    let system = chain.filter_map(|cause| cause.downcast_ref::<std::io::Error>()).last();
    let said = system.and_then(std::io::Error::raw_os_error).map(std::io::Error::from_raw_os_error);
    match said {
        Some(said) => format!("no connection: {said}"),
        None if error.is_connect() => "no connection, or no trust in the server".to_owned(),
        None if error.is_builder() => "it can't be sent to that URL".to_owned(),
        None => "the connection broke".to_owned(),
    }
}
