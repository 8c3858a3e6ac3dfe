use rivet_model::ColumnName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::document::Path;
use crate::mode::required;
use crate::raw::RawExport;
use crate::time_zone;

/// How an export follows the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeWindow {
    /// The column that holds the time.
    pub column: ColumnName,
    /// What it holds.
    pub column_type: TimeColumnType,
    /// Whole days to look back from the beginning of today, at least 1.
    pub days: u32,
    /// The zone in which days begin: an IANA name, spelled as the database spells it.
    pub time_zone: String,
}

/// What a time column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeColumnType {
    /// A date or a timestamp.
    Timestamp,
    /// Seconds since 1970 as a number.
    Unix,
}

impl TimeWindow {
    pub(crate) fn check(raw: &RawExport, at: &Path, cx: &mut Checker<'_>) -> Option<Self> {
        let column = required(raw.time_column.as_ref(), "time_column", "`mode: time_window`", at, cx);
        let days = at.key("days_window");
        if raw.days_window.is_none() {
            cx.missing(&days, "`mode: time_window` needs `days_window`", "Add `days_window:` with a number of days.");
        }
        let days = cx.positive(&days, raw.days_window);
        let time_zone = time_zone::check(raw.time_zone.as_deref(), &at.key("time_zone"), cx);
        let column_type = raw.time_column_type.unwrap_or(TimeColumnType::Timestamp);
        Some(Self { column: column?, column_type, days: days?, time_zone: time_zone? })
    }
}
