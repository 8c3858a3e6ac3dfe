use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use miette::{IntoDiagnostic as _, Result, bail, ensure};

use super::longest_statement::LongestStatement;
use super::measurement::{self, Measurement};
use super::s3::S3Server;
use super::server_cpu::ServerCpu;
use super::workload::Workload;
use super::{Bench, data_bytes};
use crate::servers::Engine;
use crate::{process, workspace};

/// Where a tool finds the database.
pub(super) const DATABASE: &str = "RIVET_BENCH_DATABASE";

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Parquet with zstd at level 3, the level that DuckDB takes by itself.
    Parquet,
    /// CSV, not compressed.
    Csv,
}

impl Output {
    fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }
}

/// How Rivet reads the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A full export, in statements of two seconds.
    Full,
    /// A full export, in one statement.
    OneStatement,
    /// Chunks by key, two at a time, in statements of two seconds.
    Chunked,
    /// The same in one snapshot, by pages.
    Snapshot,
}

impl Mode {
    fn keys(self) -> &'static str {
        match self {
            Self::Full => "mode: full\n    tuning: { statement_budget_s: 2 }",
            Self::OneStatement => "mode: full\n    tuning: { statement_budget_s: 0 }",
            Self::Snapshot => {
                "mode: chunked\n    chunk_count: 16\n    parallel: 2\n    consistency: snapshot\n    \
                 tuning: { statement_budget_s: 2 }"
            }
            Self::Chunked => {
                "mode: chunked\n    chunk_count: 16\n    parallel: 2\n    tuning: { statement_budget_s: 2 }"
            }
        }
    }
}

/// Something that exports a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// The release build of this repository.
    Rivet(Mode),
    /// The same into a server of this machine that speaks S3's protocol.
    RivetToS3(Mode),
    /// A tool that `fixtures/python/peers.py` knows.
    Peer(&'static str),
    /// The floor of every reader: `psql` takes the rows in binary and drops them.
    CopyBinary,
    /// The floor of every CSV: `psql` stores what the server sends.
    CopyCsv,
}

