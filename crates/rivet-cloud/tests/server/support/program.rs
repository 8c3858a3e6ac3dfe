use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Kind;

/// How long a server may take to accept connections.
const START: Duration = Duration::from_mins(1);

/// Returns what the environment says, and fails the test where it says nothing.
#[track_caller]
pub(crate) fn required(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests find their servers here")]
    let value = std::env::var(name);
    match value {
        Ok(value) if !value.is_empty() => value,
        _ => panic!("`{name}` is not set: run this test with `cargo xtask e2e`"),
    }
}

/// A server of its own for one test, ended with it.
#[derive(Debug)]
pub(crate) struct Program {
    /// They end with it.
    _processes: Vec<Process>,
    /// What is before the others where there are several.
    port: u16,
    /// What the provider's own client talks to.
    client_port: u16,
}

impl Program {
    /// Starts the server of a protocol from the programs that variables name.
    pub(crate) fn start(kind: Kind) -> Self {
        let (port, behind) = (free_port(), free_port());
        let (text, behind_text) = (port.to_string(), behind.to_string());
        match kind {
            Kind::S3 => {
                let server = Process::start(&required("RIVET_TEST_S3_SERVER"), &["-H", "127.0.0.1", "-p", &text], port);
                Self { _processes: vec![server], port, client_port: port }
            }
            Kind::Azure => {
                let quiet = ["--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck"];
                let arguments = [&["--blobPort", text.as_str()], &quiet[..]].concat();
                let server = Process::start(&required("RIVET_TEST_AZURE_SERVER"), &arguments, port);
                Self { _processes: vec![server], port, client_port: port }
            }
            Kind::Gcs => {
                let address = format!("127.0.0.1:{behind}");
                let url = format!("http://{address}");
                let arguments = [
                    ["-scheme", "http"],
                    ["-host", "127.0.0.1"],
                    ["-port", &behind_text],
                    ["-backend", "memory"],
                    ["-public-host", &address],
                    ["-external-url", &url],
                ];
                let server = Process::start(&required("RIVET_TEST_GCS_SERVER"), &arguments.concat(), behind);
                // It does not speak the protocol that object_store does.
                let script = fixture("gcs_xml.py");
                let python = required("RIVET_TEST_CLOUD_PYTHON");
                let front = Process::start(&python, &[&script.display().to_string(), &url, &text], port);
                Self { _processes: vec![front, server], port, client_port: behind }
            }
        }
    }

    /// Returns the address that Rivet is given.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the address for the provider's own client.
    pub(crate) fn client_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.client_port)
    }
}

#[derive(Debug)]
struct Process {
    child: Child,
    folder: TempDir,
}

impl Process {
    /// Starts a program and waits until it accepts connections.
    fn start(program: &str, arguments: &[&str], port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("server.log")).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("`{program}` does not start: {error}"));
        let mut process = Self { child, folder };
        let begin = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none() && begin.elapsed() < START, "`{program}`: {ended:?}\n{}", process.log());
            thread::sleep(Duration::from_millis(100));
        }
        process
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns a file of the repository's Python fixtures.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/python").join(name)
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
