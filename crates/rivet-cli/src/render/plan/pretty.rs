use comfy_table::{CellAlignment, ColumnConstraint};
use rivet_core::PlannedExport;
use rivet_priority::{Campaign, PriorityClass, Recommendation};

use super::explain::explain;
use super::paper::{Page, Paper, Tone};
use super::sheet::{Body, Line, Section, facts};
use super::view::PlanView;
use super::waterfall::steps;
use super::{campaign, difference};
use crate::render::{moment, plain_table, table_text};

impl PlanView<'_> {
    /// Writes the plan for a person: a block for each export in the order of the campaign, then the campaign.
    pub(crate) fn pretty(&self, paper: Paper) -> String {
        let mut page = Page::new(paper);
        page.heading(&self.title());
        page.fact("Made", Tone::Plain, "", &self.made());
        section(&mut page, &Section::items("Notes", self.common_notes.iter().map(|note| note.as_str())));
        for (export, advice) in self.exports() {
            page.gap();
            self.export(&mut page, export, advice);
        }
        if let Some(campaign) = &self.plan.prioritization.campaign {
            page.gap();
            self.campaign(&mut page, campaign);
        }
        if let Some(older) = self.older {
            page.gap();
            page.fact("Changes", Tone::Plain, "", &difference::since(older));
            for change in difference::changes(older, self.plan) {
                page.bullet(change.what.tone, &change.what.head, &change.what.text);
                for why in &change.why {
                    page.wrapped("        ", 10, Tone::Plain, "", why);
                }
            }
        }
        page.finish()
    }

    fn export(&self, page: &mut Page, export: &PlannedExport, advice: Option<&Recommendation>) {
        page.heading(export.export_name.as_str());
        for part in facts(self, export, advice) {
            section(page, &part);
        }
        let Some(advice) = advice else { return };
        priority(page, advice);
        if self.explain {
            explain(page, &steps(self, export, advice), export, advice);
        } else {
            page.label("Prioritize");
            for reason in &advice.reasons {
                let assumed = if reason.assumed { " (assumed)" } else { "" };
                page.bullet(Tone::Plain, "", &format!("[{}] {}{assumed}", reason.kind, reason.message));
            }
        }
    }

    fn campaign(&self, page: &mut Page, campaign: &Campaign) {
        match campaign.source_group_warnings.as_slice() {
            [] => page.fact("Campaign", Tone::Plain, "", "no exports stand in each other's way"),
            _ => page.label("Campaign"),
        }
        for warning in &campaign.source_group_warnings {
            page.bullet(Tone::Plain, "", &warning.message);
        }
        page.label("Waves");
        for wave in campaign::waves(campaign) {
            page.wrapped("    ", 7, wave.tone, &wave.head, &wave.text);
        }
        let sources: Vec<String> = campaign::sources(campaign).collect();
        if !sources.is_empty() {
            page.label("Sources");
        }
        for source in sources {
            page.wrapped("    ", 7, Tone::Plain, "", &source);
        }
        page.label("Order");
        let mut table = plain_table(campaign::COLUMNS);
        for row in campaign::rows(self.plan, campaign) {
            table.add_row(row.map(|cell| super::paper::clean(&cell)));
        }
        for (position, column) in table.column_iter_mut().enumerate().skip(1) {
            column.set_constraint(ColumnConstraint::ContentWidth);
            if matches!(position, 1 | 3 | 6 | 7) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table_text(&table).lines() {
            page.raw(4, line);
        }
    }
}

/// Writes a label and what belongs to it; nothing where nothing does.
fn section(page: &mut Page, section: &Section) {
    match &section.body {
        Body::Lines(lines) => {
            for (index, Line { tone, head, text, .. }) in lines.iter().enumerate() {
                page.fact(if index == 0 { section.label } else { "" }, *tone, head, text);
            }
        }
        Body::Items(items) => {
            if !items.is_empty() {
                page.label(section.label);
            }
            for Line { tone, head, text, help } in items {
                page.bullet(*tone, head, text);
                if let Some(help) = help {
                    page.wrapped("      ", 6, Tone::Plain, "", help);
                }
            }
        }
    }
}

/// Returns the class as the beginning of a sentence has it, and its tone.
pub(super) fn class(class: PriorityClass) -> (&'static str, Tone) {
    match class {
        PriorityClass::High => ("High", Tone::Good),
        PriorityClass::Medium => ("Medium", Tone::Plain),
        PriorityClass::Low => ("Low", Tone::Warning),
    }
}

fn priority(page: &mut Page, advice: &Recommendation) {
    let (class, tone) = class(advice.priority_class);
    let head = format!("score {} — {class}", advice.priority_score);
    page.fact("Priority", tone, &head, &format!("(wave {})", advice.recommended_wave));
}

