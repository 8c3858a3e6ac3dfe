use std::path::PathBuf;
use std::time::Duration;

use rivet_model::{ConnectionSettings, SourceKind, TlsMode, TlsSettings};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::connection_url::ConnectionUrl;
use crate::credentials::CredentialsReference;
use crate::document::Path;
use crate::error::FindingKind;
use crate::mistakes::Mistake;
use crate::raw::{RawSource, RawTls};

/// How long to wait for a connection where nothing is said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What kind of server the source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentKind {
    /// A database of one's own.
    Local,
    /// A copy that serves readers.
    Replica,
    /// The server that the business runs on.
    Production,
}

/// The database to read from.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Which database it is.
    pub kind: SourceKind,
    /// Where it is and who connects.
    pub connection: ConnectionSettings,
    /// What kind of server it is, where that is said.
    pub environment: Option<EnvironmentKind>,
    /// How the credentials were given.
    pub credentials: CredentialsReference,
    /// What the URL itself says about encryption, where there is one and it does.
    pub(crate) url_tls: Option<TlsMode>,
}

/// Keys that name the source one by one.
const PLACE_KEYS: &[&str] = &["host", "port", "user", "password", "password_env", "database"];
const URL_KEYS: &[&str] = &["url", "url_env", "url_file"];

impl SourceConfig {
    pub(crate) fn check(raw: &RawSource, at: &Path, cx: &mut Checker<'_>) -> Option<Self> {
        let kind = raw.kind;
        if kind.is_none() {
            let help = "Add `type: postgres` or `type: mysql`.";
            cx.missing(&at.key("type"), "the source has no `type`", help);
        }
        let environment = raw.environment;
        let url_key = one_way(raw, at, cx)?;
        let (connection, credentials, url_tls) = match url_key {
            Some(key) => {
                let url = url_of(raw, key, at, cx)?;
                let kind = kind?;
                if url.kind != kind {
                    let message = format!("the URL is for `{}`, the source's `type` is `{kind}`", url.kind);
                    cx.push(
                        Mistake::new(FindingKind::Conflict, &at.key(key), message)
                            .also(&at.key("type"), "the type")
                            .help("Change one of the two."),
                    );
                    return None;
                }
                let credentials = CredentialsReference::of_url(raw, url.password.as_ref(), at, cx);
                let url_tls = url.ssl_mode;
                (from_url(url, raw.tls.as_ref(), &at.key(key), at, cx), credentials, url_tls)
            }
            None => (from_keys(raw, kind?, at, cx)?, CredentialsReference::of_keys(raw, at, cx), None),
        };
        Some(Self { kind: kind?, connection, environment, credentials, url_tls })
    }
}

