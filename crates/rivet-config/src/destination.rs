use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::document::Path;
use crate::error::FindingKind;
use crate::mistakes::Mistake;
use crate::raw::{DestinationType, RawDestination};
use crate::schema::{listed, nearest};
use crate::template::{PLACEHOLDERS, PathTemplate, TemplateError};

/// Where the files of an export go. Secrets are named, never held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Destination {
    /// A folder of this machine.
    Local {
        /// The folder, absolute; a relative one has been put below the configuration's.
        path: PathTemplate,
    },
    /// The standard output.
    Stdout,
    /// Amazon S3 and what speaks its protocol.
    S3(S3Destination),
    /// Google Cloud Storage.
    Gcs(GcsDestination),
    /// Azure Blob Storage.
    Azure(AzureDestination),
}

impl Destination {
    /// Returns the word of the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Local { .. } => "local",
            Self::Stdout => "stdout",
            Self::S3(_) => "s3",
            Self::Gcs(_) => "gcs",
            Self::Azure(_) => "azure",
        }
    }
}

/// A bucket of S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Destination {
    /// The bucket.
    pub bucket: String,
    /// What the names of objects begin with.
    pub prefix: PathTemplate,
    /// The region, where it is said.
    pub region: Option<String>,
    /// The URL of another server.
    pub endpoint: Option<String>,
    /// The variables that hold the access key and the secret key.
    pub keys_env: Option<(String, String)>,
    /// The variable that holds the session token.
    pub session_token_env: Option<String>,
    /// The profile of the AWS configuration.
    pub profile: Option<String>,
    /// Whether no credentials are sent.
    pub allow_anonymous: bool,
}

/// A bucket of Google Cloud Storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcsDestination {
    /// The bucket.
    pub bucket: String,
    /// What the names of objects begin with.
    pub prefix: PathTemplate,
    /// The URL of another server.
    pub endpoint: Option<String>,
    /// The JSON file of a service account.
    pub credentials_file: Option<PathBuf>,
    /// Whether no credentials are sent.
    pub allow_anonymous: bool,
}

/// A container of Azure Blob Storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AzureDestination {
    /// The storage account.
    pub account: String,
    /// The container.
    pub container: String,
    /// What the names of objects begin with.
    pub prefix: PathTemplate,
    /// The URL of another server.
    pub endpoint: Option<String>,
    /// The variable that holds the account's key.
    pub account_key_env: Option<String>,
    /// The variable that holds a shared access signature.
    pub sas_token_env: Option<String>,
    /// Whether no credentials are sent.
    pub allow_anonymous: bool,
}

/// Which kinds of destination each key belongs to.
const OWNERS: &[(&str, &[DestinationType])] = {
    use DestinationType::{Azure, Gcs, Local, S3};
    &[
        ("path", &[Local]),
        ("bucket", &[S3, Gcs, Azure]),
        ("prefix", &[S3, Gcs, Azure]),
        ("region", &[S3]),
        ("endpoint", &[S3, Gcs, Azure]),
        ("access_key_env", &[S3]),
        ("secret_key_env", &[S3]),
        ("session_token_env", &[S3]),
        ("aws_profile", &[S3]),
        ("credentials_file", &[Gcs]),
        ("account_name", &[Azure]),
        ("account_key_env", &[Azure]),
        ("sas_token_env", &[Azure]),
        ("allow_anonymous", &[S3, Gcs, Azure]),
    ]
};

impl Destination {
    pub(crate) fn check(raw: RawDestination, of_query: bool, at: &Path, cx: &mut Checker<'_>) -> Option<Self> {
        let Some(kind) = raw.kind else {
            let help = "Add `type: local`, `s3`, `gcs`, `azure` or `stdout`.";
            cx.missing(&at.key("type"), "the destination has no `type`", help);
            return None;
        };
        refuse_foreign(kind, at, cx);
        refuse_values(&raw, at, cx);
        let mut check = Check { at, cx, kind, of_query };
        match kind {
            DestinationType::Local => check.local(raw),
            DestinationType::Stdout => Some(Self::Stdout),
            DestinationType::S3 => check.s3(raw).map(Self::S3),
            DestinationType::Gcs => check.gcs(raw).map(Self::Gcs),
            DestinationType::Azure => check.azure(raw).map(Self::Azure),
        }
    }
}

