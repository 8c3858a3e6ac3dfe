use std::path::PathBuf;

use secrecy::SecretString;

use crate::check::Checker;
use crate::document::Path;
use crate::error::FindingKind;
use crate::export::ExportConfig;
use crate::mistakes::Mistake;
use crate::notifications::Notifications;
use crate::raw::{DestinationType, RawConfig, RawExport, RawState, RawTuning, Switch};
use crate::source::{EnvironmentKind, SourceConfig};
use crate::source_reference::SourceReference;
use crate::tuning::Tuning;

/// A whole configuration, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file, as the caller named it.
    pub path: PathBuf,
    /// Its folder, absolute, which relative paths start from.
    pub dir: PathBuf,
    /// The database to read from.
    pub source: SourceConfig,
    /// What to extract, in the order of the file; at least one.
    pub exports: Vec<ExportConfig>,
    /// How many exports run at a time, at least 1.
    pub parallel_exports: usize,
    /// Where runs are remembered.
    pub state: StateConfig,
    /// Whom to tell about runs.
    pub notifications: Option<Notifications>,
}

/// Where runs are remembered.
#[derive(Debug, Clone)]
pub struct StateConfig {
    /// The file of the store.
    pub path: PathBuf,
    /// A database that takes its place, where one is named.
    pub url: Option<SecretString>,
}

impl Config {
    /// Returns the source without its secrets, as a plan keeps it.
    pub fn source_reference(&self) -> SourceReference {
        SourceReference::of(&self.source)
    }

    /// Judges the whole configuration. None where a mistake was told.
    pub(crate) fn check(mut raw: RawConfig, path: PathBuf, cx: &mut Checker<'_>) -> Option<Self> {
        let root = Path::root();
        let environment = raw.source.as_ref().and_then(|source| source.environment);
        let tuning = raw.source.as_mut().and_then(|source| source.tuning.take());
        if let Some(tuning) = &tuning {
            Tuning::check(tuning, &root.key("source").key("tuning"), cx);
        }
        let source = if let Some(source) = &raw.source {
            SourceConfig::check(source, &root.key("source"), cx)
        } else {
            let help = "Add `source:` with `type` and `url_env`.";
            cx.missing(&root.key("source"), "the configuration has no `source`", help);
            None
        };
        refuse_own_keys(raw.defaults.as_ref(), &root.key("defaults"), cx);
        let exports = exports(raw.exports, environment, tuning.as_ref(), cx);
        let state = state(raw.state, &root.key("state"), cx);
        let parallel = parallel(raw.parallel_exports, exports.len(), &root.key("parallel_exports"), cx);
        let at = root.key("notifications");
        let notifications = raw.notifications.and_then(|raw| Notifications::check(&raw, &at, cx));
        let dir = cx.dir.to_owned();
        cx.mistakes.is_empty().then_some(())?;
        Some(Self { path, dir, source: source?, exports, parallel_exports: parallel, state: state?, notifications })
    }
}

/// Keys that one export alone can have.
fn refuse_own_keys(raw: Option<&RawExport>, at: &Path, cx: &mut Checker<'_>) {
    if raw.is_none() {
        return;
    }
    for key in ["name", "table", "query", "query_file"] {
        if cx.has(&at.key(key)) {
            let message = format!("`{key}` has no meaning in `defaults`");
            cx.meaningless(&at.key(key), message, "Move it to an entry of `exports`.");
        }
    }
}

fn exports(
    raw: Option<Vec<RawExport>>,
    environment: Option<EnvironmentKind>,
    tuning: Option<&RawTuning>,
    cx: &mut Checker<'_>,
) -> Vec<ExportConfig> {
    let at = Path::root().key("exports");
    let raw = raw.unwrap_or_default();
    if raw.is_empty() {
        let help = "Add `exports:` with one entry per table or query, each beginning with `- name:`.";
        cx.missing(&at, "the configuration has no `exports`", help);
    }
    refuse_twins(&raw, &at, cx);
    let mut exports = Vec::with_capacity(raw.len());
    for (index, export) in raw.into_iter().enumerate() {
        exports.extend(ExportConfig::check(export, environment, tuning, &at.index(index), cx));
    }
    exports
}

/// Refuses two exports of one name and two that write to the standard output.
fn refuse_twins(raw: &[RawExport], at: &Path, cx: &mut Checker<'_>) {
    let stdout = |export: &RawExport| {
        export.destination.as_ref().is_some_and(|destination| destination.kind == Some(DestinationType::Stdout))
    };
    for (index, export) in raw.iter().enumerate() {
        let here = at.index(index);
        let earlier = |like: &dyn Fn(&RawExport) -> bool| raw.iter().take(index).position(like);
        let name = export.name.as_ref();
        if let Some(first) = name.and_then(|name| earlier(&|other| other.name.as_ref() == Some(name))) {
            let shown = cx.quote(&here.key("name"), name.map_or("", String::as_str));
            let mistake =
                Mistake::new(FindingKind::DuplicateName, &here.key("name"), format!("two exports are named {shown}"))
                    .label("the second")
                    .also(&at.index(first).key("name"), "the first")
                    .help("Rename one of them: the name keeps cursors, files and reports apart.");
            cx.push(mistake);
        }
        if stdout(export)
            && let Some(first) = earlier(&stdout)
        {
            let kind = |index: usize| at.index(index).key("destination").key("type");
            let message = "two exports write to the standard output";
            let mistake = Mistake::new(FindingKind::Conflict, &kind(index), message)
                .label("the second")
                .also(&kind(first), "the first")
                .help("Give one of them another destination, or a configuration of its own.");
            cx.push(mistake);
        }
    }
}

fn state(raw: Option<RawState>, at: &Path, cx: &mut Checker<'_>) -> Option<StateConfig> {
    let keys = ["path", "url", "url_env"];
    let given: Vec<&str> = keys.into_iter().filter(|key| cx.has(&at.key(key))).collect();
    if let [first, second, ..] = given.as_slice() {
        cx.exclusive(at, first, second, "Keep the one place of the store.");
        return None;
    }
    let path = raw.as_ref().and_then(|raw| raw.path.as_deref()).unwrap_or(".rivet/state.redb");
    let path = cx.resolve(path);
    let (place, url) = match raw {
        Some(RawState { url_env: Some(name), .. }) => {
            let place = at.key("url_env");
            let url = cx.variable(&place, &name)?;
            (place, Some(url))
        }
        Some(RawState { url, .. }) => (at.key("url"), url),
        None => (at.clone(), None),
    };
    if let Some(url) = &url
        && !(url.starts_with("postgres://") || url.starts_with("postgresql://"))
    {
        let message = format!("`{}` leads to no `postgres://` URL", place.name());
        cx.push(Mistake::new(FindingKind::InvalidUrl, &place, message).help("Use `path:` for a file."));
    }
    Some(StateConfig { path, url: url.map(SecretString::from) })
}

fn parallel(raw: Option<Switch>, exports: usize, at: &Path, cx: &mut Checker<'_>) -> usize {
    match raw {
        None | Some(Switch::Truth(false)) => 1,
        Some(Switch::Truth(true)) => exports.max(1),
        Some(Switch::Number(number)) => {
            cx.positive(at, Some(number));
            usize::try_from(number).unwrap_or(usize::MAX)
        }
    }
}
