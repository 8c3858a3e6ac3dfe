//! Servers that are strict with their clients: little patience, small packets, no TLS.

use std::fs::File;
use std::io::Read as _;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use rivet_testing::{Family, Project};

use super::{OwnServer, on_both_own_servers};
use crate::families::faults::{AT_ONCE, WORDS, WRONG, folder, refused};
use crate::faults::assert_chunks;
use crate::support::{csv_rows, project_with, run, run_well};

/// Whoever does not take its rows is cut off by the server after a second, unless the session asked for more. The run
/// writes into a pipe whose reader takes three seconds to begin.
fn a_slow_reader_is_not_cut_off(family: Family) {
    let server = OwnServer::start(family, &["--net-write-timeout=1", "--net-read-timeout=1"]);
    server.connect("").execute("CREATE DATABASE shop");
    server.connect("shop").execute(WORDS);
    let source =
        format!("type: mysql, url: {:?}, environment: local, tuning: {{ max_retries: 0 }}", server.url("shop"));
    // 100 MB: more than all buffers on the way hold.
    let query = "SELECT id, repeat(word, 32) AS word FROM words";
    let export =
        format!("name: rows, query: {query:?}, format: csv, compression: none, destination: {{ type: stdout }}");
    let project = project_with(&source, &[&export]);
    let pipe = project.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("every machine of a test has `mkfifo`");
    assert!(made.success());
    let path = pipe.clone();
    let reader = thread::spawn(move || {
        let mut file = File::open(path).expect("the pipe was made");
        let mut buffer = vec![0; 1 << 16];
        let (mut bytes, mut lines) = (0, 0);
        while let Ok(count @ 1..) = file.read(&mut buffer) {
            if bytes == 0 {
                thread::sleep(Duration::from_secs(4));
            }
            bytes += count;
            lines += buffer[..count].split(|byte| *byte == b'\n').count() - 1;
        }
        lines
    });
    let running = project.command(&["run"]).stdout_to(&pipe).spawn();
    // What is idle meanwhile shows that the server waits for us.
    let finished = running.wait();
    finished.assert_code(0);
    assert!(finished.elapsed > Duration::from_secs(4), "the reader was not slow: {:?}", finished.elapsed);
    assert_eq!(reader.join().expect("it reads"), 100_001);
}

/// Rows that were written when the server took larger packets.
fn rows_larger_than_what_the_server_takes(family: Family) {
    let mut server = OwnServer::start(family, &["--max-allowed-packet=256M"]);
    server.connect("").execute("CREATE DATABASE shop");
    server.connect("shop").execute(
        "CREATE TABLE t (id int PRIMARY KEY, body longtext); \
         INSERT INTO t VALUES (1, 'small'), (2, repeat('x', 20000000)), (3, 'also small')",
    );
    server.stop(Signal::SIGTERM);
    server.serve(&["--max-allowed-packet=1M"]);
    let session = server.connect("shop");
    let project = |keys: &str| {
        folder(
            &server.url("shop"),
            &format!("{keys}, format: csv, compression: none"),
            "max_retries: 0, max_value_mb: 200",
        )
    };
    let sizes = |project: &Project| {
        let rows = csv_rows(&project.files("out", "csv"));
        rows.iter().map(|row| row[1].as_ref().map(String::len)).collect::<Vec<_>>()
    };
    let stored = project("table: t");
    run_well(&stored);
    assert_eq!(sizes(&stored), [Some(5), Some(20_000_000), Some(10)]);
    let bytes = project("table: t, columns: { body: binary }");
    run_well(&bytes);
    assert_eq!(sizes(&bytes), [Some(12), Some(40_000_002), Some(22)]);
    // A value that the server itself computes beyond its limit, it makes NULL, and says so to nobody who does not ask.
    let computed = project("query: \"SELECT id, concat(body, '!') AS body FROM t\"");
    run_well(&computed);
    let server_says = session.query_text("SELECT length(concat(body, '!')) IS NULL FROM t ORDER BY id");
    assert_eq!(server_says.concat(), ["0", "1", "0"].map(|text| Some(text.to_owned())));
    assert_eq!(sizes(&computed), [Some(6), None, Some(11)]);
}

fn a_server_without_tls(family: Family) {
    let server = OwnServer::start(family, &[family.choose("--tls-version=", "--skip-ssl")]);
    server.connect("").execute("CREATE DATABASE shop");
    server.connect("shop").execute(WORDS);
    for mode in ["require", "verify-ca", "verify-full"] {
        let source = format!("type: mysql, url: {:?}, tls: {{ mode: {mode} }}", server.url("shop"));
        let export = format!("name: rows, {AT_ONCE}, destination: {{ type: local, path: out }}");
        refused(&project_with(&source, &[&export]), 1, "rivet::source::tls", &["offers no TLS", "`tls.mode`"]);
    }
    for mode in ["prefer", "disable"] {
        let source = format!("type: mysql, url: {:?}, environment: local, tls: {{ mode: {mode} }}", server.url("shop"));
        let export = format!("name: rows, {AT_ONCE}, destination: {{ type: local, path: out }}");
        let project = project_with(&source, &[&export]);
        assert_chunks(&project, &run(&project));
    }
}

/// One connection is left, and a run of several takes no more than it may have.
fn a_server_without_a_connection_left(family: Family) {
    let server = OwnServer::start(family, &["--max-connections=10"]);
    server.connect("").execute("CREATE DATABASE shop");
    server
        .connect("shop")
        .execute(&format!("{WORDS}; CREATE USER reader IDENTIFIED BY '{WRONG}'; GRANT SELECT ON shop.* TO reader"));
    let url = server.url_as("reader", WRONG, "shop");
    let mut held = Vec::new();
    while let Ok(session) = rivet_testing::MysqlSession::try_connect(&url) {
        held.push(session);
        assert!(held.len() < 20, "the server takes any number");
    }
    let project = folder(&url, AT_ONCE, "max_retries: 1, retry_backoff_ms: 10");
    refused(&project, 5, "rivet::source::unavailable", &["Too many connections", "max_connections"]);
    drop(held);
    assert_chunks(&project, &run(&project));
}

on_both_own_servers!(
    a_slow_reader_is_not_cut_off,
    rows_larger_than_what_the_server_takes,
    a_server_without_tls,
    a_server_without_a_connection_left,
);
