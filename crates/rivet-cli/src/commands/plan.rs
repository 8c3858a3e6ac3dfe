use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::Timestamp;
use rivet_config::Environment;
use rivet_core::{Plan, PlanError, PlannedExport};
use rivet_priority::{Assumption, Signals, Strategy};

use super::apply;
use super::planning::{self, PlanningArgs, Target};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::plan::{Paper, PlanView};
use crate::render::{Printer, moment};
use crate::{atomic_file, stdout};

/// Find out what a run would read and what it would cost, and what to run first.
///
/// Nothing is written but the plan, and the source is asked for descriptions, indexes and statistics only: no table is
/// read. The plan says for each export what it reads, in how many pieces, how long that may take, what was found, and
/// how urgent it is; and for several exports, which of them should not meet. It is advice: nothing is run, and nothing
/// is held back. With `-o` the plan becomes a sealed file that `rivet apply` runs as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    planning: PlanningArgs,
    /// Write the plan to a file. Without `--format` it is the sealed JSON for `rivet apply`, or HTML where the name ends
    /// in `.html`, and the plan for a person still goes to standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The form of what goes to standard output, or to the file of `--output`.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Plan as if every export were reconciled after its run.
    #[arg(long)]
    reconcile: bool,
    /// Show how each score comes about, with what each of its points rests on, the statement that was explained, and
    /// all that was sent to the source.
    #[arg(long)]
    explain: bool,
    /// Show what has changed since an older plan, and which signal has changed it.
    #[arg(long, value_name = "FILE")]
    diff: Option<PathBuf>,
    /// Plan as if a signal were another; may be given several times.
    ///
    /// For example `orders.rows=50000000`, `events.verdict=degraded`, `events.chunks=12`. The plan shows what was
    /// assumed. What would be run stays the same.
    #[arg(long = "assume", value_name = "EXPORT.SIGNAL=VALUE")]
    assumptions: Vec<Assumption>,
}

/// The form of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text for a person.
    Pretty,
    /// The sealed plan, for `rivet apply`.
    Json,
    /// One page that needs no network and no script.
    Html,
}

impl Format {
    /// Returns the form of a file where nobody has said it.
    fn of_file(path: &Path) -> Self {
        let is_html = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html"));
        if is_html { Self::Html } else { Self::Json }
    }
}

/// What goes where.
#[derive(Debug, PartialEq, Eq)]
struct Outputs<'a> {
    stdout: Option<Format>,
    file: Option<(&'a Path, Format)>,
}

impl PlanArgs {
    fn outputs(&self) -> Outputs<'_> {
        match (&self.output, self.format) {
            (None, format) => Outputs { stdout: Some(format.unwrap_or(Format::Pretty)), file: None },
            (Some(path), Some(format)) => Outputs { stdout: None, file: Some((path, format)) },
            (Some(path), None) => Outputs { stdout: Some(Format::Pretty), file: Some((path, Format::of_file(path))) },
        }
    }

    /// Refuses what would be found out only when the plan is there, or never.
    fn check(&self) -> Result<(), Failure> {
        if let Some(path) = &self.output
            && (path.is_dir() || !atomic_file::folder_of(path).is_dir())
        {
            let message = format!("`--output {}` can't become a file", path.display());
            return Err(Failure::usage(message, "Name a file in a folder that exists."));
        }
        let flag = if self.diff.is_some() { "--diff" } else { "--explain" };
        if self.format == Some(Format::Json) && (self.diff.is_some() || self.explain) {
            let message =
                format!("`{flag}` shows nothing with `--format json`: a sealed plan is the same with and without it");
            return Err(Failure::usage(
                message,
                "Leave `--format` out: `-o FILE` alone writes the JSON beside the text.",
            ));
        }
        Ok(())
    }
}

/// Plans the exports and shows the plan.
pub(crate) fn run(args: &PlanArgs, environment: &Environment, printer: &Printer) -> Exit {
    match execute(args, environment, printer) {
        Ok(exit) => exit,
        Err(failure) => {
            printer.failure(&failure);
            failure.exit()
        }
    }
}

