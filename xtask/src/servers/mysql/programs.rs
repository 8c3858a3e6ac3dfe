use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{IntoDiagnostic as _, Result, bail, miette};

use super::super::account::Account;
use super::super::apt;
use super::debian_root::DebianRoot;
use super::release::parse_version;
use super::{Family, Release};
use crate::process;

/// The package that has MariaDB's server and no service, so that nothing is started by installing it.
const MARIADB_PACKAGE: &str = "mariadb-server-core";

/// A server that is installed on this machine, or in a root of its own.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) family: Family,
    /// The server's program, as it is called inside of the root.
    pub(super) server: PathBuf,
    pub(super) version: String,
    pub(super) account: Option<Account>,
    pub(super) root: Option<DebianRoot>,
}

impl Programs {
    /// Finds a server, installed first where we may.
    pub(super) fn find(family: Family, release: Option<Release>) -> Result<Self> {
        let fits = |version: &str| release.is_none_or(|release| release.holds(version));
        let asked = release.map_or_else(String::new, |release| format!(" {}", release.text()));
        if let Some(found) = installed(family, fits)? {
            return Ok(found);
        }
        if family == Family::Mariadb && apt::may_install() {
            apt::install(&[MARIADB_PACKAGE])?;
            if let Some(found) = installed(family, fits)? {
                return Ok(found);
            }
        }
        if family == Family::Mysql {
            let found = unstable().map_err(|error| miette!("no mysqld{asked} of MySQL is installed, and {error}"))?;
            if !fits(&found.version) {
                bail!("Debian unstable has MySQL {}, and no other{asked} is installed", found.version);
            }
            return Ok(found);
        }
        bail!("no mariadbd{asked} of MariaDB is installed")
    }

    /// Returns where folders of data can be made so that the server sees them, and its account can reach them.
    pub(super) fn home(&self) -> Result<PathBuf> {
        let Some(root) = &self.root else { return Ok(std::env::temp_dir()) };
        let home = root.path().join("srv/rivet");
        fs::create_dir_all(&home).into_diagnostic()?;
        Ok(home)
    }

    /// Returns a path as the server sees it.
    pub(super) fn inside(&self, path: &Path) -> PathBuf {
        let below = self.root.as_ref().and_then(|root| path.strip_prefix(root.path()).ok());
        below.map_or_else(|| path.to_path_buf(), |below| Path::new("/").join(below))
    }

    /// Returns a command that runs the server as its account.
    pub(super) fn command(&self) -> Command {
        let Some(root) = &self.root else {
            let mut command = Command::new(&self.server);
            Account::run_as(self.account, &mut command);
            return command;
        };
        let mut command = root.command(self.account);
        command.arg(&self.server);
        command
    }

    /// Returns a file of the server's SQL that is installed beside it, under its old or its new name.
    pub(super) fn shared(&self, name: &str) -> Result<PathBuf> {
        let prefix = self.server.parent().and_then(Path::parent).unwrap_or(Path::new("/usr"));
        let folders = [prefix.join("share/mysql"), prefix.join("share/mariadb"), "/usr/share/mysql".into()];
        let names = [format!("mariadb_{name}"), format!("mysql_{name}"), name.to_owned()];
        let mut all = folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
        all.find(|path| path.is_file()).ok_or_else(|| miette!("`{name}` of {} is not installed", self.family.name()))
    }
}

/// Looks for a server of this family and version in the usual folders.
fn installed(family: Family, fits: impl Fn(&str) -> bool) -> Result<Option<Programs>> {
    let names: &[&str] = match family {
        Family::Mysql => &["mysqld"],
        // What it was called before MariaDB 10.5, and still is beside its name.
        Family::Mariadb => &["mariadbd", "mysqld"],
    };
    for server in names.iter().filter_map(|name| process::find(name)) {
        let printed = process::capture(Command::new(&server).arg("--version")).unwrap_or_default();
        if let Some((_, version)) = parse_version(&printed).filter(|(found, version)| *found == family && fits(version))
        {
            // MySQL looks for its messages and its character sets beside the real file.
            let server = server.canonicalize().into_diagnostic()?;
            return Ok(Some(Programs { family, server, version, account: Account::find("mysql")?, root: None }));
        }
    }
    Ok(None)
}

/// Returns Debian unstable's MySQL, in a root of its own.
fn unstable() -> Result<Programs> {
    let root = DebianRoot::obtain()?;
    let server = PathBuf::from("/usr/sbin/mysqld");
    let printed = process::capture(root.command(None).arg(&server).arg("--version"))?;
    let (family, version) = parse_version(&printed).ok_or_else(|| miette!("`{}` is no version", printed.trim()))?;
    let account = Some(root.account()?);
    Ok(Programs { family, server, version, account, root: Some(root) })
}
