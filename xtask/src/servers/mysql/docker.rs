use std::path::Path;
use std::time::Duration;

use miette::{IntoDiagnostic as _, Result};
use tempfile::TempDir;

use super::super::certificate::Certificate;
use super::super::compose::Compose;
use super::super::launch::wait;
use super::super::{password, write};
use super::settings::{self, FIRST, Tls};
use super::{Family, Keeper, MysqlServer, Release};
use crate::mysql;

/// How long a container may take to answer: it makes its data first.
const PATIENCE: Duration = Duration::from_mins(3);

/// Starts the container of `fixtures/compose-mysql.yaml`, where a Docker engine answers.
pub(super) fn start(family: Family, release: Option<Release>) -> Result<MysqlServer> {
    Compose::available()?;
    let image = image(family, release.unwrap_or_else(|| family.usual()));
    let password = password();
    let mounted = TempDir::with_prefix("rivet-certificates-").into_diagnostic()?;
    let certificate = Certificate::make(mounted.path());
    // Where the container copies them to.
    let [ca, chain, key] = ["ca.crt", "server.crt", "server.key"].map(|name| Path::new("/etc/rivet").join(name));
    let tls = certificate.is_ok().then_some(Tls { ca: &ca, chain: &chain, key: &key });
    write(&mounted.path().join("rivet.cnf"), &settings::options(None, tls))?;
    write(&mounted.path().join(FIRST), &settings::administrator(&password))?;
    let variables = vec![
        ("RIVET_MYSQL_IMAGE", image.clone()),
        ("RIVET_MYSQL_PROGRAM", program(family).to_owned()),
        ("RIVET_MYSQL_PASSWORD", password.clone()),
        ("RIVET_MYSQL_FOLDER", mounted.path().display().to_string()),
    ];
    println!("servers: starting {image} with Docker Compose");
    let compose = Compose::up(family.word(), "compose-mysql.yaml", variables, mounted)?;
    let port = compose.port("server", 3306)?;
    let url = |host: &str| settings::url(&password, host, &port);
    let ask = || mysql::query_value(&url("127.0.0.1"), "SELECT version()");
    let version = wait(ask, || !compose.is_running("server"), PATIENCE).inspect_err(|_| compose.keep_logs())?;
    Ok(MysqlServer {
        how: format!("{} {version} from {image} with Docker Compose, project {}", family.name(), compose.project()),
        url: url("127.0.0.1"),
        tls: certificate.map(|made| (url("localhost"), made.ca)).map_err(|error| error.to_string()),
        launcher: Err("the server is in a container, where tests start no other".to_owned()),
        keeper: Keeper::Docker(compose),
    })
}

/// Returns the official image of a release.
fn image(family: Family, release: Release) -> String {
    format!("{}:{}", family.word(), release.text())
}

/// Returns what the image's entry point calls.
fn program(family: Family) -> &'static str {
    match family {
        Family::Mysql => "mysqld",
        Family::Mariadb => "mariadbd",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_the_official_ones() {
        assert_eq!(image(Family::Mysql, Family::Mysql.usual()), "mysql:8.4");
        assert_eq!(image(Family::Mysql, Release::mysql("5.7").unwrap()), "mysql:5.7");
        assert_eq!(image(Family::Mariadb, Family::Mariadb.usual()), "mariadb:11");
    }
}
