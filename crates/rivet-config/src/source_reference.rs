use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io};

use miette::Diagnostic;
use rivet_model::{ConnectionSettings, SourceKind, TlsMode, TlsSettings};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::connection_url::{ConnectionUrl, UrlError, decode};
use crate::credentials::CredentialsReference;
use crate::environment::Environment;
use crate::schema::listed;
use crate::source::{EnvironmentKind, SourceConfig, default_host, default_port};

/// The variable that [`SourceReference::resolve`] reads the password from where the configuration held it itself.
pub const INLINE_PASSWORD_VARIABLE: &str = "RIVET_SOURCE_PASSWORD";

/// A source without its secrets: what a plan keeps of it.
///
/// Where it is and who connects is fixed. The password alone is read again, from where it was given.
///
/// ```
/// use std::path::Path;
/// use rivet_config::{Environment, Overrides, SourceReference, parse_str};
///
/// let text = "
/// source: { type: postgres, url_env: DATABASE_URL }
/// exports:
///   - { name: orders, table: sales.orders, destination: { type: local, path: out } }
/// ";
/// let environment = Environment::from_iter([("DATABASE_URL", "postgres://reader:not-shown@db.example/shop")]);
/// let config = parse_str(text, Path::new("rivet.yaml"), &environment, &Overrides::default())?;
/// let kept = serde_json::to_string(&config.source_reference())?;
/// assert!(!kept.contains("not-shown"));
///
/// let reference: SourceReference = serde_json::from_str(&kept)?;
/// assert_eq!(reference.resolve(&environment)?.to_string(), "reader@db.example:5432/shop");
///
/// let moved = Environment::from_iter([("DATABASE_URL", "postgres://reader:not-shown@other.example/shop")]);
/// let error = reference.resolve(&moved).unwrap_err();
/// assert!(error.to_string().ends_with("it differs in `host`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReference {
    /// Which database it is.
    pub kind: SourceKind,
    /// A host name, an address, or the folder of a Unix socket. Empty for a file.
    pub host: String,
    /// The TCP port, or the number in the socket's name. 0 for a file.
    pub port: u16,
    /// The database; the database's own default where absent.
    pub database: Option<String>,
    /// The user; the database's own default where absent.
    pub user: Option<String>,
    /// How the connection is protected; paths are absolute.
    pub tls: TlsSettings,
    /// What the URL itself says about encryption, where there is one and it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_tls: Option<TlsMode>,
    /// What the server shows in its list of sessions.
    pub application_name: String,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// What kind of server it is, where that is said.
    pub environment: Option<EnvironmentKind>,
    /// Where the password is read from.
    pub credentials: CredentialsReference,
}

/// Why the credentials of a [`SourceReference`] can't be had. It holds no secret and nothing of a URL.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum SourceReferenceError {
    /// The variable is not there, or empty.
    #[error("the environment variable `{name}` is {}", if *empty { "empty" } else { "not set" })]
    #[diagnostic(
        code(rivet::config::credentials_variable),
        help("Set `{name}` where this command runs: it holds the credentials for `{planned}`, which no plan holds.")
    )]
    Variable {
        /// The variable.
        name: String,
        /// Whether it is set, to nothing.
        empty: bool,
        /// Where the source is and who connects.
        planned: String,
    },
    /// The file with the URL can't be read.
    #[error("the file `{}`, which holds the source's URL, can't be read", path.display())]
    #[diagnostic(
        code(rivet::config::credentials_file),
        help(
            "Let the file be there where this command runs, readable for this user, with the URL for `{planned}` in it."
        )
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Where the source is and who connects.
        planned: String,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// What was read is no URL, or no password of one.
    #[error("{holder} can't be used: {message}")]
    #[diagnostic(code(rivet::config::credentials_url), help("{help}"))]
    Url {
        /// The variable or the file.
        holder: String,
        /// What is wrong with it.
        message: String,
        /// What to do.
        help: String,
    },
    /// The URL leads elsewhere than it did.
    #[error("the URL in {holder} is not the one that was planned with: it differs in {}", listed(what))]
    #[diagnostic(
        code(rivet::config::source_differs),
        help("Let it lead to `{planned}` again, as it did when the plan was made, or make a new plan.")
    )]
    Differs {
        /// The variable or the file.
        holder: String,
        /// What differs: `type`, `host`, `port`, `database`, `user` or `sslmode`.
        what: Vec<&'static str>,
        /// Where the source was and who connected.
        planned: String,
    },
    /// The configuration held the password itself.
    #[error("the configuration holds the password of the source itself, and a plan never holds secrets")]
    #[diagnostic(
        code(rivet::config::credentials_inline),
        help(
            "Put it into a variable that `password_env` or `url_env` names, and plan again; or set `{}` to the password \
             of `{planned}` where this command runs.",
            INLINE_PASSWORD_VARIABLE
        )
    )]
    Inline {
        /// Where the source is and who connects.
        planned: String,
    },
}

