use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{Result, WrapErr as _, bail};

use super::write;
use crate::process;

/// An authority of our own and a server's certificate for `localhost` and `127.0.0.1`, good for two days.
#[derive(Debug)]
pub(super) struct Certificate {
    /// The authority's certificate.
    pub(super) ca: PathBuf,
    /// The server's certificate.
    pub(super) chain: PathBuf,
    /// The server's key.
    pub(super) key: PathBuf,
}

const EXTENSIONS: &str = "basicConstraints=critical,CA:FALSE\n\
                          extendedKeyUsage=serverAuth\n\
                          subjectAltName=DNS:localhost,IP:127.0.0.1\n";

impl Certificate {
    /// Makes both in a folder, with the `openssl` program.
    pub(super) fn make(folder: &Path) -> Result<Self> {
        if process::find("openssl").is_none() {
            bail!("openssl is not installed");
        }
        write(&folder.join("extensions.cnf"), EXTENSIONS)?;
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        openssl(folder, |command| {
            command.args(["req", "-x509", "-days", "2", "-subj", "/CN=Rivet test authority"]).args(key);
            command.args(["-keyout", "ca.key", "-out", "ca.crt"])
        })?;
        openssl(folder, |command| {
            command.args(["req", "-subj", "/CN=localhost"]).args(key).args([
                "-keyout",
                "server.key",
                "-out",
                "server.csr",
            ])
        })?;
        openssl(folder, |command| {
            command.args(["x509", "-req", "-days", "2", "-in", "server.csr", "-out", "server.crt"]);
            command.args(["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions.cnf"])
        })?;
        let [ca, chain, key] = ["ca.crt", "server.crt", "server.key"].map(|name| folder.join(name));
        Ok(Self { ca, chain, key })
    }
}

fn openssl(folder: &Path, arguments: impl FnOnce(&mut Command) -> &mut Command) -> Result<()> {
    let mut command = Command::new("openssl");
    arguments(command.current_dir(folder));
    process::capture(&mut command).wrap_err("no certificate could be made")?;
    Ok(())
}
