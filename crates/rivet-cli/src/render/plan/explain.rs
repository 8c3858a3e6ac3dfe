//! The score of an export with all that it rests on, as text.

use std::time::Duration;

use rivet_core::PlannedExport;
use rivet_priority::{NEUTRAL_SCORE, Recommendation};

use super::paper::{Page, Tone};
use super::waterfall::Step;
use crate::render::quantity::{duration, number};

/// Writes the way to the score, the statement that was explained, and what was sent to the source.
pub(super) fn explain(page: &mut Page, steps: &[Step<'_>], export: &PlannedExport, advice: &Recommendation) {
    waterfall(page, steps, advice);
    statement(page, export);
    probes(page, export);
}

fn waterfall(page: &mut Page, steps: &[Step<'_>], advice: &Recommendation) {
    page.label("Prioritize");
    page.raw(4, "points  score");
    page.raw(4, &format!("{NEUTRAL_SCORE:>13}  start"));
    for Step { reason, after, evidence, .. } in steps {
        let points = if reason.points == 0 { "0".to_owned() } else { format!("{:+}", reason.points) };
        let assumed = if reason.assumed { " (assumed)" } else { "" };
        let first = format!("    {points:>6}{after:>7}  ");
        page.wrapped(&first, 19, Tone::Plain, "", &format!("[{}] {}{assumed}", reason.kind, reason.message));
        for evidence in evidence {
            let line = format!("{} {}: {}", evidence.signal, evidence.value, evidence.origin);
            page.wrapped(&" ".repeat(21), 23, Tone::Plain, "", &line);
        }
    }
    page.raw(4, &format!("{:>13}  the score", advice.priority_score));
}

fn statement(page: &mut Page, export: &PlannedExport) {
    let Some(statement) = &export.resolved_plan.statement else { return };
    page.label("Statement");
    for line in statement.lines() {
        page.raw(4, line);
    }
}

fn probes(page: &mut Page, export: &PlannedExport) {
    if export.probes.is_empty() {
        return;
    }
    page.label("Probes");
    for probe in &export.probes {
        let time = duration(Duration::from_millis(probe.milliseconds));
        let error = probe.error.as_ref().map_or_else(String::new, |error| format!(" — failed: {error}"));
        let times = if probe.times == 1 { String::new() } else { format!(", {} times", number(probe.times)) };
        page.wrapped(&format!("    {time:>8}  "), 14, Tone::Plain, "", &format!("{}{times}{error}", probe.purpose));
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::render::plan::{Paper, PlanView, sample};

    #[test]
    fn a_score_is_explained_by_its_steps_and_what_they_rest_on() {
        let plan = sample::plan(vec![sample::events()], &["events.rows=60_000_000"]);
        assert_snapshot!(PlanView::new(&plan).explain(true).pretty(Paper::PLAIN), @r#"
        Plan of rivet.yaml
          Made       : 2026-03-02T12:00:00Z by Rivet 1.2.3; plan 01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001

        events
          Strategy   : chunked: every row, by `id`; each chunk as it is when it is read
          Source     : reader@db:5432/shop, PostgreSQL 16.2, replica; source group `replica_a`
          Reads      : table `events`
                       12 chunks of about 666,666 rows, 4 at a time
                       first `id` < 1000000, last `id` >= 11000000
          Writes     : Parquet to `/data/out`
          Estimate   : about 60,000,000 rows (30,000,000 to 120,000,000), 10.8 GB
                       about 3 min 37 s (55 s to 36 min 00 s), at a usual speed, for lack of 3 runs that
                       were measured
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
          Assumed    : estimated_rows 60,000,000, in place of 8,000,000
          Classes    : cost very_high, risk low, confidence 0.90
          Priority   : score 35 — Low (wave 4)
          Prioritize :
            points  score
                       50  start
               -15     35  [huge_table] a very heavy read: about 60.0 M rows, 10.1 GiB (assumed)
                             estimated_rows 60,000,000: assumed by `--assume`
                             estimated_row_bytes 180 B: the width that EXPLAIN tells
                             chunk_count 12: the cuts that planning made
               -10     25  [chunking_heavy] 12 windows: more statements, and more time on the source
                             strategy chunked: configuration, `mode`
                             chunk_count 12: the cuts that planning made
                +8     33  [preflight_efficient] the checks found that everything is read by the right
                           access path
                             verdict efficient: EXPLAIN of the statement below, and the indexes
                +2     35  [low_confidence_metadata] confidence 0.90 (stale statistics): the score is drawn
                           toward 50 (assumed)
                             estimated_rows 60,000,000: assumed by `--assume`
                             cursor_bounds_observed true: the ends of the key, by its index or by statistics
                             preflight_failed false: whether EXPLAIN answered
                             statistics stale: the catalog: 2.0 M rows were changed since the last analysis,
                               of 8.0 M
                       35  the score
          Statement  :
            SELECT "id" FROM events
          Probes     :
                2 ms  the plan of the scan
               40 ms  the catalog on the relation
        "#);
    }
}
