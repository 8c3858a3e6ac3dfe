//! A PostgreSQL, and PgBouncer before it.

mod docker;
mod local;
mod pgbouncer;

use std::path::{Path, PathBuf};

use miette::{Result, miette};

use super::compose::Compose;
use super::{Outcome, by_first_way};
use crate::workspace;

pub(super) use local::programs;

/// The versions of PostgreSQL that are supported.
const VERSIONS: std::ops::RangeInclusive<u32> = 12..=18;

/// The variable of the superuser's address.
pub(super) const URL: &str = "RIVET_TEST_POSTGRES_URL";
/// The variable of the address behind the pooler.
pub(super) const PGBOUNCER_URL: &str = "RIVET_TEST_PGBOUNCER_URL";
/// The variable of the address by a name that the certificate holds.
pub(super) const TLS_URL: &str = "RIVET_TEST_POSTGRES_TLS_URL";
/// The variable of the authority's file.
pub(super) const CA: &str = "RIVET_TEST_POSTGRES_CA";

/// A server that runs for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Postgres {
    /// How it came up, for a person.
    pub(crate) how: String,
    /// The superuser's address.
    pub(crate) url: String,
    /// The same server through PgBouncer in transaction mode, or why not.
    pub(crate) pgbouncer_url: Outcome<String>,
    /// The address by a name that the certificate holds, and the authority's file; or why not.
    pub(crate) tls: Outcome<(String, PathBuf)>,
    /// The process whose children serve, where it can be seen.
    pub(crate) postmaster: Option<u32>,
    /// What stops the server when it is dropped.
    keeper: Keeper,
}

#[derive(Debug)]
enum Keeper {
    Docker(Compose),
    Local(local::Cluster),
    Nobody,
}

impl Postgres {
    /// Brings a server up in the first way that works, and prints which one it was and why not the others.
    ///
    /// # Errors
    ///
    /// Where no way works; the message lists the reasons.
    pub(crate) fn start(version: Option<u32>) -> Result<Self> {
        let server = by_first_way(
            "PostgreSQL",
            &[
                ("Docker", &|| docker::start(version)),
                ("local binaries", &|| local::start(version)),
                ("environment", &|| given(version)),
            ],
        )?;
        println!("servers: {}", server.how);
        Ok(server)
    }

    /// Copies the logs into a folder; returns whether that worked.
    pub(super) fn save_logs(&self, folder: &Path) -> bool {
        match &self.keeper {
            Keeper::Docker(compose) => compose.save_logs(folder),
            Keeper::Local(cluster) => cluster.save_logs(folder),
            Keeper::Nobody => false,
        }
    }
}

/// Takes the server that the environment names, which someone else runs.
fn given(version: Option<u32>) -> Result<Postgres> {
    let url = workspace::variable(URL).ok_or_else(|| miette!("{URL} is not set"))?;
    let note = version.map_or_else(String::new, |version| format!(", taken for version {version} unseen"));
    Ok(Postgres {
        how: format!("PostgreSQL of {URL}{note}"),
        url,
        pgbouncer_url: workspace::variable(PGBOUNCER_URL).ok_or_else(|| format!("{PGBOUNCER_URL} is not set")),
        tls: workspace::variable(TLS_URL)
            .zip(workspace::variable(CA).map(PathBuf::from))
            .ok_or_else(|| format!("{TLS_URL} or {CA} is not set")),
        postmaster: None,
        keeper: Keeper::Nobody,
    })
}
