use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::{Error, IoError};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// Where a server is.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    /// At the first of these that answers.
    Tcp(Vec<SocketAddr>),
    /// On this machine.
    Socket(PathBuf),
}

/// What bytes go over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Wire for T {}

/// Bytes to and from the server.
pub(super) type Stream = Box<dyn Wire>;

pub(super) fn broken(error: io::Error) -> Error {
    Error::Io(IoError::Io(error))
}

/// Connects. `keepalive` is how long a silent network is believed to be alive.
pub(super) async fn connect(address: &Address, keepalive: Duration) -> Result<Stream, Error> {
    match address {
        Address::Tcp(addresses) => {
            let stream = TcpStream::connect(addresses.as_slice()).await.map_err(broken)?;
            let settings = TcpKeepalive::new().with_time(keepalive);
            SockRef::from(&stream).set_tcp_keepalive(&settings).map_err(broken)?;
            stream.set_nodelay(true).map_err(broken)?;
            Ok(Box::new(stream))
        }
        Address::Socket(path) => Ok(Box::new(UnixStream::connect(path).await.map_err(broken)?)),
    }
}

/// Goes on by TLS.
pub(super) async fn encrypt(stream: Stream, host: &str, config: Arc<ClientConfig>) -> Result<Stream, Error> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| broken(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(broken)?;
    Ok(Box::new(stream))
}
