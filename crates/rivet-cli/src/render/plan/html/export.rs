use std::time::Duration;

use rivet_core::PlannedExport;
use rivet_priority::{NEUTRAL_SCORE, Recommendation};

use super::markup::Markup;
use crate::render::Range;
use crate::render::plan::pretty::class;
use crate::render::plan::sheet::{Body, Line, Section, facts};
use crate::render::plan::view::PlanView;
use crate::render::plan::waterfall::{Step, steps};
use crate::render::quantity::{count, duration, number};

/// Chunks that are listed: a page of more is read by nobody.
const LISTED_CHUNKS: usize = 500;

/// Returns what links to an export lead to.
pub(super) fn anchor(export: &str) -> String {
    // White space would end an identifier.
    format!("export-{}", export.replace(char::is_whitespace, "_"))
}

impl PlanView<'_> {
    pub(super) fn export_html(&self, html: &mut Markup, export: &PlannedExport, advice: Option<&Recommendation>) {
        let name = export.export_name.as_str();
        html.open_with_id("section", &anchor(name));
        html.element("h2", "", name);
        if let Some(advice) = advice {
            let (word, tone) = class(advice.priority_class);
            html.open("p", "priority");
            html.element("strong", tone.class(), &format!("score {} — {word}", advice.priority_score));
            html.text(&format!(" (wave {})", advice.recommended_wave));
            html.close("p");
        }
        sections(html, &facts(self, export, advice));
        if let Some(advice) = advice {
            waterfall(html, &steps(self, export, advice), advice, self.explain);
        }
        statement(html, export);
        chunks(html, export);
        probes(html, export);
        html.close("section");
    }
}

/// Writes labels and what belongs to each.
pub(super) fn sections(html: &mut Markup, sections: &[Section]) {
    html.open("dl", "");
    for part in sections {
        section(html, part);
    }
    html.close("dl");
}

/// Writes a label and what belongs to it; nothing where nothing does.
fn section(html: &mut Markup, section: &Section) {
    let (Body::Lines(lines) | Body::Items(lines)) = &section.body;
    if lines.is_empty() {
        return;
    }
    html.element("dt", "", section.label);
    for Line { tone, head, text, help } in lines {
        html.open("dd", "");
        if !head.is_empty() {
            html.element("strong", tone.class(), head);
            html.raw(" ");
        }
        html.text(text);
        if let Some(help) = help {
            html.element("div", "help", help);
        }
        html.close("dd");
    }
}

/// Writes the steps as bars between 0 and 100, with what they rest on behind a fold.
fn waterfall(html: &mut Markup, steps: &[Step<'_>], advice: &Recommendation, is_open: bool) {
    html.element("h3", "", "Prioritize");
    html.open("div", "waterfall");
    let start = i32::from(NEUTRAL_SCORE);
    row(html, "", NEUTRAL_SCORE.into(), "total", (0, start), |html| html.text("start"));
    for Step { reason, before, after, evidence } in steps {
        let points = if reason.points == 0 { "0".to_owned() } else { format!("{:+}", reason.points) };
        let class = if reason.points < 0 { "loss" } else { "gain" };
        row(html, &points, *after, class, (*before, *after), |html| {
            html.raw(if is_open { "<details open><summary>" } else { "<details><summary>" });
            html.element("code", "", reason.kind.as_str());
            let assumed = if reason.assumed { " (assumed)" } else { "" };
            html.text(&format!(" {}{assumed}", reason.message));
            html.close("summary");
            for evidence in evidence {
                html.open("div", "evidence");
                html.element("code", "", evidence.signal.as_str());
                html.text(&format!(" {}: {}", evidence.value, evidence.origin));
                html.close("div");
            }
            html.close("details");
        });
    }
    let score = i32::from(advice.priority_score);
    row(html, "", score, "total", (0, score), |html| html.element("strong", "", "the score"));
    html.close("div");
}

fn row(
    html: &mut Markup,
    points: &str,
    sum: i32,
    class: &'static str,
    (from, to): (i32, i32),
    what: impl FnOnce(&mut Markup),
) {
    html.element("span", "points", points);
    html.element("span", "points", &sum.to_string());
    html.bar(class, from, to);
    html.open("div", "");
    what(html);
    html.close("div");
}

fn fold(html: &mut Markup, summary: &str) {
    html.open("details", "");
    html.element("summary", "", summary);
}

fn statement(html: &mut Markup, export: &PlannedExport) {
    let Some(statement) = &export.resolved_plan.statement else { return };
    fold(html, "The statement that EXPLAIN was asked about");
    html.element("pre", "", statement);
    html.close("details");
}

fn chunks(html: &mut Markup, export: &PlannedExport) {
    let chunks = &export.computed.chunk_ranges;
    if chunks.len() < 2 {
        return;
    }
    fold(html, &count(chunks.len() as u64, "chunk"));
    html.open("table", "");
    html.raw("<tr><th>chunk</th><th>rows, about</th><th>range</th></tr>\n");
    for chunk in chunks.iter().take(LISTED_CHUNKS) {
        html.open("tr", "");
        html.element("td", "", &chunk.id.to_string());
        html.element("td", "", &chunk.estimated_rows.map_or_else(|| "not known".to_owned(), number));
        html.element("td", "wide", &Range(&chunk.range).to_string());
        html.close("tr");
    }
    html.close("table");
    if chunks.len() > LISTED_CHUNKS {
        html.element("p", "faint", &format!("The first {LISTED_CHUNKS} are listed; the JSON form has all of them."));
    }
    html.close("details");
}

fn probes(html: &mut Markup, export: &PlannedExport) {
    if export.probes.is_empty() {
        return;
    }
    let sent = export.probes.iter().map(|probe| probe.times).sum();
    fold(html, &format!("What planning sent: {}", count(sent, "statement")));
    html.open("table", "");
    html.raw("<tr><th>what for</th><th>time</th><th>rows</th><th>statement</th></tr>\n");
    for probe in &export.probes {
        html.open("tr", "");
        html.element("td", "", &probe.purpose);
        html.element("td", "", &duration(Duration::from_millis(probe.milliseconds)));
        html.element("td", "", &number(probe.rows));
        html.open("td", "wide");
        if let Some(error) = &probe.error {
            html.element("div", "bad", error);
        }
        if probe.times > 1 {
            html.element("div", "faint", &format!("{} statements like this one", number(probe.times)));
        }
        html.element("pre", "", &probe.statement);
        html.close("td");
        html.close("tr");
    }
    html.close("table");
    html.close("details");
}
