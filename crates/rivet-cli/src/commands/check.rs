use rivet_config::Environment;

use super::planning::{self, PlanningArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::check::CheckReport;
use crate::render::types::Target;
use crate::render::{Printer, document};
use crate::stdout;

/// Say what is to be said of exports before they run: verdicts, findings, profiles, types.
///
/// Nothing is written, and the source is asked for descriptions, indexes and statistics only: no table is read.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    planning: PlanningArgs,
    /// List every column with its type at the source, its type in the files, and whether that keeps its values.
    #[arg(long)]
    type_report: bool,
    /// List the columns with what they become where the files are loaded; what can't be kept there is a warning.
    #[arg(long, value_enum, value_name = "TARGET")]
    target: Option<Target>,
    /// Exit with 1 where there is a warning or worse.
    #[arg(long)]
    strict: bool,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

/// Checks the exports and says what was found.
pub(crate) fn run(args: &CheckArgs, environment: &Environment, printer: &Printer) -> Exit {
    match execute(args, environment, printer) {
        Ok(exit) => exit,
        Err(failure) => {
            printer.failure(&failure);
            failure.exit()
        }
    }
}

fn execute(args: &CheckArgs, environment: &Environment, printer: &Printer) -> Result<Exit, Failure> {
    let targets = args.planning.targets(environment)?;
    let planned = planning::plan(&targets, false, environment, printer)?;
    let lists_types = args.type_report || args.target.is_some();
    let report = CheckReport::of(&planned, lists_types, args.target);
    let text = if args.json { document(&report) } else { report.to_string() };
    stdout::print(&text).map_err(|source| Failure::Stdout { source })?;
    printer.not_planned(&planned);
    let is_refused = report.has_errors() || (args.strict && report.has_warnings());
    Ok(if is_refused { Exit::Failed } else { Exit::Success })
}
