use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use miette::{IntoDiagnostic as _, Result, miette};
use nix::unistd::{User, geteuid};

/// Who a server runs as: none of them runs as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// Returns the first of these users, or `nobody`, to change to; none where we are not root.
    pub(super) fn find(name: &str) -> Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let user = [name, "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = user.ok_or_else(|| miette!("servers do not run as root, and there is no user to run them as"))?;
        Ok(Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
    }

    /// Reads the user out of the text of a `passwd` file.
    pub(super) fn of_passwd(passwd: &str, name: &str) -> Option<Self> {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2);
        Some(Self { uid: numbers.next()?.parse().ok()?, gid: numbers.next()?.parse().ok()? })
    }

    /// Makes a command run as the account.
    pub(super) fn run_as(account: Option<Self>, command: &mut Command) {
        if let Some(Self { uid, gid }) = account {
            command.uid(uid).gid(gid);
        }
    }

    /// Makes a file or folder the account's own; a file is closed to others.
    pub(super) fn give(account: Option<Self>, path: &Path) -> Result<()> {
        let mode = if path.is_dir() { 0o755 } else { 0o600 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).into_diagnostic()?;
        if let Some(Self { uid, gid }) = account {
            chown(path, Some(uid), Some(gid)).into_diagnostic()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nmysqlx:x:7:8::/:\nmysql:x:100:104:MySQL Server,,,:/nonexistent:/bin/false\n";
        assert_eq!(Account::of_passwd(passwd, "mysql"), Some(Account { uid: 100, gid: 104 }));
        assert_eq!(Account::of_passwd(passwd, "postgres"), None);
        assert_eq!(Account::of_passwd("mysql:x:many:1::/:", "mysql"), None);
    }
}
