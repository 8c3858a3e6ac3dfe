use std::time::Duration;

use miette::{Diagnostic, LabeledSpan, SourceCode, SourceSpan};
use rivet_core::{CheckOutcome, CheckStep, ExportReport, PlannedExport, RunReport};
use rivet_model::{ExportName, Retry};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;

/// An error as one JSON object.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    export: Option<ExportName>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<Label>,
    retry: Retry,
    exit_code: u8,
}

/// A place in a text that the user wrote.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Label {
    /// The file, where the text has one.
    file: Option<String>,
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
    /// From 0, in bytes.
    offset: usize,
    /// In bytes.
    length: usize,
    /// What is to be said about the place.
    text: Option<String>,
}

impl Problem {
    /// Returns what is wrong with a whole command: each mistake of a configuration by itself.
    pub(super) fn all_of(failure: &Failure) -> Vec<Self> {
        let problem = |error: &dyn Diagnostic| Self::new(error, None, failure.retry(), failure.exit());
        match failure.related() {
            Some(related) => related.map(problem).collect(),
            None => vec![problem(failure)],
        }
    }

    /// Returns what is wrong with an export.
    pub(super) fn of_export(report: &ExportReport) -> Option<Self> {
        let error = report.error.as_deref()?;
        Some(Self::new(error, Some(&report.export), error.retry(), error.into()))
    }

    /// Returns what the doctor found to be wrong.
    pub(super) fn of_step(step: &CheckStep) -> Option<Self> {
        let CheckOutcome::Failed(error) = &step.outcome else { return None };
        let error = error.as_ref();
        Some(Self::new(error, step.export.as_ref(), error.retry(), error.into()))
    }

    /// Returns why an export could not be planned.
    pub(super) fn of_planned(planned: &PlannedExport) -> Option<Self> {
        let error = planned.cause.error()?;
        Some(Self::new(error, Some(&planned.export_name), error.retry(), Exit::Failed))
    }

    /// Returns what stands behind an error, the nearest first.
    pub(crate) fn causes_of(error: &dyn Diagnostic) -> Vec<String> {
        causes(error)
    }

    fn new(error: &dyn Diagnostic, export: Option<&ExportName>, retry: Retry, exit: Exit) -> Self {
        Self {
            code: error.code().map_or_else(|| "rivet::cli::unknown".to_owned(), |code| code.to_string()),
            message: error.to_string(),
            causes: causes(error),
            help: error.help().map(|help| help.to_string()),
            export: export.cloned(),
            labels: labels(error),
            retry,
            exit_code: exit.code(),
        }
    }

    /// Returns the object on one line.
    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers have a JSON form")
    }
}

fn causes(error: &dyn Diagnostic) -> Vec<String> {
    let chain = std::iter::successors(error.source(), |cause| (*cause).source());
    chain.map(ToString::to_string).collect()
}

fn labels(error: &dyn Diagnostic) -> Vec<Label> {
    let (Some(text), Some(labels)) = (error.source_code(), error.labels()) else { return Vec::new() };
    labels.filter_map(|label| place(text, &label)).collect()
}

fn place(text: &dyn SourceCode, label: &LabeledSpan) -> Option<Label> {
    let whole = text.read_span(&SourceSpan::new(0.into(), label.offset()), 0, 0).ok()?;
    let name = text.read_span(label.inner(), 0, 0).ok()?.name().map(ToOwned::to_owned);
    // A span without length is read as one of length 1.
    let before = String::from_utf8_lossy(whole.data().get(..label.offset())?);
    Some(Label {
        file: name,
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1,
        offset: label.offset(),
        length: label.len(),
        text: label.label().map(ToOwned::to_owned),
    })
}

/// The report of a run as one JSON document, for `--json` and `--summary-output`.
#[derive(Debug, Serialize)]
pub(crate) struct RunDocument<'a> {
    rivet_version: &'static str,
    status: Status,
    exit_code: u8,
    duration_ms: u64,
    peak_memory_bytes: Option<u64>,
    exports: &'a [ExportReport],
    /// What went wrong, with places and advice, as `--json-errors` has it.
    errors: Vec<Problem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Success,
    Failed,
    Interrupted,
}

impl<'a> RunDocument<'a> {
    /// Makes the document of a run that came to its end, or of one that did not begin.
    pub(crate) fn new(
        result: Result<&'a RunReport, &'a Failure>,
        exit: Exit,
        duration: Duration,
        peak_memory: Option<u64>,
    ) -> Self {
        let (exports, errors) = match result {
            Ok(report) => (report.exports.as_slice(), report.exports.iter().filter_map(Problem::of_export).collect()),
            Err(failure) => (&[][..], Problem::all_of(failure)),
        };
        Self {
            rivet_version: env!("CARGO_PKG_VERSION"),
            status: match exit {
                Exit::Success => Status::Success,
                Exit::Interrupted => Status::Interrupted,
                Exit::Failed | Exit::Usage | Exit::Integrity | Exit::SchemaDrift | Exit::Transient => Status::Failed,
            },
            exit_code: exit.code(),
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            peak_memory_bytes: peak_memory,
            exports,
            errors,
        }
    }

