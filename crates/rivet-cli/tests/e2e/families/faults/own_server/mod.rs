//! Servers that a test starts and stops itself: what `own_server_mysql` and `own_server_mariadb` in a name say. They
//! need a server that is installed on this machine; `cargo xtask e2e` says how it is started.

mod accounts;
mod clients;
mod restart;

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rivet_testing::{Family, MysqlSession};

/// How long a server may take to answer, or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes two tests of each function, as `on_both_families!` does, with the words in their names that these need.
macro_rules! on_both_own_servers {
    ($($function:ident),+ $(,)?) => {
        $(
            mod $function {
                #[test]
                fn own_server_mysql() {
                    super::$function(rivet_testing::Family::Mysql);
                }

                #[test]
                fn own_server_mariadb() {
                    super::$function(rivet_testing::Family::Mariadb);
                }
            }
        )+
    };
}
use on_both_own_servers;

/// A server of a test's own, killed and removed when dropped.
struct OwnServer {
    family: Family,
    folder: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl OwnServer {
    /// Makes an empty server and starts it with these options.
    #[track_caller]
    fn start(family: Family, options: &[&str]) -> Self {
        let output = Command::new("sh").arg(launcher(family)).arg("make").output().expect("every machine has `sh`");
        let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port exists");
        let port = listener.local_addr().expect("the listener is bound").port();
        let mut made = Self { family, folder: printed.into(), port, process: None };
        drop(listener);
        made.serve(options);
        made
    }

    /// Starts the server of the folder, and waits until it answers.
    #[track_caller]
    fn serve(&mut self, options: &[&str]) {
        self.launch(options);
        let begin = Instant::now();
        while let Err(error) = MysqlSession::try_connect(&self.url("")) {
            assert!(begin.elapsed() < PATIENCE && self.lives(), "{error}\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts the server of the folder, and does not wait for it.
    #[track_caller]
    fn launch(&mut self, options: &[&str]) {
        let log = File::options().create(true).append(true).open(self.folder.join("log")).expect("the folder is ours");
        let errors = log.try_clone().expect("a file can be had twice");
        let mut command = Command::new("sh");
        command.arg(launcher(self.family)).arg("serve").arg(&self.folder).arg(self.port.to_string()).args(options);
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        self.process = Some(child.expect("every machine has `sh`"));
    }

    fn lives(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(None)))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Ends the server by a signal: SIGTERM shuts it down in good order, SIGKILL gives it no time for anything.
    #[track_caller]
    fn stop(&mut self, signal: Signal) {
        let Some(mut process) = self.process.take() else { return };
        let id = Pid::from_raw(i32::try_from(process.id()).expect("process ids of unix are positive `i32`s"));
        kill(id, signal).expect("the server is ours and was not waited for");
        let begin = Instant::now();
        while matches!(process.try_wait(), Ok(None)) {
            if begin.elapsed() > PATIENCE {
                drop(process.kill());
                panic!("no end of the server\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the administrator's address of a database; of none where its name is empty.
    #[track_caller]
    fn url(&self, database: &str) -> String {
        let shared = self.family.url();
        let (user, _) = shared.rsplit_once('@').expect("an address has a user");
        format!("{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// Returns the address of a database as another user.
    fn url_as(&self, user: &str, password: &str, database: &str) -> String {
        format!("mysql://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    #[track_caller]
    fn connect(&self, database: &str) -> MysqlSession {
        MysqlSession::connect(&self.url(database))
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Returns the script that makes and starts servers of a family.
#[track_caller]
fn launcher(family: Family) -> String {
    let name = family.choose("RIVET_TEST_MYSQL_LAUNCHER", "RIVET_TEST_MARIADB_LAUNCHER");
    #[expect(clippy::disallowed_methods, reason = "tests find their servers here, rivet-config is what they test")]
    let value = std::env::var(name);
    value.unwrap_or_else(|_| panic!("`{name}` is not set: run this test with `cargo xtask e2e`"))
}