fn refuse_foreign(kind: DestinationType, at: &Path, cx: &mut Checker<'_>) {
    for (key, owners) in OWNERS.iter().filter(|(_, owners)| !owners.contains(&kind)) {
        let place = at.key(key);
        if cx.has(&place) && !cx.is_inherited(&place) {
            let owners: Vec<&str> = owners.iter().map(|owner| owner.as_str()).collect();
            let message = format!("`{key}` has no meaning for `type: {}`", kind.as_str());
            cx.meaningless(&place, message, format!("Remove it; it belongs to {}.", listed(&owners)));
        }
    }
}

/// Refuses secrets in place of the names of the variables that hold them.
fn refuse_values(raw: &RawDestination, at: &Path, cx: &mut Checker<'_>) {
    for (key, name) in [
        ("access_key_env", &raw.access_key_env),
        ("secret_key_env", &raw.secret_key_env),
        ("session_token_env", &raw.session_token_env),
        ("account_key_env", &raw.account_key_env),
        ("sas_token_env", &raw.sas_token_env),
    ] {
        if let Some(name) = name {
            // The mistake is told; the name itself stays where it is.
            cx.variable_name(&at.key(key), name);
        }
    }
}

struct Check<'c, 'a> {
    at: &'c Path,
    cx: &'c mut Checker<'a>,
    kind: DestinationType,
    of_query: bool,
}

impl Check<'_, '_> {
    fn local(&mut self, raw: RawDestination) -> Option<Destination> {
        let path = self.required("path", raw.path)?;
        let path = self.template("path", &path)?.below(self.cx.dir);
        Some(Destination::Local { path })
    }

    fn s3(&mut self, raw: RawDestination) -> Option<S3Destination> {
        let keys_env = match (raw.access_key_env, raw.secret_key_env) {
            (Some(access), Some(secret)) => Some((access, secret)),
            (None, None) => None,
            (Some(_), None) => self.lacks("access_key_env", "secret_key_env"),
            (None, Some(_)) => self.lacks("secret_key_env", "access_key_env"),
        };
        if keys_env.is_none() && raw.session_token_env.is_some() {
            self.lacks::<()>("session_token_env", "access_key_env");
        }
        if keys_env.is_some() && raw.aws_profile.is_some() {
            self.cx.exclusive(self.at, "access_key_env", "aws_profile", "Keep the one that holds the credentials.");
        }
        self.refuse_anonymous(raw.allow_anonymous, &["access_key_env", "aws_profile"]);
        let bucket = self.required("bucket", raw.bucket);
        let prefix = self.prefix(raw.prefix);
        let endpoint = self.endpoint(raw.endpoint);
        Some(S3Destination {
            bucket: bucket?,
            prefix: prefix?,
            region: raw.region,
            endpoint,
            keys_env,
            session_token_env: raw.session_token_env,
            profile: raw.aws_profile,
            allow_anonymous: raw.allow_anonymous.unwrap_or(false),
        })
    }

    fn gcs(&mut self, raw: RawDestination) -> Option<GcsDestination> {
        self.refuse_anonymous(raw.allow_anonymous, &["credentials_file"]);
        let bucket = self.required("bucket", raw.bucket);
        let prefix = self.prefix(raw.prefix);
        Some(GcsDestination {
            bucket: bucket?,
            prefix: prefix?,
            endpoint: self.endpoint(raw.endpoint),
            credentials_file: raw.credentials_file.map(|file| self.cx.resolve(&file)),
            allow_anonymous: raw.allow_anonymous.unwrap_or(false),
        })
    }

