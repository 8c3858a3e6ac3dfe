use std::sync::Arc;

use rivet_config::Environment;
use rivet_core::{DoctorOptions, DoctorReport, Engine};
use rivet_history::MemoryStore;
use rivet_model::ExportName;
use rivet_mysql::MysqlFactory;
use rivet_postgres::PostgresFactory;
use tokio_util::sync::CancellationToken;

use super::execution::unique;
use crate::commands::{ConfigArgs, runtime};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::doctor::DoctorView;
use crate::render::plan::Paper;
use crate::render::{Printer, document};
use crate::{signals, state_store, stdout};

/// Try everything that runs need: the state store, the destinations and the source.
///
/// It connects to the source and selects from every relation without reading a row, puts objects at every destination,
/// lists and reads them, uploads in pieces, and removes what it has put. Each line says what was tried, what came back,
/// and what to change. What fails does not keep the others from being tried. Nothing stays behind, also after ctrl-c, as
/// far as the destination lets it be removed.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Look at what this export needs only; may be given several times.
    #[arg(short, long = "export", value_name = "NAME")]
    exports: Vec<ExportName>,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

/// Tries what runs need and says what was found.
pub(crate) fn run(args: &DoctorArgs, environment: &Environment, printer: &Printer) -> Exit {
    match execute(args, environment, printer) {
        Ok(exit) => exit,
        Err(failure) => {
            printer.failure(&failure);
            failure.exit()
        }
    }
}

fn execute(args: &DoctorArgs, environment: &Environment, printer: &Printer) -> Result<Exit, Failure> {
    let config = args.config.load(environment)?;
    state_store::refuse_server(&config)?;
    let engine = engine(environment);
    let options = DoctorOptions { exports: unique(&args.exports), state_file: true };
    let report = runtime()?.block_on(Box::pin(async {
        let cancel = CancellationToken::new();
        let signals = signals::listen(&cancel, printer.screen()).map_err(|source| Failure::Runtime { source })?;
        let report = engine.doctor(&config, &options, &cancel).await?;
        drop(signals);
        Ok::<DoctorReport, Failure>(report)
    }))?;
    let exit = Exit::from(&report);
    let view = DoctorView::new(&report, exit);
    let text = if args.json { document(&view) } else { view.text(Paper::stdout(environment)) };
    stdout::print(&text).map_err(|source| Failure::Stdout { source })?;
    printer.not_healthy(&report);
    Ok(exit)
}

/// Makes an engine that keeps nothing: the state file is tried, and not used.
fn engine(environment: &Environment) -> Engine {
    let engine = Engine::builder(Arc::new(MemoryStore::new())).source(PostgresFactory).source(MysqlFactory);
    engine.stream(stdout::open).destination(rivet_cloud::open).environment(environment.clone()).build()
}
