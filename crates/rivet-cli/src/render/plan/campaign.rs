//! How the exports of a plan fit together, for every form that it is shown in.

use rivet_core::Plan;
use rivet_priority::{Campaign, ForecastTotal, OrderedExport, Recommendation};

use super::paper::Tone;
use super::sheet::{Line, ranged};
use crate::render::quantity::{bytes, count, number, seconds};

/// The heads of the table of exports.
pub(super) const COLUMNS: [&str; 9] = ["export", "score", "class", "wave", "cost", "risk", "rows", "time", ""];

/// Returns one row for each export, the highest score first.
pub(super) fn rows<'a>(plan: &'a Plan, campaign: &'a Campaign) -> impl Iterator<Item = [String; 9]> + 'a {
    campaign.ordered_exports.iter().map(|export| {
        let advice = plan.prioritization.recommendation(&export.export_name);
        row(export, advice, is_planned(plan, &export.export_name))
    })
}

fn is_planned(plan: &Plan, name: &str) -> bool {
    plan.exports.iter().any(|export| export.export_name.as_str() == name && export.error.is_none())
}

fn row(export: &OrderedExport, advice: Option<&Recommendation>, is_planned: bool) -> [String; 9] {
    let forecast = advice.and_then(|advice| advice.forecast);
    let unknown = || "not known".to_owned();
    let remark = match (is_planned, export.isolate_on_source) {
        (false, _) => "not planned",
        (true, true) => "alone",
        (true, false) => "",
    };
    [
        export.export_name.clone(),
        export.priority_score.to_string(),
        export.priority_class.to_string(),
        export.recommended_wave.to_string(),
        export.cost_class.to_string(),
        export.risk_class.to_string(),
        forecast.map_or_else(unknown, |forecast| number(forecast.rows.expected)),
        forecast.map_or_else(unknown, |forecast| seconds(forecast.seconds.expected)),
        remark.to_owned(),
    ]
}

/// Returns one line for each wave.
pub(super) fn waves(campaign: &Campaign) -> impl Iterator<Item = Line> + '_ {
    campaign.waves.iter().map(|wave| {
        let text = format!("{}; {}", wave.exports.join(", "), total(&wave.forecast, wave.exports.len()));
        Line::headed(Tone::Strong, format!("{}:", wave.wave), text)
    })
}

/// Returns one line for each source that several exports read from.
pub(super) fn sources(campaign: &Campaign) -> impl Iterator<Item = String> + '_ {
    campaign.source_groups.iter().filter(|group| group.exports.len() > 1).map(|group| {
        let kind = if group.implied { "the server" } else { "source group" };
        let heavy = match group.heavy_exports.as_slice() {
            [] => String::new(),
            heavy => format!(", {} of them heavy", number(heavy.len() as u64)),
        };
        let exports = group.exports.len();
        let total = total(&group.forecast, exports);
        format!("{kind} `{}`: {}{heavy}; {total}", group.source_group, count(exports as u64, "export"))
    })
}

/// Says what several exports take, one after the other.
fn total(forecast: &ForecastTotal, exports: usize) -> String {
    let Some(rows) = forecast.rows.map(|rows| rows.expected) else { return "how much is not known".to_owned() };
    let mut parts = vec![format!("about {}", count(rows, "row"))];
    parts.extend(forecast.bytes.map(|size| bytes(size.expected)));
    parts.extend(forecast.seconds.map(|time| ranged(time, seconds, "")));
    let order = if exports > 1 { " one after the other" } else { "" };
    let missing = match forecast.incomplete.as_slice() {
        [] => String::new(),
        exports => format!("; not counted is what nobody knows of {}", exports.join(", ")),
    };
    format!("{}{order}{missing}", parts.join(", "))
}
