use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mysql_async::{Conn, DriverError, Error, IoError, Opts, OptsBuilder, SslOpts};
use rivet_model::{ConnectionSettings, TlsMode};
use rivet_source::{SourceError, SourceErrorKind};
use secrecy::ExposeSecret as _;

use crate::dialect;
use crate::error::from_mysql;
use crate::raw::{Address, RawConnection, Refusal, Request};
use crate::session::{Line, Session};
use crate::tls::{Tls, name_of_certificate};

/// How long a silent network is believed to be alive: a server that is gone must not hold a run for hours.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The largest packet that the protocol's limit can be set to: how large a value may be is for the scan to say.
const LARGEST_PACKET: usize = 1 << 30;

/// Seconds after which the library would take an idle connection for one that the server has closed: as long as a
/// session is told to wait.
const WAIT: usize = 28_800;

/// The name of the socket's file, where the folder is all that is known.
const SOCKET: &str = "mysqld.sock";

/// Everything that it takes to connect, any number of times.
#[derive(Clone)]
pub(crate) struct Connector {
    settings: ConnectionSettings,
    tls: Option<Tls>,
    /// Whether rows come over connections of our own; no longer once the server was found to need the library.
    speaks: Arc<AtomicBool>,
}

impl Connector {
    /// `raw` has rows come over connections of our own.
    pub(crate) fn new(settings: &ConnectionSettings, raw: bool) -> Result<Self, SourceError> {
        let tls = if settings.is_socket() { None } else { Tls::new(&settings.tls)? };
        Ok(Self { settings: settings.clone(), tls, speaks: Arc::new(AtomicBool::new(raw)) })
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

    /// Opens a session for the rows of scans: over a connection of our own, or else by the library.
    pub(crate) async fn connect_for_rows(&self) -> Result<Session, SourceError> {
        if self.speaks.load(Ordering::Relaxed) {
            let limit = self.settings.connect_timeout;
            match tokio::time::timeout(limit, self.connect_raw()).await {
                Ok(Ok(Some(session))) => return Ok(session),
                Ok(Ok(None)) => self.speaks.store(false, Ordering::Relaxed),
                Ok(Err(error)) => return Err(error),
                Err(_elapsed) => return Err(self.timed_out()),
            }
        }
        self.connect().await
    }

    /// Returns `None` where the server speaks of what is not known here.
    async fn connect_raw(&self) -> Result<Option<Session>, SourceError> {
        let settings = &self.settings;
        let address = match self.socket() {
            Some(path) => Address::Socket(path),
            None => Address::Tcp(self.addresses().await?),
        };
        let request = Request {
            address: &address,
            host: &settings.host,
            tls: self.tls.as_ref().map(|tls| &tls.config),
            needs_tls: settings.tls.mode != TlsMode::Prefer,
            user: settings.user.as_deref(),
            password: settings.password.as_ref().map_or("", |password| password.expose_secret()),
            database: settings.database.as_deref(),
            program: &settings.application_name,
            keepalive: KEEPALIVE,
            longest_packet: u32::try_from(LARGEST_PACKET).unwrap_or(u32::MAX),
        };
        match RawConnection::open(request).await {
            Ok(connection) => {
                let session = Session::new(self.clone(), Line::Raw(Box::new(connection)));
                self.set_up(session).await.map(Some)
            }
            Err(Refusal::Unspoken) => Ok(None),
            Err(Refusal::Error(error)) => Err(self.refused(error)),
        }
    }

    async fn set_up(&self, mut session: Session) -> Result<Session, SourceError> {
        for statement in dialect::SESSION {
            session.query(statement).await?;
        }
        Ok(session)
    }

    async fn connect_unbounded(&self) -> Result<Session, SourceError> {
        let tls = || self.tls.as_ref().map(|tls| tls.options.clone());
        let conn = match (Conn::new(self.options(tls()).await?).await, self.settings.tls.mode) {
            (Err(Error::Driver(DriverError::NoClientSslFlagFromServer)), TlsMode::Prefer) => {
                Conn::new(self.options(None).await?).await
            }
            (Err(error), TlsMode::VerifyCa) => match name_of_certificate(&error) {
                Some(name) => {
                    let tls = tls().map(|tls| tls.with_danger_tls_hostname_override(Some(name)));
                    Conn::new(self.options(tls).await?).await
                }
                None => Err(error),
            },
            (connected, _) => connected,
        };
        let conn = conn.map_err(|error| self.refused(error))?;
        self.set_up(Session::new(self.clone(), Line::Library(Box::new(conn)))).await
    }

    /// Before anything was agreed on, an error of the network is one of connecting.
    fn refused(&self, error: Error) -> SourceError {
        let reason = match &error {
            Error::Io(IoError::Io(io)) => io.to_string(),
            Error::Driver(DriverError::ConnectionClosed) => "it was closed before it was agreed on".to_owned(),
            other => other.to_string(),
        };
        let made = from_mysql(error, &self.settings);
        if made.kind() != SourceErrorKind::ConnectionLost {
            return made;
        }
        SourceError::new(SourceErrorKind::Connect, format!("no connection to {}: {reason}", self.settings))
            .with_help("Check host and port in `source`, that the server runs, and that no firewall is in between.")
    }

    async fn options(&self, tls: Option<SslOpts>) -> Result<Opts, SourceError> {
        let settings = &self.settings;
        let mut options = OptsBuilder::default()
            .user(settings.user.clone())
            .pass(settings.password.as_ref().map(|password| password.expose_secret().to_owned()))
            .db_name(settings.database.clone())
            .tcp_keepalive(Some(KEEPALIVE))
            .tcp_nodelay(true)
            // A local server would be asked for its socket, and the connection made a second time over it.
            .prefer_socket(false)
            .stmt_cache_size(Some(0))
            .max_allowed_packet(Some(LARGEST_PACKET))
            .wait_timeout(Some(WAIT))
            .connect_attribute("program_name", settings.application_name.as_str())
            .ssl_opts(tls);
        if let Some(path) = self.socket() {
            return Ok(options.socket(Some(path.to_string_lossy())).into());
        }
        let addresses: Vec<_> = self.addresses().await?.iter().map(SocketAddr::ip).collect();
        options = options.ip_or_hostname(&settings.host).tcp_port(settings.port).resolved_ips(Some(addresses));
        Ok(options.into())
    }

    /// Returns the file of the server's socket, where the server is on this machine.
    fn socket(&self) -> Option<PathBuf> {
        let path = Path::new(&self.settings.host);
        self.settings.is_socket().then(|| if path.is_dir() { path.join(SOCKET) } else { path.to_owned() })
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, SourceError> {
        let settings = &self.settings;
        let addresses = tokio::net::lookup_host((settings.host.as_str(), settings.port)).await.map_err(|error| {
            let message = format!("the host `{}` is not known: {error}", settings.host);
            SourceError::new(SourceErrorKind::UnknownHost, message)
                .with_help("Check the host name in `source`, and that this machine can resolve it.")
        })?;
        Ok(addresses.collect())
    }

    fn timed_out(&self) -> SourceError {
        let seconds = self.settings.connect_timeout.as_secs();
        let message = format!("no connection to {} within {seconds} s", self.settings);
        SourceError::new(SourceErrorKind::Connect, message)
            .with_help("Check host and port in `source`, and that no firewall drops the packets in silence.")
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("settings", &self.settings).finish_non_exhaustive()
    }
}
