use std::fmt;
use std::sync::Arc;

use comfy_table::{CellAlignment, ColumnConstraint};
use rivet_config::Environment;
use rivet_history::StateStore;
use rivet_model::{ChunkCheckpoint, ChunkId, ExportName, ReadView, RowRange, RunRecord, RunStatus};
use serde::Serialize;

use super::{ask, refuse_unknown};
use crate::commands::ConfigArgs;
use crate::failure::Failure;
use crate::render::{Range, document, moment, number, plain_table, table_text, word};

/// List the chunks of an export's unfinished run, or else of its newest one.
#[derive(Debug, clap::Args)]
pub(super) struct ChunksArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The export.
    #[arg(short, long, value_name = "NAME")]
    export: ExportName,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

/// The chunks of one run.
#[derive(Debug, Serialize)]
struct Listing {
    export: ExportName,
    /// Absent where there was no run yet.
    run: Option<Shown>,
}

/// One run.
#[derive(Debug, Serialize)]
struct Shown {
    run_id: String,
    status: RunStatus,
    started_at: String,
    view: ReadView,
    chunks: Vec<Row>,
}

/// One chunk.
#[derive(Debug, Serialize)]
struct Row {
    id: ChunkId,
    /// Absent where the record does not say.
    range: Option<RowRange>,
    estimated_rows: Option<u64>,
    done: bool,
    /// Rows that the source sent, once it is done.
    rows: Option<u64>,
    /// The names of its files, once it is done.
    parts: Vec<String>,
}

pub(super) fn run(args: &ChunksArgs, environment: &Environment) -> Result<String, Failure> {
    let config = args.config.load(environment)?;
    refuse_unknown(&config, std::slice::from_ref(&args.export))?;
    let run = ask(&config, |store| newest(store, &args.export))?;
    let listing = Listing { export: args.export.clone(), run: run.as_ref().map(Shown::of) };
    Ok(if args.json { document(&listing) } else { listing.to_string() })
}

async fn newest(store: Arc<dyn StateStore>, export: &ExportName) -> Result<Option<RunRecord>, Failure> {
    let mut unfinished = store.unfinished().await?;
    unfinished.retain(|run| run.export == *export);
    match unfinished.pop() {
        Some(run) => Ok(Some(run)),
        None => Ok(store.runs(export, 1).await?.pop()),
    }
}

impl Shown {
    fn of(record: &RunRecord) -> Self {
        let checkpoint = |id: ChunkId| record.checkpoints.iter().find(|checkpoint| checkpoint.chunk == id);
        let mut chunks: Vec<Row> = record
            .chunks
            .iter()
            .map(|chunk| Row::new(chunk.id, Some(chunk.range.clone()), chunk.estimated_rows, checkpoint(chunk.id)))
            .collect();
        // Runs of older versions have no split on record.
        let is_listed = |id: ChunkId| record.chunks.iter().any(|chunk| chunk.id == id);
        let others = record.checkpoints.iter().filter(|checkpoint| !is_listed(checkpoint.chunk));
        chunks.extend(others.map(|checkpoint| Row::new(checkpoint.chunk, None, None, Some(checkpoint))));
        Self {
            run_id: record.run_id.to_string(),
            status: record.status,
            started_at: moment(record.started_at),
            view: record.view,
            chunks,
        }
    }
}

impl Row {
    fn new(
        id: ChunkId,
        range: Option<RowRange>,
        estimated_rows: Option<u64>,
        checkpoint: Option<&ChunkCheckpoint>,
    ) -> Self {
        Self {
            id,
            range,
            estimated_rows,
            done: checkpoint.is_some(),
            rows: checkpoint.map(|checkpoint| checkpoint.rows),
            parts: checkpoint.iter().flat_map(|done| &done.parts).map(|part| part.name.clone()).collect(),
        }
    }

    fn cells(&self) -> [String; 5] {
        let range = self.range.as_ref().map_or_else(|| "not on record".to_owned(), |range| Range(range).to_string());
        let expected = self.estimated_rows.map(|rows| format!("about {}", number(rows))).unwrap_or_default();
        let rows = self.rows.map(number).unwrap_or_default();
        let done = if self.done { "done" } else { "not done" };
        [self.id.to_string(), done.to_owned(), rows, expected, range]
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(run) = &self.run else { return writeln!(f, "{}: there was no run yet", self.export) };
        let done = run.chunks.iter().filter(|chunk| chunk.done).count();
        // The store is open for one process at a time, so that no process runs it now.
        let status = if run.status == RunStatus::Running { "unfinished" } else { word(run.status) };
        let all = run.chunks.len();
        let run_id = &run.run_id;
        writeln!(f, "{}: run {run_id} of {}, {status}: {done} of {all} chunks done", self.export, run.started_at)?;
        if run.chunks.is_empty() {
            return Ok(());
        }
        let mut table = plain_table(["chunk", "state", "rows", "expected", "range"]);
        table.add_rows(run.chunks.iter().map(Row::cells));
        for (position, column) in table.column_iter_mut().enumerate() {
            if position < 4 {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
            if matches!(position, 0 | 2 | 3) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(f, "\n{}", table_text(&table))
    }
}
