use clap::ValueEnum;
use rivet_config::Environment;
use tracing_subscriber::EnvFilter;

use crate::app::GlobalArgs;
use crate::failure::Failure;
use crate::render::Printer;

/// The environment variable that chooses what is logged.
const VARIABLE: &str = "RIVET_LOG";

/// How log lines and events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for a person.
    #[default]
    Text,
    /// One JSON object per line, for errors too; the summary is left out.
    Json,
}

/// Sends what the libraries log to standard error.
pub(crate) fn install(global: &GlobalArgs, environment: &Environment, printer: &Printer) -> Result<(), Failure> {
    let filter = filter(global, environment.get(VARIABLE))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(printer.screen().clone())
        .with_ansi(printer.colour());
    let installed = match global.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // A subscriber that is there already can only be that of a test in the same process.
    drop(installed);
    Ok(())
}

fn filter(global: &GlobalArgs, variable: Option<&str>) -> Result<EnvFilter, Failure> {
    let Some(directives) = variable.filter(|directives| !directives.trim().is_empty()) else {
        return Ok(EnvFilter::new(default_directives(global)));
    };
    EnvFilter::try_new(directives).map_err(|error| {
        let message = format!("the environment variable `{VARIABLE}` is not a list of log levels: {error}");
        Failure::usage(message, format!("Write for example `{VARIABLE}=info` or `{VARIABLE}=rivet_core=debug`."))
    })
}

/// `rivet` stands for all crates whose names begin with it. Other crates say no more than warnings: their details
/// may hold what a log must not have.
fn default_directives(global: &GlobalArgs) -> &'static str {
    match global.verbose {
        0 if global.json_errors => "off",
        0 => "warn",
        1 => "warn,rivet=info",
        2 => "warn,rivet=debug",
        3.. => "warn,rivet=trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(verbose: u8, json_errors: bool, variable: Option<&str>, expected: &str) {
        let global = GlobalArgs { json_errors, log_format: LogFormat::Text, verbose, no_progress: false };
        let filter = filter(&global, variable).map_or_else(|failure| failure.to_string(), |filter| filter.to_string());
        assert!(filter.contains(expected), "{filter}");
    }

    #[test]
    fn what_is_logged_is_chosen_by_flag_and_variable() {
        check(0, false, None, "warn");
        check(0, true, None, "off");
        check(1, true, None, "rivet=info");
        check(2, false, Some(" "), "rivet=debug");
        check(7, false, None, "rivet=trace");
        check(3, false, Some("rivet_core=error"), "rivet_core=error");
        check(0, false, Some("rivet=loud"), "`RIVET_LOG` is not a list of log levels");
    }
}
