use std::fmt;
use std::sync::Arc;

use rivet_config::{Config, Environment, ExportConfig};
use rivet_history::StateStore;
use rivet_model::{CursorState, ExportName, PlanRecord, RunRecord};
use serde::Serialize;

use super::{ask, refuse_unknown};
use crate::commands::ConfigArgs;
use crate::failure::Failure;
use crate::render::{Position, document, field, moment};

/// Show where exports stand: their cursors, and runs that are unfinished.
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Show this export only; may be given several times.
    #[arg(short, long = "export", value_name = "NAME")]
    exports: Vec<ExportName>,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

/// Where all exports stand.
#[derive(Debug, Serialize)]
struct Overview {
    exports: Vec<Standing>,
}

/// Where one export stands.
#[derive(Debug, Serialize)]
struct Standing {
    export: ExportName,
    mode: &'static str,
    cursor: Option<CursorState>,
    /// The plan that the newest run was made from, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanRecord>,
    /// Oldest first.
    unfinished: Vec<Unfinished>,
}

/// A run that was begun and not ended.
#[derive(Debug, Serialize)]
struct Unfinished {
    run_id: String,
    started_at: String,
    chunks_done: usize,
    chunks: usize,
}

pub(super) fn run(args: &ShowArgs, environment: &Environment) -> Result<String, Failure> {
    let config = args.config.load(environment)?;
    refuse_unknown(&config, &args.exports)?;
    let overview = ask(&config, |store| overview(store, &config, &args.exports))?;
    Ok(if args.json { document(&overview) } else { overview.to_string() })
}

async fn overview(store: Arc<dyn StateStore>, config: &Config, names: &[ExportName]) -> Result<Overview, Failure> {
    let unfinished = store.unfinished().await?;
    let mut exports = Vec::new();
    for export in config.exports.iter().filter(|export| names.is_empty() || names.contains(&export.name)) {
        let cursor = store.cursor(&export.name).await?;
        let newest = store.runs(&export.name, 1).await?.pop();
        let plan = newest.and_then(|run| run.plan);
        exports.push(Standing { plan, ..Standing::new(export, cursor, &unfinished) });
    }
    Ok(Overview { exports })
}

impl Standing {
    fn new(export: &ExportConfig, cursor: Option<CursorState>, unfinished: &[RunRecord]) -> Self {
        let runs = unfinished.iter().filter(|run| run.export == export.name);
        let unfinished = runs.map(|run| Unfinished {
            run_id: run.run_id.to_string(),
            started_at: moment(run.started_at),
            chunks_done: run.checkpoints.len(),
            chunks: run.chunks.len().max(run.checkpoints.len()),
        });
        let unfinished = unfinished.collect();
        Self { export: export.name.clone(), mode: export.mode.as_str(), cursor, plan: None, unfinished }
    }

    fn write(&self, f: &mut String) -> fmt::Result {
        field(f, "mode", &self.mode)?;
        match &self.cursor {
            Some(cursor) => {
                field(f, "cursor", &Position(&cursor.position))?;
                field(f, "advanced", &format_args!("{} by run {}", moment(cursor.advanced_at), cursor.run_id))?;
            }
            None if self.follows_cursor() => field(f, "cursor", &"none yet: the next run begins from the start")?,
            None => {}
        }
        if let Some(plan) = &self.plan {
            let forced = if plan.forced.is_empty() { "" } else { ", forced" };
            field(f, "last run", &format_args!("of plan {}{forced}", plan.plan_id))?;
        }
        for run in &self.unfinished {
            let Unfinished { run_id, started_at, chunks_done, chunks } = run;
            let done = format_args!("run {run_id} of {started_at}: {chunks_done} of {chunks} chunks done");
            field(f, "unfinished", &done)?;
        }
        Ok(())
    }

    fn follows_cursor(&self) -> bool {
        self.mode == "incremental"
    }
}

impl fmt::Display for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, standing) in self.exports.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            let mut fields = String::new();
            standing.write(&mut fields)?;
            write!(f, "{}\n{fields}", standing.export)?;
        }
        Ok(())
    }
}
