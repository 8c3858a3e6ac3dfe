use std::path::PathBuf;

use miette::{Result, miette};

use super::{Keeper, Servers, SmallDisk, Wanted, flat, local, python};
use crate::workspace;

const POSTGRES: &str = "RIVET_TEST_POSTGRES_URL";

// A test that needs more than a PostgreSQL has one of these words in its name or in its module's.
const PGBOUNCER_TESTS: &str = "pgbouncer";
const TLS_TESTS: &str = "tls";
const PYTHON_TESTS: &str = "compared";
const DISK_TESTS: &str = "full_disk";
/// They start, stop and copy servers themselves.
const OWN_SERVER_TESTS: &str = "own_server";

/// Takes the servers that the environment names, which someone else runs.
pub(super) fn start(wanted: Wanted) -> Result<Servers> {
    let postgres_url = workspace::variable(POSTGRES).ok_or_else(|| miette!("{POSTGRES} is not set"))?;
    let missing = |name: &str| format!("{name} is not set");
    let (pgbouncer, tls, ca) = ("RIVET_TEST_PGBOUNCER_URL", "RIVET_TEST_POSTGRES_TLS_URL", "RIVET_TEST_POSTGRES_CA");
    let note = wanted.postgres.map_or_else(String::new, |version| format!(", taken for version {version} unseen"));
    Ok(Servers {
        how: format!("PostgreSQL of {POSTGRES}{note}"),
        postgres_url,
        pgbouncer_url: workspace::variable(pgbouncer).ok_or_else(|| missing(pgbouncer)),
        tls: workspace::variable(tls)
            .zip(workspace::variable(ca).map(PathBuf::from))
            .ok_or_else(|| missing(&format!("{tls} or {ca}"))),
        postmaster: None,
        keeper: Keeper::Nobody,
    })
}

/// What the end-to-end tests read, and what they have to do without.
#[derive(Debug)]
pub(crate) struct Environment {
    variables: Vec<(&'static str, String)>,
    /// The word in the names of tests, and why they can't run.
    skipped: Vec<(&'static str, String)>,
    small_disk: Option<SmallDisk>,
}

impl Environment {
    /// Gathers the variables of the servers and makes what belongs to no server: Python and a small disk.
    pub(crate) fn prepare(servers: &Servers) -> Self {
        let mut all =
            Self { variables: vec![(POSTGRES, servers.postgres_url.clone())], skipped: Vec::new(), small_disk: None };
        match &servers.pgbouncer_url {
            Ok(url) => all.set("RIVET_TEST_PGBOUNCER_URL", url.clone()),
            Err(reason) => all.skip(PGBOUNCER_TESTS, reason),
        }
        match &servers.tls {
            Ok((url, ca)) => {
                all.set("RIVET_TEST_POSTGRES_TLS_URL", url.clone());
                all.set("RIVET_TEST_POSTGRES_CA", ca.display().to_string());
            }
            Err(reason) => all.skip(TLS_TESTS, reason),
        }
        match python::environment("requirements.txt") {
            Ok(python) => all.set("RIVET_TEST_PYTHON", python.display().to_string()),
            Err(reason) => all.skip(PYTHON_TESTS, &flat(&reason)),
        }
        match local::programs("pg_basebackup") {
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

    fn skip(&mut self, word: &'static str, reason: &str) {
        self.skipped.push((word, reason.to_owned()));
    }
}
