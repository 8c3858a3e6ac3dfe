use std::fs;
use std::path::Path;

use miette::{IntoDiagnostic as _, Result};

use super::measurement::Measurement;
use super::server::Asked;
use super::tool::{Mode, Tool};
use super::workload::Workload;
use super::{Bench, Series, median};

/// The Markdown page of a bench.
pub(super) struct Report {
    paragraphs: Vec<String>,
    versions: Vec<(&'static str, String)>,
}

const HEAD: &str = "| tool | wall s, median (range) | client CPU s | server CPU s | longest statement s | \
                    peak memory MB | file MB | wall / peer | CPU / peer | file / peer |\n\
                    |---|---|---|---|---|---|---|---|---|---|\n";

impl Report {
    /// Begins with what was measured and on what.
    pub(super) fn begin(bench: &Bench, scale: f64, runs: u32) -> Result<Self> {
        let versions =
            bench.servers.engines().iter().map(|engine| Asked::connect(&bench.servers.url(*engine)?)?.version());
        let server = versions.collect::<Result<Vec<_>>>()?.join(", ");
        let cores = std::thread::available_parallelism().into_diagnostic()?;
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory = memory.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<f64>().ok());
        let memory = memory.map_or_else(String::new, |kilobytes| format!(", {:.0} GiB", kilobytes / 1_048_576.0));
        let about = format!(
            "Scale {scale}, {runs} runs of each tool in turns; {server}, loopback without TLS; {cores} cores{memory}, \
             shared by server and client. Rows written were counted. Parquet is zstd at level 3 for every tool. \
             Ratios are to the fastest peer of the table.\n"
        );
        let peers = ["duckdb", "connectorx", "adbc", "chdb"].map(Tool::Peer);
        let peers = [Tool::Rivet(Mode::Full)].into_iter().chain(peers);
        let names = ["rivet at commit", "DuckDB", "connectorx", "ADBC", "chdb"];
        let versions =
            names.into_iter().zip(peers).filter_map(|(name, tool)| Some((name, tool.version(bench)?))).collect();
        Ok(Self { paragraphs: vec![about], versions })
    }

    /// Adds the table of a workload, and what is not in it.
    pub(super) fn add(&mut self, workload: &Workload, all: &[Series], left_out: &[String]) {
        let peers = all.iter().filter(|series| matches!(series.tool, Tool::Peer(_)));
        let peer = peers.filter_map(|series| Summary::of(&series.runs).ok()).min_by(|a, b| a.wall.total_cmp(&b.wall));
        let rows =
            all.iter().filter_map(|series| Some(Summary::of(&series.runs).ok()?.row(series.tool, peer.as_ref())));
        let rows: String = rows.collect();
        self.paragraphs.push(format!("### {}\n\n{HEAD}{rows}", workload.name));
        self.paragraphs.extend(left_out.iter().map(|line| format!("Left out: {line}\n")));
    }

    /// Prints the page and writes it to `results.md`.
    pub(super) fn finish(mut self, folder: &Path) -> Result<()> {
        let versions: Vec<String> = self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        self.paragraphs.push(format!("Versions: {}.\n", versions.join(", ")));
        let text = self.paragraphs.join("\n");
        let path = folder.join("results.md");
        fs::write(&path, &text).into_diagnostic()?;
        println!("\n{text}\nwritten to {}", path.display());
        Ok(())
    }
}

/// The medians of a series.
struct Summary {
    wall: f64,
    wall_least: f64,
    wall_most: f64,
    cpu: f64,
    server_cpu: Option<f64>,
    longest_statement: Option<f64>,
    memory: f64,
    bytes: Option<f64>,
}

impl Summary {
    fn of(runs: &[Measurement]) -> Result<Self> {
        let of = |value: fn(&Measurement) -> f64| median(runs.iter().map(value).collect());
        let walls = || runs.iter().map(|run| run.wall);
        #[expect(clippy::cast_precision_loss, reason = "files are far below 2^53 bytes")]
        let bytes = runs.iter().filter_map(|run| run.bytes).map(|bytes| bytes as f64).collect::<Vec<_>>();
        Ok(Self {
            wall: of(|run| run.wall)?,
            wall_least: walls().fold(f64::INFINITY, f64::min),
            wall_most: walls().fold(0.0, f64::max),
            cpu: of(|run| run.cpu)?,
            server_cpu: median(runs.iter().filter_map(|run| run.server_cpu).collect()).ok(),
            longest_statement: median(runs.iter().filter_map(|run| run.longest_statement).collect()).ok(),
            memory: of(|run| run.memory)?,
            bytes: median(bytes).ok(),
        })
    }

    fn row(&self, tool: Tool, peer: Option<&Self>) -> String {
        let ratio = |mine: Option<f64>, theirs: Option<f64>| match (mine, theirs) {
            (Some(mine), Some(theirs)) if !tool.is_floor() && theirs > 0.0 => format!("{:.2}", mine / theirs),
            _ => String::new(),
        };
        format!(
            "| {} | {:.1} ({:.1} to {:.1}) | {:.1} | {} | {} | {:.0} | {} | {} | {} | {} |\n",
            tool.name(),
            self.wall,
            self.wall_least,
            self.wall_most,
            self.cpu,
            self.server_cpu.map_or_else(String::new, |seconds| format!("{seconds:.1}")),
            self.longest_statement.map_or_else(String::new, |seconds| format!("{seconds:.1}")),
            self.memory / 1e6,
            self.bytes.map_or_else(String::new, |bytes| format!("{:.0}", bytes / 1e6)),
            ratio(Some(self.wall), peer.map(|peer| peer.wall)),
            ratio(Some(self.cpu), peer.map(|peer| peer.cpu)),
            ratio(self.bytes, peer.and_then(|peer| peer.bytes)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_medians_ranges_and_ratios() {
        let run = |wall| Measurement {
            wall,
            cpu: 2.0,
            server_cpu: None,
            longest_statement: Some(0.5),
            memory: 150e6,
            bytes: Some(10_000_000),
        };
        let mine = Summary::of(&[run(1.0), run(3.0), run(2.0)]).unwrap();
        let peer = Summary::of(&[run(4.0)]).unwrap();
        assert_eq!(
            mine.row(Tool::Rivet(Mode::Full), Some(&peer)),
            "| rivet | 2.0 (1.0 to 3.0) | 2.0 |  | 0.5 | 150 | 10 | 0.50 | 1.00 | 1.00 |\n"
        );
        assert!(Summary::of(&[]).is_err());
    }
}
