use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::connection_url::decode;
use crate::document::{Node, Origin, Path};
use crate::interpolate::is_name;
use crate::raw::RawSource;

/// How the credentials of a source were given: the name of a place, never what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "given_by", rename_all = "snake_case")]
pub enum CredentialsReference {
    /// A variable holds the URL: `url_env`, a `url` that is `${NAME}` and nothing else, or `RIVET_SOURCE__URL`.
    UrlEnv {
        /// The variable.
        name: String,
    },
    /// A file holds the URL.
    UrlFile {
        /// The file, absolute.
        path: PathBuf,
    },
    /// A variable holds the password: `password_env`, a `password` that is `${NAME}` and nothing else, or
    /// `RIVET_SOURCE__PASSWORD`.
    PasswordEnv {
        /// The variable.
        name: String,
    },
    /// A variable holds the password as it stands in a URL, percent-encoded: `postgres://user:${NAME}@host`.
    UrlPasswordEnv {
        /// The variable.
        name: String,
    },
    /// The configuration holds the password itself.
    Inline,
    /// There is no password.
    None,
}

impl CredentialsReference {
    /// Looks at how a URL was given. The URL has been read, and `password` is its password.
    pub(crate) fn of_url(raw: &RawSource, password: Option<&SecretString>, at: &Path, cx: &Checker<'_>) -> Self {
        if let Some(name) = &raw.url_env {
            return Self::UrlEnv { name: name.clone() };
        }
        if let Some(file) = &raw.url_file {
            return Self::UrlFile { path: cx.resolve(file) };
        }
        let node = cx.tree.get(&at.key("url"));
        if let Some(name) = node.and_then(variable_of) {
            return Self::UrlEnv { name: name.to_owned() };
        }
        let Some(password) = password else { return Self::None };
        let name = node.and_then(|node| password_variable(node.written.as_deref()?));
        // Other variables of the same URL may bring a piece of the password: then this one is not all of it.
        let holds_it = |name: &&str| {
            let read = cx.environment.get(name).and_then(decode);
            read.is_some_and(|read| read == password.expose_secret())
        };
        name.filter(holds_it).map_or(Self::Inline, |name| Self::UrlPasswordEnv { name: name.to_owned() })
    }

    /// Looks at how a password was given beside `host`.
    pub(crate) fn of_keys(raw: &RawSource, at: &Path, cx: &Checker<'_>) -> Self {
        if let Some(name) = &raw.password_env {
            return Self::PasswordEnv { name: name.clone() };
        }
        if raw.password.as_deref().is_none_or(str::is_empty) {
            return Self::None;
        }
        let name = cx.tree.get(&at.key("password")).and_then(variable_of);
        name.map_or(Self::Inline, |name| Self::PasswordEnv { name: name.to_owned() })
    }
}

/// Returns the variable that a whole value came from.
fn variable_of(node: &Node) -> Option<&str> {
    match &node.origin {
        Origin::Environment(name) => Some(name),
        Origin::File(_) | Origin::Flag(_) => only_variable(node.written.as_deref()?),
    }
}

/// Returns the name where a text is `${NAME}` and nothing else.
fn only_variable(text: &str) -> Option<&str> {
    text.strip_prefix("${")?.strip_suffix('}').filter(|name| is_name(name))
}

/// Returns the variable that is the password of a URL, as the file has it.
fn password_variable(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user_info, _) = authority.rsplit_once('@')?;
    let (_, password) = user_info.split_once(':')?;
    only_variable(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_url_may_be_one_variable() {
        let check = |url: &str, expected: Option<&str>| assert_eq!(password_variable(url), expected, "{url}");
        check("postgres://reader:${PW}@db.example/shop", Some("PW"));
        check("postgres://${USER}:${PW}@${HOST}:5432/shop?sslmode=require", Some("PW"));
        check("postgres://reader:x${PW}@db.example/shop", None);
        check("postgres://reader:${A}${B}@db.example/shop", None);
        check("postgres://reader:$${PW}@db.example/shop", None);
        check("postgres://${USER_AND_PASSWORD}@db.example/shop", None);
        check("postgres://db.example/shop", None);
        check("${URL}", None);
    }
}
