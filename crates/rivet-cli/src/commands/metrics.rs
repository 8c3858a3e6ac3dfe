use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;
use rivet_config::{Config, Environment};
use rivet_core::history;
use rivet_history::StateStore;
use rivet_model::{ExportName, RunId, RunRecord};

use super::state::{ask, refuse_unknown};
use crate::commands::ConfigArgs;
use crate::failure::Failure;
use crate::render::document;
use crate::render::metrics::{Metrics, OfExport};
use crate::stdout;

/// Runs of an export that planning looks back on; one more than counts, since one may be going on.
const RUNS_THAT_COUNT: usize = 21;

/// Show what earlier runs took and gave, and what planning takes from them.
#[derive(Debug, clap::Args)]
pub(crate) struct MetricsArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Show runs of this export only; may be given several times.
    #[arg(short, long = "export", value_name = "NAME")]
    exports: Vec<ExportName>,
    /// How many runs to show, the newest first.
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
    /// Show this run only, with all that is known of it.
    #[arg(long, value_name = "ID", conflicts_with_all = ["exports", "last"])]
    run_id: Option<RunId>,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &MetricsArgs, environment: &Environment) -> Result<(), Failure> {
    let config = args.config.load(environment)?;
    refuse_unknown(&config, &args.exports)?;
    let metrics = match args.run_id {
        Some(run_id) => ask(&config, |store| one(store, run_id))?,
        None => ask(&config, |store| newest(store, &config, args))?,
    };
    let text = if args.json { document(&metrics) } else { metrics.to_string() };
    stdout::print(&text).map_err(|source| Failure::Stdout { source })
}

async fn one(store: Arc<dyn StateStore>, run_id: RunId) -> Result<Metrics, Failure> {
    match store.run(run_id).await? {
        Some(run) => Ok(Metrics::of_run(run)),
        None => {
            let message = format!("the state store knows no run `{run_id}`");
            Err(Failure::usage(message, "List runs with `rivet metrics`, or name the configuration that it ran by."))
        }
    }
}

async fn newest(store: Arc<dyn StateStore>, config: &Config, args: &MetricsArgs) -> Result<Metrics, Failure> {
    let now = Timestamp::now();
    let mut runs: Vec<RunRecord> = Vec::new();
    let mut exports = Vec::new();
    for export in &config.exports {
        if !args.exports.is_empty() && !args.exports.contains(&export.name) {
            continue;
        }
        let of_export = store.runs(&export.name, args.last.max(RUNS_THAT_COUNT)).await?;
        let counted = &of_export[..of_export.len().min(RUNS_THAT_COUNT)];
        exports.push(OfExport { export: export.name.clone(), history: history(counted, now) });
        runs.extend(of_export);
    }
    // An id begins with the time at which its run began.
    runs.sort_by_key(|run| Reverse(run.run_id));
    runs.truncate(args.last);
    Ok(Metrics::new(runs, exports))
}
