use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, bail, miette};
use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use super::certificate::Certificate;
use super::{Keeper, Servers, VERSIONS, Wanted, password, pgbouncer, write};
use crate::{interrupt, process};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A PostgreSQL in a temporary folder, stopped and removed when dropped; a PgBouncer before it, where there is one.
#[derive(Debug)]
pub(super) struct Cluster {
    server: Child,
    pooler: Option<Child>,
    folder: TempDir,
}

/// Who a server runs as: neither PostgreSQL nor PgBouncer runs as root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

/// Starts a server from the binaries of this machine.
pub(super) fn start(wanted: Wanted) -> Result<Servers> {
    let binaries = binaries(wanted.postgres)?;
    let account = Account::find()?;
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
    let mut cluster = Cluster { server: child, pooler: None, folder };
    let version = cluster.wait(&url("127.0.0.1", port))?;
    let pooler_port = free_port()?;
    let pgbouncer_url = pgbouncer::start(cluster.folder.path(), account, port, pooler_port, &password)
        .map(|child| {
            cluster.pooler = Some(child);
            url("127.0.0.1", pooler_port)
        })
        .map_err(|error| error.to_string());
    Ok(Servers {
        how: format!("PostgreSQL {version} from {} on port {port}", binaries.display()),
        postgres_url: url("127.0.0.1", port),
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
    let may_install = geteuid().is_root() && process::find("apt-get").is_some();
    if may_install {
        let package = version.map_or_else(|| "postgresql".to_owned(), |version| format!("postgresql-{version}"));
        println!("servers: installing {package} and pgbouncer with apt-get");
        let install = ["install", "--yes", "--no-install-recommends", &package, "pgbouncer", "openssl"];
        let apt = |arguments: &[&str]| {
            process::capture(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
        };
        apt(&["update"]).and_then(|_| apt(&install)).wrap_err("PostgreSQL could not be installed")?;
    }
    find_binaries(version).ok_or_else(|| match version {
        Some(version) => miette!("no binaries of PostgreSQL {version} are installed"),
        None => miette!("no binaries of PostgreSQL are installed"),
    })
}

/// Returns the folder of the newest server that is installed, where it has this program too.
pub(super) fn programs(program: &str) -> Option<PathBuf> {
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

/// Starts a server in a process group of its own, so that a ctrl-c reaches the tests and not their server.
pub(super) fn launch(command: &mut Command, log: &Path) -> Result<Child> {
    let log = fs::File::create(log).into_diagnostic()?;
    let errors = log.try_clone().into_diagnostic()?;
    command.process_group(0).stdin(Stdio::null()).stdout(log).stderr(errors);
    let program = Path::new(command.get_program()).display().to_string();
    command.spawn().into_diagnostic().wrap_err_with(|| format!("`{program}` does not start"))
}

/// Asks the system for a port that nobody listens on. Someone else may take it before the server does; then the
/// server says so.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).into_diagnostic()?;
    Ok(listener.local_addr().into_diagnostic()?.port())
}

impl Cluster {
    /// Waits until the server answers, and returns its version.
    fn wait(&mut self, url: &str) -> Result<String> {
        let begin = Instant::now();
        loop {
            interrupt::check()?;
            if let Ok(version) = crate::database::query_value(url, "SHOW server_version") {
                return Ok(version);
            }
            let ended = self.server.try_wait().into_diagnostic()?;
            if ended.is_some() || begin.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.folder.path().join("postgres.log")).unwrap_or_default();
                bail!("the server does not answer; its log ends with: {}", log.lines().last().unwrap_or("nothing"));
            }
            thread::sleep(Duration::from_millis(50));
        }
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
        if let Some(pooler) = &mut self.pooler {
            process::stop(pooler, Signal::SIGTERM, Duration::from_secs(2));
        }
        // What PostgreSQL calls a fast shutdown: sessions are ended, the server's shared memory is freed.
        process::stop(&mut self.server, Signal::SIGINT, Duration::from_secs(20));
    }
}

impl Account {
    /// Returns the account to change to, none where we are not root.
    fn find() -> Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let user = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = user.ok_or_else(|| miette!("servers do not run as root, and there is no user to run them as"))?;
        Ok(Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
    }

    /// Makes a command run as the account.
    pub(super) fn run_as(account: Option<Self>, command: &mut Command) {
        if let Some(Self { uid, gid }) = account {
            command.uid(uid).gid(gid);
        }
    }

    /// Makes a file or folder the account's own, closed to others.
    pub(super) fn give(account: Option<Self>, path: &Path) -> Result<()> {
        let mode = if path.is_dir() { 0o755 } else { 0o600 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).into_diagnostic()?;
        if let Some(Self { uid, gid }) = account {
            chown(path, Some(uid), Some(gid)).into_diagnostic()?;
        }
        Ok(())
    }
}
