use std::time::Duration;

use rivet_model::{SourceKind, TlsMode};
use secrecy::SecretString;

use crate::schema::nearest;

const PARAMETERS: &[&str] = &["sslmode", "sslrootcert", "application_name", "connect_timeout", "host"];

/// The words of libpq, and what they mean here.
const SSL_MODES: &[(&str, TlsMode)] = &[
    ("disable", TlsMode::Disable),
    ("allow", TlsMode::Prefer),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    ("verify-ca", TlsMode::VerifyCa),
    ("verify-full", TlsMode::VerifyFull),
];

/// What a connection URL says.
pub(crate) struct ConnectionUrl {
    pub(crate) kind: SourceKind,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<SecretString>,
    pub(crate) database: Option<String>,
    pub(crate) ssl_mode: Option<TlsMode>,
    /// `sslrootcert`: a file, or `system`.
    pub(crate) root_certificate: Option<String>,
    pub(crate) application_name: Option<String>,
    pub(crate) connect_timeout: Option<Duration>,
}

/// Why a URL can't be used. It holds nothing of the URL but the names of parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UrlError {
    pub(crate) message: String,
    pub(crate) help: String,
}

impl UrlError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

const SHAPE: &str = "Write it as `postgres://user:password@host:port/database`.";
const ENCODE: &str = "Percent-encode special characters of user and password: `@` is `%40`, `/` is `%2F`, `?` is `%3F`, \
                      `#` is `%23`, `%` is `%25`.";

impl ConnectionUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').ok_or_else(|| UrlError::new("the URL has no scheme", SHAPE))?;
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "postgres" | "postgresql" => SourceKind::Postgres,
            "mysql" | "mariadb" => SourceKind::Mysql,
            "sqlite" => return Ok(Self::of_file(rest)),
            _ => {
                return Err(UrlError::new(
                    "the URL begins with no scheme that Rivet knows",
                    "Begin it with `postgres://`, `postgresql://`, `mysql://` or `mariadb://`.",
                ));
            }
        };
        let rest =
            rest.strip_prefix("//").ok_or_else(|| UrlError::new("the URL lacks `//` after its scheme", SHAPE))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        // Anything else would read a part of the password as host, database or parameter, and show it.
        if tail.contains('@') {
            return Err(UrlError::new("the URL holds a `@` behind its host", ENCODE));
        }
        if tail.contains('#') {
            return Err(UrlError::new("the URL holds a `#`", ENCODE));
        }
        let mut url = Self::empty(kind);
        let (user_info, place) =
            authority.rsplit_once('@').map_or((None, authority), |(info, rest)| (Some(info), rest));
        url.user_info(user_info)?;
        url.place(place)?;
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        url.path(path)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            url.parameter(pair)?;
        }
        Ok(url)
    }

    fn empty(kind: SourceKind) -> Self {
        Self {
            kind,
            host: None,
            port: None,
            user: None,
            password: None,
            database: None,
            ssl_mode: None,
            root_certificate: None,
            application_name: None,
            connect_timeout: None,
        }
    }

    /// `sqlite:file` and `sqlite://file`.
    fn of_file(rest: &str) -> Self {
        let file = rest.strip_prefix("//").unwrap_or(rest);
        Self { database: (!file.is_empty()).then(|| file.to_owned()), ..Self::empty(SourceKind::Sqlite) }
    }

    fn user_info(&mut self, info: Option<&str>) -> Result<(), UrlError> {
        let Some(info) = info else { return Ok(()) };
        let (user, password) = info.split_once(':').map_or((info, None), |(user, password)| (user, Some(password)));
        let wrong = || UrlError::new("user or password of the URL hold a `%` that begins no escape", ENCODE);
        self.user = some(decode(user).ok_or_else(wrong)?);
        let password = password.map(|password| decode(password).ok_or_else(wrong)).transpose()?;
        self.password = password.and_then(some).map(SecretString::from);
        Ok(())
    }

    fn place(&mut self, place: &str) -> Result<(), UrlError> {
        if place.contains(',') {
            return Err(UrlError::new("the URL names several hosts", "Name the one host to read from."));
        }
        // The colons of an IPv6 address stand in brackets.
        let after = place.rfind(']').map_or(0, |at| at + 1);
        let colon = place.get(after..).and_then(|rest| rest.find(':')).map(|at| after + at);
        let (host, port) = match colon {
            Some(at) => (place.get(..at).unwrap_or_default(), place.get(at + 1..)),
            None => (place, None),
        };
        if let Some(port) = port.filter(|port| !port.is_empty()) {
            let number = port.parse().ok().filter(|port| *port > 0);
            self.port = Some(number.ok_or_else(|| {
                UrlError::new("the port of the URL is no number from 1 to 65535", format!("{SHAPE} {ENCODE}"))
            })?);
        }
        let wrong = || UrlError::new("the host of the URL is no host name and no address", format!("{SHAPE} {ENCODE}"));
        let host = decode(host).ok_or_else(wrong)?;
        if !host.is_empty() && !host.starts_with('/') && url::Host::parse(&host).is_err() {
            return Err(wrong());
        }
        self.host = some(host.trim_start_matches('[').trim_end_matches(']').to_owned());
        Ok(())
    }

    fn path(&mut self, path: &str) -> Result<(), UrlError> {
        let name = path.strip_prefix('/').unwrap_or_default();
        if name.contains('/') {
            return Err(UrlError::new("the URL holds more than a database behind its host", SHAPE));
        }
        let wrong =
            || UrlError::new("the database of the URL holds a `%` that begins no escape", "Write `%` as `%25`.");
        self.database = some(decode(name).ok_or_else(wrong)?);
        Ok(())
    }

    fn parameter(&mut self, pair: &str) -> Result<(), UrlError> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let wrong = |what: &str, help: &str| UrlError::new(format!("the URL's parameter `{name}` {what}"), help);
        let value = decode(value);
        let text = |value: Option<String>| {
            value.and_then(some).ok_or_else(|| wrong("has no value", "Write it as `name=value`, or leave it out."))
        };
        match name {
            "sslmode" => {
                let word = text(value)?;
                let mode = SSL_MODES.iter().find(|(name, _)| *name == word).map(|(_, mode)| *mode);
                let help = "Use `disable`, `prefer`, `require`, `verify-ca` or `verify-full`.";
                self.ssl_mode = Some(mode.ok_or_else(|| wrong("has a value that it does not know", help))?);
            }
            "sslrootcert" => self.root_certificate = Some(text(value)?),
            "application_name" => self.application_name = Some(text(value)?),
            "connect_timeout" => {
                let seconds = text(value)?.parse().ok().filter(|seconds| *seconds > 0);
                let help = "Give a number of seconds, at least 1.";
                let seconds = seconds.ok_or_else(|| wrong("is no number of seconds", help))?;
                self.connect_timeout = Some(Duration::from_secs(seconds));
            }
            "host" if self.host.is_some() => {
                return Err(wrong("names a second host", "Leave out the host before the database, or this parameter."));
            }
            "host" => self.host = Some(text(value)?),
            _ => return Err(unknown_parameter(name)),
        }
        Ok(())
    }
}

