use std::collections::BTreeMap;
use std::fmt;

use comfy_table::{CellAlignment, ColumnConstraint};
use rivet_core::{ExportReport, RunReport};
use rivet_model::{ExportName, RunStatus};

use super::quantity::{bytes, count, duration, number, per_second};
use super::{Position, field, plain_table, table_text, word};

/// What a person reads when a run has ended.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    /// How it ended.
    pub(crate) report: &'a RunReport,
    /// What the engine had to say, by export.
    pub(crate) notes: &'a BTreeMap<ExportName, Vec<String>>,
    /// The most memory that was held at once, in bytes.
    pub(crate) peak_memory: Option<u64>,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", table(&self.report.exports))?;
        for export in &self.report.exports {
            let mut details = String::new();
            self.details(&mut details, export)?;
            if !details.is_empty() {
                writeln!(f, "{}\n{details}", export.export)?;
            }
        }
        // A call applies one plan.
        if let Some(plan) = self.report.exports.iter().find_map(|export| export.plan.as_ref()) {
            writeln!(f, "plan: {}", plan.plan_id)?;
        }
        self.total(f)?;
        if self.report.is_interrupted() {
            write!(f, "\n\nInterrupted. Nothing that was not committed is visible; {AGAIN}")?;
        }
        Ok(())
    }
}

const AGAIN: &str = "to go on, run the same command again.";

impl Summary<'_> {
    /// The lines of one export: what does not fit in a table.
    fn details(&self, f: &mut String, export: &ExportReport) -> fmt::Result {
        if let Some(run_id) = export.committed_by {
            field(f, "run", &format_args!("{run_id} of this plan has committed it before: nothing was run"))?;
            return Ok(());
        }
        if let Some(run_id) = export.run_id {
            field(f, "run", &run_id)?;
        }
        if let Some(manifest) = &export.manifest {
            field(f, "manifest", &format_args!("{}/{manifest}", export.destination.trim_end_matches('/')))?;
        } else if !export.destination.is_empty() && export.status == RunStatus::Committed {
            field(f, "written to", &export.destination)?;
        }
        if export.status == RunStatus::Committed {
            if let Some(consistency) = &export.consistency {
                field(f, "read view", consistency)?;
            }
            let rate = per_second(export.rows, export.duration);
            let flow = bytes(per_second(export.bytes, export.duration));
            field(f, "rate", &format_args!("{}/s, {flow}/s", count(rate, "row")))?;
        }
        parts_of_work(f, export)?;
        cursor(f, export)?;
        for forced in export.plan.iter().flat_map(|plan| &plan.forced) {
            field(f, "forced", forced)?;
        }
        match export.validated {
            Some(true) => field(f, "validated", &"every part was read back and is as its manifest says")?,
            Some(false) => field(f, "validated", &"no: a part is not as its manifest says")?,
            None => {}
        }
        for (column, values) in &export.nulled {
            let values = count(*values, "value");
            field(f, "nulled", &format_args!("{values} of `{column}` became NULL: the column's type can't hold them"))?;
        }
        for note in self.notes.get(&export.export).into_iter().flatten() {
            field(f, "note", note)?;
        }
        Ok(())
    }

    fn total(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exports = &self.report.exports;
        let done = exports.iter().filter(|export| is_good(export.status)).count();
        let rows = exports.iter().map(|export| export.rows).sum();
        let files = exports.iter().map(|export| export.parts.len()).sum::<usize>();
        let size = exports.iter().map(|export| export.bytes).sum();
        write!(f, "total: {done} of {} exports, ", exports.len())?;
        write!(f, "{}, {}, {}", count(rows, "row"), count(whole(files), "file"), bytes(size))?;
        write!(f, " in {}", duration(self.report.duration))?;
        match self.peak_memory {
            Some(peak) => write!(f, "; peak memory {}", bytes(peak)),
            None => Ok(()),
        }
    }
}

/// Into how many pieces the reading was cut, where it was.
fn parts_of_work(f: &mut String, export: &ExportReport) -> fmt::Result {
    match (export.chunks, export.chunks_resumed) {
        (0 | 1, _) => {}
        (chunks, 0) => field(f, "chunks", &number(chunks.into()))?,
        (chunks, resumed) => {
            let (chunks, resumed) = (number(chunks.into()), number(resumed.into()));
            field(f, "chunks", &format_args!("{chunks}, {resumed} of them done before this run was resumed"))?;
        }
    }
    if export.statements > 1 { field(f, "statements", &number(export.statements)) } else { Ok(()) }
}

