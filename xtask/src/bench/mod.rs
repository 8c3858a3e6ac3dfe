//! Rivet against other tools: the same data, the same server, in turns.

mod longest_statement;
mod measurement;
mod report;
mod s3;
mod server;
mod server_cpu;
mod tool;
mod workload;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use miette::{IntoDiagnostic as _, Result, bail, miette};

use crate::servers::{Engine, Wanted};
use crate::{demo, interrupt, python, workspace};
use measurement::Measurement;
use server::{Asked, Benched};
use tool::Tool;
use workload::{WORKLOADS, Workload};

/// Measure Rivet and other tools on the same data, in turns
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The size of the data: 1 is 6,001,215 rows of lineitem and 500,000 of `content_items`
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// How often each tool runs
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    runs: u32,
    /// Only workloads whose names contain this
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Measure this binary instead of a release build of the repository
    #[arg(long, value_name = "PATH")]
    rivet: Option<PathBuf>,
    #[command(flatten)]
    wanted: Wanted,
}

/// What every run needs to know.
pub(crate) struct Bench {
    /// Outputs, configurations and the report are below it.
    folder: PathBuf,
    rivet: PathBuf,
    python: PathBuf,
    servers: Benched,
}

/// What one tool did.
pub(crate) struct Series {
    tool: Tool,
    runs: Vec<Measurement>,
}

/// `cargo xtask bench`
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let chosen: Vec<&Workload> = WORKLOADS
        .iter()
        .filter(|workload| arguments.only.as_ref().is_none_or(|only| workload.name.contains(only.as_str())))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
        bail!("there is no such workload; known are {}", names.join(", "));
    }
    let folder = workspace::target().join("bench");
    fs::create_dir_all(&folder).into_diagnostic()?;
    let rivet = match &arguments.rivet {
        Some(path) => path.canonicalize().into_diagnostic()?,
        None => demo::build(true)?,
    };
    let python = python::environment("requirements-bench.txt")?;
    let mut engines: Vec<Engine> = chosen.iter().map(|workload| workload.source).collect();
    engines.dedup();
    let servers = Benched::start(arguments.wanted, &engines)?;
    let bench = Bench { folder, rivet, python, servers };
    bench.prepare(&chosen, arguments.scale)?;
    let mut report = report::Report::begin(&bench, arguments.scale, arguments.runs)?;
    for workload in chosen.into_iter().filter(|workload| bench.servers.engines().contains(&workload.source)) {
        let (series, left_out) = bench.measure(workload, arguments.runs)?;
        report.add(workload, &series, &left_out);
    }
    report.finish(&bench.folder)
}

impl Bench {
    /// Loads the tables of the workloads, each once.
    fn prepare(&self, workloads: &[&Workload], scale: f64) -> Result<()> {
        for engine in self.servers.engines() {
            for table in ["lineitem", "content_items"] {
                let is_read = |workload: &&&Workload| workload.source == *engine && workload.table.starts_with(table);
                if workloads.iter().any(|workload| is_read(&workload)) {
                    self.servers.load(*engine, scale, table)?;
                }
            }
        }
        Ok(())
    }

    /// Runs the tools of a workload in turns. A peer that fails is left out, with a word why; Rivet must not fail.
    fn measure(&self, workload: &Workload, runs: u32) -> Result<(Vec<Series>, Vec<String>)> {
        println!("\n=== {}", workload.name);
        let url = self.servers.url(workload.source)?;
        let rows = Asked::connect(&url)?.rows(workload.table)?.parse().into_diagnostic()?;
        let mut all: Vec<Series> = workload.tools.iter().map(|tool| Series { tool: *tool, runs: Vec::new() }).collect();
        let mut left_out = Vec::new();
        for turn in 1..=runs {
            let mut failed = Vec::new();
            for series in &mut all {
                interrupt::check()?;
                match series.tool.run(self, workload, rows) {
                    Ok(measured) => {
                        println!("{turn}/{runs} {:<24} {measured}", series.tool.name());
                        series.runs.push(measured);
                    }
                    Err(error) if series.tool.is_peer() => {
                        let line = format!("{}: {error}", series.tool.name());
                        println!("skipped: {line}");
                        left_out.push(line);
                        failed.push(series.tool);
                    }
                    Err(error) => return Err(error),
                }
            }
            all.retain(|series| !failed.contains(&series.tool));
        }
        Ok((all, left_out))
    }

    /// Returns an empty folder for an output.
    fn empty(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).into_diagnostic()?;
        }
        fs::create_dir_all(&folder).into_diagnostic()?;
        Ok(folder)
    }
}

/// Adds up the files of an output; what is not data, for example a manifest, does not count.
fn data_bytes(folder: &Path) -> Result<u64> {
    let is_data = |path: &Path| path.extension().is_some_and(|end| end == "parquet" || end == "csv");
    Ok(demo::files(folder)?.into_iter().filter(|(path, _)| is_data(path)).map(|(_, bytes)| bytes).sum())
}

/// Returns the middle of some numbers.
fn median(mut values: Vec<f64>) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle).ok_or_else(|| miette!("there is nothing to take the median of"))?;
    if values.len() % 2 == 1 { Ok(upper) } else { Ok(f64::midpoint(values[middle - 1], upper)) }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        let of = |values: &[f64]| median(values.to_vec()).unwrap().to_string();
        assert_eq!(of(&[3.0, 1.0, 2.0]), "2");
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), "2.5");
        assert!(median(Vec::new()).is_err());
    }
}
