//! Tables to test with.

mod content_items;
mod csv;
mod random;
mod tpch;

use std::fs;
use std::time::Instant;

use clap::Args;
use miette::{IntoDiagnostic as _, Result, bail};

use crate::database::{Chunks, Database};
use crate::{interrupt, workspace};

/// Load test data into a PostgreSQL: TPC-H, a wide table, and a table of every type
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The database; tables of the same names in it are replaced
    #[arg(long)]
    url: String,
    /// The size: 1 is 6,001,215 rows of lineitem and 500,000 of `content_items`
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Which tables [default: all]
    #[arg(long, value_delimiter = ',')]
    tables: Vec<String>,
}

/// `cargo xtask data`
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let tables = if arguments.tables.is_empty() { all() } else { arguments.tables.clone() };
    load(&arguments.url, arguments.scale, &tables)
}

/// A table that is made row by row.
pub(crate) struct Table {
    name: &'static str,
    /// Columns and their types.
    columns: &'static str,
    primary_key: &'static str,
    rows: fn(scale: f64) -> Chunks,
}

/// The tables that stand in a file of SQL.
const EVERY_TYPE: &str = "every_type";

fn tables() -> impl Iterator<Item = &'static Table> {
    tpch::TABLES.iter().chain([&content_items::TABLE])
}

fn all() -> Vec<String> {
    tables().map(|table| table.name).chain([EVERY_TYPE]).map(ToOwned::to_owned).collect()
}

/// Loads tables and prints how it goes.
pub(crate) fn load(url: &str, scale: f64, names: &[String]) -> Result<()> {
    if !(scale > 0.0 && scale <= 1000.0) {
        bail!("the scale is {scale}; it must be above 0 and at most 1000");
    }
    if let Some(unknown) = names.iter().find(|name| !all().contains(name)) {
        bail!("there is no table `{unknown}`; known are {}", all().join(", "));
    }
    let database = Database::connect(url)?;
    for name in names {
        interrupt::check()?;
        let begin = Instant::now();
        let what = if let Some(table) = tables().find(|table| table.name == name) {
            let rows = table.load(&database, scale)?;
            let size = database.value(&format!("SELECT pg_size_pretty(pg_total_relation_size('{name}'))"))?;
            format!("{rows} rows, {size}")
        } else {
            database.execute(&fs::read_to_string(workspace::fixture("every_type.sql")).into_diagnostic()?)?;
            "loaded".to_owned()
        };
        println!("data: {name}: {what}, {:.1} s", begin.elapsed().as_secs_f64());
    }
    Ok(())
}

impl Table {
    /// Replaces the table and returns the number of its rows.
    fn load(&self, database: &Database, scale: f64) -> Result<u64> {
        let Self { name, columns, primary_key, rows } = self;
        // One transaction: a table that is made and filled in one needs no write-ahead log where `wal_level` is
        // minimal, and with FREEZE its first readers do not write to it.
        database.execute(&format!("BEGIN; DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({columns})"))?;
        let copied = database.copy_in(&format!("COPY {name} FROM STDIN (FORMAT csv, FREEZE)"), rows(scale))?;
        database.execute(&format!("ALTER TABLE {name} ADD PRIMARY KEY ({primary_key}); COMMIT; ANALYZE {name}"))?;
        Ok(copied)
    }
}
