use std::error::Error as _;
use std::io;

use rivet_config::Environment;
use rivet_core::{DoctorReport, EngineError, PlannedExport, RunReport};

use super::error::{ExportError, Reader, render};
use super::json::Problem;
use super::progress::ProgressStyle;
use super::{LogFormat, Screen, Summary};
use crate::app::GlobalArgs;
use crate::failure::Failure;

/// Knows how this call of the program speaks: to whom, in which form, and how much.
#[derive(Debug)]
pub(crate) struct Printer {
    screen: Screen,
    reader: Reader,
    /// Whether standard error has nothing but lines of JSON.
    json: bool,
    progress: ProgressStyle,
}

impl Printer {
    /// Makes the printer for the flags, the environment and the terminal.
    pub(crate) fn new(global: &GlobalArgs, environment: &Environment) -> Self {
        let terminal = Screen::is_terminal(environment.get("TERM"));
        let colour = terminal && environment.get("NO_COLOR").is_none_or(str::is_empty);
        let progress = match global.log_format {
            _ if global.no_progress || global.json_errors => ProgressStyle::None,
            LogFormat::Json => ProgressStyle::Json,
            LogFormat::Text if terminal => ProgressStyle::Bars,
            LogFormat::Text => ProgressStyle::Lines,
        };
        let json = global.json_errors || global.log_format == LogFormat::Json;
        Self {
            screen: Screen::new(progress == ProgressStyle::Bars, json),
            reader: if terminal { Reader::Terminal { colour } } else { Reader::File },
            json,
            progress,
        }
    }

    /// Returns standard error.
    pub(crate) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Returns whether there may be colours.
    pub(crate) fn colour(&self) -> bool {
        self.reader == Reader::Terminal { colour: true }
    }

    /// Returns how progress is shown.
    pub(crate) fn progress(&self) -> ProgressStyle {
        self.progress
    }

    /// Writes what a person reads at the end of a run.
    pub(crate) fn summary(&self, summary: &Summary<'_>) {
        // A blank line ends what was shown on the way.
        let gap = if self.progress == ProgressStyle::None { "" } else { "\n" };
        self.screen.message(&format!("{gap}{summary}"));
    }

    /// Says what went wrong beside what the command was for.
    pub(crate) fn warning(&self, text: &str) {
        if self.json {
            tracing::warn!("{text}");
        } else {
            self.screen.message(&format!("warning: {text}"));
        }
    }

    /// Says why a command did not come to its end.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            for problem in Problem::all_of(failure) {
                self.screen.line(&problem.line());
            }
        } else {
            self.screen.line(render(failure, self.reader).trim_end());
        }
    }

    /// Says why exports failed.
    pub(crate) fn failures(&self, report: &RunReport) {
        if self.json {
            for problem in report.exports.iter().filter_map(Problem::of_export) {
                self.screen.line(&problem.line());
            }
            return;
        }
        for error in ExportError::all_of(&report.exports) {
            self.screen.line(&format!("\n{}", render(&error, self.reader).trim_end()));
        }
    }

    /// Says for programs what is wrong with what runs need. A person has read it already.
    pub(crate) fn not_healthy(&self, report: &DoctorReport) {
        if !self.json {
            return;
        }
        for problem in report.steps().filter_map(|(_, step)| Problem::of_step(step)) {
            self.screen.line(&problem.line());
        }
    }

    /// Says why exports could not be planned, one by one.
    pub(crate) fn not_planned(&self, planned: &[PlannedExport]) {
        for export in planned {
            if self.json {
                if let Some(problem) = Problem::of_planned(export) {
                    self.screen.line(&problem.line());
                }
            } else if let Some(error) = ExportError::of_planned(export) {
                self.screen.line(&format!("\n{}", render(&error, self.reader).trim_end()));
            }
        }
    }
}

/// Returns whether exports failed for no other reason than that nobody reads our stdout any more, as after `| head`.
pub(crate) fn reader_is_gone(report: &RunReport) -> bool {
    let mut failures = report.exports.iter().filter_map(|export| export.error.as_deref()).peekable();
    failures.peek().is_some() && failures.all(is_broken_pipe)
}

/// Returns whether nobody reads any more what an export writes.
pub(super) fn is_broken_pipe(error: &EngineError) -> bool {
    // A source has pipes of its own, and those of local files do not break.
    if !matches!(error, EngineError::Store(_) | EngineError::Write(_)) {
        return false;
    }
    let chain = std::iter::successors(error.source(), |cause| (*cause).source());
    chain.filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rivet_writer::{StoreError, WriteError};

    use super::*;
    use crate::render::sample;

    fn broken(kind: io::ErrorKind) -> StoreError {
        StoreError::Io { action: "write to", path: "stdout".to_owned(), source: kind.into() }
    }

    #[test]
    fn a_reader_that_is_gone_is_told_from_other_failures() {
        let check = |error: EngineError, expected: bool| {
            let mut export = sample::failed("orders");
            export.error = Some(Arc::new(error));
            assert_eq!(reader_is_gone(&sample::run(vec![sample::committed("lineitem"), export])), expected);
        };
        check(broken(io::ErrorKind::BrokenPipe).into(), true);
        check(WriteError::Store(broken(io::ErrorKind::BrokenPipe)).into(), true);
        check(broken(io::ErrorKind::StorageFull).into(), false);
        check(EngineError::Interrupted, false);
        assert!(!reader_is_gone(&sample::run(vec![sample::committed("orders")])));
    }
}