fn unknown_parameter(name: &str) -> UrlError {
    let listed = crate::schema::listed(PARAMETERS);
    let help = match nearest(name, PARAMETERS.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`? Known: {listed}."),
        None => format!("Known: {listed}."),
    };
    // A name that is no plain word may be a piece of something else.
    let plain = name.len() <= 32 && name.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '-'));
    let shown = if plain { format!("parameter `{name}`") } else { "a parameter".to_owned() };
    UrlError::new(
        format!("the URL has {shown} that Rivet does not know").replace("has parameter", "has the parameter"),
        help,
    )
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Takes percent escapes out; none where one is broken or the bytes are no UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(high * 16 + low);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn all_parts_are_read() {
        let url = ConnectionUrl::parse(
            "postgresql://us%40er:p%2Fw%3A@db.example:6432/sales%2Feu?sslmode=verify-full&sslrootcert=ca.pem&\
             application_name=my%20app&connect_timeout=3",
        );
        let url = url.unwrap_or_else(|error| unreachable!("{}", error.message));
        assert_eq!((url.kind, url.host.as_deref(), url.port), (SourceKind::Postgres, Some("db.example"), Some(6432)));
        assert_eq!((url.user.as_deref(), url.database.as_deref()), (Some("us@er"), Some("sales/eu")));
        assert_eq!(url.password.map(|password| password.expose_secret().to_owned()).as_deref(), Some("p/w:"));
        assert_eq!((url.ssl_mode, url.root_certificate.as_deref()), (Some(TlsMode::VerifyFull), Some("ca.pem")));
        assert_eq!(url.application_name.as_deref(), Some("my app"));
        assert_eq!(url.connect_timeout, Some(Duration::from_secs(3)));
    }

    #[test]
    fn hosts_have_many_forms() {
        let check = |text: &str, host: Option<&str>, port: Option<u16>| {
            let url = ConnectionUrl::parse(text).unwrap_or_else(|error| unreachable!("{text}: {}", error.message));
            assert_eq!((url.host.as_deref(), url.port), (host, port), "{text}");
        };
        check("mysql://localhost", Some("localhost"), None);
        check("mariadb://u@[::1]:3307/d", Some("::1"), Some(3307));
        check("postgres:///d?host=/run/postgresql", Some("/run/postgresql"), None);
        check("postgres://%2Frun%2Fpg:5433/d", Some("/run/pg"), Some(5433));
        check("postgres://my_db:5432/d", Some("my_db"), Some(5432));
        check("postgres://u:p@ss@host/d", Some("host"), None);
        check("postgres:///d", None, None);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_url() {
        let check = |text: &str, expected: &str| {
            let error = ConnectionUrl::parse(text).err().expect(text);
            assert_eq!(error.message, expected, "{text}");
            assert!(!format!("{error:?}").contains("s3cret"), "{text}");
        };
        check("host/db", "the URL has no scheme");
        check("oracle://u:s3cret@h/d", "the URL begins with no scheme that Rivet knows");
        check("postgres:/u:s3cret@h/d", "the URL lacks `//` after its scheme");
        check("postgres://u:1/s3cret@h/d", "the URL holds a `@` behind its host");
        check("postgres://u:s3cret#x/d", "the URL holds a `#`");
        check("postgres://u:s3cret%zz@h/d", "user or password of the URL hold a `%` that begins no escape");
        check("postgres://u:s3cret/d", "the port of the URL is no number from 1 to 65535");
        check("postgres://h h/d", "the host of the URL is no host name and no address");
        check("postgres://h/d?sslmod=require", "the URL has the parameter `sslmod` that Rivet does not know");
        check("postgres://h/d?S3cret=1", "the URL has a parameter that Rivet does not know");
        check("postgres://h/d?sslmode=s3cret", "the URL's parameter `sslmode` has a value that it does not know");
        check("postgres://a,b/d", "the URL names several hosts");
    }
}