fn execute(args: &PlanArgs, environment: &Environment, printer: &Printer) -> Result<Exit, Failure> {
    args.check()?;
    let targets = args.planning.targets(environment)?;
    check_assumptions(&args.assumptions, &targets)?;
    let older = args.diff.as_deref().map(apply::read).transpose()?;
    let planned = planning::plan(&targets, args.reconcile, environment, printer)?;
    let paths = targets.into_iter().map(|target| target.path).collect();
    let plan = Plan::seal(planned, paths, &args.assumptions, Timestamp::now())?;
    let view = PlanView::new(&plan).explain(args.explain).since(older.as_ref());
    let outputs = args.outputs();
    if let Some((path, format)) = outputs.file {
        write(path, format, &view, &plan)?;
        tell_written(path, format, &plan, printer);
    }
    if let Some(format) = outputs.stdout {
        let text = text(format, &view, &plan, Paper::stdout(environment));
        stdout::print(&text).map_err(|source| Failure::Stdout { source })?;
    }
    Ok(tell_failures(&plan.exports, printer))
}

/// Finds out before a server is asked whether there is anything to assume of.
fn check_assumptions(assumptions: &[Assumption], targets: &[Target]) -> Result<(), Failure> {
    let names = targets.iter().flat_map(|target| &target.exports);
    let mut signals: Vec<Signals> = names.map(|name| Signals::new(name.as_str(), Strategy::Full)).collect();
    Ok(rivet_priority::assume(&mut signals, assumptions).map_err(PlanError::from)?)
}

fn text(format: Format, view: &PlanView<'_>, plan: &Plan, paper: Paper) -> String {
    match format {
        Format::Pretty => view.pretty(paper),
        Format::Json => plan.to_json(),
        Format::Html => view.html(),
    }
}

fn write(path: &Path, format: Format, view: &PlanView<'_>, plan: &Plan) -> Result<(), Failure> {
    let text = text(format, view, plan, Paper::PLAIN);
    atomic_file::write(path, text.as_bytes()).map_err(|source| Failure::PlanOutput { path: path.to_owned(), source })
}

fn tell_written(path: &Path, format: Format, plan: &Plan, printer: &Printer) {
    let path = path.display();
    let text = match format {
        Format::Json => {
            format!("plan written to {path}; until {} `rivet apply {path}` runs it", moment(plan.expires_at))
        }
        Format::Pretty | Format::Html => format!("plan written to {path}"),
    };
    printer.screen().message(&text);
}

/// Says why exports could not be planned, one by one.
fn tell_failures(planned: &[PlannedExport], printer: &Printer) -> Exit {
    printer.not_planned(planned);
    if planned.iter().any(|export| export.error.is_some()) { Exit::Failed } else { Exit::Success }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: PlanArgs,
    }

    fn args(arguments: &[&str]) -> PlanArgs {
        Command::parse_from([&["plan"], arguments].concat()).args
    }

    #[test]
    fn the_form_decides_what_goes_where() {
        let check = |arguments: &[&str], stdout: Option<Format>, file: Option<(&str, Format)>| {
            let file = file.map(|(path, format)| (Path::new(path), format));
            assert_eq!(args(arguments).outputs(), Outputs { stdout, file }, "{arguments:?}");
        };
        check(&[], Some(Format::Pretty), None);
        check(&["--format", "json"], Some(Format::Json), None);
        check(&["-o", "p.json"], Some(Format::Pretty), Some(("p.json", Format::Json)));
        check(&["-o", "p"], Some(Format::Pretty), Some(("p", Format::Json)));
        check(&["-o", "p.HTML"], Some(Format::Pretty), Some(("p.HTML", Format::Html)));
        check(&["-o", "p.json", "--format", "pretty"], None, Some(("p.json", Format::Pretty)));
        check(&["-o", "p.html", "--format", "json"], None, Some(("p.html", Format::Json)));
    }

    #[test]
    fn what_a_sealed_plan_cannot_show_is_refused() {
        let check = |arguments: &[&str], expected: Option<&str>| {
            let message = args(arguments).check().err().map(|failure| failure.to_string());
            assert_eq!(message.as_deref().map(|text| text.split(" shows").next().unwrap_or(text)), expected);
        };
        check(&["--explain"], None);
        check(&["--explain", "--diff", "old.json", "--format", "html"], None);
        check(&["--explain", "-o", "plan.json"], None);
        check(&["--explain", "--format", "json"], Some("`--explain`"));
        check(&["--diff", "old.json", "--format", "json"], Some("`--diff`"));
    }
}
