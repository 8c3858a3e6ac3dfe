//! What `run` and `apply` have in common: how exports run, and how a call of the engine ends for who called.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

use rivet_config::{Destination, Environment, ExportConfig};
use rivet_core::{Engine, RunReport};
use rivet_history::StateStore;
use rivet_model::ExportName;
use rivet_mysql::MysqlFactory;
use rivet_postgres::PostgresFactory;
use tokio_util::sync::CancellationToken;

use crate::commands::runtime;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::notify::Notifier;
use crate::render::{Printer, Progress, RunDocument, Summary, reader_is_gone};
use crate::{atomic_file, memory, signals, stdout};

/// How exports run and what is told of it, whatever says which they are.
#[derive(Debug, clap::Args)]
pub(super) struct ExecutionArgs {
    /// How many exports run at once; without a number all of them, at most one per core.
    #[arg(long, value_name = "N")]
    #[expect(clippy::option_option, reason = "the flag is absent, bare, or has a number")]
    parallel_exports: Option<Option<NonZeroUsize>>,
    /// Read every part back and compare it with its manifest before anything becomes visible.
    #[arg(long)]
    pub(super) validate: bool,
    /// Write the report as JSON to a file, however the run ends.
    #[arg(long, value_name = "FILE")]
    summary_output: Option<PathBuf>,
    /// Write the report as JSON to standard output, in place of the summary.
    #[arg(long)]
    json: bool,
}

impl ExecutionArgs {
    /// Runs exports and says how it went.
    pub(super) fn execute(&self, printer: &Printer, work: impl FnOnce(&Watch) -> Result<RunReport, Failure>) -> Exit {
        let begin = Instant::now();
        let progress = Arc::new(Progress::new(printer.screen(), printer.progress()));
        let watch = Watch { progress, notifier: Arc::default() };
        let result = check_summary_output(self.summary_output.as_deref()).and_then(|()| work(&watch));
        watch.progress.clear();
        let end = End { args: self, printer, begin };
        let exit = match &result {
            Ok(report) => end.of_report(report, &watch.progress),
            Err(failure) => end.of_failure(failure),
        };
        // The last thing: whoever waits for the files or reads along waits for nobody else.
        if !result.as_ref().is_ok_and(reader_is_gone) {
            watch.notifier.tell(result.as_ref(), exit, printer);
        }
        exit
    }

    /// Returns how many of so many exports run at once, where the command line says it.
    pub(super) fn parallel(&self, exports: usize) -> Option<usize> {
        self.parallel_exports.map(|asked| parallel(asked, exports))
    }

    /// Refuses what can't go together with data on standard output.
    pub(super) fn check_stdout<'e>(&self, exports: impl IntoIterator<Item = &'e ExportConfig>) -> Result<(), Failure> {
        let mut exports = exports.into_iter();
        let Some(export) = exports.find(|export| matches!(export.destination, Destination::Stdout)) else {
            return Ok(());
        };
        let name = &export.name;
        if self.json {
            let message = format!("`--json` and export `{name}` both write to standard output");
            let help = "Use `--summary-output FILE` for the report, or give the export another destination.";
            return Err(Failure::usage(message, help));
        }
        if self.validate {
            let message = format!("`--validate` can't read back what export `{name}` writes to standard output");
            let help = "Leave `--validate` out, or give the export another destination.";
            return Err(Failure::usage(message, help));
        }
        Ok(())
    }
}

/// Who looks on while exports run.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) progress: Arc<Progress>,
    pub(super) notifier: Arc<Notifier>,
}

/// Makes the engine that runs exports and keeps their runs in a state store.
pub(super) fn engine(state: Arc<dyn StateStore>, environment: &Environment, watch: &Watch) -> Engine {
    let (progress, notifier) = (Arc::clone(&watch.progress), Arc::clone(&watch.notifier));
    let engine =
        Engine::builder(state).source(PostgresFactory).source(MysqlFactory).observer(progress).observer(notifier);
    engine.stream(stdout::open).destination(rivet_cloud::open).environment(environment.clone()).build()
}

