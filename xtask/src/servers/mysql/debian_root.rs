use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, bail, miette};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use super::super::account::Account;
use super::super::launch::Watchdog;
use super::super::{apt, cache, last_line};
use crate::process;

/// A minimal Debian unstable in a cache folder, with the MySQL that Debian's stable releases lack.
///
/// It is made once, which takes a minute or two and about 1 GB. Servers run in it by `chroot`, and nothing is mounted
/// in it but while it is made, in a namespace that ends with its processes.
#[derive(Debug)]
pub(super) struct DebianRoot {
    path: PathBuf,
}

/// Where a folder of data lies in the root that no server has used.
const PRISTINE: &str = "srv/pristine";

/// Arguments: the root. Each line prints what fails.
const INSTALL: &str = r#"
set -eu
root=$1
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
export DEBIAN_FRONTEND=noninteractive
chroot "$root" apt-get -o Acquire::Check-Valid-Until=false update
chroot "$root" apt-get install --yes --no-install-recommends mysql-server
chroot "$root" apt-get clean
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/lib/mysql
"#;

/// Arguments: the root. Every server that begins with these files gets an identity and keys of its own.
const INITIALIZE: &str = r#"
set -eu
root=$1
chmod 755 "$root" "$root/srv"
mkdir "$root/srv/pristine"
chroot "$root" chown mysql:mysql /srv/pristine
chroot "$root" /usr/sbin/mysqld --no-defaults --user=mysql --initialize-insecure --datadir=/srv/pristine/data \
    --skip-log-bin --innodb-redo-log-capacity=16M
rm -f "$root"/srv/pristine/data/auto.cnf "$root"/srv/pristine/data/*.pem
"#;

impl DebianRoot {
    /// Finds the root that an earlier run made, or makes it where that can be done: as root on a Debian.
    pub(super) fn obtain() -> Result<Self> {
        if !geteuid().is_root() || !apt::may_install() || !Path::new("/etc/debian_version").exists() {
            bail!("only root on a Debian can install Debian unstable's");
        }
        let cache = cache::folder()?;
        let root = Self { path: cache.join("mysql-root") };
        // Held while it is made: someone else who wants it waits.
        let _lock = cache::lock(&cache.join("mysql-root.lock"), "MySQL")?;
        if !root.path.exists() {
            root.make()?;
        }
        Ok(root)
    }

    /// Returns where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a data folder that no server has used, for copies.
    pub(super) fn pristine(&self) -> PathBuf {
        self.path.join(PRISTINE).join("data")
    }

    /// Returns the account that Debian's package makes for the server.
    pub(super) fn account(&self) -> Result<Account> {
        let passwd = fs::read_to_string(self.path.join("etc/passwd")).into_diagnostic()?;
        Account::of_passwd(&passwd, "mysql").ok_or_else(|| miette!("`{}` has no user `mysql`", self.path.display()))
    }

    /// Returns a command that runs what its arguments say in the root.
    pub(super) fn command(&self, account: Option<Account>) -> Command {
        let mut command = Command::new("chroot");
        if let Some(Account { uid, gid }) = account {
            command.arg(format!("--userspec={uid}:{gid}"));
        }
        command.arg(&self.path);
        command
    }

    /// Makes the root beside its place and moves it there, so that what is in its place is whole.
    fn make(&self) -> Result<()> {
        let (partial, log) = (self.path.with_extension("partial"), self.path.with_extension("log"));
        println!("servers: installing Debian unstable's mysql-server into {}: a minute or two", self.path.display());
        if process::find("debootstrap").is_none() {
            apt::install(&["debootstrap"])?;
        }
        remove(&partial)?;
        let done = build(&partial, &log);
        if done.is_err() {
            remove(&partial)?;
        }
        done.wrap_err_with(|| format!("Debian unstable could not be installed; {} has all of it", log.display()))?;
        fs::rename(&partial, &self.path).into_diagnostic()
    }
}

fn build(root: &Path, log: &Path) -> Result<()> {
    fs::create_dir_all(root).into_diagnostic()?;
    let log = (log, File::create(log).into_diagnostic()?);
    let mut debootstrap = contained("debootstrap");
    debootstrap.args(["--variant=minbase", "sid"]).arg(root).arg(mirror());
    step(&mut debootstrap, root, &log)?;
    for script in [INSTALL, INITIALIZE] {
        step(contained("sh").args(["-c", script, "sh"]).arg(root), root, &log)?;
    }
    Ok(())
}

/// Returns a command in namespaces of its own: what it mounts is seen by nobody else, and with it end all processes
/// that it has started.
fn contained(program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", program]);
    command
}

/// Runs one step, which ends with xtask and leaves nothing then.
fn step(command: &mut Command, root: &Path, (path, log): &(&Path, File)) -> Result<()> {
    let both = [log.try_clone().into_diagnostic()?, log.try_clone().into_diagnostic()?];
    let [output, errors] = both;
    let mut child =
        command.process_group(0).stdin(Stdio::null()).stdout(output).stderr(errors).spawn().into_diagnostic()?;
    let watchdog = Watchdog::of([&child], Signal::SIGKILL, root);
    let status = process::wait_or_kill(&mut child)?;
    drop(watchdog);
    if !status.success() {
        bail!("it ended with {status}: {}", last_line(path));
    }
    Ok(())
}

/// Returns the mirror that this machine itself installs from, or Debian's own.
fn mirror() -> String {
    let indexes = process::capture(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]));
    mirror_of(&indexes.unwrap_or_default()).unwrap_or("http://deb.debian.org/debian").to_owned()
}

fn mirror_of(indexes: &str) -> Option<&str> {
    indexes.lines().map(|line| line.trim_end_matches('/')).find(|line| line.ends_with("/debian"))
}

/// Removes what a start that failed has left. Whatever is mounted in it must not go with it.
fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let mounts = fs::read_to_string("/proc/self/mounts").into_diagnostic()?;
    if let Some(mounted) = mount_below(&mounts, folder) {
        bail!("`{mounted}` is mounted; unmount it, then remove `{}`", folder.display());
    }
    fs::remove_dir_all(folder).into_diagnostic().wrap_err_with(|| format!("`{}` can't be removed", folder.display()))
}

fn mount_below<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    mounts.lines().filter_map(|line| line.split(' ').nth(1)).find(|path| Path::new(path).starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_machines_own() {
        let indexes =
            "http://deb.debian.org/debian-security/\nhttp://mirror.example/debian/\nhttp://b.example/debian\n";
        assert_eq!(mirror_of(indexes), Some("http://mirror.example/debian"));
        assert_eq!(mirror_of("http://archive.ubuntu.com/ubuntu/\n"), None);
    }

    #[test]
    fn mounts_below_a_folder_are_seen() {
        let mounts = "proc /proc proc rw 0 0\nproc /cache/base/proc proc rw 0 0\ntmpfs /cache/based tmpfs rw 0 0\n";
        assert_eq!(mount_below(mounts, Path::new("/cache/base")), Some("/cache/base/proc"));
        assert_eq!(mount_below(mounts, Path::new("/cache/roo")), None);
    }
}
