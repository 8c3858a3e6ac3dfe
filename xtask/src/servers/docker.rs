use std::fs;
use std::path::Path;
use std::process::Command;

use miette::{IntoDiagnostic as _, Result, bail, miette};
use tempfile::TempDir;

use super::certificate::Certificate;
use super::{Keeper, Servers, VERSIONS, Wanted, password};
use crate::{process, workspace};

/// The version that is started where none is asked for.
const USUAL: u32 = 17;

/// Containers of `fixtures/compose.yaml` under a project name of their own, removed when dropped.
#[derive(Debug)]
pub(super) struct Compose {
    project: String,
    variables: Vec<(&'static str, String)>,
    // Mounted into the container.
    _certificates: TempDir,
}

/// Starts the containers, where a Docker engine answers.
pub(super) fn start(wanted: Wanted) -> Result<Servers> {
    if !process::succeeds(Command::new("docker").arg("info")) {
        bail!("no Docker engine answers to `docker info`");
    }
    if !process::succeeds(Command::new("docker").args(["compose", "version"])) {
        bail!("Docker has no `compose`");
    }
    let image = image(wanted.postgres.unwrap_or(USUAL))?;
    let password = password();
    let certificates = TempDir::with_prefix("rivet-certificates-").into_diagnostic()?;
    let certificate = Certificate::make(certificates.path());
    let variables = vec![
        ("RIVET_POSTGRES_IMAGE", image.to_owned()),
        ("RIVET_POSTGRES_PASSWORD", password.clone()),
        ("RIVET_CERTIFICATES", certificates.path().display().to_string()),
        ("RIVET_SSL", if certificate.is_ok() { "on" } else { "off" }.to_owned()),
    ];
    let project = format!("rivet-e2e-{}", std::process::id());
    let compose = Compose { project, variables, _certificates: certificates };
    println!("servers: starting {image} with Docker Compose");
    // From here on `Drop` takes the containers down, those of a start that failed included.
    if let Err(error) = process::run(compose.command().args(["up", "--detach", "--wait", "--wait-timeout", "180"])) {
        let logs = workspace::target().join("e2e/logs");
        if fs::create_dir_all(&logs).is_ok() {
            compose.save_logs(&logs);
        }
        return Err(error);
    }
    let url = |host: &str, port: &str| format!("postgresql://postgres:{password}@{host}:{port}/postgres");
    let port = compose.port("postgres", 5432)?;
    Ok(Servers {
        how: format!("{image} with Docker Compose, project {}", compose.project),
        postgres_url: url("127.0.0.1", &port),
        pgbouncer_url: compose.port("pgbouncer", 6432).map(|port| url("127.0.0.1", &port)).map_err(|e| e.to_string()),
        tls: certificate.map(|made| (url("localhost", &port), made.ca)).map_err(|error| error.to_string()),
        postmaster: None,
        keeper: Keeper::Docker(compose),
    })
}

/// Returns the pinned image of a version.
fn image(version: u32) -> Result<&'static str> {
    Ok(match version {
        12 => "postgres:12.22-bookworm",
        13 => "postgres:13.23-bookworm",
        14 => "postgres:14.20-bookworm",
        15 => "postgres:15.15-bookworm",
        16 => "postgres:16.11-bookworm",
        17 => "postgres:17.7-bookworm",
        18 => "postgres:18.1-bookworm",
        other => bail!("PostgreSQL {other} has no image here; known are {VERSIONS:?}"),
    })
}

impl Compose {
    fn command(&self) -> Command {
        let mut command = Command::new("docker");
        command.args(["compose", "--project-name", &self.project, "--file"]).arg(workspace::fixture("compose.yaml"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Asks which loopback port a container's port was given.
    fn port(&self, service: &str, port: u16) -> Result<String> {
        let address = process::capture(self.command().args(["port", service, &port.to_string()]))?;
        let (_, port) = address.trim().rsplit_once(':').ok_or_else(|| miette!("`{service}` has no port"))?;
        Ok(port.to_owned())
    }

    /// Writes what the containers have printed into a folder; returns whether that worked.
    pub(super) fn save_logs(&self, folder: &Path) -> bool {
        process::capture(self.command().args(["logs", "--no-color", "--timestamps"]))
            .is_ok_and(|text| fs::write(folder.join("compose.log"), text).is_ok())
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        let down = process::capture(self.command().args(["down", "--volumes", "--timeout", "5"]));
        if let Err(error) = down {
            eprintln!("servers: `{}` could not be taken down: {error}", self.project);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_supported_version_has_an_image_of_its_own() {
        for version in VERSIONS {
            assert!(image(version).unwrap().starts_with(&format!("postgres:{version}.")), "{version}");
        }
        assert!(image(11).is_err());
    }
}
