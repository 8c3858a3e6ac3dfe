use std::fmt;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, Table};
use rivet_model::{ErrorRecord, ExportName, PlanRecord, RunId, RunRecord, RunStatus};
use rivet_priority::{History, Throughput};
use serde::Serialize;

use super::quantity::{bytes, count, duration, number, per_second};
use super::{field, moment, plain_table, table_text, word};

/// What earlier runs took and gave.
#[derive(Debug, Serialize)]
pub(crate) struct Metrics {
    /// The newest first.
    runs: Vec<Row>,
    /// What planning takes from the runs of each export. Absent where one run was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    exports: Option<Vec<OfExport>>,
}

/// What planning takes from the runs of an export.
#[derive(Debug, Serialize)]
pub(crate) struct OfExport {
    /// Which.
    pub(crate) export: ExportName,
    /// The summary; absent where no run has ended.
    pub(crate) history: Option<History>,
}

/// One run.
#[derive(Debug, Serialize)]
struct Row {
    run_id: RunId,
    export: ExportName,
    status: RunStatus,
    started_at: String,
    finished_at: Option<String>,
    /// Absent where the run has not ended, or nobody measured it. So are those after it.
    duration_ms: Option<u64>,
    rows: Option<u64>,
    bytes: Option<u64>,
    parts: Option<u64>,
    retries: Option<u64>,
    longest_statement_ms: Option<u64>,
    rows_per_second: Option<u64>,
    chunks_done: usize,
    chunks: usize,
    destination: String,
    plan: Option<PlanRecord>,
    error: Option<ErrorRecord>,
}

impl Metrics {
    /// Gathers runs, the newest first, and what is taken from them.
    pub(crate) fn new(runs: Vec<RunRecord>, exports: Vec<OfExport>) -> Self {
        Self { runs: runs.into_iter().map(Row::of).collect(), exports: Some(exports) }
    }

    /// Takes one run.
    pub(crate) fn of_run(run: RunRecord) -> Self {
        Self { runs: vec![Row::of(run)], exports: None }
    }
}

impl Row {
    fn of(run: RunRecord) -> Self {
        // A run that was found dead and had ended well was measured by nobody: it has rows and no time.
        let duration_ms = run.metrics.as_ref().map(|metrics| metrics.duration_ms).filter(|duration| *duration > 0);
        let rows = run.metrics.as_ref().map(|metrics| metrics.rows);
        let rate = rows.zip(duration_ms).map(|(rows, duration)| per_second(rows, Duration::from_millis(duration)));
        let measured = |number: u64| duration_ms.map(|_| number);
        Self {
            run_id: run.run_id,
            export: run.export,
            status: run.status,
            started_at: moment(run.started_at),
            finished_at: run.finished_at.map(moment),
            duration_ms,
            rows,
            bytes: run.metrics.as_ref().map(|metrics| metrics.bytes),
            parts: run.metrics.as_ref().map(|metrics| metrics.parts),
            retries: run.metrics.as_ref().and_then(|metrics| measured(metrics.retries)),
            longest_statement_ms: run.metrics.as_ref().and_then(|metrics| measured(metrics.longest_statement_ms)),
            rows_per_second: rate.filter(|rate| *rate > 0),
            chunks_done: run.checkpoints.len(),
            chunks: run.chunks.len().max(run.checkpoints.len()),
            destination: run.destination.root,
            plan: run.plan,
            error: run.error,
        }
    }

    /// What is compared at a glance.
    fn numbers(&self) -> [String; 7] {
        [
            self.export.to_string(),
            self.started_at.clone(),
            self.status().to_owned(),
            shown(self.duration_ms, time),
            shown(self.rows, number),
            shown(self.bytes, bytes),
            shown(self.rows_per_second, number),
        ]
    }

    /// What is looked at next.
    fn details(&self) -> [String; 4] {
        [
            self.run_id.to_string(),
            shown(self.parts, number),
            shown(self.retries, number),
            shown(self.longest_statement_ms, time),
        ]
    }

