use std::collections::BTreeMap;

use rivet_model::ColumnName;
use serde::{Deserialize, Serialize};

use crate::check::Checker;
use crate::document::Path;
use crate::raw::RawQuality;

/// Rules that a run must keep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Rows, at least.
    pub row_count_min: Option<u64>,
    /// Rows, at most.
    pub row_count_max: Option<u64>,
    /// The share of NULLs, 0 to 1, at most, by column.
    pub null_ratio_max: BTreeMap<ColumnName, f64>,
    /// Columns in which no value stands twice.
    pub unique_columns: Vec<ColumnName>,
    /// Values that are remembered for that, at most; none for no limit.
    pub unique_max_entries: Option<u64>,
}

impl Quality {
    pub(crate) fn check(raw: &RawQuality, at: &Path, cx: &mut Checker<'_>) -> Self {
        if let (Some(min), Some(max)) = (raw.row_count_min, raw.row_count_max)
            && min > max
        {
            let message = "`row_count_min` is above `row_count_max`";
            cx.invalid(&at.key("row_count_min"), message, "No run could keep both: change one.");
        }
        let mut ratios = BTreeMap::new();
        for (name, ratio) in raw.null_ratio_max.iter().flatten() {
            let place = at.key("null_ratio_max").key(name);
            if !(0.0..=1.0).contains(ratio) {
                cx.invalid(&place, "a share must be from 0 to 1", "Write 5 % as `0.05`.");
            }
            if let Some(column) = cx.column(&place, name) {
                ratios.insert(column, *ratio);
            }
        }
        let unique = cx.columns(&at.key("unique_columns"), raw.unique_columns.as_ref());
        if raw.unique_max_entries.is_some() && unique.is_empty() {
            let message = "`unique_max_entries` has no meaning without `unique_columns`";
            cx.meaningless(&at.key("unique_max_entries"), message, "Add `unique_columns`, or remove the key.");
        }
        Self {
            row_count_min: raw.row_count_min,
            row_count_max: raw.row_count_max,
            null_ratio_max: ratios,
            unique_columns: unique,
            unique_max_entries: cx.positive(&at.key("unique_max_entries"), raw.unique_max_entries),
        }
    }
}