/// Calls an engine, until it is done or a signal stops it.
pub(super) fn call<F>(printer: &Printer, work: impl FnOnce(CancellationToken) -> F) -> Result<RunReport, Failure>
where
    F: Future<Output = Result<RunReport, Failure>>,
{
    runtime()?.block_on(Box::pin(async {
        let cancel = CancellationToken::new();
        let signals = signals::listen(&cancel, printer.screen()).map_err(|source| Failure::Runtime { source })?;
        let report = work(cancel).await?;
        drop(signals);
        Ok(report)
    }))
}

/// Returns names in their order, each once.
pub(super) fn unique(names: &[ExportName]) -> Vec<ExportName> {
    let mut unique: Vec<ExportName> = Vec::with_capacity(names.len());
    for name in names {
        if !unique.contains(name) {
            unique.push(name.clone());
        }
    }
    unique
}

fn parallel(asked: Option<NonZeroUsize>, exports: usize) -> usize {
    let cores = || available_parallelism().map_or(1, NonZeroUsize::get);
    asked.map_or_else(|| exports.clamp(1, cores()), NonZeroUsize::get)
}

/// Finds out before the run what would be found out hours later.
fn check_summary_output(file: Option<&Path>) -> Result<(), Failure> {
    let Some(file) = file else { return Ok(()) };
    if file.is_dir() || !atomic_file::folder_of(file).is_dir() {
        let message = format!("`--summary-output {}` can't become a file", file.display());
        return Err(Failure::usage(message, "Name a file in a folder that exists."));
    }
    Ok(())
}

/// How a call ends: what is written where.
struct End<'a> {
    args: &'a ExecutionArgs,
    printer: &'a Printer,
    begin: Instant,
}

impl End<'_> {
    fn of_report(&self, report: &RunReport, progress: &Progress) -> Exit {
        let exit = Exit::from(report);
        let is_written = self.documents(Ok(report), exit);
        if reader_is_gone(report) {
            return exit;
        }
        if !self.args.json {
            let notes = progress.take_notes();
            self.printer.summary(&Summary { report, notes: &notes, peak_memory: memory::peak() });
        }
        self.printer.failures(report);
        if is_written { exit } else { exit.or_worse(Exit::Failed) }
    }

    fn of_failure(&self, failure: &Failure) -> Exit {
        let exit = failure.exit();
        // Why a report was not written has been said, and is not what has failed first.
        self.documents(Err(failure), exit);
        self.printer.failure(failure);
        exit
    }

    /// Writes the report for programs to wherever it was asked for, and returns whether that went well.
    fn documents(&self, result: Result<&RunReport, &Failure>, exit: Exit) -> bool {
        if !self.args.json && self.args.summary_output.is_none() {
            return true;
        }
        let text = RunDocument::new(result, exit, self.begin.elapsed(), memory::peak()).text();
        let mut failures = Vec::new();
        if let Some(path) = self.args.summary_output.as_deref()
            && let Err(source) = atomic_file::write(path, text.as_bytes())
        {
            failures.push(Failure::SummaryOutput { path: path.to_owned(), source });
        }
        if self.args.json
            && let Err(source) = stdout::print(&text)
        {
            failures.push(Failure::Stdout { source });
        }
        for failure in &failures {
            self.printer.failure(failure);
        }
        failures.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_flag_takes_the_exports_and_the_cores() {
        let cores = available_parallelism().unwrap().get();
        assert_eq!(parallel(None, 1), 1);
        assert_eq!(parallel(None, 0), 1);
        assert_eq!(parallel(None, 10_000), cores);
        assert_eq!(parallel(NonZeroUsize::new(7), 2), 7);
    }

    #[test]
    fn a_name_given_twice_runs_once() {
        let name = |text: &str| text.parse::<ExportName>().unwrap();
        assert_eq!(unique(&[name("b"), name("a"), name("b")]), [name("b"), name("a")]);
    }
}
