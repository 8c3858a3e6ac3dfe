use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::OneOrMany;
use crate::notifications::NotifyOn;

/// Rules that a run must keep; one that is broken fails the run before anything becomes visible.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawQuality {
    /// Rows, at least.
    pub(crate) row_count_min: Option<u64>,
    /// Rows, at most.
    pub(crate) row_count_max: Option<u64>,
    /// The share of NULLs, at most, by column: 0 to 1.
    pub(crate) null_ratio_max: Option<BTreeMap<String, f64>>,
    /// Columns in which no value stands twice.
    pub(crate) unique_columns: Option<OneOrMany>,
    /// Values that are remembered for `unique_columns`, at most.
    pub(crate) unique_max_entries: Option<u64>,
}

/// Whom to tell about runs.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawNotifications {
    /// A Slack channel.
    pub(crate) slack: Option<RawSlack>,
    /// Any URL; it is sent JSON.
    pub(crate) webhook: Option<RawWebhook>,
}

/// A Slack channel: one of `webhook_url` and `webhook_url_env`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSlack {
    /// The URL of the incoming webhook, which is a secret: see `webhook_url_env`.
    pub(crate) webhook_url: Option<String>,
    /// The environment variable that holds the URL.
    pub(crate) webhook_url_env: Option<String>,
    /// What to tell. Default: `failure`.
    pub(crate) on: Option<Vec<NotifyOn>>,
}

/// Any URL: one of `url` and `url_env`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWebhook {
    /// An `http://` or `https://` URL.
    pub(crate) url: Option<String>,
    /// The environment variable that holds the URL.
    pub(crate) url_env: Option<String>,
    /// What to tell. Default: `failure`.
    pub(crate) on: Option<Vec<NotifyOn>>,
}
