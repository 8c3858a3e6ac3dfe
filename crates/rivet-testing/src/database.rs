use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use url::Url;

use crate::comparison::Oracle;
use crate::dump;
use crate::environment::{self, required};
use crate::session::Session;

/// An empty database of its own, dropped when the value is.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    // An option so that it is closed before the database is dropped.
    session: Option<Session>,
}

impl TestDatabase {
    /// Creates the database on the server of `RIVET_TEST_POSTGRES_URL`.
    #[track_caller]
    pub fn create() -> Self {
        Self::create_with("")
    }

    /// As [`Self::create`], with what `CREATE DATABASE` is told behind the name, for example an encoding.
    #[track_caller]
    pub fn create_with(options: &str) -> Self {
        let (server, name) = (required(environment::POSTGRES), fresh_name());
        Session::connect(&server).execute(&format!("CREATE DATABASE {name} {options}"));
        let url = with_database(&server, &name);
        let session = Some(Session::connect(&url));
        Self { name, url, session }
    }

    /// Returns the database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the superuser's address of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the address of the database behind the pooler.
    #[track_caller]
    pub fn pooled_url(&self) -> String {
        with_database(&required(environment::PGBOUNCER), &self.name)
    }

    /// Returns the address of the database by a name that the server's certificate holds.
    #[track_caller]
    pub fn tls_url(&self) -> String {
        with_database(&required(environment::POSTGRES_TLS), &self.name)
    }

    /// Returns the address of the database as another role.
    #[track_caller]
    pub fn url_as(&self, user: &str, password: &str) -> String {
        let mut url = parse(&self.url);
        url.set_username(user).expect("the address has a host");
        url.set_password(Some(password)).expect("the address has a host");
        url.into()
    }

    /// Returns the connection that the other methods use.
    pub fn session(&self) -> &Session {
        self.session.as_ref().expect("it is taken by drop alone")
    }

    /// Opens a second connection, for what must happen meanwhile.
    #[track_caller]
    pub fn connect(&self) -> Session {
        Session::connect(&self.url)
    }

    /// Runs statements, separated by semicolons.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.session().execute(sql);
    }

    /// Returns the rows of a query, each value in the server's own text form.
    #[track_caller]
    pub fn query_text(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.session().query_text(sql)
    }

    /// Returns the one value of a query of one row and one column; empty for NULL.
    #[track_caller]
    pub fn query_value(&self, sql: &str) -> String {
        self.session().query_value(sql)
    }

    /// Writes what the server says a query gives: a CSV file, and beside it `<path>.types.json` with the type of
    /// each column. `compare.py` reads both.
    #[track_caller]
    pub fn dump(&self, query: &str, path: &Path) {
        dump::write(&self.connect(), query, path);
    }
}

impl Oracle for TestDatabase {
    fn dump(&self, query: &str, path: &Path) {
        Self::dump(self, query, path);
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        drop(self.session.take());
        // A test that fails must say why it did, not that its database is in use: nothing here panics.
        if let Ok(server) = Session::try_connect(&required(environment::POSTGRES)) {
            let name = &self.name;
            let backends = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
            for _ in 0..20 {
                // Servers of version 12 have no `WITH (FORCE)`; a pooler may connect again between the two.
                drop(server.try_execute(&backends));
                if server.try_execute(&format!("DROP DATABASE IF EXISTS {name}")).is_ok() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        }
    }
}

/// Makes a name that no other test has, in this process or another one.
pub(crate) fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    format!("rivet_test_{}_{}_{moment}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn parse(url: &str) -> Url {
    Url::parse(url).unwrap_or_else(|error| panic!("the test server's address is no URL: {error}"))
}

pub(crate) fn with_database(server: &str, name: &str) -> String {
    let mut url = parse(server);
    url.set_path(name);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_of_an_address_is_exchanged() {
        for server in ["postgresql://u:p@127.0.0.1:5433/postgres", "postgresql://u:p@127.0.0.1:5433"] {
            assert_eq!(with_database(server, "mine"), "postgresql://u:p@127.0.0.1:5433/mine");
        }
        assert_eq!(with_database("postgres://u@h/a?sslmode=require", "b"), "postgres://u@h/b?sslmode=require");
        assert_eq!(with_database("mysql://u:p@127.0.0.1:3307/", "mine"), "mysql://u:p@127.0.0.1:3307/mine");
    }
}
