//! Profiles of the AWS configuration: two files in the format of INI, whose sections are profiles.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rivet_config::Environment;

/// Keys of a user. They are shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) access: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

/// A role that a token of another party's gives.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WebIdentity {
    pub(crate) token_file: String,
    pub(crate) role: String,
    pub(crate) session: Option<String>,
}

/// How a profile gives credentials.
pub(crate) enum Grant {
    Keys(Keys),
    WebIdentity(WebIdentity),
    /// In a way that is not known here, by the key that says so.
    Unknown(&'static str),
    Nothing,
}

/// A profile.
pub(crate) struct Profile {
    settings: BTreeMap<String, String>,
}

/// Why a profile can't be had.
#[derive(Debug)]
pub(crate) enum ProfileError {
    /// No file has it; these were looked at.
    Missing(Vec<PathBuf>),
    /// A file can't be read.
    Unreadable(PathBuf, io::Error),
}

/// What stands in a profile whose credentials have to be asked for elsewhere.
const ELSEWHERE: [&str; 4] = ["sso_session", "sso_start_url", "credential_process", "role_arn"];

impl Profile {
    /// Reads a profile from the files that the environment points to.
    pub(crate) fn read(name: &str, environment: &Environment) -> Result<Self, ProfileError> {
        let file = |variable: &str, usual: &str| {
            let home = || Some(Path::new(environment.get("HOME")?).join(".aws").join(usual));
            environment.get(variable).map(PathBuf::from).or_else(home)
        };
        // The second file has the last word, as with other tools.
        let files = [file("AWS_CONFIG_FILE", "config"), file("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
        let (mut settings, mut found) = (BTreeMap::new(), false);
        for path in files.iter().flatten() {
            let text = match fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(ProfileError::Unreadable(path.clone(), error)),
            };
            if let Some(section) = section(&text, name) {
                found = true;
                settings.extend(section);
            }
        }
        if found { Ok(Self { settings }) } else { Err(ProfileError::Missing(files.into_iter().flatten().collect())) }
    }

    pub(crate) fn region(&self) -> Option<&str> {
        self.get("region")
    }

    pub(crate) fn grant(&self) -> Grant {
        let owned = |key: &str| self.get(key).map(ToOwned::to_owned);
        if let (Some(access), Some(secret)) = (owned("aws_access_key_id"), owned("aws_secret_access_key")) {
            return Grant::Keys(Keys { access, secret, token: owned("aws_session_token") });
        }
        if let (Some(token_file), Some(role)) = (owned("web_identity_token_file"), owned("role_arn")) {
            return Grant::WebIdentity(WebIdentity { token_file, role, session: owned("role_session_name") });
        }
        let elsewhere = ELSEWHERE.into_iter().find(|key| self.get(key).is_some());
        elsewhere.map_or(Grant::Nothing, Grant::Unknown)
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Returns the settings of a profile. The first file calls it `[profile name]`, the second one `[name]`.
fn section(text: &str, name: &str) -> Option<BTreeMap<String, String>> {
    let mut settings: Option<BTreeMap<String, String>> = None;
    let mut is_ours = false;
    for line in text.lines() {
        // What is indented belongs to the setting above it: a table for another service.
        if line.starts_with([' ', '\t']) || line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let header = header.trim();
            let called = header.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(header);
            is_ours = called.trim().trim_matches('"') == name;
            if is_ours {
                settings.get_or_insert_default();
            }
        } else if let (true, Some((key, value))) = (is_ours, line.split_once('=')) {
            let value = value.split(" #").next().unwrap_or_default();
            settings.get_or_insert_default().insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[default]\nregion = us-east-2\n# [profile hidden]\n[profile lake]\nregion=eu-west-1 # near\n\
                          s3 =\n  region = wrong\n[profile \"two words\"]\nsso_session = x\n[profile pod]\n\
                          role_arn = arn:r\nweb_identity_token_file = /token\n[sso-session lake]\nregion = no\n";
    const CREDENTIALS: &str = "[lake]\nAWS_ACCESS_KEY_ID = AK\naws_secret_access_key = S=/+\naws_session_token = T\n";

    #[test]
    fn both_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(".aws")).unwrap();
        fs::write(dir.path().join(".aws/config"), CONFIG).unwrap();
        let credentials = dir.path().join("keys");
        fs::write(&credentials, CREDENTIALS).unwrap();
        let environment = Environment::from_iter([
            ("HOME", dir.path().to_str().unwrap()),
            ("AWS_SHARED_CREDENTIALS_FILE", credentials.to_str().unwrap()),
        ]);
        let lake = Profile::read("lake", &environment).ok().unwrap();
        assert_eq!(lake.region(), Some("eu-west-1"));
        let keys = Keys { access: "AK".to_owned(), secret: "S=/+".to_owned(), token: Some("T".to_owned()) };
        assert!(matches!(lake.grant(), Grant::Keys(found) if found == keys));
        let check = |name: &str, expected: &str| {
            let profile = Profile::read(name, &environment).ok().unwrap();
            let found = match profile.grant() {
                Grant::Keys(_) => "keys",
                Grant::WebIdentity(identity) => &identity.role.clone(),
                Grant::Unknown(key) => key,
                Grant::Nothing => "nothing",
            };
            assert_eq!(found, expected, "{name}");
        };
        check("default", "nothing");
        check("two words", "sso_session");
        check("pod", "arn:r");
        for missing in ["hidden", "Lake", "profile lake"] {
            assert!(
                matches!(Profile::read(missing, &environment), Err(ProfileError::Missing(files)) if files.len() == 2)
            );
        }
        assert!(
            matches!(Profile::read("lake", &Environment::empty()), Err(ProfileError::Missing(files)) if files.is_empty())
        );
    }
}
