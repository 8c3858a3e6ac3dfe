use std::time::Duration;

use rivet_model::ColumnName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::document::Path;
use crate::mode::required;
use crate::raw::RawExport;
use crate::{size, time_zone};

/// How an export follows a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incremental {
    /// The column to follow.
    pub cursor: ColumnName,
    /// The column that stands in where `cursor` is NULL.
    pub fallback: Option<ColumnName>,
    /// Columns that order rows of one cursor value; empty for the primary key.
    pub tiebreak: Vec<ColumnName>,
    /// How far a run stays behind the newest rows. Zero for not at all.
    pub lag: Duration,
    /// What becomes of rows whose cursor is NULL.
    pub nulls: CursorNulls,
    /// The zone of days and moments that name none, for `lag`: an IANA name, spelled as the database spells it.
    pub time_zone: String,
}

/// Whether a second column stands in for the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CursorMode {
    /// The cursor column alone.
    SingleColumn,
    /// The fallback column where the cursor column is NULL.
    Coalesce,
}

/// What becomes of rows whose cursor is NULL, the fallback too where there is one: no run finds them by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CursorNulls {
    /// The run fails and says how many there are.
    #[default]
    Error,
    /// They are counted, told and left out.
    Skip,
    /// The first run exports them; later ones count them, tell and leave them out.
    FirstRun,
}

impl Incremental {
    pub(crate) fn check(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<Self> {
        let cursor = required(raw.cursor_column.as_ref(), "cursor_column", "`mode: incremental`", at, cx);
        let fallback = fallback(raw, at, cx);
        let tiebreak = cx.columns(&at.key("cursor_tiebreak"), raw.cursor_tiebreak.as_ref());
        let lag = raw.cursor_lag.as_ref().map_or(Some(Duration::ZERO), size::duration);
        if lag.is_none() {
            let help = "Give seconds, or a text such as `30s`, `5m`, `2h` or `1d`.";
            cx.invalid(&at.key("cursor_lag"), "`cursor_lag` is no duration", help);
        }
        let time_zone = time_zone::check(raw.time_zone.as_deref(), &at.key("time_zone"), cx);
        let cursor = cursor?;
        refuse_itself(&cursor, fallback.as_ref(), &tiebreak, at, cx);
        let nulls = raw.cursor_nulls.unwrap_or_default();
        Some(Self { cursor, fallback, tiebreak, lag: lag?, nulls, time_zone: time_zone? })
    }
}

fn fallback(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<ColumnName> {
    let key = "cursor_fallback_column";
    match (raw.incremental_cursor_mode.unwrap_or(CursorMode::SingleColumn), &raw.cursor_fallback_column) {
        (CursorMode::SingleColumn, None) => None,
        (CursorMode::SingleColumn, Some(_)) => {
            let message = format!("`{key}` has no meaning without `incremental_cursor_mode: coalesce`");
            cx.meaningless(&at.key(key), message, "Add `incremental_cursor_mode: coalesce`, or remove the key.");
            None
        }
        (CursorMode::Coalesce, name) => required(name.as_ref(), key, "`incremental_cursor_mode: coalesce`", at, cx),
    }
}

/// Refuses the cursor as its own stand-in and as its own tie-break.
fn refuse_itself(
    cursor: &ColumnName,
    fallback: Option<&ColumnName>,
    tiebreak: &[ColumnName],
    at: &Path,
    cx: &mut Checker<'_>,
) {
    if fallback == Some(cursor) {
        let help = "Name another column, or leave the key and `incremental_cursor_mode` out.";
        cx.invalid(&at.key("cursor_fallback_column"), "`cursor_fallback_column` is the cursor itself", help);
    }
    if tiebreak.contains(cursor) {
        let help = "Remove it: a tie-break tells rows apart that have one value of the cursor.";
        cx.invalid(&at.key("cursor_tiebreak"), "`cursor_tiebreak` holds the cursor itself", help);
    }
}
