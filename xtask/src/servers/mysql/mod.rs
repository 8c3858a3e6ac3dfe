//! A MySQL or a MariaDB.

mod debian_root;
mod docker;
mod launcher;
mod local;
mod programs;
mod release;
mod settings;

use std::path::{Path, PathBuf};

use miette::{Result, miette};

use super::compose::Compose;
use super::{Outcome, by_first_way};
use crate::workspace;

pub(crate) use release::{Family, Release};

/// The variables of a family: the administrator's address, the address by a name that the certificate holds, the
/// authority's file, and the script that starts more servers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variables {
    pub(super) url: &'static str,
    pub(super) tls_url: &'static str,
    pub(super) ca: &'static str,
    pub(super) launcher: &'static str,
}

impl Family {
    /// Returns the names of the variables that tests read.
    pub(super) fn variables(self) -> Variables {
        match self {
            Self::Mysql => Variables {
                url: "RIVET_TEST_MYSQL_URL",
                tls_url: "RIVET_TEST_MYSQL_TLS_URL",
                ca: "RIVET_TEST_MYSQL_CA",
                launcher: "RIVET_TEST_MYSQL_LAUNCHER",
            },
            Self::Mariadb => Variables {
                url: "RIVET_TEST_MARIADB_URL",
                tls_url: "RIVET_TEST_MARIADB_TLS_URL",
                ca: "RIVET_TEST_MARIADB_CA",
                launcher: "RIVET_TEST_MARIADB_LAUNCHER",
            },
        }
    }
}

/// A server that runs for as long as this value lives.
#[derive(Debug)]
pub(crate) struct MysqlServer {
    /// How it came up, for a person.
    pub(crate) how: String,
    /// The administrator's address.
    pub(crate) url: String,
    /// The address by a name that the certificate holds, and the authority's file; or why not.
    pub(crate) tls: Outcome<(String, PathBuf)>,
    /// The script by which tests start servers of their own; or why there is none.
    pub(crate) launcher: Outcome<PathBuf>,
    /// What stops the server when it is dropped.
    keeper: Keeper,
}

#[derive(Debug)]
enum Keeper {
    Docker(Compose),
    Local(local::Cluster),
    Nobody,
}

impl MysqlServer {
    /// Brings a server up in the first way that works, and prints which one it was and why not the others.
    ///
    /// # Errors
    ///
    /// Where no way works; the message lists the reasons.
    pub(crate) fn start(family: Family, release: Option<Release>) -> Result<Self> {
        let server = by_first_way(
            family.name(),
            &[
                ("Docker", &|| docker::start(family, release)),
                ("local binaries", &|| local::start(family, release)),
                ("environment", &|| given(family, release)),
            ],
        )?;
        println!("servers: {}", server.how);
        Ok(server)
    }

    /// Returns the server's process, where it can be seen.
    pub(crate) fn process(&self) -> Option<u32> {
        match &self.keeper {
            Keeper::Local(cluster) => Some(cluster.process()),
            Keeper::Docker(_) | Keeper::Nobody => None,
        }
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
fn given(family: Family, release: Option<Release>) -> Result<MysqlServer> {
    let Variables { url: name, tls_url, ca, launcher } = family.variables();
    let url = workspace::variable(name).ok_or_else(|| miette!("{name} is not set"))?;
    let note = release.map_or_else(String::new, |release| format!(", taken for version {} unseen", release.text()));
    Ok(MysqlServer {
        how: format!("{} of {name}{note}", family.name()),
        url,
        tls: workspace::variable(tls_url)
            .zip(workspace::variable(ca).map(PathBuf::from))
            .ok_or_else(|| format!("{tls_url} or {ca} is not set")),
        launcher: workspace::variable(launcher).map(PathBuf::from).ok_or_else(|| format!("{launcher} is not set")),
        keeper: Keeper::Nobody,
    })
}
