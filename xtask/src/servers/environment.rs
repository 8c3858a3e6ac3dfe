use super::mysql::{Family, Variables};
use super::{MysqlServer, Outcome, Postgres, Servers, flat, postgres};
use crate::python;
use crate::servers::small_disk::SmallDisk;

// A test that needs more than a PostgreSQL has one of these words in its name or in its module's.
const PGBOUNCER_TESTS: &str = "pgbouncer";
const TLS_TESTS: &str = "tls";
const PYTHON_TESTS: &str = "compared";
const DISK_TESTS: &str = "full_disk";
/// They start, stop and copy servers themselves.
const OWN_SERVER_TESTS: &str = "own_server";
const MYSQL_TESTS: &str = "mysql";
const MARIADB_TESTS: &str = "mariadb";
/// They start a MySQL or a MariaDB themselves.
const OWN_MYSQL_TESTS: &str = "own_server_mysql";
const OWN_MARIADB_TESTS: &str = "own_server_mariadb";
const SPARK_TESTS: &str = "spark";

/// The Python of Spark.
const SPARK: &str = "RIVET_TEST_SPARK_PYTHON";

/// What the end-to-end tests read, and what they have to do without.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    variables: Vec<(&'static str, String)>,
    /// The word in the names of tests, and why they can't run.
    skipped: Vec<(&'static str, String)>,
    small_disk: Option<SmallDisk>,
}

impl Environment {
    /// Gathers the variables of the servers and makes what belongs to no server: Python and a small disk.
    pub(crate) fn prepare(servers: &Servers) -> Self {
        let mut all = Self::default();
        if let Ok(postgres) = &servers.postgres {
            all.postgres(postgres);
        }
        all.mysql(Family::Mysql, [MYSQL_TESTS, OWN_MYSQL_TESTS], &servers.mysql);
        all.mysql(Family::Mariadb, [MARIADB_TESTS, OWN_MARIADB_TESTS], &servers.mariadb);
        match python::environment("requirements.txt") {
            Ok(python) => all.set("RIVET_TEST_PYTHON", python.display().to_string()),
            Err(reason) => all.skip(PYTHON_TESTS, &flat(&reason)),
        }
        match python::with("pyspark", SPARK) {
            Some(python) => all.set(SPARK, python.display().to_string()),
            None => all.skip(SPARK_TESTS, "no python3 of this machine has pyspark"),
        }
        match postgres::programs("pg_basebackup") {
            Some(folder) => all.set("RIVET_TEST_POSTGRES_PROGRAMS", folder.display().to_string()),
            None => all.skip(OWN_SERVER_TESTS, "no PostgreSQL server is installed on this machine"),
        }
        match SmallDisk::mount() {
            Ok(disk) => {
                all.set("RIVET_TEST_SMALL_DISK", disk.path().display().to_string());
                all.small_disk = Some(disk);
            }
            Err(reason) => all.skip(DISK_TESTS, &flat(&reason)),
        }
        all
    }

    fn postgres(&mut self, server: &Postgres) {
        self.set(postgres::URL, server.url.clone());
        match &server.pgbouncer_url {
            Ok(url) => self.set(postgres::PGBOUNCER_URL, url.clone()),
            Err(reason) => self.skip(PGBOUNCER_TESTS, reason),
        }
        match &server.tls {
            Ok((url, ca)) => {
                self.set(postgres::TLS_URL, url.clone());
                self.set(postgres::CA, ca.display().to_string());
            }
            Err(reason) => self.skip(TLS_TESTS, reason),
        }
    }

    fn mysql(&mut self, family: Family, [tests, own_server_tests]: [&'static str; 2], server: &Outcome<MysqlServer>) {
        let server = match server {
            Ok(server) => server,
            Err(reason) => return self.skip(tests, reason),
        };
        let Variables { url, tls_url, ca, launcher } = family.variables();
        self.set(url, server.url.clone());
        match &server.tls {
            Ok((address, file)) => {
                self.set(tls_url, address.clone());
                self.set(ca, file.display().to_string());
            }
            Err(reason) => self.skip(TLS_TESTS, reason),
        }
        match &server.launcher {
            Ok(script) => self.set(launcher, script.display().to_string()),
            Err(reason) => self.skip(own_server_tests, reason),
        }
    }

    /// Returns the variables that are set.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Returns the variable's value, where it is set.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Prints what is left out, one line each.
    pub(crate) fn print_skipped(&self) {
        for (word, reason) in &self.skipped {
            println!("skipped: tests named `{word}`: {reason}");
        }
    }

    /// Returns the words in the names of tests that can't run: each such test has the word of what it needs in its
    /// name or in its module's.
    pub(crate) fn skipped_words(&self) -> Vec<&'static str> {
        self.skipped.iter().map(|(word, _)| *word).collect()
    }

    fn set(&mut self, name: &'static str, value: String) {
        self.variables.push((name, value));
    }

    /// Leaves the tests of a word out; the first reason counts.
    fn skip(&mut self, word: &'static str, reason: &str) {
        if self.skipped.iter().all(|(known, _)| *known != word) {
            self.skipped.push((word, reason.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_to_skip_counts() {
        let mut environment = Environment::default();
        environment.skip(TLS_TESTS, "one");
        environment.skip(TLS_TESTS, "two");
        environment.mysql(Family::Mariadb, [MARIADB_TESTS, OWN_MARIADB_TESTS], &Err("not asked for".to_owned()));
        assert_eq!(environment.skipped_words(), ["tls", "mariadb"]);
        assert_eq!(environment.skipped[0].1, "one");
        assert_eq!(environment.variables().count(), 0);
    }
}
