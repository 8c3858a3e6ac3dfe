use rivet_config::{Config, Environment, ExportConfig};
use rivet_core::RunOptions;
use rivet_model::ExportName;

use super::execution::{self, ExecutionArgs};
use crate::commands::ConfigArgs;
use crate::exit::Exit;
use crate::render::Printer;
use crate::state_store;

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
    /// Go on with runs that did not come to their end, in every mode and however old they are, where the configuration
    /// still asks for the same files.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    execution: ExecutionArgs,
}

/// Runs the exports and says how it went.
pub(crate) fn run(args: &RunArgs, environment: &Environment, printer: &Printer) -> Exit {
    args.execution.execute(printer, |watch| {
        let config = args.config.load(environment)?;
        watch.notifier.follow(&config);
        let chosen = chosen(&config, &args.exports);
        args.execution.check_stdout(chosen.iter().copied())?;
        let options = RunOptions {
            exports: execution::unique(&args.exports),
            parallel_exports: args.execution.parallel(chosen.len()),
            validate: args.execution.validate,
            resume: args.resume,
        };
        let engine = execution::engine(state_store::open(&config)?, environment, watch);
        execution::call(printer, async |cancel| Ok(engine.run(&config, &options, &cancel).await?))
    })
}

/// The exports that will run. Names that no export has are the engine's to refuse.
fn chosen<'c>(config: &'c Config, names: &[ExportName]) -> Vec<&'c ExportConfig> {
    config.exports.iter().filter(|export| names.is_empty() || names.contains(&export.name)).collect()
}
