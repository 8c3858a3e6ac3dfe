//! How texts for a person are laid out.

use std::fmt::{self, Write as _};

use comfy_table::{ContentArrangement, Row, Table, presets};
use rivet_model::{PlanRecord, RunStatus};
use serde::Serialize;

/// The columns that tables keep to.
const WIDTH: u16 = 100;

/// Writes one line of what is said about an export.
pub(crate) fn field(f: &mut String, name: &str, value: &dyn fmt::Display) -> fmt::Result {
    writeln!(f, "  {name:<11}{value}")
}

/// Writes which plan a run was made from, and what was forced.
pub(crate) fn plan_fields(f: &mut String, plan: &PlanRecord) -> fmt::Result {
    field(f, "plan", &plan.plan_id)?;
    plan.forced.iter().try_for_each(|what| field(f, "forced", what))
}

/// Writes one JSON document, with a line end.
pub(crate) fn document(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("texts and numbers have a JSON form");
    format!("{text}\n")
}

/// Writes a moment to the second, in UTC.
pub(crate) fn moment(at: impl fmt::Display) -> String {
    format!("{at:.0}")
}

/// Returns the word for how a run stands.
pub(crate) fn word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Committed => "committed",
        RunStatus::Skipped => "skipped",
        RunStatus::Failed => "failed",
        RunStatus::Interrupted => "interrupted",
        RunStatus::Abandoned => "abandoned",
    }
}

/// Begins a table without lines.
pub(crate) fn plain_table(header: impl Into<Row>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Returns a table's text, without spaces at the ends of its lines.
pub(crate) fn table_text(table: &Table) -> String {
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}
