use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use rivet_core::{ExportReport, RunReport};
use rivet_model::{ExportName, RunStatus};

use super::quantity::{bytes, count, duration, number, per_second};

/// The columns that the summary keeps to.
const WIDTH: u16 = 100;

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
        self.total(f)?;
        if self.report.is_interrupted() {
            write!(f, "\n\nInterrupted. Nothing of what was not committed is kept; {AGAIN}")?;
        }
        Ok(())
    }
}

const AGAIN: &str = "to go on, run the same command again.";

impl Summary<'_> {
    /// The lines of one export: what does not fit in a table.
    fn details(&self, f: &mut String, export: &ExportReport) -> fmt::Result {
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

fn field(f: &mut String, name: &str, value: &dyn fmt::Display) -> fmt::Result {
    writeln!(f, "  {name:<11}{value}")
}

/// The numbers of all exports below each other.
fn table(exports: &[ExportReport]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(["export", "status", "rows", "files", "size", "time", "retries", "longest statement"]);
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
        column.set_padding((0, 2));
        // A long name is wrapped, and a number never is.
        if position > 0 {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if position > 1 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

fn is_good(status: RunStatus) -> bool {
    matches!(status, RunStatus::Committed | RunStatus::Skipped)
}

fn word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Committed => "committed",
        RunStatus::Skipped => "skipped",
        RunStatus::Failed => "failed",
        RunStatus::Interrupted => "interrupted",
        RunStatus::Abandoned => "abandoned",
    }
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
    fn an_interrupted_run_says_how_to_go_on() {
        let mut export = sample::failed("orders");
        export.status = RunStatus::Interrupted;
        assert_snapshot!(summary(vec![export], &[]), @"
        export  status       rows  files  size   time  retries  longest statement
        orders  interrupted     0      0   0 B  31 ms        0               0 ms

        orders
          run        01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001

        total: 0 of 1 exports, 0 rows, 0 files, 0 B in 12.3 s; peak memory 61.2 MB

        Interrupted. Nothing of what was not committed is kept; to go on, run the same command again.
        ");
    }
}
