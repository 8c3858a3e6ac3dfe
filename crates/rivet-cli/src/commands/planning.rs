//! What `plan` and `check` have in common: which exports are looked at, and how they are planned.

use std::path::{Path, PathBuf};

use rivet_config::{Config, Environment};
use rivet_core::{EngineError, PlanError, PlanOptions, PlannedExport};
use rivet_model::ExportName;
use tokio_util::sync::CancellationToken;

use super::execution::unique;
use crate::commands::arguments::load;
use crate::commands::{planning_engine, runtime, tell_unreadable};
use crate::failure::Failure;
use crate::render::Printer;
use crate::signals;

/// Which exports are looked at.
#[derive(Debug, clap::Args)]
pub(super) struct PlanningArgs {
    /// The configuration; may be given several times.
    #[arg(short, long = "config", value_name = "FILE", default_value = "rivet.yaml")]
    configs: Vec<PathBuf>,
    /// What `${KEY}` in a query stands for; may be given several times.
    #[arg(short, long = "param", value_name = "KEY=VALUE")]
    params: Vec<String>,
    /// Look at this export only; may be given several times.
    #[arg(short, long = "export", value_name = "NAME")]
    exports: Vec<ExportName>,
}

/// The exports of one configuration that are looked at.
#[derive(Debug)]
pub(super) struct Target {
    /// The configuration.
    pub(super) config: Config,
    /// Where it was read from, as it was named.
    pub(super) path: PathBuf,
    /// Their names, at least one where the configuration has any.
    pub(super) exports: Vec<ExportName>,
}

impl PlanningArgs {
    /// Reads the configurations, and finds the exports in them. No server has been asked for anything.
    pub(super) fn targets(&self, environment: &Environment) -> Result<Vec<Target>, Failure> {
        let load = |path: &PathBuf| {
            let config = load(path, &self.params, environment)?;
            let is_chosen = |name: &ExportName| self.exports.is_empty() || self.exports.contains(name);
            let names = config.exports.iter().map(|export| export.name.clone());
            let exports = names.filter(is_chosen).collect();
            Ok(Target { config, path: path.clone(), exports })
        };
        let mut targets = self.configs.iter().map(load).collect::<Result<Vec<Target>, Failure>>()?;
        self.refuse_unknown(&targets)?;
        targets.retain(|target| !target.exports.is_empty());
        let names: Vec<ExportName> = targets.iter().flat_map(|target| target.exports.clone()).collect();
        match names.iter().enumerate().find(|(place, name)| names.iter().take(*place).any(|other| other == *name)) {
            Some((_, name)) => Err(PlanError::TwoExports { name: name.clone() }.into()),
            None => Ok(targets),
        }
    }

    fn refuse_unknown(&self, targets: &[Target]) -> Result<(), Failure> {
        let known = || targets.iter().flat_map(|target| &target.config.exports);
        match self.exports.iter().find(|name| known().all(|export| export.name != **name)) {
            Some(name) => {
                let known = known().map(|export| format!("`{}`", export.name)).collect();
                Err(EngineError::NoSuchExport { name: name.clone(), known }.into())
            }
            None => Ok(()),
        }
    }
}

/// Asks the sources about all exports, one configuration after the other: two may share a state store.
pub(super) fn plan(
    targets: &[Target],
    reconcile: bool,
    environment: &Environment,
    printer: &Printer,
) -> Result<Vec<PlannedExport>, Failure> {
    runtime()?.block_on(Box::pin(async {
        let cancel = CancellationToken::new();
        let signals = signals::listen(&cancel, printer.screen()).map_err(|source| Failure::Runtime { source })?;
        let mut planned = Vec::new();
        let mut told: Vec<&Path> = Vec::new();
        for target in targets {
            let (engine, reason) = planning_engine(&target.config, environment, printer)?;
            let store = target.config.state.path.as_path();
            if let Some(reason) = reason.filter(|_| !told.contains(&store)) {
                tell_unreadable(&reason, printer);
                told.push(store);
            }
            let options = PlanOptions { exports: unique(&target.exports), reconcile };
            planned.extend(engine.plan(&target.config, &options, &cancel).await?);
        }
        drop(signals);
        Ok(planned)
    }))
}
