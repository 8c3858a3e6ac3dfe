use std::io;
use std::sync::Arc;
use std::time::Duration;

use rivet_model::{ConnectionSettings, TlsMode};
use rivet_source::{SourceError, SourceErrorKind};
use rustls::ClientConfig;
use secrecy::ExposeSecret as _;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::SslMode;
use tokio_postgres::{CancelToken, Config, NoTls};

use crate::error::from_postgres;
use crate::session::Session;
use crate::socket::{Patient, Socket};
use crate::tap::{Tap, TapHandle};
use crate::tls::{is_refusal, tapped_tls};

/// How long a silent network is believed to be alive: a server that is gone must not hold a run for hours.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Everything that it takes to connect, any number of times.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    settings: ConnectionSettings,
    tls: Option<Arc<ClientConfig>>,
}

impl Connector {
    pub(crate) fn new(settings: &ConnectionSettings) -> Result<Self, SourceError> {
        let tls = if settings.is_socket() { None } else { crate::tls::client_config(&settings.tls)? };
        Ok(Self { settings: settings.clone(), tls })
    }

    pub(crate) fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }

    /// Opens a session.
    pub(crate) async fn connect(&self) -> Result<Session, SourceError> {
        let limit = self.settings.connect_timeout;
        match tokio::time::timeout(limit, self.connect_unbounded()).await {
            Ok(result) => result,
            Err(_elapsed) => Err(self.timed_out()),
        }
    }

    async fn connect_unbounded(&self) -> Result<Session, SourceError> {
        let Some(tls) = &self.tls else { return self.connect_plain().await };
        let handle = TapHandle::default();
        let connector = tapped_tls(tls, &self.settings.host, handle.clone())?;
        let config = self.config(SslMode::Require);
        match config.connect_raw(self.socket().await?, connector).await {
            Ok((client, connection)) => Ok(Session::new(self.clone(), client, Box::pin(connection), handle)),
            Err(error) if self.settings.tls.mode == TlsMode::Prefer && is_refusal(&error) => self.connect_plain().await,
            Err(error) => Err(from_postgres(error, &self.settings)),
        }
    }

    async fn connect_plain(&self) -> Result<Session, SourceError> {
        let handle = TapHandle::default();
        let stream = Tap::new(self.socket().await?, handle.clone());
        let connected = self.config(SslMode::Disable).connect_raw(stream, NoTls).await;
        let (client, connection) = connected.map_err(|error| from_postgres(error, &self.settings))?;
        Ok(Session::new(self.clone(), client, Box::pin(connection), handle))
    }

    /// Asks the server, over a connection of its own, to stop what a session runs.
    pub(crate) async fn cancel(&self, token: &CancelToken) -> Result<(), SourceError> {
        let request = async {
            let socket = Patient(self.socket().await?);
            let sent = match &self.tls {
                Some(tls) => {
                    let connector = tapped_tls(tls, &self.settings.host, TapHandle::default())?;
                    token.cancel_query_raw(socket, connector).await
                }
                None => token.cancel_query_raw(socket, NoTls).await,
            };
            sent.map_err(|error| from_postgres(error, &self.settings))
        };
        tokio::time::timeout(self.settings.connect_timeout, request)
            .await
            .unwrap_or_else(|_elapsed| Err(self.timed_out()))
    }

    fn config(&self, ssl_mode: SslMode) -> Config {
        let mut config = Config::new();
        config.ssl_mode(ssl_mode).application_name(&self.settings.application_name);
        if let Some(user) = &self.settings.user {
            config.user(user);
        }
        if let Some(password) = &self.settings.password {
            config.password(password.expose_secret());
        }
        if let Some(database) = &self.settings.database {
            config.dbname(database);
        }
        config
    }

    async fn socket(&self) -> Result<Socket, SourceError> {
        let (host, port) = (&self.settings.host, self.settings.port);
        if self.settings.is_socket() {
            let path = format!("{host}/.s.PGSQL.{port}");
            let stream = UnixStream::connect(&path).await.map_err(|error| self.unreachable(&error))?;
            return Ok(Socket::Unix(stream));
        }
        let addresses: Vec<_> = tokio::net::lookup_host((host.as_str(), port))
            .await
            .map_err(|error| {
                SourceError::new(SourceErrorKind::UnknownHost, format!("the host `{host}` is not known: {error}"))
                    .with_help("Check the host name in `source`, and that this machine can resolve it.")
            })?
            .collect();
        let stream = TcpStream::connect(addresses.as_slice()).await.map_err(|error| self.unreachable(&error))?;
        tune(&stream).map_err(|error| self.unreachable(&error))?;
        Ok(Socket::Tcp(stream))
    }

    fn unreachable(&self, error: &io::Error) -> SourceError {
        let message = format!("no connection to {}: {error}", self.settings);
        SourceError::new(SourceErrorKind::Connect, message)
            .with_help("Check host and port in `source`, that the server runs, and that no firewall is in between.")
    }

    fn timed_out(&self) -> SourceError {
        let seconds = self.settings.connect_timeout.as_secs();
        let message = format!("no connection to {} within {seconds} s", self.settings);
        SourceError::new(SourceErrorKind::Connect, message)
            .with_help("Check host and port in `source`, and that no firewall drops the packets in silence.")
    }
}

fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))
}
