use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

use rivet_config::{Config, Destination, Environment, ExportConfig};
use rivet_core::{Engine, RunOptions, RunReport};
use rivet_model::ExportName;
use rivet_postgres::PostgresFactory;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::commands::ConfigArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{Printer, Progress, RunDocument, Summary, reader_is_gone};
use crate::{atomic_file, memory, signals, state_store, stdout};

/// Threads that wait for sockets, files and signals. The engine reads and encodes on threads of its own.
const CONTROL_THREADS: usize = 2;

/// Run the exports of a configuration.
///
/// What a run has written becomes visible when all of it is there, and not before. A run that was stopped or has
/// failed is repeated with the same command. Chunks that it has read already are not read again where `resume` in the
/// configuration allows it.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Run this export only; may be given several times.
    #[arg(short, long = "export", value_name = "NAME")]
    exports: Vec<ExportName>,
    /// How many exports run at once; without a number all of them, at most one per core.
    #[arg(long, value_name = "N")]
    #[expect(clippy::option_option, reason = "the flag is absent, bare, or has a number")]
    parallel_exports: Option<Option<NonZeroUsize>>,
    /// Go on with runs that did not come to their end, in every mode and however old they are, where the configuration
    /// still asks for the same files.
    #[arg(long)]
    resume: bool,
    /// Read every part back and compare it with its manifest before anything becomes visible.
    #[arg(long)]
    validate: bool,
    /// Write the report as JSON to a file, however the run ends.
    #[arg(long, value_name = "FILE")]
    summary_output: Option<PathBuf>,
    /// Write the report as JSON to standard output, in place of the summary.
    #[arg(long)]
    json: bool,
}

/// Runs the exports and says how it went.
pub(crate) fn run(args: &RunArgs, environment: &Environment, printer: &Printer) -> Exit {
    let begin = Instant::now();
    let progress = Arc::new(Progress::new(printer.screen(), printer.progress()));
    let result = execute(args, environment, printer, &progress);
    progress.clear();
    let end = End { args, printer, begin };
    match &result {
        Ok(report) => end.of_report(report, &progress),
        Err(failure) => end.of_failure(failure),
    }
}

fn execute(
    args: &RunArgs,
    environment: &Environment,
    printer: &Printer,
    progress: &Arc<Progress>,
) -> Result<RunReport, Failure> {
    check_summary_output(args.summary_output.as_deref())?;
    let config = args.config.load(environment)?;
    let chosen = chosen(&config, &args.exports);
    check_stdout(args, &chosen)?;
    let options = RunOptions {
        exports: if args.exports.is_empty() { Vec::new() } else { unique(&args.exports) },
        parallel_exports: args.parallel_exports.map(|number| parallel(number, chosen.len())),
        validate: args.validate,
        resume: args.resume,
    };
    let runtime = runtime()?;
    let engine = engine(&config, progress)?;
    runtime.block_on(Box::pin(async {
        let cancel = CancellationToken::new();
        let signals = signals::listen(&cancel, printer.screen()).map_err(|source| Failure::Runtime { source })?;
        let report = engine.run(&config, &options, &cancel).await?;
        drop(signals);
        Ok(report)
    }))
}

fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("rivet-control")
        .enable_all()
        .build()
        .map_err(|source| Failure::Runtime { source })
}

fn engine(config: &Config, progress: &Arc<Progress>) -> Result<Engine, Failure> {
    let state = state_store::open(config)?;
    let observer = Arc::clone(progress);
    Ok(Engine::builder(state).source(PostgresFactory).observer(observer).stream(stdout::open).build())
}

/// The exports that will run. Names that no export has are the engine's to refuse.
fn chosen<'c>(config: &'c Config, names: &[ExportName]) -> Vec<&'c ExportConfig> {
    config.exports.iter().filter(|export| names.is_empty() || names.contains(&export.name)).collect()
}

fn unique(names: &[ExportName]) -> Vec<ExportName> {
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

/// Refuses what can't go together with data on standard output.
fn check_stdout(args: &RunArgs, exports: &[&ExportConfig]) -> Result<(), Failure> {
    let Some(export) = exports.iter().find(|export| matches!(export.destination, Destination::Stdout)) else {
        return Ok(());
    };
    let name = &export.name;
    if args.json {
        let message = format!("`--json` and export `{name}` both write to standard output");
        let help = "Use `--summary-output FILE` for the report, or give the export another destination.";
        return Err(Failure::usage(message, help));
    }
    if args.validate {
        let message = format!("`--validate` can't read back what export `{name}` writes to standard output");
        let help = "Leave `--validate` out, or give the export another destination.";
        return Err(Failure::usage(message, help));
    }
    Ok(())
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
    args: &'a RunArgs,
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