impl PlanView<'_> {
    /// Says when the plan was made, and with what.
    pub(super) fn made(&self) -> String {
        let plan = self.plan;
        format!("{} by Rivet {}; plan {}", moment(plan.created_at), plan.rivet_version, plan.plan_id)
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::render::plan::sample;

    #[test]
    fn a_campaign_ends_with_what_should_not_meet() {
        let plan = sample::plan(vec![sample::orders(), sample::events(), sample::users()], &[]);
        assert_snapshot!(PlanView::new(&plan).pretty(Paper::PLAIN), @"
        Plan of rivet.yaml
          Made       : 2026-03-02T12:00:00Z by Rivet 1.2.3; plan 01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001

        users_dim
          Strategy   : full: every row
          Source     : reader@db:5432/shop, PostgreSQL 16.2, replica; source group `other`
          Reads      : query `SELECT * FROM users`
          Writes     : Parquet to `/data/out`
          Estimate   : about 5,000 rows (4,000 to 6,250), 85.0 kB
                       about 1 s, at a usual speed, for lack of 3 runs that were measured
          Verdict    : efficient — everything is read by the right access path
          Profile    : balanced, as configured — it reads about 8.0 M rows from a server that others may
                       need
          Resources  : 1 connection, statement budget 2 s, statement timeout 5 min 00 s, lock timeout 30 s,
                       rests of 50 ms
                       planning sent 2 statements, 42 ms in all
          Classes    : cost low, risk low, confidence 1.00
          Priority   : score 75 — High (wave 1)
          Prioritize :
            • [small_table] a small read: about 5.0 k rows, 83.0 KiB
            • [simple_scan] one plain scan
            • [preflight_efficient] the checks found that everything is read by the right access path

        orders
          Strategy   : incremental: new rows by `updated_at`
          Source     : reader@db:5432/shop, PostgreSQL 16.2, replica; source group `replica_a`
          Reads      : table `sales.orders`
                       after updated_at 2026-03-01 12:00:00+00, id 17
                       up to updated_at 2026-03-02 12:00:00+00, id 4711
          Writes     : Parquet to `/data/out`
          Estimate   : about 8,000,000 rows (6,400,000 to 10,000,000), 1.4 GB
                       about 29 s (12 s to 3 min 00 s), at a usual speed, for lack of 3 runs that were
                       measured
          Verdict    : efficient — everything is read by the right access path
          Profile    : balanced, as configured — it reads about 8.0 M rows from a server that others may
                       need
          Resources  : 1 connection, statement budget 2 s, statement timeout 5 min 00 s, lock timeout 30 s,
                       rests of 50 ms
                       planning sent 2 statements, 42 ms in all
          History    : 20 runs, 1 failed, the newest too, 3 retries, 12.3 s on average
          Classes    : cost high, risk low, confidence 1.00
          Isolate    : alone on `replica_a`, without other heavy exports
          Priority   : score 60 — Medium (wave 2)
          Prioritize :
            • [large_table] a heavy read: about 8.0 M rows, 1.3 GiB
            • [strong_cursor] an indexed cursor that only grows: the new rows are found at once
            • [preflight_efficient] the checks found that everything is read by the right access path
            • [recent_failure_history] the newest run failed
            • [shared_source_heavy_conflict] one of 2 heavy exports of source group `replica_a`: run it
              alone on that source

        events
          Strategy   : chunked: every row, by `id`; each chunk as it is when it is read
          Source     : reader@db:5432/shop, PostgreSQL 16.2, replica; source group `replica_a`
          Reads      : table `events`
                       12 chunks of about 666,666 rows, 4 at a time
                       first `id` < 1000000, last `id` >= 11000000
          Writes     : Parquet to `/data/out`
          Estimate   : about 8,000,000 rows (4,000,000 to 16,000,000), 1.4 GB
                       about 29 s (8 s to 4 min 48 s), at a usual speed, for lack of 3 runs that were
                       measured
          Verdict    : efficient — everything is read by the right access path
          Profile    : balanced advised, fast configured — it reads about 8.0 M rows from a server that
                       others may need
                       1 connection advised, 4 configured — it is read over one connection
          Findings   :
            • warning [statistics_stale] 2.0 M rows were changed since the last analysis, of 8.0 M
              Analyze the table, then plan again.
          Notes      :
            • the pieces follow a sample of 2.4 % of the table's pages
          Resources  : 4 connections, statement budget 10 s, no statement timeout, no lock timeout
                       planning sent 2 statements, 42 ms in all
          Classes    : cost high, risk low, confidence 0.90
          Isolate    : alone on `replica_a`, without other heavy exports
          Priority   : score 41 — Medium (wave 3)
          Prioritize :
            • [large_table] a heavy read: about 8.0 M rows, 1.3 GiB
            • [chunking_heavy] 12 windows: more statements, and more time on the source
            • [preflight_efficient] the checks found that everything is read by the right access path
            • [low_confidence_metadata] confidence 0.90 (stale statistics): the score is drawn toward 50
            • [shared_source_heavy_conflict] one of 2 heavy exports of source group `replica_a`: run it
              alone on that source

          Campaign   :
            • source group `replica_a` has 2 heavy-cost exports (events, orders): run them one at a time
          Waves      :
            1: users_dim; about 5,000 rows, 85.0 kB, 1 s
            2: orders; about 8,000,000 rows, 1.4 GB, 29 s (12 s to 3 min 00 s)
            3: events; about 8,000,000 rows, 1.4 GB, 29 s (8 s to 4 min 48 s)
          Sources    :
            source group `replica_a`: 2 exports, 2 of them heavy; about 16,000,000 rows, 2.9 GB, 58 s (20 s
               to 7 min 48 s) one after the other
          Order      :
            export     score  class   wave  cost  risk       rows  time
            users_dim     75  high       1  low   low       5,000   1 s
            orders        60  medium     2  high  low   8,000,000  29 s  alone
            events        41  medium     3  high  low   8,000,000  29 s  alone
        ");
    }

    #[test]
    fn one_export_has_no_campaign() {
        let plan = sample::plan(vec![sample::missing()], &[]);
        assert_snapshot!(PlanView::new(&plan).pretty(Paper::new(60, false)), @r#"
        Plan of rivet.yaml
          Made       : 2026-03-02T12:00:00Z by Rivet 1.2.3; plan
                       01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001

        missing
          Strategy   : full: every row
          Source     : reader@db:5432/shop, PostgreSQL 16.2,
                       replica; source group `other`
          Reads      : table `nowhere`
          Writes     : Parquet to `/data/out`
          Error      : not planned: relation "nowhere" does not
                       exist (rivet::source::not_found)
          Classes    : cost medium, risk medium, confidence 0.35
          Priority   : score 49 — Medium (wave 3)
          Prioritize :
            • [simple_scan] one plain scan
            • [low_confidence_metadata] confidence 0.35 (the checks
              failed, no row estimate, no statistics): the score is
              drawn toward 50
        "#);
    }

    #[test]
    fn what_all_exports_say_stands_once() {
        let noted = |mut export: PlannedExport| {
            export.notes.push("earlier runs are not known: the state store is in use".to_owned());
            export
        };
        let plan = sample::plan(vec![noted(sample::events()), noted(sample::users())], &[]);
        let text = PlanView::new(&plan).pretty(Paper::PLAIN);
        assert_eq!(text.matches("the state store is in use").count(), 1, "{text}");
        assert_eq!(text.matches("the pieces follow a sample").count(), 1, "{text}");
        let alone = sample::plan(vec![noted(sample::events())], &[]);
        let text = PlanView::new(&alone).pretty(Paper::PLAIN);
        assert_eq!(text.matches("the state store is in use").count(), 1, "{text}");
    }

    #[test]
    fn a_plan_says_what_has_changed_since_an_older_one() {
        let older = sample::plan(vec![sample::orders(), sample::events(), sample::users()], &[]);
        let mut events = sample::events();
        events.plan_fingerprint = Some(rivet_model::Fingerprint("bb".repeat(32)));
        events.signals.source_group = None;
        let newer = sample::plan(vec![sample::orders(), events, sample::missing()], &["orders.rows=900"]);
        let text = PlanView::new(&newer).since(Some(&older)).pretty(Paper::PLAIN);
        assert_snapshot!(text.split_once("  Changes").unwrap().1, @"
        : since the plan of 2026-03-02T12:00:00Z
        • events: score 41 as before, no longer to run alone on its source
            source_group replica_a → none: no points
            the other heavy exports of its source have changed
        • orders: score 60 → 80 (+20), class medium → high, wave 2 → 1, cost high → low, no longer to
          run alone on its source
            estimated_rows 8,000,000 → 900, assumed: +20 points
            the other heavy exports of its source have changed
        • missing: new, score 49, wave 3
        • users_dim: gone
        • no longer: source group `replica_a` has 2 heavy-cost exports (events, orders): run them one at
          a time
        • events: what decides its bytes is another: its columns, what it reads, or how it is written
        • no export is advised as before
        ");
        let text = PlanView::new(&older).since(Some(&older)).pretty(Paper::PLAIN);
        assert_snapshot!(text.split_once("  Changes").unwrap().1, @"
        : since the plan of 2026-03-02T12:00:00Z
        • nothing has changed: all 3 exports are advised as before
        ");
    }
}
