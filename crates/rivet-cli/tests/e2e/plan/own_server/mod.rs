//! What takes a server of a test's own: another identity, or a log of what was sent.

mod identity;
mod statements;

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rivet_testing::{Session, postgres_programs};
use tempfile::TempDir;

/// An empty PostgreSQL server with an identity of its own, stopped and removed when dropped.
struct Cluster {
    // The folder that holds the data, the log and the socket.
    folder: TempDir,
    /// Who it runs as where we are root, which no server runs as: user and group.
    account: Option<(u32, u32)>,
    port: u16,
}

impl Cluster {
    /// Makes and starts it, with settings as `-c name=value`.
    #[track_caller]
    fn start(settings: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port exists");
        let port = listener.local_addr().expect("the listener is bound").port();
        drop(listener);
        Self::start_at(port, settings)
    }

    /// As [`Cluster::start`], on a port, where another one may have been before.
    #[track_caller]
    fn start_at(port: u16, settings: &str) -> Self {
        let folder = TempDir::with_prefix("rivet-own-server-").expect("the system's temporary folder can be written");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        let account = account();
        if let Some((user, group)) = account {
            chown(folder.path(), Some(user), Some(group)).expect("root may do that");
        }
        let made = Self { folder, account, port };
        made.program("initdb", &["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        let place = made.folder.path().display();
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={place} -c fsync=off \
             -c shared_buffers=32MB -c log_min_messages=warning {settings}"
        );
        made.program("pg_ctl", &["-w", "-s", "-l", &made.log_path(), "start", "-o", &options]);
        made
    }

    fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }

    #[track_caller]
    fn connect(&self) -> Session {
        Session::connect(&self.url())
    }

    /// Returns what it has logged.
    fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> String {
        self.folder.path().join("log").display().to_string()
    }

    /// Runs a program that takes the folder of the data.
    #[track_caller]
    fn program(&self, name: &str, arguments: &[&str]) {
        let output = self.command(name, arguments).output().expect("the program was found");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}\n{}", self.log());
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(postgres_programs().join(name));
        command.arg("-D").arg(self.folder.path().join("data")).args(arguments).current_dir(self.folder.path());
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.command("pg_ctl", &["stop", "-m", "immediate", "-w", "-s"]).output());
    }
}

/// The account of packages for servers, where we are root.
fn account() -> Option<(u32, u32)> {
    let number = |arguments: &[&str]| -> u32 {
        let output = Command::new("id").args(arguments).output().expect("every machine of a test has `id`");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("`id` prints a number")
    };
    (number(&["-u"]) == 0).then(|| (number(&["-u", "postgres"]), number(&["-g", "postgres"])))
}