/// From where to where an export has followed its cursor. One that was not committed stays where it was.
fn cursor(f: &mut String, export: &ExportReport) -> fmt::Result {
    match (&export.cursor_before, &export.cursor_after) {
        (None, None) => Ok(()),
        (Some(before), after) if after.as_ref().is_none_or(|after| after == before) => {
            field(f, "cursor", &format_args!("stays at {}", Position(before)))
        }
        (before, Some(after)) => {
            match before {
                Some(before) => field(f, "cursor", &Position(before))?,
                None => field(f, "cursor", &"from the start")?,
            }
            field(f, "", &format_args!("-> {}", Position(after)))
        }
        (Some(_), None) => unreachable!("told above"),
    }
}

/// The numbers of all exports below each other.
fn table(exports: &[ExportReport]) -> String {
    let mut table = plain_table(["export", "status", "rows", "files", "size", "time", "retries", "longest statement"]);
    for export in exports {
        table.add_row([
            export.export.to_string(),
            word(export.status).to_owned(),
            number(export.rows),
            number(whole(export.parts.len())),
            bytes(export.bytes),
            duration(export.duration),
            number(export.retries),
            duration(export.longest_statement),
        ]);
    }
    for (position, column) in table.column_iter_mut().enumerate() {
        // A long name is wrapped, and a number never is.
        if position > 0 {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if position > 1 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table_text(&table)
}

fn is_good(status: RunStatus) -> bool {
    matches!(status, RunStatus::Committed | RunStatus::Skipped)
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::render::sample;

    fn summary(exports: Vec<ExportReport>, notes: &[(&str, &str)]) -> String {
        let mut by_export: BTreeMap<ExportName, Vec<String>> = BTreeMap::new();
        for (export, note) in notes {
            by_export.entry(export.parse().unwrap()).or_default().push((*note).to_owned());
        }
        let report = sample::run(exports);
        Summary { report: &report, notes: &by_export, peak_memory: Some(61_234_567) }.to_string()
    }

    #[test]
    fn a_run_of_one_export() {
        assert_snapshot!(summary(vec![sample::committed("lineitem")], &[]), @"
        export    status          rows  files      size   time  retries  longest statement
        lineitem  committed  6,001,215      2  158.3 MB  9.8 s        0              9.6 s

        lineitem
          run        01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001
          manifest   /data/out/_rivet/01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001.json
          read view  one snapshot at 0/1A2B3C8
          rate       611,619 rows/s, 16.1 MB/s

        total: 1 of 1 exports, 6,001,215 rows, 2 files, 158.3 MB in 12.3 s; peak memory 61.2 MB
        ");
    }

    #[test]
    fn a_run_with_all_there_is_to_say() {
        let mut checked = sample::committed("lineitem");
        checked.validated = Some(true);
        checked.nulled = [("l_shipdate".to_owned(), 1), ("l_tax".to_owned(), 1200)].into();
        checked.retries = 2;
        let mut skipped = sample::committed("an export whose name is much longer than any name should be, but it may");
        skipped.status = RunStatus::Skipped;
        (skipped.rows, skipped.bytes) = (0, 0);
        skipped.parts.clear();
        skipped.manifest = None;
        let mut refused = sample::failed("big orders");
        refused.run_id = None;
        let notes = [("lineitem", "the column `l_comment` is read as text")];
        assert_snapshot!(summary(vec![checked, refused, skipped], &notes), @"
        export                    status          rows  files      size   time  retries  longest statement
        lineitem                  committed  6,001,215      2  158.3 MB  9.8 s        2              9.6 s
        big orders                failed             0      0       0 B  31 ms        0               0 ms
        an export whose name is   skipped            0      0       0 B  9.8 s        0              9.6 s
        much longer than any
        name should be, but it
        may

        lineitem
          run        01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001
          manifest   /data/out/_rivet/01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001.json
          read view  one snapshot at 0/1A2B3C8
          rate       611,619 rows/s, 16.1 MB/s
          validated  every part was read back and is as its manifest says
          nulled     1 value of `l_shipdate` became NULL: the column's type can't hold them
          nulled     1,200 values of `l_tax` became NULL: the column's type can't hold them
          note       the column `l_comment` is read as text

        an export whose name is much longer than any name should be, but it may
          run        01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001

        total: 2 of 3 exports, 6,001,215 rows, 2 files, 158.3 MB in 12.3 s; peak memory 61.2 MB
        ");
    }

    #[test]
    fn a_run_in_pieces_that_follows_a_cursor() {
        let mut resumed = sample::committed("events");
        (resumed.chunks, resumed.chunks_resumed, resumed.statements) = (1_200, 7, 1_193);
        let mut first = sample::committed("orders");
        first.cursor_after = Some(sample::position("2026-03-01", 17));
        let mut next = sample::committed("items");
        next.cursor_before = Some(sample::position("2026-03-01", 17));
        next.cursor_after = Some(sample::position("2026-03-02", 4711));
        let mut still = sample::committed("users");
        still.cursor_before = Some(sample::position("2026-03-02", 4711));
        assert_snapshot!(summary(vec![resumed, first, next, still], &[]), @"
        export  status          rows  files      size   time  retries  longest statement
        events  committed  6,001,215      2  158.3 MB  9.8 s        0              9.6 s
        orders  committed  6,001,215      2  158.3 MB  9.8 s        0              9.6 s
        items   committed  6,001,215      2  158.3 MB  9.8 s        0              9.6 s
        users   committed  6,001,215      2  158.3 MB  9.8 s        0              9.6 s

        events
          run        01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001
          manifest   /data/out/_rivet/01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001.json
          read view  one snapshot at 0/1A2B3C8
          rate       611,619 rows/s, 16.1 MB/s
          chunks     1,200, 7 of them done before this run was resumed
          statements 1,193

        orders
          run        01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001
          manifest   /data/out/_rivet/01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001.json
          read view  one snapshot at 0/1A2B3C8
          rate       611,619 rows/s, 16.1 MB/s
          cursor     from the start
                     -> updated_at 2026-03-01 12:00:00+00, id 17

        items
          run        01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001
          manifest   /data/out/_rivet/01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001.json
          read view  one snapshot at 0/1A2B3C8
          rate       611,619 rows/s, 16.1 MB/s
          cursor     updated_at 2026-03-01 12:00:00+00, id 17
                     -> updated_at 2026-03-02 12:00:00+00, id 4711

        users
          run        01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001
          manifest   /data/out/_rivet/01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001.json
          read view  one snapshot at 0/1A2B3C8
          rate       611,619 rows/s, 16.1 MB/s
          cursor     stays at updated_at 2026-03-02 12:00:00+00, id 4711

        total: 4 of 4 exports, 24,004,860 rows, 8 files, 633.2 MB in 12.3 s; peak memory 61.2 MB
        ");
    }

    #[test]
    fn a_plan_and_what_was_forced_are_named() {
        let mut again = sample::committed("lineitem");
        let forced = vec!["applied 30 h after it was made, past its expiry".to_owned()];
        again.plan = Some(sample::plan(forced));
        let mut before = sample::committed("orders");
        (before.status, before.plan, before.committed_by) =
            (RunStatus::Skipped, Some(sample::plan(vec![])), before.run_id);
        (before.rows, before.bytes, before.manifest) = (0, 0, None);
        before.parts.clear();
        assert_snapshot!(summary(vec![again, before], &[]), @"
        export    status          rows  files      size   time  retries  longest statement
        lineitem  committed  6,001,215      2  158.3 MB  9.8 s        0              9.6 s
        orders    skipped            0      0       0 B  9.8 s        0              9.6 s

        lineitem
          run        01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001
          manifest   /data/out/_rivet/01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001.json
          read view  one snapshot at 0/1A2B3C8
          rate       611,619 rows/s, 16.1 MB/s
          forced     applied 30 h after it was made, past its expiry

        orders
          run        01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001 of this plan has committed it before: nothing was run

        plan: 01982222-7b3a-7cc0-8f43-1d2ab0c9e001
        total: 2 of 2 exports, 6,001,215 rows, 2 files, 158.3 MB in 12.3 s; peak memory 61.2 MB
        ");
    }

    #[test]
    fn an_interrupted_run_says_how_to_go_on() {
        let mut export = sample::failed("orders");
        export.status = RunStatus::Interrupted;
        assert_snapshot!(summary(vec![export], &[]), @"
        export  status       rows  files  size   time  retries  longest statement
        orders  interrupted     0      0   0 B  31 ms        0               0 ms

        orders
          run        01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001

        total: 0 of 1 exports, 0 rows, 0 files, 0 B in 12.3 s; peak memory 61.2 MB

        Interrupted. Nothing that was not committed is visible; to go on, run the same command again.
        ");
    }
}
