use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// Which database a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// PostgreSQL 12 to 18.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// A `SQLite` file.
    Sqlite,
}

impl SourceKind {
    /// Returns the word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Sqlite => "sqlite",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// Never encrypted.
    Disable,
    /// Encrypted where the server offers it, its certificate not checked. What `psql` does by itself.
    #[default]
    Prefer,
    /// Encrypted or refused; the certificate is not checked.
    Require,
    /// Encrypted, and the certificate chain must lead to a known authority.
    VerifyCa,
    /// As `verify-ca`, and the certificate must name the host.
    VerifyFull,
}

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TlsSettings {
    /// How far.
    pub mode: TlsMode,
    /// A PEM file of the authorities to trust, in place of the machine's own.
    pub ca_file: Option<PathBuf>,
}

/// Where a source is and who connects to it.
///
/// Its `Debug` and `Display` forms show no password.
#[derive(Clone)]
pub struct ConnectionSettings {
    /// A host name, an address, or the folder of a Unix socket (begins with `/`).
    pub host: String,
    /// The TCP port, or the number in the socket's name.
    pub port: u16,
    /// The user; the database's own default where absent.
    pub user: Option<String>,
    /// The password, where one is needed.
    pub password: Option<SecretString>,
    /// The database; the database's own default where absent.
    pub database: Option<String>,
    /// How the connection is protected.
    pub tls: TlsSettings,
    /// What the server shows in its list of sessions.
    pub application_name: String,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
}

impl ConnectionSettings {
    /// Whether the host is the folder of a Unix socket.
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}

impl fmt::Display for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}:{}", self.host, self.port)?;
        if let Some(database) = &self.database {
            write!(f, "/{database}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionSettings({self}, tls {:?})", self.tls.mode)
    }
}
