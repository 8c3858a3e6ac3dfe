use miette::{Result, miette};

use crate::data;
use crate::database::Database;
use crate::mysql::Mysql;
use crate::servers::{Engine, Servers, Wanted};

/// The name of the database that is made where a server comes without one.
const DATABASE: &str = "bench";

/// The servers of a bench and what is needed to reach them.
#[derive(Debug)]
pub(crate) struct Benched {
    servers: Servers,
    engines: Vec<Engine>,
}

impl Benched {
    /// Brings the databases up. One that this machine has not is left out, with a word why.
    pub(super) fn start(wanted: Wanted, engines: &[Engine]) -> Result<Self> {
        let mut benched = Self { servers: Servers::start(wanted, engines)?, engines: Vec::new() };
        for engine in engines {
            let made = benched.administrator(*engine).and_then(|url| match engine {
                Engine::Postgres => Ok(()),
                Engine::Mysql | Engine::Mariadb => {
                    Mysql::connect(&url)?.execute(&format!("CREATE DATABASE IF NOT EXISTS {DATABASE}"))
                }
            });
            match made {
                Ok(()) => benched.engines.push(*engine),
                Err(reason) => println!("skipped: {engine:?}: {reason}"),
            }
        }
        Ok(benched)
    }

    /// Returns which of the databases there are.
    pub(super) fn engines(&self) -> &[Engine] {
        &self.engines
    }

    fn administrator(&self, engine: Engine) -> Result<String> {
        let of = |url: Result<&String, &String>| url.cloned().map_err(|reason| miette!("{reason}"));
        match engine {
            // Some tools would encrypt the loopback and others not.
            Engine::Postgres => {
                of(self.servers.postgres.as_ref().map(|server| &server.url)).map(|url| url + "?sslmode=disable")
            }
            Engine::Mysql => of(self.servers.mysql.as_ref().map(|server| &server.url)),
            Engine::Mariadb => of(self.servers.mariadb.as_ref().map(|server| &server.url)),
        }
    }

    /// Returns the address of the database that tools read from.
    pub(super) fn url(&self, engine: Engine) -> Result<String> {
        let url = self.administrator(engine)?;
        Ok(if engine == Engine::Postgres { url } else { url + DATABASE })
    }

    /// Returns the first of the server's processes, where it can be seen.
    pub(super) fn process(&self, engine: Engine) -> Option<u32> {
        match engine {
            Engine::Postgres => self.servers.postgres.as_ref().ok()?.postmaster,
            Engine::Mysql => self.servers.mysql.as_ref().ok()?.process(),
            Engine::Mariadb => self.servers.mariadb.as_ref().ok()?.process(),
        }
    }

    /// Loads a table, and a tenth of it: memory must not grow with the rows.
    pub(super) fn load(&self, engine: Engine, scale: f64, table: &str) -> Result<()> {
        let url = self.url(engine)?;
        data::load(&url, scale, &[table.to_owned()])?;
        Asked::connect(&url)?.add_tenth(table)
    }
}

/// A connection of the bench itself.
pub(super) enum Asked {
    Postgres(Box<Database>),
    Mysql(Box<Mysql>),
}

impl Asked {
    /// Connects to the database of an address.
    pub(super) fn connect(url: &str) -> Result<Self> {
        Ok(if data::is_mysql(url) {
            Self::Mysql(Box::new(Mysql::connect(url)?))
        } else {
            Self::Postgres(Box::new(Database::connect(url)?))
        })
    }

    /// Returns the first value of the first row, as text.
    pub(super) fn value(&mut self, sql: &str) -> Result<String> {
        match self {
            Self::Postgres(database) => database.value(sql),
            Self::Mysql(database) => database.value(sql),
        }
    }

    fn execute(&mut self, sql: &str) -> Result<()> {
        match self {
            Self::Postgres(database) => database.execute(sql),
            Self::Mysql(database) => database.execute(sql),
        }
    }

    /// Returns the product and its version.
    pub(super) fn version(&mut self) -> Result<String> {
        match self {
            Self::Postgres(_) => self.value("SELECT split_part(version(), ' on ', 1)"),
            Self::Mysql(_) => {
                let name = "if(version() LIKE '%MariaDB%', 'MariaDB ', 'MySQL ')";
                self.value(&format!("SELECT concat({name}, substring_index(version(), '-', 1))"))
            }
        }
    }

    /// Returns how many rows a table has.
    pub(super) fn rows(&mut self, table: &str) -> Result<String> {
        match self {
            Self::Postgres(_) => self.value(&format!("SELECT count(*) FROM {table}")),
            // A number would come as one.
            Self::Mysql(_) => self.value(&format!("SELECT CAST(count(*) AS char) FROM {table}")),
        }
    }

    /// Returns the age, in seconds, of the oldest statement that another client runs.
    pub(super) fn oldest_statement(&mut self) -> Result<String> {
        match self {
            Self::Postgres(_) => self.value(
                "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0) \
                 FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' \
                 AND pid <> pg_backend_pid()",
            ),
            // The list of processes counts whole seconds. Timers are in picoseconds.
            Self::Mysql(_) => self.value(
                "SELECT CAST(coalesce(max(s.timer_wait), 0) / 1e12 AS char) \
                 FROM performance_schema.events_statements_current s JOIN performance_schema.threads t USING (thread_id) \
                 WHERE s.end_event_id IS NULL AND t.processlist_id <> connection_id()",
            ),
        }
    }

    /// Each statement goes by itself, since VACUUM runs in no transaction.
    fn add_tenth(&mut self, table: &str) -> Result<()> {
        match self {
            Self::Postgres(_) => {
                let tenth = format!("SELECT * FROM {table} LIMIT (SELECT count(*) / 10 FROM {table})");
                self.execute(&format!("CREATE TABLE {table}_tenth AS {tenth}"))?;
                self.execute(&format!("VACUUM (ANALYZE) {table}"))?;
                self.execute(&format!("VACUUM (ANALYZE) {table}_tenth"))?;
                self.execute("CHECKPOINT")
            }
            Self::Mysql(_) => {
                let rows: u64 = self.rows(table)?.parse().unwrap_or(0);
                self.execute(&format!("DROP TABLE IF EXISTS {table}_tenth"))?;
                self.execute(&format!("CREATE TABLE {table}_tenth LIKE {table}"))?;
                self.execute(&format!("INSERT INTO {table}_tenth SELECT * FROM {table} LIMIT {}", rows / 10))?;
                self.execute(&format!("ANALYZE TABLE {table}_tenth"))
            }
        }
    }
}
