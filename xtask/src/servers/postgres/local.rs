use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use miette::{IntoDiagnostic as _, Result, miette};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::super::account::Account;
use super::super::certificate::Certificate;
use super::super::launch::{Watchdog, free_port, launch, wait};
use super::super::{apt, last_line, password, write};
use super::{Keeper, Postgres, VERSIONS, pgbouncer};
use crate::process;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A PostgreSQL in a temporary folder, stopped and removed when dropped; a PgBouncer before it, where there is one.
#[derive(Debug)]
pub(super) struct Cluster {
    server: Child,
    pooler: Option<Child>,
    watchdog: Option<Watchdog>,
    folder: TempDir,
}

/// Starts a server from the binaries of this machine.
pub(super) fn start(version: Option<u32>) -> Result<Postgres> {
    let binaries = binaries(version)?;
    let account = Account::find("postgres")?;
    let folder = TempDir::with_prefix("rivet-servers-").into_diagnostic()?;
    Account::give(account, folder.path())?;
    let password = password();
    initialize(&binaries, folder.path(), account, &password)?;
    let certificate = Certificate::make(folder.path()).and_then(|made| {
        Account::give(account, &made.key)?;
        Ok(made)
    });
    let port = free_port()?;
    let url = |host: &str, port: u16| format!("postgresql://postgres:{password}@{host}:{port}/postgres");
    let mut command = server(&binaries, folder.path(), port, certificate.as_ref().ok());
    Account::run_as(account, &mut command);
    let child = launch(&mut command, &folder.path().join("postgres.log"))?;
    // From here on `Drop` stops the server.
    let mut cluster = Cluster { server: child, pooler: None, watchdog: None, folder };
    cluster.watch()?;
    let version = cluster.wait(&url("127.0.0.1", port))?;
    let pooler_port = free_port()?;
    let pgbouncer_url = pgbouncer::start(cluster.folder.path(), account, port, pooler_port, &password)
        .map(|child| {
            cluster.pooler = Some(child);
            url("127.0.0.1", pooler_port)
        })
        .map_err(|error| error.to_string());
    cluster.watch()?;
    Ok(Postgres {
        how: format!("PostgreSQL {version} from {} on port {port}", binaries.display()),
        url: url("127.0.0.1", port),
        pgbouncer_url,
        tls: certificate.map(|made| (url("localhost", port), made.ca)).map_err(|error| error.to_string()),
        postmaster: Some(cluster.server.id()),
        keeper: Keeper::Local(cluster),
    })
}

/// Returns the folder that holds `initdb` and `postgres`, installed first where we may.
fn binaries(version: Option<u32>) -> Result<PathBuf> {
    if let Some(found) = find_binaries(version) {
        return Ok(found);
    }
    if apt::may_install() {
        let package = version.map_or_else(|| "postgresql".to_owned(), |version| format!("postgresql-{version}"));
        apt::install(&[&package, "pgbouncer", "openssl"])?;
    }
    find_binaries(version).ok_or_else(|| match version {
        Some(version) => miette!("no binaries of PostgreSQL {version} are installed"),
        None => miette!("no binaries of PostgreSQL are installed"),
    })
}

/// Returns the folder of the newest server that is installed, where it has this program too.
pub(crate) fn programs(program: &str) -> Option<PathBuf> {
    find_binaries(None).filter(|folder| folder.join(program).is_file())
}

/// Looks for the newest version, or for one version, where packages put them; then in `PATH`.
fn find_binaries(version: Option<u32>) -> Option<PathBuf> {
    let versions: Vec<u32> = version.map_or_else(|| VERSIONS.rev().collect(), |version| vec![version]);
    let usual = versions.iter().flat_map(|version| {
        [
            format!("/usr/lib/postgresql/{version}/bin"),
            format!("/usr/pgsql-{version}/bin"),
            format!("/opt/homebrew/opt/postgresql@{version}/bin"),
            format!("/usr/local/opt/postgresql@{version}/bin"),
        ]
    });
    let complete = |folder: &PathBuf| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file());
    let in_path = process::find("initdb").and_then(|path| path.parent().map(Path::to_path_buf));
    usual.map(PathBuf::from).find(complete).or_else(|| {
        in_path.filter(complete).filter(|folder| {
            let printed = process::capture(Command::new(folder.join("postgres")).arg("--version")).unwrap_or_default();
            versions.iter().any(|version| printed.contains(&format!(") {version}.")))
        })
    })
}

fn initialize(binaries: &Path, folder: &Path, account: Option<Account>, password: &str) -> Result<()> {
    let secret = folder.join("password");
    write(&secret, password)?;
    Account::give(account, &secret)?;
    let mut command = Command::new(binaries.join("initdb"));
    command.arg("--pgdata").arg(folder.join("data")).arg("--pwfile").arg(&secret);
    command.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    command.current_dir(folder);
    Account::run_as(account, &mut command);
    process::capture(&mut command)?;
    Ok(())
}

/// Returns the command that serves: tuned for tests, which lose nothing in a crash of the machine.
fn server(binaries: &Path, folder: &Path, port: u16, certificate: Option<&Certificate>) -> Command {
    let mut settings = vec![
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        format!("unix_socket_directories={}", folder.display()),
        "max_connections=50".to_owned(),
        "shared_buffers=256MB".to_owned(),
        "max_wal_size=4GB".to_owned(),
        "wal_level=minimal".to_owned(),
        "max_wal_senders=0".to_owned(),
        "fsync=off".to_owned(),
        "full_page_writes=off".to_owned(),
        "synchronous_commit=off".to_owned(),
        "log_min_messages=warning".to_owned(),
    ];
    if let Some(certificate) = certificate {
        settings.push("ssl=on".to_owned());
        settings.push(format!("ssl_cert_file={}", certificate.chain.display()));
        settings.push(format!("ssl_key_file={}", certificate.key.display()));
    }
    let mut command = Command::new(binaries.join("postgres"));
    command.arg("-D").arg(folder.join("data")).current_dir(folder);
    for setting in settings {
        command.args(["-c", &setting]);
    }
    command
}

impl Cluster {
    /// Sees to it that what runs now ends with xtask.
    fn watch(&mut self) -> Result<()> {
        let processes = std::iter::once(&self.server).chain(&self.pooler);
        self.watchdog = Some(Watchdog::of(processes, Signal::SIGINT, self.folder.path())?);
        Ok(())
    }

    /// Waits until the server answers, and returns its version.
    fn wait(&mut self, url: &str) -> Result<String> {
        let server = &mut self.server;
        let ask = || crate::database::query_value(url, "SHOW server_version");
        wait(ask, || !matches!(server.try_wait(), Ok(None)), PATIENCE).map_err(|error| {
            miette!("{error}; its log ends with: {}", last_line(&self.folder.path().join("postgres.log")))
        })
    }

    /// Copies the logs into a folder; returns whether that worked.
    pub(super) fn save_logs(&self, folder: &Path) -> bool {
        let mut saved = false;
        for name in ["postgres.log", "pgbouncer.log"] {
            saved |= fs::copy(self.folder.path().join(name), folder.join(name)).is_ok();
        }
        saved
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watchdog.take());
        if let Some(pooler) = &mut self.pooler {
            process::stop(pooler, Signal::SIGTERM, Duration::from_secs(2));
        }
        // What PostgreSQL calls a fast shutdown: sessions are ended, the server's shared memory is freed.
        process::stop(&mut self.server, Signal::SIGINT, Duration::from_secs(20));
    }
}