    /// Returns the document's text, with a line end.
    pub(crate) fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("texts and numbers have a JSON form");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::render::sample;

    #[test]
    fn an_error_is_one_line() {
        let problem = Problem::of_export(&sample::failed("big orders")).unwrap();
        assert_snapshot!(problem.line(), @r#"{"code":"rivet::source::statement","message":"the statement is not valid: syntax error at \"FORM\"","help":"Correct the query of the export.","export":"big orders","labels":[{"file":null,"line":2,"column":1,"offset":9,"length":0,"text":"here"}],"retry":"never","exit_code":1}"#);
    }

    #[test]
    fn a_failure_of_the_whole_command_names_no_export() {
        let failure = Failure::usage("two things at once", "Take one.");
        let lines: Vec<String> = Problem::all_of(&failure).iter().map(Problem::line).collect();
        assert_snapshot!(lines.join("\n"), @r#"{"code":"rivet::cli::usage","message":"two things at once","help":"Take one.","retry":"never","exit_code":2}"#);
    }

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let text = "a: 1\nä: ö\n".to_owned();
        let offset = text.find('ö').unwrap();
        let label = place(&text, &LabeledSpan::new(Some("here".to_owned()), offset, 2)).unwrap();
        assert_eq!((label.line, label.column, label.offset, label.length), (2, 4, 9, 2));
        let first = place(&text, &LabeledSpan::new(None, 0, 1)).unwrap();
        assert_eq!((first.line, first.column), (1, 1));
    }

    #[test]
    fn the_report_is_a_document() {
        let mut orders = sample::committed("orders");
        orders.cursor_after = Some(sample::position("2026-03-02", 17));
        let report = sample::run(vec![orders, sample::failed("big orders")]);
        let document = RunDocument::new(Ok(&report), Exit::Failed, Duration::from_millis(12_345), Some(64_000_000));
        assert_snapshot!(document.text(), @r#"
        {
          "rivet_version": "0.1.0",
          "status": "failed",
          "exit_code": 1,
          "duration_ms": 12345,
          "peak_memory_bytes": 64000000,
          "exports": [
            {
              "export": "orders",
              "run_id": "01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001",
              "status": "committed",
              "rows": 6001215,
              "bytes": 158312345,
              "parts": [
                {
                  "name": "orders-0.parquet",
                  "rows": 4000000,
                  "bytes": 105000000,
                  "sha256": "abababababababababababababababababababababababababababababababab"
                },
                {
                  "name": "orders-1.parquet",
                  "rows": 2001215,
                  "bytes": 53312345,
                  "sha256": "abababababababababababababababababababababababababababababababab"
                }
              ],
              "duration_ms": 9812,
              "chunks": 1,
              "chunks_resumed": 0,
              "statements": 1,
              "retries": 0,
              "longest_statement_ms": 9640,
              "nulled": {},
              "consistency": {
                "held": "snapshot",
                "position": "0/1A2B3C8"
              },
              "cursor_before": null,
              "cursor_after": {
                "columns": [
                  "updated_at",
                  "id"
                ],
                "values": [
                  {
                    "type": "timestamp_tz",
                    "value": "2026-03-02 12:00:00+00"
                  },
                  {
                    "type": "int",
                    "value": 17
                  }
                ]
              },
              "destination": "/data/out",
              "manifest": "_rivet/01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001.json",
              "validated": null,
              "error": null
            },
            {
              "export": "big orders",
              "run_id": "01981f5e-7b3a-7cc0-8f43-1d2ab0c9e001",
              "status": "failed",
              "rows": 0,
              "bytes": 0,
              "parts": [],
              "duration_ms": 31,
              "chunks": 0,
              "chunks_resumed": 0,
              "statements": 0,
              "retries": 0,
              "longest_statement_ms": 0,
              "nulled": {},
              "consistency": null,
              "cursor_before": null,
              "cursor_after": null,
              "destination": "/data/out",
              "manifest": null,
              "validated": null,
              "error": {
                "code": "rivet::source::statement",
                "message": "the statement is not valid: syntax error at \"FORM\"",
                "retry": "never"
              }
            }
          ],
          "errors": [
            {
              "code": "rivet::source::statement",
              "message": "the statement is not valid: syntax error at \"FORM\"",
              "help": "Correct the query of the export.",
              "export": "big orders",
              "labels": [
                {
                  "file": null,
                  "line": 2,
                  "column": 1,
                  "offset": 9,
                  "length": 0,
                  "text": "here"
                }
              ],
              "retry": "never",
              "exit_code": 1
            }
          ]
        }
        "#);
    }
}