    fn azure(&mut self, raw: RawDestination) -> Option<AzureDestination> {
        if raw.account_key_env.is_some() && raw.sas_token_env.is_some() {
            self.cx.exclusive(self.at, "account_key_env", "sas_token_env", "Keep the one that holds the credentials.");
        }
        self.refuse_anonymous(raw.allow_anonymous, &["account_key_env", "sas_token_env"]);
        let account = self.required("account_name", raw.account_name);
        let container = self.required("bucket", raw.bucket);
        let prefix = self.prefix(raw.prefix);
        Some(AzureDestination {
            account: account?,
            container: container?,
            prefix: prefix?,
            endpoint: self.endpoint(raw.endpoint),
            account_key_env: raw.account_key_env,
            sas_token_env: raw.sas_token_env,
            allow_anonymous: raw.allow_anonymous.unwrap_or(false),
        })
    }

    fn required(&mut self, key: &str, value: Option<String>) -> Option<String> {
        let place = self.at.key(key);
        match value.as_deref().map(str::trim) {
            Some("") => {
                self.cx.invalid(&place, format!("`{key}` is empty"), format!("Give `{key}` its value."));
                None
            }
            Some(_) => value,
            None => {
                let message = format!("`type: {}` needs `{key}`", self.kind.as_str());
                self.cx.missing(&place, message, format!("Add `{key}:` to the destination."));
                None
            }
        }
    }

    /// Says that one key needs another.
    fn lacks<T>(&mut self, key: &str, other: &str) -> Option<T> {
        let message = format!("`{key}` needs `{other}` beside it");
        let mistake = Mistake::new(FindingKind::MissingKey, &self.at.key(key), message).on_key();
        self.cx.push(mistake.label("alone here").help(format!("Add `{other}`, or remove `{key}`.")));
        None
    }

    fn refuse_anonymous(&mut self, anonymous: Option<bool>, keys: &[&str]) {
        let given = keys.iter().find(|key| self.cx.has(&self.at.key(key)));
        if let (Some(true), Some(key)) = (anonymous, given) {
            self.cx.exclusive(self.at, key, "allow_anonymous", "Keep the credentials, or send none.");
        }
    }

    fn prefix(&mut self, prefix: Option<String>) -> Option<PathTemplate> {
        // An object's name begins with no slash.
        self.template("prefix", prefix.unwrap_or_default().trim_start_matches('/'))
    }

    fn template(&mut self, key: &str, text: &str) -> Option<PathTemplate> {
        let place = self.at.key(key);
        let known = PLACEHOLDERS.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(", ");
        match PathTemplate::parse(text) {
            Ok(template) if template.names_table() && self.of_query => {
                let help = "Use `{export}`, which every export has.";
                self.cx.invalid(&place, "`{table}` has no meaning for a query", help);
                None
            }
            Ok(template) => Some(template),
            Err(TemplateError::Unknown(name)) => {
                let shown = self.cx.tree.get(&place).is_some_and(|node| !node.expanded);
                let what =
                    if shown { format!("`{{{name}}}` is no placeholder") } else { "unknown placeholder".to_owned() };
                let near = nearest(&name, PLACEHOLDERS.iter().copied()).filter(|_| shown);
                let near = near.map(|near| format!("Did you mean `{{{near}}}`? ")).unwrap_or_default();
                self.cx
                    .push(Mistake::new(FindingKind::UnknownWord, &place, what).help(format!("{near}Known: {known}.")));
                None
            }
            Err(TemplateError::Unclosed) => {
                let help = format!("Close it with `}}`. Known: {known}.");
                self.cx.invalid(&place, format!("a `{{` of `{key}` is never closed"), help);
                None
            }
        }
    }

    fn endpoint(&mut self, endpoint: Option<String>) -> Option<String> {
        let text = endpoint?;
        let fits = url::Url::parse(&text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
                // A signature or a token would stand there.
                && url.query().is_none() && url.fragment().is_none()
        });
        if !fits {
            let message = "`endpoint` is no `http://` or `https://` URL without user info and parameters";
            let help = "Write it as `https://host:port`; credentials have keys of their own.";
            let mistake = Mistake::new(FindingKind::InvalidUrl, &self.at.key("endpoint"), message).help(help);
            self.cx.push(mistake);
            return None;
        }
        Some(text)
    }
}