/// Finds the one way in which the source is named: a key that leads to a URL, or none for keys one by one.
#[expect(clippy::option_option, reason = "the outer one is a mistake that was told, the inner one is the answer")]
fn one_way(raw: &RawSource, at: &Path, cx: &mut Checker<'_>) -> Option<Option<&'static str>> {
    let urls: Vec<&'static str> = URL_KEYS.iter().copied().filter(|key| cx.has(&at.key(key))).collect();
    let places: Vec<&'static str> = PLACE_KEYS.iter().copied().filter(|key| cx.has(&at.key(key))).collect();
    let help = "Name the source by exactly one of `url`, `url_env`, `url_file` and `host`.";
    let misspelled = |keys: &[&str]| keys.iter().any(|key| cx.mistakes.is_wrong(&at.key(key)));
    if urls.is_empty() && (misspelled(URL_KEYS) || misspelled(&["host"])) {
        return None;
    }
    match (urls.as_slice(), places.as_slice()) {
        ([], []) => {
            cx.missing(&at.key("url"), "the source does not say where it is", help);
            None
        }
        ([], _) if cx.has(&at.key("host")) || raw.kind == Some(SourceKind::Sqlite) => Some(None),
        ([], _) => {
            let help = "Add `host:`, or name the source by `url`, `url_env` or `url_file`.";
            cx.missing(&at.key("host"), "the source has no `host`", help);
            None
        }
        ([key], []) => Some(Some(key)),
        ([first, second, ..], _) => {
            cx.exclusive(at, first, second, help);
            None
        }
        ([key], [place, ..]) => {
            cx.exclusive(at, key, place, help);
            None
        }
    }
}

fn url_of(raw: &RawSource, key: &str, at: &Path, cx: &mut Checker<'_>) -> Option<ConnectionUrl> {
    let at = at.key(key);
    let text = match key {
        "url" => raw.url.clone()?,
        "url_env" => cx.variable(&at, raw.url_env.as_deref()?)?,
        _ => read_url_file(raw.url_file.as_deref()?, &at, cx)?,
    };
    match ConnectionUrl::parse(&text) {
        Ok(url) => Some(url),
        Err(error) => {
            cx.push(Mistake::new(FindingKind::InvalidUrl, &at, error.message).help(error.help));
            None
        }
    }
}

fn read_url_file(file: &str, at: &Path, cx: &mut Checker<'_>) -> Option<String> {
    let path = cx.resolve(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            let message = format!("the file {} can't be read: {}", cx.quote(at, file), reason(&error));
            let help =
                "The path is relative to the configuration's folder. Check that the file exists and may be read.";
            cx.push(Mistake::new(FindingKind::FileNotReadable, at, message).help(help));
            None
        }
    }
}

/// Says why a file can't be read, without the number of the system's error.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        other => other.to_string(),
    }
}

fn from_url(
    url: ConnectionUrl,
    raw_tls: Option<&RawTls>,
    url_at: &Path,
    at: &Path,
    cx: &mut Checker<'_>,
) -> ConnectionSettings {
    let tls = UrlTls { mode: url.ssl_mode, ca: url.root_certificate.as_deref(), at: url_at };
    ConnectionSettings {
        host: url.host.unwrap_or_else(|| default_host(url.kind)),
        port: url.port.unwrap_or_else(|| default_port(url.kind)),
        user: url.user,
        password: url.password,
        database: url.database,
        tls: tls.settings(raw_tls, &at.key("tls"), cx),
        application_name: url.application_name.unwrap_or_else(|| "rivet".to_owned()),
        connect_timeout: url.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
    }
}

fn from_keys(raw: &RawSource, kind: SourceKind, at: &Path, cx: &mut Checker<'_>) -> Option<ConnectionSettings> {
    if kind == SourceKind::Sqlite {
        return from_file(raw, at, cx);
    }
    if cx.has(&at.key("password")) && cx.has(&at.key("password_env")) {
        cx.exclusive(at, "password", "password_env", "Keep `password_env`: the file then holds no secret.");
    }
    if raw.port == Some(0) {
        cx.invalid(&at.key("port"), "`port` must be from 1 to 65535", "Leave it out for the usual port.");
    }
    let host = raw.host.clone()?;
    if host.is_empty() || host.contains("://") || host.contains('@') || host.chars().any(char::is_whitespace) {
        let help = "Give the host alone; a whole URL belongs under `url`.";
        cx.invalid(&at.key("host"), "`host` is no host name, no address and no folder of a socket", help);
    }
    let variable = raw.password_env.as_deref().and_then(|name| cx.variable(&at.key("password_env"), name));
    let tls = UrlTls { mode: None, ca: None, at };
    Some(ConnectionSettings {
        host,
        port: raw.port.unwrap_or_else(|| default_port(kind)),
        user: raw.user.clone(),
        password: variable.or_else(|| raw.password.clone()).map(SecretString::from),
        database: raw.database.clone(),
        tls: tls.settings(raw.tls.as_ref(), &at.key("tls"), cx),
        application_name: "rivet".to_owned(),
        connect_timeout: CONNECT_TIMEOUT,
    })
}

