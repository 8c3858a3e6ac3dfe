//! Databases and object stores for tests: Docker Compose, else binaries of this machine, else an address from the environment.

mod account;
mod apt;
mod cache;
mod certificate;
mod compose;
mod environment;
mod launch;
mod mysql;
mod postgres;
mod small_disk;
mod stores;
mod wanted;

use std::path::Path;
use std::{fs, thread};

use clap::Args;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};

use crate::{interrupt, workspace};
use mysql::Family;

pub(crate) use environment::Environment;
pub(crate) use mysql::MysqlServer;
pub(crate) use postgres::Postgres;
pub(crate) use stores::{Store, Stores};
pub(crate) use wanted::{Engine, Wanted};

/// Bring servers up, print how to reach them, and keep them until ctrl-c
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    wanted: Wanted,
    /// Which databases, and no object store [default: all of both]
    #[arg(long, value_delimiter = ',', value_name = "DATABASE")]
    only: Vec<Engine>,
}

/// `cargo xtask servers`
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let engines = if arguments.only.is_empty() { Engine::ALL.to_vec() } else { arguments.only.clone() };
    let servers = Servers::start(arguments.wanted, &engines)?;
    let stores = Stores::obtain(if arguments.only.is_empty() { &Store::ALL } else { &[] });
    let environment = Environment::prepare(&servers, &stores);
    for (name, value) in environment.variables() {
        println!("export {name}='{value}'");
    }
    environment.print_skipped();
    println!("ready; ctrl-c stops the servers");
    interrupt::wait();
    println!("stopping");
    Ok(())
}

/// Something that is there, or the reason why not.
pub(crate) type Outcome<T> = std::result::Result<T, String>;

/// Servers that run for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Servers {
    /// A PostgreSQL, or why there is none.
    pub(crate) postgres: Outcome<Postgres>,
    /// A MySQL, or why there is none.
    pub(crate) mysql: Outcome<MysqlServer>,
    /// A MariaDB, or why there is none.
    pub(crate) mariadb: Outcome<MysqlServer>,
}

impl Servers {
    /// Brings databases up, side by side.
    ///
    /// # Errors
    ///
    /// Where none of them could be brought up; the message lists the reasons. Of one alone the reason stands in its
    /// field.
    pub(crate) fn start(wanted: Wanted, engines: &[Engine]) -> Result<Self> {
        let servers = thread::scope(|scope| {
            let asked = |engine: Engine| engines.contains(&engine);
            let mysql = asked(Engine::Mysql).then(|| scope.spawn(|| MysqlServer::start(Family::Mysql, wanted.mysql)));
            let mariadb =
                asked(Engine::Mariadb).then(|| scope.spawn(|| MysqlServer::start(Family::Mariadb, wanted.mariadb)));
            let postgres = asked(Engine::Postgres).then(|| Postgres::start(wanted.postgres));
            let join = |started: Option<thread::ScopedJoinHandle<'_, Result<MysqlServer>>>| {
                outcome(started.map(|thread| thread.join().unwrap_or_else(|_panic| Err(miette!("it panicked")))))
            };
            Self { postgres: outcome(postgres), mysql: join(mysql), mariadb: join(mariadb) }
        });
        interrupt::check()?;
        let reasons = [servers.postgres.as_ref().err(), servers.mysql.as_ref().err(), servers.mariadb.as_ref().err()];
        if let [Some(postgres), Some(mysql), Some(mariadb)] = reasons {
            return Err(miette!("no database could be brought up\n{postgres}\n{mysql}\n{mariadb}"));
        }
        Ok(servers)
    }

    /// Fails where there is no PostgreSQL, which tests take for granted.
    pub(crate) fn with_postgres(self) -> Result<Self> {
        match &self.postgres {
            Ok(_) => Ok(self),
            Err(reason) => Err(miette!("{reason}")),
        }
    }

    /// Returns how the servers came up, for a person.
    pub(crate) fn how(&self) -> String {
        let mysql = [&self.mysql, &self.mariadb].into_iter().flatten().map(|server| server.how.as_str());
        let postgres = self.postgres.iter().map(|server| server.how.as_str());
        postgres.chain(mysql).collect::<Vec<_>>().join("; ")
    }

    /// Copies the servers' logs into `target/e2e/logs` and says so: called after a failure.
    pub(crate) fn keep_logs(&self, stores: &Stores) {
        let folder = workspace::target().join("e2e/logs");
        if fs::create_dir_all(&folder).is_err() {
            return;
        }
        let mut kept = self.postgres.as_ref().is_ok_and(|server| server.save_logs(&folder));
        for server in [&self.mysql, &self.mariadb].into_iter().flatten() {
            kept |= server.save_logs(&folder);
        }
        kept |= stores.save_logs(&folder);
        if kept {
            println!("servers: their logs are in {}", folder.display());
        }
    }
}

fn outcome<T>(started: Option<Result<T>>) -> Outcome<T> {
    started.map_or_else(|| Err("not asked for".to_owned()), |started| started.map_err(|error| flat(&error)))
}

/// One way to bring a server up, and its name.
type Way<'a, T> = (&'a str, &'a dyn Fn() -> Result<T>);

/// Brings a server up in the first way that works, and prints why not in the others.
///
/// # Errors
///
/// Where no way works; the message lists the reasons.
fn by_first_way<T>(what: &str, ways: &[Way<'_, T>]) -> Result<T> {
    let mut reasons = Vec::new();
    for (way, start) in ways {
        interrupt::check()?;
        match start() {
            Ok(server) => return Ok(server),
            Err(reason) => {
                println!("servers: {what} not by {way}: {}", flat(&reason));
                reasons.push(format!("{way}: {}", flat(&reason)));
            }
        }
    }
    Err(miette!("no {what} could be brought up ({})", reasons.join("; ")))
}

/// An error and its causes on one line.
fn flat(error: &miette::Report) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ").replace('\n', " ")
}

/// Writes a text file for the servers to read.
fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).into_diagnostic().wrap_err_with(|| format!("`{}` can't be written", path.display()))
}

/// Returns what a log ends with, for a message.
fn last_line(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing").to_owned()
}

/// Makes a password that no one needs to know: of the randomness that hash maps are seeded with.
fn password() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    format!("rivet-{:016x}", RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_way_that_works_is_taken() {
        let fails = || Err(miette!("out of order"));
        let ways: [Way<'_, u8>; 3] = [("one", &fails), ("two", &|| Ok(2)), ("three", &|| panic!("it is not tried"))];
        assert_eq!(by_first_way("it", &ways).unwrap(), 2);
        let reason = by_first_way("it", &ways[..1]).unwrap_err().to_string();
        assert_eq!(reason, "no it could be brought up (one: out of order)");
    }
}
