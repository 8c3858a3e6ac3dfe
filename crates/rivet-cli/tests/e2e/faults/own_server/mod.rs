//! Servers that a test starts, stops and copies itself: what `own_server` in a name says. They need the programs of a
//! PostgreSQL server on this machine.

mod replica;
mod restart;

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use rivet_testing::{Session, postgres_programs};
use tempfile::TempDir;

/// Who a server runs as where we are root, which no server runs as: user and group.
type Account = Option<(u32, u32)>;

/// A PostgreSQL server of a test's own, stopped and removed when dropped.
pub(super) struct OwnServer {
    // The folder that holds the data, the log and the socket.
    folder: TempDir,
    binaries: PathBuf,
    account: Account,
    port: u16,
}

impl OwnServer {
    /// Makes an empty server and starts it.
    #[track_caller]
    pub(super) fn start() -> Self {
        let made = Self::make();
        made.program("initdb", &["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        made.launch("-c wal_level=replica -c max_wal_senders=4");
        made
    }

    /// Makes a replica, which does not wait for its readers when it has changes to make.
    #[track_caller]
    pub(super) fn replica(&self) -> Self {
        let made = Self::make();
        let port = self.port.to_string();
        made.program(
            "pg_basebackup",
            &["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync"],
        );
        made.launch("-c max_standby_streaming_delay=0 -c hot_standby_feedback=off");
        made
    }

    fn make() -> Self {
        let folder = TempDir::with_prefix("rivet-own-server-").expect("the system's temporary folder can be written");
        let account = account();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        if let Some((user, group)) = account {
            chown(folder.path(), Some(user), Some(group)).expect("root may do that");
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port exists");
        let port = listener.local_addr().expect("the listener is bound").port();
        Self { folder, binaries: postgres_programs(), account, port }
    }

    pub(super) fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }

    #[track_caller]
    pub(super) fn connect(&self) -> Session {
        Session::connect(&self.url())
    }

    fn launch(&self, settings: &str) {
        let (port, folder) = (self.port, self.folder.path().display());
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off \
             -c shared_buffers=32MB -c log_min_messages=warning {settings}"
        );
        self.control(&["start", "-o", &options]);
    }

    /// Stops it in a way, `fast` or `immediate`, and starts it again.
    #[track_caller]
    pub(super) fn restart(&self, how: &str) {
        self.control(&["restart", "-m", how]);
    }

    #[track_caller]
    fn control(&self, arguments: &[&str]) {
        let log = self.folder.path().join("log").display().to_string();
        self.program("pg_ctl", &[&["-w", "-s", "-l", &log][..], arguments].concat());
    }

    /// Runs a program that takes the folder of the data.
    #[track_caller]
    fn program(&self, name: &str, arguments: &[&str]) {
        let output = self.command(name, arguments).output().expect("the program was found");
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(output.status.success(), "{name}: {}\n{log}", String::from_utf8_lossy(&output.stderr));
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.arg("-D").arg(self.folder.path().join("data")).args(arguments).current_dir(self.folder.path());
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        drop(self.command("pg_ctl", &["stop", "-m", "immediate", "-w", "-s"]).output());
    }
}

/// Looks for the newest programs where packages put them.
#[track_caller]
fn account() -> Account {
    let number = |arguments: &[&str]| -> u32 {
        let output = Command::new("id").args(arguments).output().expect("every machine of a test has `id`");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("`id` prints a number")
    };
    (number(&["-u"]) == 0).then(|| (number(&["-u", "postgres"]), number(&["-g", "postgres"])))
}
