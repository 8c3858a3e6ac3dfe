use std::fs;
use std::path::Path;
use std::process::Command;

use miette::{Result, bail, miette};
use tempfile::TempDir;

use crate::{process, workspace};

/// Containers of a file of `fixtures/` under a project name of their own, removed when dropped.
#[derive(Debug)]
pub(super) struct Compose {
    name: &'static str,
    file: &'static str,
    variables: Vec<(&'static str, String)>,
    // Mounted into the containers.
    _mounted: TempDir,
}

impl Compose {
    /// Fails with the reason where no Docker engine with Compose answers.
    pub(super) fn available() -> Result<()> {
        if !process::succeeds(Command::new("docker").arg("info")) {
            bail!("no Docker engine answers to `docker info`");
        }
        if !process::succeeds(Command::new("docker").args(["compose", "version"])) {
            bail!("Docker has no `compose`");
        }
        Ok(())
    }

    /// Starts the containers of a file and waits until they are healthy, where the file says what that is.
    pub(super) fn up(
        name: &'static str,
        file: &'static str,
        variables: Vec<(&'static str, String)>,
        mounted: TempDir,
    ) -> Result<Self> {
        // From here on `Drop` takes the containers down, those of a start that failed included.
        let compose = Self { name, file, variables, _mounted: mounted };
        if let Err(error) = process::run(compose.command().args(["up", "--detach", "--wait", "--wait-timeout", "180"]))
        {
            compose.keep_logs();
            return Err(error);
        }
        Ok(compose)
    }

    /// Returns the name of the project.
    pub(super) fn project(&self) -> String {
        format!("rivet-e2e-{}-{}", std::process::id(), self.name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("docker");
        command.args(["compose", "--project-name", &self.project(), "--file"]).arg(workspace::fixture(self.file));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Asks which loopback port a container's port was given.
    pub(super) fn port(&self, service: &str, port: u16) -> Result<String> {
        let address = process::capture(self.command().args(["port", service, &port.to_string()]))?;
        let (_, port) = address.trim().rsplit_once(':').ok_or_else(|| miette!("`{service}` has no port"))?;
        Ok(port.to_owned())
    }

    /// Returns whether a container of the service still runs.
    pub(super) fn is_running(&self, service: &str) -> bool {
        let running = process::capture(self.command().args(["ps", "--status", "running", "--quiet", service]));
        running.is_ok_and(|containers| !containers.trim().is_empty())
    }

    /// Writes what the containers have printed to where logs are kept; called when a start has failed.
    pub(super) fn keep_logs(&self) {
        let logs = workspace::target().join("e2e/logs");
        if fs::create_dir_all(&logs).is_ok() {
            self.save_logs(&logs);
        }
    }

    /// Writes what the containers have printed into a folder; returns whether that worked.
    pub(super) fn save_logs(&self, folder: &Path) -> bool {
        process::capture(self.command().args(["logs", "--no-color", "--timestamps"]))
            .is_ok_and(|text| fs::write(folder.join(format!("compose-{}.log", self.name)), text).is_ok())
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        let down = process::capture(self.command().args(["down", "--volumes", "--timeout", "5"]));
        if let Err(error) = down {
            eprintln!("servers: `{}` could not be taken down: {error}", self.project());
        }
    }
}
