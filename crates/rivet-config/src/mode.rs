use rivet_model::ColumnName;
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::chunked::Chunked;
use crate::document::Path;
use crate::incremental::Incremental;
use crate::raw::{ModeName, RawExport};
use crate::time_window::TimeWindow;

/// How much of its relation an export reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Mode {
    /// All rows.
    Full,
    /// The rows after the stored cursor, up to a watermark that is fixed when the run begins.
    Incremental(Incremental),
    /// All rows, cut into chunks.
    Chunked(Chunked),
    /// The rows of the last days.
    TimeWindow(TimeWindow),
}

impl Mode {
    /// Returns the word of the configuration.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Full => ModeName::Full.as_str(),
            Self::Incremental(_) => ModeName::Incremental.as_str(),
            Self::Chunked(_) => ModeName::Chunked.as_str(),
            Self::TimeWindow(_) => ModeName::TimeWindow.as_str(),
        }
    }
}

/// The keys that belong to some modes only.
const MODE_KEYS: &[(&[ModeName], &[&str])] = &[
    (
        &[ModeName::Incremental],
        &[
            "cursor_column",
            "incremental_cursor_mode",
            "cursor_fallback_column",
            "cursor_tiebreak",
            "cursor_lag",
            "cursor_nulls",
        ],
    ),
    (
        &[ModeName::Chunked],
        &[
            "chunk_column",
            "chunk_size",
            "chunk_count",
            "chunk_by_days",
            "chunk_dense",
            "chunk_by_key",
            "chunk_size_memory_mb",
            "parallel",
            "chunk_checkpoint",
            "chunk_max_attempts",
            "consistency",
        ],
    ),
    (&[ModeName::TimeWindow], &["time_column", "time_column_type", "days_window"]),
    (&[ModeName::Incremental, ModeName::TimeWindow], &["time_zone"]),
];

impl Mode {
    pub(crate) fn check(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<Self> {
        // A mode that could not be read would make all its keys foreign.
        if cx.mistakes.is_wrong(&at.key("mode")) {
            return None;
        }
        let name = raw.mode.unwrap_or(ModeName::Full);
        refuse_foreign(name, at, cx);
        match name {
            ModeName::Full => Some(Self::Full),
            ModeName::Incremental => Incremental::check(raw, at, cx).map(Self::Incremental),
            ModeName::Chunked => Chunked::check(raw, at, cx).map(Self::Chunked),
            ModeName::TimeWindow => TimeWindow::check(raw, at, cx).map(Self::TimeWindow),
        }
    }
}

/// Refuses the keys of other modes, unless `defaults` brought them.
fn refuse_foreign(name: ModeName, at: &Path, cx: &mut Checker<'_>) {
    for (owners, keys) in MODE_KEYS.iter().filter(|(owners, _)| !owners.contains(&name)) {
        let words = |between: &str| {
            let words: Vec<String> = owners.iter().map(|owner| format!("`mode: {}`", owner.as_str())).collect();
            words.join(between)
        };
        for key in *keys {
            let place = at.key(key);
            if cx.has(&place) && !cx.is_inherited(&place) {
                let (own, owners) = (name.as_str(), words(" and "));
                let message = format!("`{key}` has no meaning for `mode: {own}`; it belongs to {owners}");
                cx.meaningless(&place, message, format!("Remove it, or set {}.", words(" or ")));
            }
        }
    }
}

/// Reads the name of a column that must be there.
pub(crate) fn required(
    name: Option<&String>,
    key: &str,
    what: &str,
    at: &Path,
    cx: &mut Checker<'_>,
) -> Option<ColumnName> {
    let Some(name) = name else {
        cx.missing(&at.key(key), format!("{what} needs `{key}`"), format!("Add `{key}:` to the export."));
        return None;
    };
    cx.column(&at.key(key), name)
}
