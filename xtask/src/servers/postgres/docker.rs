use miette::{IntoDiagnostic as _, Result, bail};
use tempfile::TempDir;

use super::super::certificate::Certificate;
use super::super::compose::Compose;
use super::super::password;
use super::{Keeper, Postgres, VERSIONS};

/// The version that is started where none is asked for.
const USUAL: u32 = 17;

/// Starts the containers of `fixtures/compose.yaml`, where a Docker engine answers.
pub(super) fn start(version: Option<u32>) -> Result<Postgres> {
    Compose::available()?;
    let image = image(version.unwrap_or(USUAL))?;
    let password = password();
    let certificates = TempDir::with_prefix("rivet-certificates-").into_diagnostic()?;
    let certificate = Certificate::make(certificates.path());
    let variables = vec![
        ("RIVET_POSTGRES_IMAGE", image.to_owned()),
        ("RIVET_POSTGRES_PASSWORD", password.clone()),
        ("RIVET_CERTIFICATES", certificates.path().display().to_string()),
        ("RIVET_SSL", if certificate.is_ok() { "on" } else { "off" }.to_owned()),
    ];
    println!("servers: starting {image} with Docker Compose");
    let compose = Compose::up("postgres", "compose.yaml", variables, certificates)?;
    let url = |host: &str, port: &str| format!("postgresql://postgres:{password}@{host}:{port}/postgres");
    let port = compose.port("postgres", 5432)?;
    Ok(Postgres {
        how: format!("{image} with Docker Compose, project {}", compose.project()),
        url: url("127.0.0.1", &port),
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