    /// The store is open for one process at a time, so that no process runs it now.
    fn status(&self) -> &'static str {
        if self.status == RunStatus::Running { "unfinished" } else { word(self.status) }
    }

    /// What has no column: the plan that it was run from, and why it failed.
    fn remarks(&self) -> Vec<String> {
        let plan = self.plan.iter().map(|plan| format!("plan {}", plan.plan_id));
        let forced = self.plan.iter().flat_map(|plan| &plan.forced).map(|what| format!("forced: {what}"));
        plan.chain(forced)
            .chain(self.error.as_ref().map(|error| format!("{}: {}", error.code, error.message)))
            .collect()
    }

    /// All that is known of the run.
    fn write(&self, f: &mut String) -> fmt::Result {
        field(f, "export", &self.export)?;
        field(f, "status", &self.status())?;
        field(f, "started", &self.started_at)?;
        if let Some(finished_at) = &self.finished_at {
            field(f, "finished", finished_at)?;
        }
        if let Some(duration_ms) = self.duration_ms {
            field(f, "took", &time(duration_ms))?;
        }
        if let Some(rows) = self.rows {
            let rate = self.rows_per_second.map(|rate| format!(", {}/s", count(rate, "row"))).unwrap_or_default();
            field(f, "rows", &format_args!("{}{rate}", number(rows)))?;
        }
        if let (Some(parts), Some(size)) = (self.parts, self.bytes) {
            field(f, "files", &format_args!("{}, {}", number(parts), bytes(size)))?;
        }
        field(f, "written to", &self.destination)?;
        field(f, "chunks", &format_args!("{} of {} done", self.chunks_done, self.chunks))?;
        if let Some(retries) = self.retries {
            field(f, "retries", &number(retries))?;
        }
        if let Some(longest) = self.longest_statement_ms {
            field(f, "statement", &format_args!("{} the longest", time(longest)))?;
        }
        if let Some(plan) = &self.plan {
            super::plan_fields(f, plan)?;
        }
        match &self.error {
            Some(error) => field(f, "error", &format_args!("{}: {}", error.code, error.message)),
            None => Ok(()),
        }
    }
}

fn shown(number: Option<u64>, show: fn(u64) -> String) -> String {
    number.map(show).unwrap_or_default()
}

fn time(milliseconds: u64) -> String {
    duration(Duration::from_millis(milliseconds))
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(exports) = &self.exports else {
            return self.runs.iter().try_for_each(|run| {
                let mut fields = String::new();
                run.write(&mut fields)?;
                write!(f, "run {}\n{fields}", run.run_id)
            });
        };
        if self.runs.is_empty() {
            return writeln!(f, "There was no run yet.");
        }
        let numbers = ["export", "started", "status", "time", "rows", "size", "rows/s"];
        writeln!(f, "{}\n", table(numbers, self.runs.iter().map(Row::numbers)))?;
        let details = ["run", "files", "retries", "longest statement"];
        writeln!(f, "{}\n", table(details, self.runs.iter().map(Row::details)))?;
        for (place, run) in self.runs.iter().enumerate().filter(|(_, run)| !run.remarks().is_empty()) {
            writeln!(f, "{}: {}", place + 1, run.remarks().join("; "))?;
        }
        if self.runs.iter().any(|run| !run.remarks().is_empty()) {
            writeln!(f)?;
        }
        writeln!(f, "What planning takes from the last runs")?;
        for OfExport { export, history } in exports {
            let summary = history.as_ref().map_or_else(|| "no run has ended yet".to_owned(), summary);
            writeln!(f, "  {export}: {summary}")?;
        }
        Ok(())
    }
}

