use std::path::Path;
use std::time::Duration;

use super::dump;
use super::family::Family;
use super::session::MysqlSession;
use crate::comparison::Oracle;
use crate::database::{fresh_name, parse, with_database};

/// An empty database of its own on a MySQL or a MariaDB, dropped when the value is.
#[derive(Debug)]
pub struct MysqlDatabase {
    family: Family,
    name: String,
    url: String,
    session: MysqlSession,
}

impl MysqlDatabase {
    /// Creates the database on the server of `RIVET_TEST_MYSQL_URL` or `RIVET_TEST_MARIADB_URL`, in utf8mb4.
    #[track_caller]
    pub fn create(family: Family) -> Self {
        Self::create_with(family, "CHARACTER SET utf8mb4")
    }

    /// As [`Self::create`], with what `CREATE DATABASE` is told behind the name, for example a character set.
    #[track_caller]
    pub fn create_with(family: Family, options: &str) -> Self {
        let (server, name) = (family.url(), fresh_name());
        MysqlSession::connect(&server).execute(&format!("CREATE DATABASE {name} {options}"));
        let url = with_database(&server, &name);
        let session = MysqlSession::connect(&url);
        Self { family, name, url, session }
    }

    /// Returns what the database is on.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Returns the database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the administrator's address of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the address of the database by a name that the server's certificate holds.
    #[track_caller]
    pub fn tls_url(&self) -> String {
        with_database(&self.family.tls_url(), &self.name)
    }

    /// Returns the address of the database as another user.
    #[track_caller]
    pub fn url_as(&self, user: &str, password: &str) -> String {
        let mut url = parse(&self.url);
        url.set_username(user).expect("the address has a host");
        url.set_password(Some(password)).expect("the address has a host");
        url.into()
    }

    /// Returns the connection that the other methods use.
    pub fn session(&self) -> &MysqlSession {
        &self.session
    }

    /// Opens a second connection, for what must happen meanwhile.
    #[track_caller]
    pub fn connect(&self) -> MysqlSession {
        MysqlSession::connect(&self.url)
    }

    /// Runs statements, separated by semicolons.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.session.execute(sql);
    }

    /// Returns the rows of a query, each value in the server's own text form.
    #[track_caller]
    pub fn query_text(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.session.query_text(sql)
    }

    /// Returns the one value of a query of one row and one column; empty for NULL.
    #[track_caller]
    pub fn query_value(&self, sql: &str) -> String {
        self.session.query_value(sql)
    }

    /// Returns how many rows a table has, or a query in parentheses with a name.
    #[track_caller]
    pub fn count(&self, table: &str) -> u64 {
        let count = self.query_value(&format!("SELECT count(*) FROM {table}"));
        count.parse().expect("a count is a number")
    }

    /// Writes what the server says a query gives: a CSV file, and beside it `<path>.types.json` with the type of
    /// each column. `compare.py` reads both.
    #[track_caller]
    pub fn dump(&self, query: &str, path: &Path) {
        dump::write(&self.connect(), query, path);
    }
}

impl Oracle for MysqlDatabase {
    fn dump(&self, query: &str, path: &Path) {
        Self::dump(self, query, path);
    }
}

impl Drop for MysqlDatabase {
    fn drop(&mut self) {
        // A test that fails must say why it did, not that its database is in use: nothing here panics. Inside of a
        // runtime no connection can be waited for; the database goes with its server then.
        if tokio::runtime::Handle::try_current().is_ok() {
            return;
        }
        if let Ok(server) = MysqlSession::try_connect(&self.family.url()) {
            self.release(&server);
            // Its tables may be in the hands of a statement that is being killed.
            drop(server.try_execute("SET lock_wait_timeout = 5"));
            for _ in 0..4 {
                if server.try_execute(&format!("DROP DATABASE IF EXISTS {}", self.name)).is_ok() {
                    break;
                }
                self.release(&server);
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

impl MysqlDatabase {
    /// Kills the other connections to the database, whose locks would keep it from being dropped.
    fn release(&self, server: &MysqlSession) {
        let others = format!(
            "SELECT id FROM {} WHERE db = '{}' AND id NOT IN (connection_id(), {})",
            self.family.sessions(),
            self.name,
            self.session.id()
        );
        for id in server.query_text(&others).into_iter().flatten().flatten() {
            drop(server.try_execute(&format!("KILL {id}")));
        }
        // Our own may be in a transaction.
        drop(self.session.try_execute("ROLLBACK"));
    }
}
