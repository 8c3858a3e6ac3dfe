//! The engines that commands which only look at things work with.

use std::sync::Arc;

use rivet_config::{Config, Environment};
use rivet_core::{Engine, EngineError};
use rivet_history::{HistoryError, StateStore, UnreadableStore};
use rivet_mysql::MysqlFactory;
use rivet_postgres::PostgresFactory;
use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;
use crate::render::{Printer, Progress, ProgressStyle};
use crate::state_store;

/// Threads that wait for sockets, files and signals. The engine reads and encodes on threads of its own.
const CONTROL_THREADS: usize = 2;

/// Starts the runtime that an engine is called in.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("rivet-control")
        .enable_all()
        .build()
        .map_err(|source| Failure::Runtime { source })
}

/// Makes the engine that plans the exports of a configuration.
///
/// Its state store is never made. Where that can't be opened, because a run holds it or it is damaged, the engine goes
/// on without history, and the reason comes with it for [`tell_unreadable`]. One engine at a time: it holds the store.
pub(crate) fn planning_engine(
    config: &Config,
    environment: &Environment,
    printer: &Printer,
) -> Result<(Engine, Option<HistoryError>), Failure> {
    let (state, reason): (Arc<dyn StateStore>, _) = match state_store::open_existing(config) {
        Ok(state) => (state, None),
        Err(Failure::Engine(EngineError::History(error))) => (Arc::new(UnreadableStore::new(&error)), Some(error)),
        Err(failure) => return Err(failure),
    };
    // Of what happens while exports are planned a person hears of new attempts alone.
    let style = if printer.progress() == ProgressStyle::Json { ProgressStyle::Json } else { ProgressStyle::None };
    let observer = Arc::new(Progress::new(printer.screen(), style));
    let engine = Engine::builder(state).source(PostgresFactory).source(MysqlFactory).observer(observer);
    Ok((engine.environment(environment.clone()).build(), reason))
}

/// Says on standard error why there is no history.
pub(crate) fn tell_unreadable(reason: &HistoryError, printer: &Printer) {
    printer.screen().message(&format!("planned without earlier runs and positions: {reason}"));
}