/// Writes runs below each other, each with its number.
fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = plain_table(std::iter::once("#").chain(header).collect::<Vec<_>>());
    for (place, row) in rows.enumerate() {
        table.add_row(std::iter::once((place + 1).to_string()).chain(row));
    }
    for (position, column) in table.column_iter_mut().enumerate() {
        // The name of an export is wrapped where it must be, and nothing else ever is.
        if position != 1 || N == 4 {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table_text(&align(table))
}

/// Sets numbers below each other, by their last digits.
fn align(mut table: Table) -> Table {
    let is_number = |name: &str| !matches!(name, "export" | "started" | "status" | "run");
    let numbers: Vec<usize> = table
        .header()
        .map(|header| {
            let names = header.cell_iter().map(Cell::content).enumerate();
            names.filter(|(_, name)| is_number(name)).map(|(position, _)| position).collect()
        })
        .unwrap_or_default();
    for position in numbers {
        if let Some(column) = table.column_mut(position) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn summary(history: &History) -> String {
    let speed = history.throughput.as_ref().map(|speed| format!("; {}", speed_of(speed))).unwrap_or_default();
    let size = history.average_bytes.map(|average| format!("; {} on average", bytes(average))).unwrap_or_default();
    format!("{history}{size}{speed}")
}

fn speed_of(speed: &Throughput) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate of rows, and `as` saturates")]
    let rate = |rate: f64| number(rate.round() as u64);
    if speed.runs == 1 {
        return format!("{} rows/s in 1 run", rate(speed.median));
    }
    format!("{} rows/s, {} to {}, in {} runs", rate(speed.median), rate(speed.low), rate(speed.high), speed.runs)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use rivet_core::history;
    use rivet_history::conformance::{sample_checkpoint, sample_chunks, sample_end, sample_run};
    use rivet_model::RunMetrics;

    use super::*;

    fn run(number: u32, status: RunStatus) -> RunRecord {
        let end = sample_end(status);
        let is_good = status == RunStatus::Committed;
        RunRecord {
            run_id: format!("01981f5e-7b3a-7cc0-8f43-1d2ab0c9e{number:03}").parse().unwrap(),
            status,
            started_at: "2026-03-01T12:00:00Z".parse().unwrap(),
            finished_at: Some(end.finished_at),
            metrics: end
                .metrics
                .map(|metrics| if is_good { metrics } else { RunMetrics { rows: 0, parts: 0, bytes: 0, ..metrics } }),
            error: end.error.filter(|_| !is_good),
            ..sample_run("orders")
        }
    }

    fn runs() -> Vec<RunRecord> {
        let plan = PlanRecord {
            plan_id: "01982222-7b3a-7cc0-8f43-1d2ab0c9e001".parse().unwrap(),
            forced: vec!["applied 30 h after it was made, past its expiry".to_owned()],
        };
        let unfinished = RunRecord {
            metrics: None,
            error: None,
            finished_at: None,
            chunks: sample_chunks(4),
            checkpoints: vec![sample_checkpoint(0)],
            ..run(3, RunStatus::Running)
        };
        let found = RunRecord {
            metrics: Some(RunMetrics { rows: 9, parts: 1, bytes: 900, ..RunMetrics::default() }),
            ..run(1, RunStatus::Committed)
        };
        vec![
            RunRecord { plan: Some(plan), ..run(4, RunStatus::Committed) },
            unfinished,
            run(2, RunStatus::Failed),
            found,
        ]
    }

    fn metrics(runs: Vec<RunRecord>) -> Metrics {
        let of_orders = history(&runs, "2026-03-02T12:00:00Z".parse().unwrap());
        let export = |name: &str, history| OfExport { export: name.parse().unwrap(), history };
        Metrics::new(runs, vec![export("orders", of_orders), export("users", None)])
    }

    #[test]
    fn runs_are_listed_with_what_planning_takes_from_them() {
        assert_snapshot!(metrics(runs()), @"
        #  export  started               status            time   rows      size  rows/s
        1  orders  2026-03-01T12:00:00Z  committed   1 min 01 s  3,003  100.0 kB      49
        2  orders  2026-03-01T12:00:00Z  unfinished
        3  orders  2026-03-01T12:00:00Z  failed      1 min 01 s      0       0 B
        4  orders  2026-03-01T12:00:00Z  committed                   9     900 B

        #  run                                   files  retries  longest statement
        1  01981f5e-7b3a-7cc0-8f43-1d2ab0c9e004      3        1             59.0 s
        2  01981f5e-7b3a-7cc0-8f43-1d2ab0c9e003
        3  01981f5e-7b3a-7cc0-8f43-1d2ab0c9e002      0        1             59.0 s
        4  01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001      1

        1: plan 01982222-7b3a-7cc0-8f43-1d2ab0c9e001; forced: applied 30 h after it was made, past its expiry
        3: rivet::source::connect: no connection to `db:5432`

        What planning takes from the last runs
          orders: 3 runs, 1 failed, 2 retries, 61.0 s on average; 50.4 kB on average; 49 rows/s in 1 run
          users: no run has ended yet
        ");
    }

    #[test]
    fn one_run_is_shown_with_all_that_is_known() {
        let shown: Vec<String> = runs().into_iter().take(3).map(|run| Metrics::of_run(run).to_string()).collect();
        assert_snapshot!(shown.join("\n"), @"
        run 01981f5e-7b3a-7cc0-8f43-1d2ab0c9e004
          export     orders
          status     committed
          started    2026-03-01T12:00:00Z
          finished   2027-01-15T08:00:00Z
          took       1 min 01 s
          rows       3,003, 49 rows/s
          files      3, 100.0 kB
          written to /data/out
          chunks     0 of 0 done
          retries    1
          statement  59.0 s the longest
          plan       01982222-7b3a-7cc0-8f43-1d2ab0c9e001
          forced     applied 30 h after it was made, past its expiry

        run 01981f5e-7b3a-7cc0-8f43-1d2ab0c9e003
          export     orders
          status     unfinished
          started    2026-03-01T12:00:00Z
          written to /data/out
          chunks     1 of 4 done

        run 01981f5e-7b3a-7cc0-8f43-1d2ab0c9e002
          export     orders
          status     failed
          started    2026-03-01T12:00:00Z
          finished   2027-01-15T08:00:00Z
          took       1 min 01 s
          rows       0
          files      0, 0 B
          written to /data/out
          chunks     0 of 0 done
          retries    1
          statement  59.0 s the longest
          error      rivet::source::connect: no connection to `db:5432`
        ");
    }

    #[test]
    fn no_run_is_said_to_be_none() {
        assert_snapshot!(metrics(Vec::new()), @"There was no run yet.");
    }

    #[test]
    fn runs_are_a_document() {
        let document = serde_json::to_string_pretty(&metrics(runs().drain(..1).collect())).unwrap();
        assert_snapshot!(document, @r#"
        {
          "runs": [
            {
              "run_id": "01981f5e-7b3a-7cc0-8f43-1d2ab0c9e004",
              "export": "orders",
              "status": "committed",
              "started_at": "2026-03-01T12:00:00Z",
              "finished_at": "2027-01-15T08:00:00Z",
              "duration_ms": 61000,
              "rows": 3003,
              "bytes": 99999,
              "parts": 3,
              "retries": 1,
              "longest_statement_ms": 59000,
              "rows_per_second": 49,
              "chunks_done": 0,
              "chunks": 0,
              "destination": "/data/out",
              "plan": {
                "plan_id": "01982222-7b3a-7cc0-8f43-1d2ab0c9e001",
                "forced": [
                  "applied 30 h after it was made, past its expiry"
                ]
              },
              "error": null
            }
          ],
          "exports": [
            {
              "export": "orders",
              "history": {
                "runs": 1,
                "failures": 0,
                "newest_failed": false,
                "retries": 1,
                "average_duration_ms": 61000,
                "average_bytes": 99999,
                "throughput": {
                  "runs": 1,
                  "low": 49.23,
                  "median": 49.23,
                  "high": 49.23
                }
              }
            },
            {
              "export": "users",
              "history": null
            }
          ]
        }
        "#);
    }
}
