use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic as _, Result, ensure, miette};

use crate::process;

/// The bucket, which is a folder of the server's.
const BUCKET: &str = "lake";

/// The key's name and the key, of a server that nobody else reaches.
pub(super) const KEYS: [(&str, &str); 2] =
    [("RIVET_BENCH_S3_KEY", "bench"), ("RIVET_BENCH_S3_SECRET", "no-secret-of-anybody")];

/// How long the server may take to accept connections.
const START: Duration = Duration::from_secs(20);

/// A server that speaks S3's protocol and keeps objects as files, so that it takes little of the machine: `s3s-fs`.
#[derive(Debug)]
pub(super) struct S3Server {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl S3Server {
    /// Starts one over an empty folder. Fails where it is not installed.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let program = process::find("s3s-fs")
            .ok_or_else(|| miette!("`s3s-fs` is not installed; `cargo install s3s-fs --features binary` brings it"))?;
        std::fs::create_dir(folder.join(BUCKET)).into_diagnostic()?;
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|open| open.local_addr()).into_diagnostic()?.port();
        let [(_, key), (_, secret)] = KEYS;
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--access-key", key, "--secret-key", secret]);
        command.arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { child: command.spawn().into_diagnostic()?, folder: folder.to_owned(), port };
        let begin = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            ensure!(begin.elapsed() < START, "`s3s-fs` does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Returns where the objects are.
    pub(super) fn objects(&self) -> PathBuf {
        self.folder.join(BUCKET)
    }

    /// Returns the inside of a destination.
    pub(super) fn destination(&self) -> String {
        let [(key, _), (secret, _)] = KEYS;
        format!(
            "{{ type: s3, bucket: {BUCKET}, region: us-east-1, endpoint: \"http://127.0.0.1:{}\", \
             access_key_env: {key}, secret_key_env: {secret} }}",
            self.port
        )
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
