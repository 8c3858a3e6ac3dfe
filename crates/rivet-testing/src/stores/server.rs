use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Protocol;
use crate::environment::{self, given, required};
use crate::fixture;

/// How long a server may take to accept connections.
const START: Duration = Duration::from_mins(1);

/// The server of a protocol: one of its own for a test, ended with it, or one that all tests share.
#[derive(Debug)]
pub(super) struct StoreServer {
    /// They end with it.
    _processes: Vec<Process>,
    /// The address that Rivet is given.
    pub(super) url: String,
    /// The address for the provider's own client.
    pub(super) client_url: String,
    pub(super) is_shared: bool,
}

impl StoreServer {
    /// Starts the program that a variable names, or takes the server whose address another one holds.
    #[track_caller]
    pub(super) fn start(protocol: Protocol) -> Self {
        let (program, address) = protocol.variables();
        let (mut processes, client_url, is_shared) = match given(address) {
            Some(url) => (Vec::new(), url.trim_end_matches('/').to_owned(), true),
            None => {
                let (process, port) = start(protocol, &required(program));
                (vec![process], url(port), false)
            }
        };
        let url = match protocol {
            Protocol::S3 | Protocol::Azure => client_url.clone(),
            // It does not speak the protocol that object_store does.
            Protocol::Gcs => {
                let (front, port) = front(&client_url);
                processes.push(front);
                url(port)
            }
        };
        Self { _processes: processes, url, client_url, is_shared }
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

#[track_caller]
fn start(protocol: Protocol, program: &str) -> (Process, u16) {
    let port = free_port();
    let (text, address) = (port.to_string(), format!("127.0.0.1:{port}"));
    let external = url(port);
    let arguments = match protocol {
        Protocol::S3 => vec!["-H", "127.0.0.1", "-p", &text],
        Protocol::Azure => vec![
            "--blobPort",
            &text,
            "--inMemoryPersistence",
            "--silent",
            "--disableTelemetry",
            "--skipApiVersionCheck",
        ],
        Protocol::Gcs => {
            let place = ["-scheme", "http", "-host", "127.0.0.1", "-port", &text];
            [&place[..], &["-backend", "memory", "-public-host", &address, "-external-url", &external]].concat()
        }
    };
    (Process::start(program, &arguments, port), port)
}

/// Starts what speaks Google's XML interface before a server that speaks the other one.
#[track_caller]
fn front(server: &str) -> (Process, u16) {
    let (port, script) = (free_port(), fixture("python/gcs_xml.py").display().to_string());
    let arguments = [script.as_str(), server, &port.to_string()];
    (Process::start(&required(environment::CLOUD_PYTHON), &arguments, port), port)
}

#[derive(Debug)]
struct Process {
    child: Child,
    folder: TempDir,
}

impl Process {
    /// Starts a program and waits until it accepts connections.
    #[track_caller]
    fn start(program: &str, arguments: &[&str], port: u16) -> Self {
        let folder = TempDir::with_prefix("rivet-store-").expect("the system's temporary folder can be written");
        let log = File::create(folder.path().join("server.log")).expect("a new folder can be written");
        let child = Command::new(program)
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can have two handles"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("`{program}` does not start: {error}"));
        let mut process = Self { child, folder };
        let begin = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = process.child.try_wait().expect("the child is ours");
            assert!(ended.is_none() && begin.elapsed() < START, "`{program}`: {ended:?}\n{}", process.log());
            thread::sleep(Duration::from_millis(50));
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

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port exists");
    listener.local_addr().expect("the listener is bound").port()
}
