//! Runs the exports of a configuration from a program of your own, with a listener of your own.
//!
//! `cargo run -p rivet-core --example embedded -- rivet.yaml`

use std::path::Path;
use std::sync::Arc;

use rivet_config::{Environment, Overrides, load};
use rivet_core::{Engine, Event, EventKind, Observer, RunOptions};
use rivet_history::MemoryStore;
use rivet_postgres::PostgresFactory;
use tokio_util::sync::CancellationToken;

/// Prints what matters to this program.
#[derive(Debug)]
struct Listener;

impl Observer for Listener {
    #[expect(clippy::print_stdout, reason = "an example shows what it hears")]
    fn event(&self, event: &Event) {
        match &event.kind {
            EventKind::Connected { server } => println!("reading from {server}"),
            EventKind::PartFinished { export, part } => println!("{export}: {} with {} rows", part.name, part.rows),
            EventKind::ExportFinished { report } => println!("{}: {} rows", report.export, report.rows),
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "rivet.yaml".to_owned());
    let config = load(Path::new(&path), &Environment::process(), &Overrides::default())?;
    // A program that must know after a crash what is committed keeps its runs in a `RedbStore` instead.
    let engine =
        Engine::builder(Arc::new(MemoryStore::new())).source(PostgresFactory).observer(Arc::new(Listener)).build();
    let report = engine.run(&config, &RunOptions::default(), &CancellationToken::new()).await?;
    match report.exports.into_iter().find_map(|export| export.error) {
        Some(error) => Err(error.to_string().into()),
        None => Ok(()),
    }
}
