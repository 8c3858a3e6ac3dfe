use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic as _, Result, bail, miette};

use super::super::account::Account;
use super::super::launch::launch;
use super::super::write;
use crate::process;

/// Starts PgBouncer in transaction mode before a local server, for every database of it.
pub(super) fn start(folder: &Path, account: Option<Account>, server: u16, port: u16, password: &str) -> Result<Child> {
    let binary = process::find("pgbouncer").ok_or_else(|| miette!("pgbouncer is not installed"))?;
    let (configuration, users) = (folder.join("pgbouncer.ini"), folder.join("users.txt"));
    write(&users, &format!("\"postgres\" \"{password}\"\n"))?;
    write(&configuration, &settings(server, port, &users))?;
    Account::give(account, &users)?;
    Account::give(account, &configuration)?;
    let mut command = Command::new(binary);
    command.arg(&configuration).current_dir(folder);
    Account::run_as(account, &mut command);
    let mut child = launch(&mut command, &folder.join("pgbouncer.log"))?;
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if child.try_wait().into_diagnostic()?.is_some() || begin.elapsed() > Duration::from_secs(10) {
            // Nobody else stops it yet.
            drop(child.kill());
            drop(child.wait());
            bail!("pgbouncer does not answer");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(child)
}

/// The strictest settings that are common: no startup parameter is let pass that transaction mode can't keep. The
/// pool is small and short-lived, since each test has a database of its own and the server 50 connections.
fn settings(server: u16, port: u16, users: &Path) -> String {
    format!(
        "[databases]\n\
         * = host=127.0.0.1 port={server}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = scram-sha-256\n\
         auth_file = {}\n\
         pool_mode = transaction\n\
         default_pool_size = 5\n\
         max_client_conn = 100\n\
         server_idle_timeout = 2\n\
         ignore_startup_parameters =\n",
        users.display()
    )
}
