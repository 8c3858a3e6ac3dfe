use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};

use crate::servers::{Engine, MysqlServer, Outcome, Servers, Wanted};
use crate::{data, interrupt, mysql, process, workspace};

/// Bring a database up, fill it with TPC-H, export it, and show what was written
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The size of the data: 0.1 is 600,572 rows of lineitem
    #[arg(long, default_value_t = 0.1)]
    scale: f64,
    /// Build with optimizations, which takes longer and runs faster
    #[arg(long)]
    release: bool,
    /// Keep the server until ctrl-c
    #[arg(long)]
    keep: bool,
    /// The database
    #[arg(long, value_enum, default_value_t = Engine::Postgres)]
    source: Engine,
    #[command(flatten)]
    wanted: Wanted,
}

/// What the demo exports.
const TABLES: [&str; 3] = ["lineitem", "orders", "customer"];

/// The name of the database, where a server comes without one. Tables of the same names in it are replaced.
const DATABASE: &str = "rivet_demo";

/// Where rivet finds the database; the configuration names the variable, so that no password stands in it.
const URL: &str = "RIVET_DEMO_DATABASE";

/// `cargo xtask demo`
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let rivet = build(arguments.release)?;
    let servers = Servers::start(arguments.wanted, &[arguments.source])?;
    let url = &database(&servers, arguments.source)?;
    data::load(url, arguments.scale, &TABLES.map(ToOwned::to_owned))?;
    let folder = workspace::target().join("demo");
    prepare(&folder, arguments.source)?;
    println!("\n$ rivet run -c rivet.yaml --summary-output summary.json");
    let mut command = Command::new(&rivet);
    command.args(["run", "-c", "rivet.yaml", "--summary-output", "summary.json"]);
    process::run(command.current_dir(&folder).env(URL, url))?;
    show(&folder)?;
    if arguments.keep {
        println!("\nThe server stays until ctrl-c. To run the export again:");
        println!("  cd {} && {URL}='{url}' {} run -c rivet.yaml", folder.display(), rivet.display());
        interrupt::wait();
    }
    Ok(())
}

/// Builds the tool and returns its path.
pub(crate) fn build(release: bool) -> Result<PathBuf> {
    println!("building rivet");
    let profile = if release { ["--profile", "release"] } else { ["--profile", "dev"] };
    process::run(process::cargo(["build", "--package", "rivet-cli"]).args(profile))?;
    Ok(workspace::target().join(if release { "release" } else { "debug" }).join("rivet"))
}

/// Returns the address of the database to load and to export.
fn database(servers: &Servers, source: Engine) -> Result<String> {
    let mysql = |server: &Outcome<MysqlServer>| match server {
        Ok(server) => {
            // A server that somebody else runs has the one of an earlier demo.
            mysql::Mysql::connect(&server.url)?.execute(&format!("CREATE DATABASE IF NOT EXISTS {DATABASE}"))?;
            Ok(with_database(&server.url, DATABASE))
        }
        Err(reason) => Err(miette!("{reason}")),
    };
    match source {
        Engine::Postgres => servers.postgres.as_ref().map(|server| server.url.clone()).map_err(|why| miette!("{why}")),
        Engine::Mysql => mysql(&servers.mysql),
        Engine::Mariadb => mysql(&servers.mariadb),
    }
}

/// Exchanges the database in an address, which may name none.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, None), |(address, rest)| (address, Some(rest)));
    // The scheme, nothing, and the authority stand before the third slash.
    let server: Vec<&str> = address.splitn(4, '/').take(3).collect();
    let parameters = parameters.map(|parameters| format!("?{parameters}")).unwrap_or_default();
    format!("{}/{name}{parameters}", server.join("/"))
}

/// Makes an empty folder with a configuration.
fn prepare(folder: &Path, source: Engine) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).into_diagnostic().wrap_err("what an earlier demo left can't be removed")?;
    }
    fs::create_dir_all(folder).into_diagnostic()?;
    let exports = TABLES.map(|table| {
        format!(
            "  - name: {table}\n    table: {table}\n    mode: full\n    format: parquet\n    destination:\n      \
             type: local\n      path: out/{table}\n"
        )
    });
    let kind = match source {
        Engine::Postgres => "postgres",
        Engine::Mysql | Engine::Mariadb => "mysql",
    };
    let config = format!("source:\n  type: {kind}\n  url_env: {URL}\n\nexports:\n{}", exports.concat());
    fs::write(folder.join("rivet.yaml"), config).into_diagnostic()
}

fn show(folder: &Path) -> Result<()> {
    println!("\nWritten below {}:", folder.display());
    for (path, bytes) in files(&folder.join("out"))? {
        let shown = path.strip_prefix(folder).unwrap_or(&path);
        println!("  {:>12} bytes  {}", bytes, shown.display());
    }
    let parquet = folder.join("out/lineitem").join("*.parquet");
    println!("\nTo open it with DuckDB:");
    println!("  duckdb -c \"SELECT l_shipmode, count(*), sum(l_quantity) FROM '{}' GROUP BY 1\"", parquet.display());
    println!("To open it with pyarrow:");
    let dataset = folder.join("out/lineitem");
    println!(
        "  python3 -c \"import pyarrow.dataset as d; print(d.dataset('{}', format='parquet', \
         ignore_prefixes=['.', '_'], exclude_invalid_files=True).head(3))\"",
        dataset.display()
    );
    Ok(())
}

/// Returns every visible file below a folder with its size, sorted by path.
pub(crate) fn files(folder: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_diagnostic()? {
            let entry = entry.into_diagnostic()?;
            let metadata = entry.metadata().into_diagnostic()?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            match (hidden, metadata.is_dir()) {
                (true, _) => {}
                (false, true) => folders.push(entry.path()),
                (false, false) => found.push((entry.path(), metadata.len())),
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_an_address_is_exchanged() {
        let check = |url: &str, expected: &str| assert_eq!(with_database(url, "mine"), expected);
        check("mysql://u:p@127.0.0.1:3306/", "mysql://u:p@127.0.0.1:3306/mine");
        check("mysql://u:p@127.0.0.1:3306", "mysql://u:p@127.0.0.1:3306/mine");
        check("mysql://u:p@127.0.0.1/other?prefer_socket=false", "mysql://u:p@127.0.0.1/mine?prefer_socket=false");
    }
}
