//! What Rivet remembers: where cursors stand, and which runs and chunks are unfinished.

mod chunks;
mod reset;
mod show;

use std::sync::Arc;

use clap::Subcommand;
use rivet_config::{Config, Environment};
use rivet_core::EngineError;
use rivet_history::StateStore;
use rivet_model::ExportName;
use tokio::runtime::Builder;

use crate::failure::Failure;
use crate::{state_store, stdout};

/// Show and change what Rivet remembers of exports.
#[derive(Debug, clap::Args)]
pub(crate) struct StateArgs {
    #[command(subcommand)]
    what: StateCommand,
}

#[derive(Debug, Subcommand)]
enum StateCommand {
    Show(show::ShowArgs),
    Reset(reset::ResetArgs),
    Chunks(chunks::ChunksArgs),
}

/// Runs the command.
pub(crate) fn run(args: &StateArgs, environment: &Environment) -> Result<(), Failure> {
    let text = match &args.what {
        StateCommand::Show(args) => show::run(args, environment),
        StateCommand::Reset(args) => reset::run(args, environment),
        StateCommand::Chunks(args) => chunks::run(args, environment),
    }?;
    stdout::print(&text).map_err(|source| Failure::Stdout { source })
}

/// Asks the state store of a configuration.
pub(super) fn ask<T, F>(config: &Config, question: impl FnOnce(Arc<dyn StateStore>) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let runtime = Builder::new_current_thread().build().map_err(|source| Failure::Runtime { source })?;
    runtime.block_on(question(state_store::open_existing(config)?))
}

/// Refuses exports that the configuration does not have.
pub(super) fn refuse_unknown(config: &Config, names: &[ExportName]) -> Result<(), Failure> {
    let is_known = |name: &ExportName| config.exports.iter().any(|export| export.name == *name);
    match names.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => {
            let known = config.exports.iter().map(|export| format!("`{}`", export.name)).collect();
            Err(EngineError::NoSuchExport { name: name.clone(), known }.into())
        }
    }
}
