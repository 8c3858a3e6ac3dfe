//! Databases for tests: Docker Compose, else binaries of this machine, else an address from the environment.

mod certificate;
mod docker;
mod environment;
mod local;
mod pgbouncer;
mod small_disk;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use miette::Result;

use crate::{interrupt, python, workspace};
use small_disk::SmallDisk;

pub(crate) use environment::Environment;

/// The versions of PostgreSQL that are supported.
const VERSIONS: std::ops::RangeInclusive<u32> = 12..=18;

/// Which server is wanted.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Wanted {
    /// The major version of PostgreSQL, 12 to 18 [default: 17 with Docker, else what the machine has]
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(12..=18))]
    pub(crate) postgres: Option<u32>,
}

/// Bring servers up, print how to reach them, and keep them until ctrl-c
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    wanted: Wanted,
}

/// `cargo xtask servers`
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let servers = Servers::start(arguments.wanted)?;
    let environment = Environment::prepare(&servers);
    for (name, value) in environment.variables() {
        println!("export {name}='{value}'");
    }
    environment.print_skipped();
    println!("ready; ctrl-c stops the servers");
    interrupt::wait();
    println!("stopping");
    Ok(())
}

/// Servers that run for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Servers {
    /// How they came up, for a person.
    pub(crate) how: String,
    /// The superuser's address.
    pub(crate) postgres_url: String,
    /// The same server through PgBouncer in transaction mode, or why not.
    pub(crate) pgbouncer_url: std::result::Result<String, String>,
    /// The address by a name that the certificate holds, and the authority's file; or why not.
    pub(crate) tls: std::result::Result<(String, PathBuf), String>,
    /// The process whose children serve, where it can be seen.
    pub(crate) postmaster: Option<u32>,
    /// What stops the servers when it is dropped.
    keeper: Keeper,
}

/// One way to bring servers up.
type Way = fn(Wanted) -> Result<Servers>;

#[derive(Debug)]
enum Keeper {
    Docker(docker::Compose),
    Local(local::Cluster),
    Nobody,
}

impl Servers {
    /// Brings servers up in the first way that works, and prints which one it was and why not the others.
    ///
    /// # Errors
    ///
    /// Where no way works; the message lists the reasons.
    pub(crate) fn start(wanted: Wanted) -> Result<Self> {
        let ways: [(&str, Way); 3] =
            [("Docker", docker::start), ("local binaries", local::start), ("environment", environment::start)];
        let mut reasons = Vec::new();
        for (way, start) in ways {
            interrupt::check()?;
            match start(wanted) {
                Ok(servers) => {
                    println!("servers: {}", servers.how);
                    return Ok(servers);
                }
                Err(reason) => {
                    println!("servers: not by {way}: {}", flat(&reason));
                    reasons.push(format!("{way}: {}", flat(&reason)));
                }
            }
        }
        Err(miette::miette!("no PostgreSQL could be brought up\n{}", reasons.join("\n")))
    }

    /// Copies the servers' logs into `target/e2e/logs` and says so: called after a failure.
    pub(crate) fn keep_logs(&self) {
        let folder = workspace::target().join("e2e/logs");
        let kept = fs::create_dir_all(&folder).is_ok()
            && match &self.keeper {
                Keeper::Docker(compose) => compose.save_logs(&folder),
                Keeper::Local(cluster) => cluster.save_logs(&folder),
                Keeper::Nobody => false,
            };
        if kept {
            println!("servers: their logs are in {}", folder.display());
        }
    }
}

/// An error and its causes on one line.
fn flat(error: &miette::Report) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ").replace('\n', " ")
}

/// Writes a text file for the servers to read.
fn write(path: &Path, text: &str) -> Result<()> {
    use miette::{IntoDiagnostic as _, WrapErr as _};
    fs::write(path, text).into_diagnostic().wrap_err_with(|| format!("`{}` can't be written", path.display()))
}

/// Makes a password that no one needs to know: of the randomness that hash maps are seeded with.
fn password() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    format!("rivet-{:016x}", RandomState::new().hash_one(std::process::id()))
}