impl Tool {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rivet(Mode::Full) => "rivet",
            Self::Rivet(Mode::OneStatement) => "rivet, one statement",
            Self::Rivet(Mode::Chunked) => "rivet, chunked, 2 workers",
            Self::Rivet(Mode::Snapshot) => "rivet, one snapshot, 2 workers",
            Self::RivetToS3(Mode::Chunked) => "rivet to S3, chunked, 2 workers",
            Self::RivetToS3(_) => "rivet to S3",
            Self::Peer("duckdb") => "DuckDB, 2 threads",
            Self::Peer("duckdb-unordered") => "DuckDB, order off",
            Self::Peer("connectorx-2") => "connectorx, 2 ranges",
            Self::Peer("adbc-2") => "ADBC, 2 threads",
            Self::Peer(other) => other,
            Self::CopyBinary => "floor: COPY binary, dropped",
            Self::CopyCsv => "floor: COPY csv",
        }
    }

    /// Whether the bench goes on without it.
    pub(super) fn is_peer(self) -> bool {
        !matches!(self, Self::Rivet(_))
    }

    /// Whether it does less than an export.
    pub(super) fn is_floor(self) -> bool {
        matches!(self, Self::CopyBinary | Self::CopyCsv)
    }

    /// Returns its version, where it has one to tell.
    pub(super) fn version(self, bench: &Bench) -> Option<String> {
        let mut command = match self {
            Self::Peer(name) => {
                let mut command = Command::new(&bench.python);
                command.arg(workspace::fixture("python/peers.py")).args(["version", name]);
                command
            }
            Self::Rivet(_) | Self::RivetToS3(_) => {
                let mut command = Command::new("git");
                command.args(["rev-parse", "--short", "HEAD"]).current_dir(workspace::root());
                command
            }
            Self::CopyBinary | Self::CopyCsv => return None,
        };
        process::capture(&mut command).ok().map(|text| text.trim().to_owned())
    }

    /// Exports the table once, and counts the rows that were written.
    pub(super) fn run(self, bench: &Bench, workload: &Workload, rows: u64) -> Result<Measurement> {
        let folder = bench.empty("run")?;
        let mut out = folder.join("out");
        std::fs::create_dir(&out).into_diagnostic()?;
        let mut store = None;
        if let Self::RivetToS3(_) = self {
            let server = S3Server::start(&out)?;
            out = server.objects();
            store = Some(server);
        }
        let words = self.command(bench, workload, &folder, &out, store.as_ref())?;
        let url = bench.servers.url(workload.source)?;
        let before = ServerCpu::read(bench.servers.process(workload.source));
        let watching = LongestStatement::watch(&url);
        let measured = measurement::take(bench, &url, &folder, &words);
        let longest_statement = watching.end();
        let mut measured = measured?;
        measured.longest_statement = longest_statement;
        measured.server_cpu = before.spent();
        if self != Self::CopyBinary {
            measured.bytes = Some(data_bytes(&out)?);
            let written = count(bench, &out)?;
            ensure!(written == rows, "{} wrote {written} rows, the table has {rows}", self.name());
        }
        Ok(measured)
    }

    fn command(
        self,
        bench: &Bench,
        workload: &Workload,
        folder: &Path,
        out: &Path,
        store: Option<&S3Server>,
    ) -> Result<Vec<OsString>> {
        let Workload { table, output, source, .. } = workload;
        let file = out.join(format!("{table}.{}", output.extension()));
        let psql = |target: &Path, copy: &str| -> Result<Vec<OsString>> {
            let Some(psql) = process::find("psql") else { bail!("psql is not installed") };
            let url = bench.servers.url(*source)?;
            Ok(vec![psql.into(), url.into(), "-qXo".into(), target.into(), "-c".into(), copy.into()])
        };
        match self {
            Self::Rivet(mode) | Self::RivetToS3(mode) => {
                let config = folder.join("rivet.yaml");
                let local = || format!("{{ type: local, path: {:?} }}", out.display().to_string());
                let destination = store.map_or_else(local, S3Server::destination);
                std::fs::write(&config, configuration(workload, mode, &destination)).into_diagnostic()?;
                let arguments = ["--no-progress", "run", "-c"].map(OsString::from);
                Ok([bench.rivet.clone().into_os_string()].into_iter().chain(arguments).chain([config.into()]).collect())
            }
            Self::Peer(name) => {
                let script = workspace::fixture("python/peers.py");
                Ok(vec![bench.python.clone().into(), script.into(), name.into(), (*table).into(), file.into()])
            }
            Self::CopyBinary => {
                psql(Path::new("/dev/null"), &format!("COPY (SELECT * FROM {table}) TO STDOUT (FORMAT binary)"))
            }
            Self::CopyCsv => psql(&file, &format!("COPY (SELECT * FROM {table}) TO STDOUT (FORMAT csv, HEADER)")),
        }
    }
}

fn configuration(workload: &Workload, mode: Mode, destination: &str) -> String {
    let Workload { table, output, source, .. } = workload;
    let kind = match source {
        Engine::Postgres => "postgres",
        Engine::Mysql | Engine::Mariadb => "mysql\n  tls: { mode: disable }",
    };
    let form = match output {
        Output::Parquet => "format: parquet\n    compression: zstd\n    compression_level: 3",
        Output::Csv => "format: csv\n    compression: none",
    };
    format!(
        "source:\n  type: {kind}\n  url_env: {DATABASE}\n  environment: local\n\nexports:\n  - name: {table}\n    \
         table: {table}\n    {}\n    {form}\n    destination: {destination}\n",
        mode.keys()
    )
}

/// Returns how many rows the files of an output hold.
fn count(bench: &Bench, out: &Path) -> Result<u64> {
    let script = workspace::fixture("python/peers.py");
    let printed = process::capture(Command::new(&bench.python).arg(script).arg("count").arg(out))?;
    printed.trim().parse().into_diagnostic()
}