/// A `SQLite` source is a file: nothing but `database` names it.
fn from_file(raw: &RawSource, at: &Path, cx: &mut Checker<'_>) -> Option<ConnectionSettings> {
    for key in PLACE_KEYS.iter().filter(|key| **key != "database") {
        if cx.has(&at.key(key)) {
            let help = "A SQLite source is named by `database`, the path of its file.";
            cx.meaningless(&at.key(key), format!("`{key}` has no meaning for `type: sqlite`"), help);
        }
    }
    if raw.database.is_none() {
        cx.missing(&at.key("database"), "the source has no `database`", "Add `database:` with the path of the file.");
    }
    Some(ConnectionSettings {
        host: String::new(),
        port: 0,
        user: None,
        password: None,
        database: Some(raw.database.clone()?),
        tls: TlsSettings::default(),
        application_name: "rivet".to_owned(),
        connect_timeout: CONNECT_TIMEOUT,
    })
}

pub(crate) fn default_host(kind: SourceKind) -> String {
    match kind {
        SourceKind::Postgres | SourceKind::Mysql => "localhost".to_owned(),
        SourceKind::Sqlite => String::new(),
    }
}

pub(crate) fn default_port(kind: SourceKind) -> u16 {
    match kind {
        SourceKind::Postgres => 5432,
        SourceKind::Mysql => 3306,
        SourceKind::Sqlite => 0,
    }
}

/// What the URL says about TLS, beside the `tls` key.
struct UrlTls<'a> {
    mode: Option<TlsMode>,
    ca: Option<&'a str>,
    at: &'a Path,
}

impl UrlTls<'_> {
    fn settings(&self, raw: Option<&RawTls>, at: &Path, cx: &mut Checker<'_>) -> TlsSettings {
        let said = raw.and_then(|raw| raw.mode);
        if let (Some(said), Some(url_mode)) = (said, self.mode)
            && said != url_mode
        {
            let mistake =
                Mistake::new(FindingKind::Conflict, &at.key("mode"), "`tls.mode` and the URL's `sslmode` differ")
                    .also(self.at, "the URL")
                    .help("Say it in one place.");
            cx.push(mistake);
        }
        // `sslrootcert=system` asks for the machine's own authorities.
        let url_ca = self.ca.filter(|file| *file != "system");
        let ca_file = raw.and_then(|raw| raw.ca_file.as_deref()).or(url_ca).map(|file| cx.resolve(file));
        let asked = raw.is_some() || self.ca.is_some();
        let mode = said.or(self.mode).unwrap_or(if asked { TlsMode::VerifyFull } else { TlsMode::Prefer });
        let certs = raw.and_then(|raw| raw.accept_invalid_certs).unwrap_or(false);
        let hostnames = raw.and_then(|raw| raw.accept_invalid_hostnames).unwrap_or(false);
        if ca_file.is_some() && matches!(mode, TlsMode::Disable | TlsMode::Prefer) {
            let place = if cx.has(&at.key("ca_file")) { at.key("ca_file") } else { self.at.clone() };
            let help = "Use `verify-full`, which checks the certificate against this file.";
            cx.meaningless(&place, "a file of authorities has no meaning where no certificate is checked", help);
        }
        TlsSettings { mode: lowered(mode, ca_file.as_ref(), certs, hostnames), ca_file }
    }
}

fn lowered(mode: TlsMode, ca_file: Option<&PathBuf>, certs: bool, hostnames: bool) -> TlsMode {
    match mode {
        TlsMode::VerifyCa | TlsMode::VerifyFull if certs => TlsMode::Require,
        TlsMode::VerifyFull if hostnames => TlsMode::VerifyCa,
        // As libpq has it: who names authorities wants them asked.
        TlsMode::Require if ca_file.is_some() && !certs => TlsMode::VerifyCa,
        other => other,
    }
}
