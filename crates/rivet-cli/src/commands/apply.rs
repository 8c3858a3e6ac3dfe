use std::collections::BTreeMap;
use std::io::{Read as _, stdin};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use rivet_config::Environment;
use rivet_core::{ApplyOptions, Choice, Engine, EngineError, ExportReport, Plan, PlannedExport, RunReport};
use rivet_model::ExportName;
use tokio_util::sync::CancellationToken;

use super::execution::{self, ExecutionArgs, Watch};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Printer;
use crate::state_store;

/// Run a sealed plan, as `rivet plan` has written it.
///
/// The configuration is not read again: the plan holds all but the passwords, which are read from where they were when
/// it was made. It runs the chunks, bounds and positions that were planned. A plan that was changed or has expired is
/// refused, and an export is where its position, its columns or its server are no longer those of the plan; the others
/// go on. An export that the plan has committed already is skipped, so that a plan that was cut off is applied again to
/// go on with it.
#[derive(Debug, clap::Args)]
pub(crate) struct ApplyArgs {
    /// The plan; `-` for standard input.
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Run this export only; may be given several times.
    #[arg(short, long = "export", value_name = "NAME")]
    exports: Vec<ExportName>,
    /// Run only exports that are advised to start in this wave.
    #[arg(long, value_name = "N")]
    wave: Option<u8>,
    /// Apply a plan that has expired, and run exports again that it has committed already. The record of a run keeps
    /// what was forced.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    execution: ExecutionArgs,
}

/// Runs the plan and says how it went.
pub(crate) fn run(args: &ApplyArgs, environment: &Environment, printer: &Printer) -> Exit {
    args.execution.execute(printer, |watch| {
        let plan = read(&args.plan)?;
        let choice = Choice { exports: args.exports.clone(), wave: args.wave };
        let exports = plan.choose(&choice)?;
        // Before a state store is made: a plan that is refused has touched nothing.
        plan.judge_age(Timestamp::now(), args.force)?;
        args.execution.check_stdout(exports.iter().map(|export| &export.resolved_plan.export))?;
        let call = Call { args, plan: &plan };
        let stores = stores(&exports, environment, watch)?;
        execution::call(printer, async |cancel| call.apply(&exports, stores, &cancel).await)
    })
}

/// Reads a plan and makes sure that it is as it was sealed; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Plan, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|source| Failure::PlanFile { path: path.to_owned(), source })?;
    Ok(Plan::from_json(&text)?)
}

/// Exports that keep their runs in one state store, in the order of the campaign, and its engine.
struct Store<'p> {
    engine: Engine,
    exports: Vec<&'p PlannedExport>,
}

/// Opens the state stores that exports keep their runs in: all of them before anything runs.
fn stores<'p>(
    exports: &[&'p PlannedExport],
    environment: &Environment,
    watch: &Watch,
) -> Result<Vec<Store<'p>>, Failure> {
    let mut paths: Vec<&Path> = Vec::new();
    for export in exports {
        let path = export.resolved_plan.state_path.as_path();
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let store = |path| {
        let engine = execution::engine(state_store::open_at(path)?, environment, watch);
        let exports = exports.iter().filter(|export| export.resolved_plan.state_path == path).copied().collect();
        Ok(Store { engine, exports })
    };
    paths.into_iter().map(store).collect()
}

/// One call of the command.
struct Call<'a> {
    args: &'a ApplyArgs,
    plan: &'a Plan,
}

impl Call<'_> {
    async fn apply(
        &self,
        exports: &[&PlannedExport],
        stores: Vec<Store<'_>>,
        cancel: &CancellationToken,
    ) -> Result<RunReport, Failure> {
        let begin = Instant::now();
        let is_alone = stores.len() == 1;
        let mut reports: BTreeMap<ExportName, ExportReport> = BTreeMap::new();
        for Store { engine, exports } in stores {
            let ended = match engine.apply(self.plan, &self.options(&exports), cancel).await {
                Ok(report) => report.exports,
                Err(error) if is_alone => return Err(error.into()),
                // Exports of another store have run, or still can.
                Err(error) => not_run(&exports, error),
            };
            reports.extend(ended.into_iter().map(|report| (report.export.clone(), report)));
        }
        let in_order = exports.iter().filter_map(|export| reports.remove(&export.export_name));
        Ok(RunReport { exports: in_order.collect(), duration: begin.elapsed() })
    }

    fn options(&self, exports: &[&PlannedExport]) -> ApplyOptions {
        let names = exports.iter().map(|export| export.export_name.clone()).collect();
        ApplyOptions {
            choice: Choice { exports: names, wave: None },
            force: self.args.force,
            validate: self.args.execution.validate,
            parallel_exports: self.args.execution.parallel(exports.len()).unwrap_or(1),
        }
    }
}

fn not_run(exports: &[&PlannedExport], error: EngineError) -> Vec<ExportReport> {
    let error = Arc::new(error);
    exports.iter().map(|export| export.not_run(Arc::clone(&error))).collect()
}
