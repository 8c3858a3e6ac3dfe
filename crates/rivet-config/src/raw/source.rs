use rivet_model::{SourceKind, TlsMode};
use schemars::JsonSchema;
use serde::Deserialize;

use super::RawTuning;
use crate::source::EnvironmentKind;

/// The database. It is named by exactly one of `url`, `url_env`, `url_file` and `host`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSource {
    /// Which database it is. Required.
    #[serde(rename = "type")]
    pub(crate) kind: Option<SourceKind>,
    /// A URL: `postgres://user:password@host:port/database`, or `mysql://` and `mariadb://`. Special characters in
    /// user and password are percent-encoded. Parameters: `sslmode`, `sslrootcert`, `application_name`,
    /// `connect_timeout` (seconds), `host` (the folder of a Unix socket).
    pub(crate) url: Option<String>,
    /// The environment variable that holds the URL.
    pub(crate) url_env: Option<String>,
    /// A file that holds the URL, relative to the configuration's folder.
    pub(crate) url_file: Option<String>,
    /// A host name, an address, or the folder of a Unix socket (begins with `/`).
    pub(crate) host: Option<String>,
    /// The port, 1 to 65535. Default: 5432 for PostgreSQL, 3306 for MySQL.
    pub(crate) port: Option<u16>,
    /// The user. Default: what the database takes by itself.
    pub(crate) user: Option<String>,
    /// The password. Better kept out of the file: see `password_env`.
    pub(crate) password: Option<String>,
    /// The environment variable that holds the password.
    pub(crate) password_env: Option<String>,
    /// The database; for `sqlite` its file. Default: what the database takes by itself.
    pub(crate) database: Option<String>,
    /// What kind of server it is. It chooses the tuning profile where none is named: `fast`, `balanced`, `balanced`.
    pub(crate) environment: Option<EnvironmentKind>,
    /// How hard exports may work the server and this machine; an export's own `tuning` wins.
    pub(crate) tuning: Option<RawTuning>,
    /// How the connection is protected. Without this key: encrypted where the server offers it.
    pub(crate) tls: Option<RawTls>,
}

/// How the connection is protected.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTls {
    /// How far. Default, where `tls` is given at all: `verify-full`.
    pub(crate) mode: Option<TlsMode>,
    /// A PEM file of the authorities to trust, relative to the configuration's folder. Default: the machine's own.
    pub(crate) ca_file: Option<String>,
    /// Takes any certificate: `verify-ca` and `verify-full` count as `require`. Default: false.
    pub(crate) accept_invalid_certs: Option<bool>,
    /// Takes a certificate of another host: `verify-full` counts as `verify-ca`. Default: false.
    pub(crate) accept_invalid_hostnames: Option<bool>,
}
