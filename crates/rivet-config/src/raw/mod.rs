//! The configuration as it is written: every key optional, nothing judged yet.
//!
//! The doc comments here are the descriptions of the JSON Schema and of the generated reference. Nothing here has
//! a `Debug` form: a value may be a secret.

mod destination;
mod export;
mod mask;
mod output;
mod partition;
mod quality;
mod scalar;
mod source;
mod tuning;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use destination::{DestinationType, RawDestination};
pub(crate) use export::{ModeName, NullOrError, RawExport};
pub(crate) use mask::{RawMask, RawMaskMethod, RawMaskOptions};
pub(crate) use output::{
    RawCompression, RawCompressionProfile, RawCsv, RawEncoding, RawFormat, RawMetaColumns, RawParquet,
    RawRowGroupStrategy,
};
pub(crate) use partition::{RawDatePart, RawPartition, RawPartitions};
pub(crate) use quality::{RawNotifications, RawQuality};
pub(crate) use scalar::{NumberOrText, OneOrMany, Switch};
pub(crate) use source::{RawSource, RawTls};
pub(crate) use tuning::RawTuning;

/// The whole file.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "rivet.yaml")]
pub(crate) struct RawConfig {
    /// The database to read from. Required.
    pub(crate) source: Option<RawSource>,
    /// What to extract, one entry per export. Required.
    pub(crate) exports: Option<Vec<RawExport>>,
    /// Keys that every export starts from. An export's own key wins; mappings are joined key by key. A key that
    /// has no meaning for an export's `mode` is passed over there.
    pub(crate) defaults: Option<RawExport>,
    /// How many exports run at a time. `true` stands for all of them, `false` for 1. Default: 1.
    pub(crate) parallel_exports: Option<Switch>,
    /// Where Rivet remembers runs, cursors and checkpoints.
    pub(crate) state: Option<RawState>,
    /// Whom to tell about runs.
    pub(crate) notifications: Option<RawNotifications>,
}

/// The state store: one of `path`, `url` and `url_env`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawState {
    /// A file, relative to the configuration's folder. Default: `.rivet/state.redb`.
    pub(crate) path: Option<String>,
    /// A database that several machines share: a `postgres://` URL.
    pub(crate) url: Option<String>,
    /// The environment variable that holds such a URL.
    pub(crate) url_env: Option<String>,
}
