use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::document::Path;
use crate::error::FindingKind;
use crate::mistakes::Mistake;
use crate::raw::RawNotifications;

/// Something to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotifyOn {
    /// An export failed.
    Failure,
    /// The source's columns are not those of the last run.
    SchemaChange,
    /// An export was committed, and not as well as it should be: attempts used up, values that became NULL, less
    /// consistency than asked, a snapshot that was held for long, batches that were too large.
    Degraded,
}

/// Whom to tell about runs. At least one is there.
#[derive(Debug, Clone)]
pub struct Notifications {
    /// A Slack channel.
    pub slack: Option<Webhook>,
    /// Any URL that takes JSON.
    pub webhook: Option<Webhook>,
}

/// A URL to tell, which is a secret, and what to tell it.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where to.
    pub url: SecretString,
    /// What, without repetition.
    pub on: Vec<NotifyOn>,
}

impl Notifications {
    pub(crate) fn check(raw: &RawNotifications, at: &Path, cx: &mut Checker<'_>) -> Option<Self> {
        let slack = raw.slack.as_ref().and_then(|slack| {
            let keys =
                ("webhook_url", slack.webhook_url.as_deref(), "webhook_url_env", slack.webhook_url_env.as_deref());
            webhook(keys, slack.on.as_deref(), &at.key("slack"), cx)
        });
        let webhook = raw.webhook.as_ref().and_then(|hook| {
            let keys = ("url", hook.url.as_deref(), "url_env", hook.url_env.as_deref());
            webhook(keys, hook.on.as_deref(), &at.key("webhook"), cx)
        });
        (slack.is_some() || webhook.is_some()).then_some(Self { slack, webhook })
    }
}

fn webhook(
    (url_key, url, env_key, env): (&str, Option<&str>, &str, Option<&str>),
    on: Option<&[NotifyOn]>,
    at: &Path,
    cx: &mut Checker<'_>,
) -> Option<Webhook> {
    let (place, url) = match (url, env) {
        (Some(_), Some(_)) => {
            cx.exclusive(at, url_key, env_key, format!("Keep `{env_key}`: the file then holds no secret."));
            return None;
        }
        (Some(url), None) => (at.key(url_key), url.to_owned()),
        (None, Some(name)) => (at.key(env_key), cx.variable(&at.key(env_key), name)?),
        (None, None) => {
            let message = format!("`{}` does not say where to", at.name());
            cx.missing(&at.key(env_key), message, format!("Add `{env_key}:` or `{url_key}:`."));
            return None;
        }
    };
    if !url::Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        let message = format!("`{}` leads to no `http://` or `https://` URL", place.name());
        let help = "Copy the whole URL from the service that takes the message.";
        cx.push(Mistake::new(FindingKind::InvalidUrl, &place, message).help(help));
        return None;
    }
    let mut on = on.map_or_else(|| vec![NotifyOn::Failure], <[NotifyOn]>::to_vec);
    on.sort_unstable();
    on.dedup();
    Some(Webhook { url: SecretString::from(url), on })
}
