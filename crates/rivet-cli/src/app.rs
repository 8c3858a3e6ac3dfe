use std::ffi::OsStr;

use clap::{ArgAction, Parser, Subcommand};
use rivet_config::Environment;

use crate::commands::{apply, check, completions, doctor, metrics, plan, run, schema, state};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{LogFormat, Printer, log};
use crate::stdout;

/// Tables and queries out of PostgreSQL, MySQL and MariaDB into Parquet and CSV.
///
/// Data goes to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(name = "rivet", version, disable_help_subcommand = true)]
pub(crate) struct App {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct GlobalArgs {
    /// Write each error as one line of JSON, and nothing else, to standard error.
    ///
    /// The object has the keys `code`, `message`, `retry` (`never` or `backoff`) and `exit_code`, and where there is
    /// something to say also `help`, `causes`, `export` and `labels`: places with `file`, `line`, `column`, `offset`,
    /// `length` and `text`.
    #[arg(long, global = true)]
    pub(crate) json_errors: bool,
    /// How log lines and the events of a run are written.
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) log_format: LogFormat,
    /// Log more: once for milestones, twice for every chunk, three times for everything.
    ///
    /// The environment variable `RIVET_LOG` sets the same by crate, for example `rivet_core=debug`, and wins.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Show no progress; the summary stays.
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::RunArgs),
    Plan(plan::PlanArgs),
    Apply(apply::ApplyArgs),
    Check(check::CheckArgs),
    Doctor(doctor::DoctorArgs),
    Metrics(metrics::MetricsArgs),
    State(state::StateArgs),
    Schema(schema::SchemaArgs),
    Completions(completions::CompletionsArgs),
}

/// Runs the program.
pub(crate) fn run() -> Exit {
    let environment = Environment::process();
    match App::try_parse() {
        Ok(app) => dispatch(&app, &environment),
        Err(error) => refuse(&error, &environment),
    }
}

fn dispatch(app: &App, environment: &Environment) -> Exit {
    let printer = Printer::new(&app.global, environment);
    let result = match log::install(&app.global, environment, &printer) {
        Err(failure) => Err(failure),
        Ok(()) => match &app.command {
            Command::Run(args) => return run::run(args, environment, &printer),
            Command::Plan(args) => return plan::run(args, environment, &printer),
            Command::Apply(args) => return apply::run(args, environment, &printer),
            Command::Check(args) => return check::run(args, environment, &printer),
            Command::Doctor(args) => return doctor::run(args, environment, &printer),
            Command::Metrics(args) => metrics::run(args, environment),
            Command::State(args) => state::run(args, environment),
            Command::Schema(args) => schema::run(args),
            Command::Completions(args) => completions::run(args),
        },
    };
    match result {
        Ok(()) => Exit::Success,
        Err(failure) => {
            printer.failure(&failure);
            failure.exit()
        }
    }
}

/// Answers a command line that is a question (`--help`) or a mistake.
fn refuse(error: &clap::Error, environment: &Environment) -> Exit {
    if !error.use_stderr() {
        return if stdout::print(&error.render().to_string()).is_ok() { Exit::Success } else { Exit::Failed };
    }
    // The flag can't be asked of a command line that could not be read.
    if std::env::args_os().any(|argument| argument == OsStr::new("--json-errors")) {
        let global = GlobalArgs { json_errors: true, log_format: LogFormat::default(), verbose: 0, no_progress: true };
        Printer::new(&global, environment).failure(&usage(&error.render().to_string()));
    } else {
        // Where stderr is closed there is nobody to tell.
        drop(error.print());
    }
    Exit::Usage
}

/// Takes clap's page apart: what is wrong, then tips, then the usage.
fn usage(page: &str) -> Failure {
    let mut paragraphs = page.trim().split("\n\n").map(|paragraph| {
        paragraph.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    });
    let message = paragraphs.next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let tips: Vec<String> =
        paragraphs.filter_map(|paragraph| paragraph.strip_prefix("tip: ").map(ToOwned::to_owned)).collect();
    let help = if tips.is_empty() { "Run `rivet --help` to see what there is.".to_owned() } else { tips.join(" ") };
    Failure::usage(message, help)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use miette::Diagnostic as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        App::command().debug_assert();
    }

    #[test]
    fn a_wrong_command_line_has_a_message_and_advice() {
        let check = |arguments: &[&str], message: &str, help: &str| {
            let error = App::try_parse_from(arguments).unwrap_err();
            let failure = usage(&error.render().to_string());
            assert_eq!((failure.to_string().as_str(), failure.help().unwrap().to_string().as_str()), (message, help));
        };
        check(
            &["rivet", "run", "--validat"],
            "unexpected argument '--validat' found",
            "a similar argument exists: '--validate'",
        );
        check(&["rivet", "walk"], "unrecognized subcommand 'walk'", "Run `rivet --help` to see what there is.");
        check(
            &["rivet", "run", "--parallel-exports", "0"],
            "invalid value '0' for '--parallel-exports [<N>]': number would be zero for non-zero type",
            "Run `rivet --help` to see what there is.",
        );
    }
}
