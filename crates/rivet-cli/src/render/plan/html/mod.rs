//! The plan as one HTML file that needs nothing else: no network, no script.

mod export;
mod markup;

use rivet_priority::Campaign;

use self::export::{anchor, sections};
use self::markup::Markup;
use super::sheet::Section;
use super::view::PlanView;
use super::{campaign, difference};

const STYLE: &str = include_str!("style.css");

/// Nothing may be loaded and nothing may run, whatever the plan holds.
const HEAD: &str = "\
<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
";

impl PlanView<'_> {
    /// Writes the plan as one HTML file.
    pub(crate) fn html(&self) -> String {
        let mut html = Markup::default();
        html.raw(HEAD);
        html.element("title", "", &self.title());
        html.raw("\n<style>\n");
        html.raw(STYLE);
        html.raw("</style>\n</head>\n<body>\n<header>\n");
        html.element("h1", "", &self.title());
        html.element("p", "faint", &format!("Made {}", self.made()));
        html.raw("\n</header>\n<main>\n");
        let notes = Section::items("Notes", self.common_notes.iter().map(|note| note.as_str()));
        sections(&mut html, &[notes]);
        // Here the campaign comes first: a page is scrolled from its beginning, and a terminal shows the end.
        if let Some(campaign) = &self.plan.prioritization.campaign {
            self.campaign_html(&mut html, campaign);
        }
        self.changes_html(&mut html);
        for (export, advice) in self.exports() {
            self.export_html(&mut html, export, advice);
        }
        html.raw("</main>\n</body>\n</html>\n");
        html.finish()
    }

    fn campaign_html(&self, html: &mut Markup, campaign: &Campaign) {
        html.open("section", "");
        html.element("h2", "", "Campaign");
        list(html, "", "warning", campaign.source_group_warnings.iter().map(|warning| warning.message.as_str()));
        html.open("table", "order");
        html.open("tr", "");
        for column in campaign::COLUMNS {
            html.element("th", "", column);
        }
        html.close("tr");
        for [export, rest @ ..] in campaign::rows(self.plan, campaign) {
            html.open("tr", "");
            html.open("td", "");
            html.link(&anchor(&export), &export);
            html.close("td");
            for cell in &rest {
                html.element("td", "", cell);
            }
            html.close("tr");
        }
        html.close("table");
        let waves = Section::items("Waves", campaign::waves(campaign));
        sections(html, &[waves, Section::items("Sources", campaign::sources(campaign))]);
        html.close("section");
    }

    fn changes_html(&self, html: &mut Markup) {
        let Some(older) = self.older else { return };
        html.open("section", "");
        html.element("h2", "", &format!("Changes {}", difference::since(older)));
        html.open("ul", "");
        for change in difference::changes(older, self.plan) {
            html.open("li", "");
            html.element("strong", change.what.tone.class(), &change.what.head);
            html.text(&format!(" {}", change.what.text));
            list(html, "faint", "", change.why.iter().map(String::as_str));
            html.close("li");
        }
        html.close("ul");
        html.close("section");
    }
}

/// Writes a list; nothing where it would be empty.
fn list<'a>(html: &mut Markup, class: &'static str, item: &'static str, texts: impl Iterator<Item = &'a str>) {
    let mut texts = texts.peekable();
    if texts.peek().is_none() {
        return;
    }
    html.open("ul", class);
    texts.for_each(|text| html.element("li", item, text));
    html.close("ul");
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::render::plan::{PlanView, sample};

    /// Returns the texts of a page, without its elements and its style.
    fn texts(html: &str) -> String {
        let body = html.split_once("<body>").unwrap().1;
        let mut text = String::new();
        let mut inside = false;
        for character in body.chars() {
            match character {
                '<' => inside = true,
                '>' => {
                    inside = false;
                    text.push('\n');
                }
                _ if !inside => text.push(character),
                _ => {}
            }
        }
        text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_page_says_what_the_text_says() {
        let plan = sample::plan(vec![sample::orders(), sample::events(), sample::missing()], &[]);
        let html = PlanView::new(&plan).html();
        let said = texts(&html);
        for advice in &plan.prioritization.recommendations {
            for reason in &advice.reasons {
                assert!(html.contains(&super::markup::escape(&reason.message)), "{}", reason.message);
            }
        }
        assert_snapshot!(said.lines().take(24).collect::<Vec<_>>().join("\n"), @"
        Plan of rivet.yaml
        Made 2026-03-02T12:00:00Z by Rivet 1.2.3; plan 01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001
        Campaign
        source group `replica_a` has 2 heavy-cost exports (events, orders): run them one at a time
        export
        score
        class
        wave
        cost
        risk
        rows
        time
        orders
        60
        medium
        2
        high
        low
        8,000,000
        29 s
        alone
        missing
        49
        medium
        ");
        assert!(html.contains("style=\"left:42%;width:18%\""), "bars are as long as their points");
    }

    #[test]
    fn a_page_needs_nothing_else_and_nothing_of_it_runs() {
        let mut events = sample::events();
        events.notes.push("<script>alert(1)</script> \" onload='x'".to_owned());
        events.diagnostics.findings[0].message = "<img src=x onerror=alert(1)>".to_owned();
        events.probes[0].statement = "</pre><script>alert(2)</script>".to_owned();
        events.resolved_plan.statement = Some("</pre><b>".to_owned());
        let plan = sample::plan(vec![events, sample::users()], &[]);
        let older = sample::plan(vec![sample::orders(), sample::users()], &[]);
        let html = PlanView::new(&plan).explain(true).since(Some(&older)).html();
        for forbidden in ["<script", "<img", "<b>", "<link", "http://", "https://", "@import", "url("] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
        assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;"));
        for tag in ["section", "dl", "details", "table", "tr", "td", "ul", "li", "div", "span", "pre", "p"] {
            let opened = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}