impl SourceReference {
    pub(crate) fn of(source: &SourceConfig) -> Self {
        let connection = &source.connection;
        Self {
            kind: source.kind,
            host: connection.host.clone(),
            port: connection.port,
            database: connection.database.clone(),
            user: connection.user.clone(),
            tls: connection.tls.clone(),
            url_tls: source.url_tls,
            application_name: connection.application_name.clone(),
            connect_timeout: connection.connect_timeout,
            environment: source.environment,
            credentials: source.credentials.clone(),
        }
    }

    /// Reads the credentials again, from where the configuration had them.
    ///
    /// # Errors
    ///
    /// The variable or the file is not there; the URL in it can't be used, or leads to another type, host, port,
    /// database or user, or asks for another encryption, than when the reference was made; or the configuration held
    /// the password itself and [`INLINE_PASSWORD_VARIABLE`] is not set.
    pub fn resolve(&self, environment: &Environment) -> Result<ConnectionSettings, SourceReferenceError> {
        let password = match &self.credentials {
            CredentialsReference::UrlEnv { name } => {
                self.password_of_url(self.variable(name, environment)?, &of_variable(name))?
            }
            CredentialsReference::UrlFile { path } => self.password_of_url(&self.read(path)?, &of_file(path))?,
            CredentialsReference::PasswordEnv { name } => Some(SecretString::from(self.variable(name, environment)?)),
            CredentialsReference::UrlPasswordEnv { name } => {
                let password = decode(self.variable(name, environment)?);
                Some(SecretString::from(password.ok_or_else(|| broken_escape(name))?))
            }
            CredentialsReference::Inline => Some(self.inline_password(environment)?),
            CredentialsReference::None => None,
        };
        Ok(ConnectionSettings {
            host: self.host.clone(),
            port: self.port,
            user: self.user.clone(),
            password,
            database: self.database.clone(),
            tls: self.tls.clone(),
            application_name: self.application_name.clone(),
            connect_timeout: self.connect_timeout,
        })
    }

    fn variable<'e>(&self, name: &str, environment: &'e Environment) -> Result<&'e str, SourceReferenceError> {
        let value = environment.get(name);
        value.filter(|value| !value.is_empty()).ok_or_else(|| SourceReferenceError::Variable {
            name: name.to_owned(),
            empty: value.is_some(),
            planned: self.to_string(),
        })
    }

    fn read(&self, path: &Path) -> Result<String, SourceReferenceError> {
        fs::read_to_string(path).map_err(|source| SourceReferenceError::File {
            path: path.to_owned(),
            planned: self.to_string(),
            source,
        })
    }

    fn inline_password(&self, environment: &Environment) -> Result<SecretString, SourceReferenceError> {
        let password = environment.get(INLINE_PASSWORD_VARIABLE).filter(|password| !password.is_empty());
        password.map(SecretString::from).ok_or_else(|| SourceReferenceError::Inline { planned: self.to_string() })
    }

    /// Returns the password of a URL that leads where the reference does.
    fn password_of_url(&self, text: &str, holder: &str) -> Result<Option<SecretString>, SourceReferenceError> {
        let url = ConnectionUrl::parse(text).map_err(|UrlError { message, help }| SourceReferenceError::Url {
            holder: holder.to_owned(),
            message,
            help,
        })?;
        let what = self.differences(&url);
        if what.is_empty() {
            return Ok(url.password);
        }
        Err(SourceReferenceError::Differs { holder: holder.to_owned(), what, planned: self.to_string() })
    }

    fn differences(&self, url: &ConnectionUrl) -> Vec<&'static str> {
        if url.kind != self.kind {
            return vec!["type"];
        }
        let host = url.host.clone().unwrap_or_else(|| default_host(url.kind));
        [
            ("host", host != self.host),
            ("port", url.port.unwrap_or_else(|| default_port(url.kind)) != self.port),
            ("database", url.database != self.database),
            ("user", url.user != self.user),
            // A URL that asks for more protection than the plan has must not be passed over.
            ("sslmode", url.ssl_mode != self.url_tls),
        ]
        .into_iter()
        .filter_map(|(what, differs)| differs.then_some(what))
        .collect()
    }
}

fn of_variable(name: &str) -> String {
    format!("the environment variable `{name}`")
}

fn of_file(path: &Path) -> String {
    format!("the file `{}`", path.display())
}

fn broken_escape(name: &str) -> SourceReferenceError {
    SourceReferenceError::Url {
        holder: of_variable(name),
        message: "the password has a `%` that begins no escape".to_owned(),
        help: "Percent-encode it, as it stands in a URL: `%` is `%25`.".to_owned(),
    }
}

/// Writes where the source is and who connects, without a password.
impl fmt::Display for SourceReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == SourceKind::Sqlite {
            return f.write_str(self.database.as_deref().unwrap_or_default());
        }
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
