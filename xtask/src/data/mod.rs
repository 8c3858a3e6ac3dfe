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
use crate::mysql::Mysql;
use crate::{interrupt, workspace};

/// Load test data into a PostgreSQL, a MySQL or a MariaDB: TPC-H, a wide table, and a table of every type
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The database, for example `mysql://user:password@host/database`; tables of the same names in it are replaced
    #[arg(long)]
    url: String,
    /// The size: 1 is 6,001,215 rows of lineitem and 500,000 of `content_items`
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Which tables [default: all; the table of every type is PostgreSQL's]
    #[arg(long, value_delimiter = ',')]
    tables: Vec<String>,
}

/// `cargo xtask data`
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut tables = arguments.tables.clone();
    if tables.is_empty() {
        tables = all();
        tables.retain(|name| name != EVERY_TYPE || !is_mysql(&arguments.url));
    }
    load(&arguments.url, arguments.scale, &tables)
}

/// A table that is made row by row.
pub(crate) struct Table {
    name: &'static str,
    /// Columns and their types.
    columns: &'static str,
    primary_key: &'static str,
    rows: fn(scale: f64) -> Chunks,
    /// What MySQL and MariaDB are told, where it is something else.
    mysql: Option<MysqlForm>,
}

/// A table as MySQL and MariaDB know it.
pub(crate) struct MysqlForm {
    /// Columns and their types.
    columns: &'static str,
    /// Where the values of a record go: what stands behind the name in `LOAD DATA`.
    values: &'static str,
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
    let mut target = Target::connect(url)?;
    for name in names {
        interrupt::check()?;
        let begin = Instant::now();
        let what = match (tables().find(|table| table.name == name), &mut target) {
            (Some(table), Target::Postgres(database)) => table.load(database, scale)?,
            (Some(table), Target::Mysql(database)) => table.load_mysql(database, scale)?,
            (None, Target::Postgres(database)) => {
                database.execute(&fs::read_to_string(workspace::fixture("every_type.sql")).into_diagnostic()?)?;
                "loaded".to_owned()
            }
            (None, Target::Mysql(_)) => bail!("`{name}` has types of PostgreSQL"),
        };
        println!("data: {name}: {what}, {:.1} s", begin.elapsed().as_secs_f64());
    }
    Ok(())
}

/// The database that is loaded.
enum Target {
    Postgres(Database),
    Mysql(Mysql),
}

impl Target {
    fn connect(url: &str) -> Result<Self> {
        if !is_mysql(url) {
            return Ok(Self::Postgres(Database::connect(url)?));
        }
        let mut database = Mysql::connect(url)?;
        // Moments are in UTC, and the tables are made for this: nothing refers to them yet.
        database.execute("SET time_zone = '+00:00', unique_checks = 0, foreign_key_checks = 0")?;
        Ok(Self::Mysql(database))
    }
}

/// Whether an address leads to a MySQL or a MariaDB.
pub(crate) fn is_mysql(url: &str) -> bool {
    url.starts_with("mysql://")
}

impl Table {
    /// Replaces the table and returns what was loaded, for a person.
    fn load(&self, database: &Database, scale: f64) -> Result<String> {
        let Self { name, columns, primary_key, rows, .. } = self;
        // One transaction: a table that is made and filled in one needs no write-ahead log where `wal_level` is
        // minimal, and with FREEZE its first readers do not write to it.
        database.execute(&format!("BEGIN; DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({columns})"))?;
        let copied = database.copy_in(&format!("COPY {name} FROM STDIN (FORMAT csv, FREEZE)"), rows(scale))?;
        database.execute(&format!("ALTER TABLE {name} ADD PRIMARY KEY ({primary_key}); COMMIT; ANALYZE {name}"))?;
        let size = database.value(&format!("SELECT pg_size_pretty(pg_total_relation_size('{name}'))"))?;
        Ok(format!("{copied} rows, {size}"))
    }

    /// The same for MySQL and MariaDB, whose rows lie in the order of the primary key, in which they are made.
    fn load_mysql(&self, database: &mut Mysql, scale: f64) -> Result<String> {
        let Self { name, primary_key, rows, .. } = self;
        let (columns, values) = self.mysql.as_ref().map_or((self.columns, ""), |form| (form.columns, form.values));
        database.execute(&format!(
            "DROP TABLE IF EXISTS {name}; \
             CREATE TABLE {name} ({columns}, PRIMARY KEY ({primary_key})) CHARACTER SET utf8mb4"
        ))?;
        // The name of the file is asked for and never looked at: the rows come from here.
        let load = format!(
            "LOAD DATA LOCAL INFILE 'rows.csv' INTO TABLE {name} CHARACTER SET utf8mb4 \
             FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n' {values}"
        );
        let loaded = database.load(&load, rows(scale))?;
        // LOCAL turns a value that does not fit into a warning.
        let warnings = database.value("SELECT @@warning_count")?;
        if warnings != "0" {
            bail!("{warnings} values did not fit into `{name}`");
        }
        database.execute(&format!("ANALYZE TABLE {name}"))?;
        let bytes = "SELECT data_length + index_length FROM information_schema.tables WHERE table_schema = database()";
        let megabytes =
            database.value(&format!("SELECT CAST(round(({bytes} AND table_name = '{name}') / 1e6) AS char)"))?;
        Ok(format!("{loaded} rows, {megabytes} MB"))
    }
}
