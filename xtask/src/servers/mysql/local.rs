use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use miette::{IntoDiagnostic as _, Result, WrapErr as _, bail, miette};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::super::account::Account;
use super::super::certificate::Certificate;
use super::super::launch::{Watchdog, free_port, launch, wait};
use super::super::{last_line, password, write};
use super::programs::Programs;
use super::settings::{self, FIRST, Place, Tls};
use super::{Family, Keeper, MysqlServer, Release, launcher};
use crate::{mysql, process};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server with its data in a temporary folder, killed and removed when dropped: nothing of it is worth a shutdown.
#[derive(Debug)]
pub(super) struct Cluster {
    family: Family,
    server: Child,
    watchdog: Option<Watchdog>,
    folder: TempDir,
}

/// Starts a server from the binaries of this machine, or of a root of its own.
pub(super) fn start(family: Family, release: Option<Release>) -> Result<MysqlServer> {
    let programs = Programs::find(family, release)?;
    let folder = TempDir::with_prefix_in("rivet-servers-", programs.home()?).into_diagnostic()?;
    Account::give(programs.account, folder.path())?;
    let pristine = initialize(&programs, folder.path())?;
    let certificate = Certificate::make(folder.path()).and_then(|made| {
        Account::give(programs.account, &made.key)?;
        Ok(made)
    });
    let (password, port) = (password(), free_port()?);
    let url = |host: &str| settings::url(&password, host, &port.to_string());
    let options = options(&programs, folder.path(), port, &password, certificate.as_ref().ok())?;
    let mut command = programs.command();
    command.arg(format!("--defaults-file={}", options.display()));
    let server = launch(&mut command, &folder.path().join(log(family)))?;
    // From here on `Drop` stops the server.
    let mut cluster = Cluster { family, server, watchdog: None, folder };
    cluster.watchdog = Some(Watchdog::of([&cluster.server], Signal::SIGKILL, cluster.folder.path())?);
    cluster.wait(&url("127.0.0.1"))?;
    let launcher = launcher::write_script(&programs, cluster.folder.path(), &pristine);
    let place = programs.root.as_ref().map_or_else(|| programs.server.clone(), |root| root.path().to_path_buf());
    Ok(MysqlServer {
        how: format!("{} {} from {} on port {port}", family.name(), programs.version, place.display()),
        url: url("127.0.0.1"),
        tls: certificate.map(|made| (url("localhost"), made.ca)).map_err(|error| error.to_string()),
        launcher: launcher.map_err(|error| error.to_string()),
        keeper: Keeper::Local(cluster),
    })
}

fn log(family: Family) -> &'static str {
    match family {
        Family::Mysql => "mysql.log",
        Family::Mariadb => "mariadb.log",
    }
}

/// Writes what the server reads when it starts, and returns where, as the server sees it.
fn options(
    programs: &Programs,
    folder: &Path,
    port: u16,
    password: &str,
    certificate: Option<&Certificate>,
) -> Result<PathBuf> {
    let inside = programs.inside(folder);
    let files = certificate.map(|made| [&made.ca, &made.chain, &made.key].map(|path| programs.inside(path)));
    let tls = files.as_ref().map(|[ca, chain, key]| Tls { ca, chain, key });
    let texts = [
        ("server.cnf", settings::options(Some(Place { folder: &inside, port }), tls)),
        (launcher::OPTIONS, settings::shared_options(&inside, tls)),
        (FIRST, settings::administrator(password)),
    ];
    for (name, text) in texts {
        let path = folder.join(name);
        write(&path, &text)?;
        Account::give(programs.account, &path)?;
    }
    Ok(inside.join("server.cnf"))
}

/// Makes the folder of data. Returns where the same data is that no server has used.
fn initialize(programs: &Programs, folder: &Path) -> Result<PathBuf> {
    let pristine = match &programs.root {
        Some(root) => root.pristine(),
        None => make_data(programs, folder)?,
    };
    process::capture(Command::new("cp").arg("-a").arg(&pristine).arg(folder.join("data")))?;
    Ok(pristine)
}

fn make_data(programs: &Programs, folder: &Path) -> Result<PathBuf> {
    let data = folder.join("pristine");
    let mut command = programs.command();
    command.arg("--no-defaults").arg(format!("--datadir={}", data.display())).current_dir(folder);
    command.args(["--innodb-flush-method=nosync", "--innodb-doublewrite=OFF", "--skip-log-bin"]);
    match programs.family {
        Family::Mysql => process::capture(command.arg("--initialize-insecure")).map(drop),
        Family::Mariadb => {
            fs::create_dir(&data).into_diagnostic()?;
            Account::give(programs.account, &data)?;
            bootstrap(programs, &mut command, &folder.join("bootstrap.log"))
        }
    }
    .wrap_err("the data could not be made")?;
    Ok(data)
}

/// The statements that `mariadb-install-db` gives to a new server, in its order and without the texts for `HELP`. The
/// script itself wants a program that some distributions have in a package of the client.
const SYSTEM_TABLES: [&str; 5] = [
    "system_tables.sql",
    "performance_tables.sql",
    "system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "sys_schema.sql",
];

fn bootstrap(programs: &Programs, command: &mut Command, log: &Path) -> Result<()> {
    let errors = File::create(log).into_diagnostic()?;
    let mut child = command
        .args(["--bootstrap", "--max-allowed-packet=16M", "--innodb-log-file-size=8M"])
        .stdin(Stdio::piped())
        .stdout(errors.try_clone().into_diagnostic()?)
        .stderr(errors)
        .spawn()
        .into_diagnostic()?;
    let statements = statements(programs);
    let written = statements.and_then(|text| feed(&mut child, &text).into_diagnostic());
    let status = process::wait_or_kill(&mut child)?;
    // A server that gives up says more than the pipe that it closed.
    if !status.success() {
        bail!("it ended with {status}: {}", last_line(log));
    }
    written
}

fn statements(programs: &Programs) -> Result<String> {
    // Its own administrator can't log in by TCP, where he would have no password.
    let mut text = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = 'root';\n".to_owned();
    for name in SYSTEM_TABLES {
        text += &fs::read_to_string(programs.shared(name)?).into_diagnostic()?;
        text.push('\n');
    }
    Ok(text)
}

fn feed(child: &mut Child, text: &str) -> io::Result<()> {
    // Closed at the end, so that the server ends too.
    let mut pipe = child.stdin.take().expect("it was asked for");
    pipe.write_all(text.as_bytes())
}

impl Cluster {
    /// Waits until the server answers.
    fn wait(&mut self, url: &str) -> Result<()> {
        let server = &mut self.server;
        wait(|| mysql::query_value(url, "SELECT version()"), || !matches!(server.try_wait(), Ok(None)), PATIENCE)
            .map_err(|error| {
                miette!("{error}; its log ends with: {}", last_line(&self.folder.path().join(log(self.family))))
            })?;
        Ok(())
    }

    /// Returns the server's process.
    pub(super) fn process(&self) -> u32 {
        self.server.id()
    }

    /// Copies the log into a folder; returns whether that worked.
    pub(super) fn save_logs(&self, folder: &Path) -> bool {
        let name = log(self.family);
        fs::copy(self.folder.path().join(name), folder.join(name)).is_ok()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watchdog.take());
        process::stop(&mut self.server, Signal::SIGKILL, Duration::from_secs(20));
    }
}
