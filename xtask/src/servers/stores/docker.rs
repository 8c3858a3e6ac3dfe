use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use miette::{IntoDiagnostic as _, Result, bail};
use tempfile::TempDir;

use super::super::compose::Compose;
use super::super::launch::wait;
use super::{Place, Places, Store};

/// How long a container may take to answer.
const PATIENCE: Duration = Duration::from_mins(2);

/// Starts the containers of `fixtures/compose-cloud.yaml`, where a Docker engine answers.
pub(super) fn start() -> Result<(Compose, Places)> {
    Compose::available()?;
    // Nothing is mounted from it: they keep all in memory.
    let mounted = TempDir::with_prefix("rivet-stores-").into_diagnostic()?;
    println!("servers: starting object stores with Docker Compose");
    let compose = Compose::up("stores", "compose-cloud.yaml", Vec::new(), mounted)?;
    let mut places = Vec::new();
    for (store, port) in [(Store::S3, 5000), (Store::Gcs, 4443), (Store::Azure, 10_000)] {
        let address = format!("127.0.0.1:{}", compose.port(store.word(), port)?);
        wait(|| ask(&address), || !compose.is_running(store.word()), PATIENCE).inspect_err(|_| compose.keep_logs())?;
        places.push((store, Ok(Place::Url(format!("http://{address}")))));
    }
    Ok((compose, places))
}

/// Sends a request. Docker itself accepts connections before the server does.
fn ask(address: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).into_diagnostic()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).into_diagnostic()?;
    write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").into_diagnostic()?;
    let mut answer = String::new();
    stream.take(12).read_to_string(&mut answer).into_diagnostic()?;
    if !answer.starts_with("HTTP/1.") {
        bail!("`{answer}` is no answer");
    }
    Ok(answer)
}
