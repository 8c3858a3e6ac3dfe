//! The driver against a real server; `cargo xtask e2e` brings one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use rivet_model::{ConnectionSettings, NumericDefault, Relation, TlsMode, TlsSettings};
use rivet_postgres::PostgresFactory;
use rivet_source::conformance::{self, Harness};
use rivet_source::{
    ColumnRequest, DescribeRequest, ScanLimits, Source, SourceError, SourceErrorKind, SourceFactory as _,
};
use rivet_testing::{Fault, FaultProxy, TestDatabase};
use url::Url;

fn settings(url: &str) -> ConnectionSettings {
    let url = Url::parse(url).unwrap();
    ConnectionSettings {
        host: url.host_str().unwrap().to_owned(),
        port: url.port().unwrap(),
        user: Some(url.username().to_owned()),
        password: url.password().map(|password| password.to_owned().into()),
        database: Some(url.path().trim_start_matches('/').to_owned()),
        tls: TlsSettings { mode: TlsMode::Disable, ca_file: None },
        application_name: "rivet-test".to_owned(),
        connect_timeout: Duration::from_secs(10),
    }
}

/// A test database lives on a thread of its own: its handle must not block inside of a runtime.
async fn database() -> TestDatabase {
    tokio::task::spawn_blocking(TestDatabase::create).await.unwrap()
}

async fn execute(database: Arc<TestDatabase>, sql: String) {
    tokio::task::spawn_blocking(move || database.execute(&sql)).await.unwrap();
}

#[derive(Debug)]
struct Server {
    database: Arc<TestDatabase>,
    url: String,
}

impl Server {
    async fn start(pooled: bool) -> Self {
        let database = database().await;
        let url = if pooled { database.pooled_url() } else { database.url().to_owned() };
        Self { database: Arc::new(database), url }
    }

    /// Ends the database's own session where it may block.
    async fn stop(self) {
        tokio::task::spawn_blocking(move || drop(self)).await.unwrap();
    }

    fn source(&self) -> Arc<dyn Source> {
        PostgresFactory.open(&settings(&self.url)).unwrap()
    }
}

#[async_trait]
impl Harness for Server {
    async fn source(&self, tables: &[(&str, RecordBatch)]) -> Arc<dyn Source> {
        for (name, rows) in tables {
            let (ids, labels) = (rows.column(0).as_primitive::<Int64Type>(), rows.column(1).as_string::<i32>());
            let values = (0..rows.num_rows()).map(|row| {
                let label = labels.is_valid(row).then(|| format!("'{}'", labels.value(row)));
                format!("({}, {})", ids.value(row), label.unwrap_or_else(|| "NULL".to_owned()))
            });
            let values = values.collect::<Vec<_>>().join(",");
            let insert = if values.is_empty() { String::new() } else { format!("INSERT INTO {name} VALUES {values}") };
            let create = format!("CREATE TABLE {name} (id bigint PRIMARY KEY, label text); {insert}");
            execute(Arc::clone(&self.database), create).await;
        }
        Self::source(self)
    }
}

#[tokio::test]
async fn the_driver_conforms() {
    let server = Server::start(false).await;
    conformance::suite(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn the_driver_conforms_behind_pgbouncer() {
    let server = Server::start(true).await;
    conformance::suite(&server).await;
    assert!(server.source().server().await.unwrap().pooled);
    server.stop().await;
}

fn request(query: &str) -> DescribeRequest {
    DescribeRequest {
        relation: Relation::Query(query.to_owned()),
        columns: ColumnRequest::default(),
        numeric_default: NumericDefault::default(),
        on_unrepresentable: None,
    }
}

#[tokio::test]
async fn describing_reads_no_row() {
    let server = Server::start(false).await;
    // A division by zero would fail the moment a row was made.
    let description = server.source().describe(&request("SELECT 1 / (i - i) AS x FROM generate_series(1, 9) i")).await;
    assert_eq!(description.unwrap().spec.columns[0].name.as_str(), "x");
    server.stop().await;
}

#[tokio::test]
async fn an_error_points_into_the_query() {
    let server = Server::start(false).await;
    let query = "SELECT 'ж' AS a,\n       no_such_column FROM pg_class";
    let error = server.source().describe(&request(query)).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::NotFound);
    let labels: Vec<_> = miette::Diagnostic::labels(&error).unwrap().collect();
    assert_eq!(labels[0].offset(), query.find("no_such_column").unwrap());
    server.stop().await;
}

#[tokio::test]
async fn two_workers_see_one_moment() {
    let server = Server::start(false).await;
    execute(Arc::clone(&server.database), "CREATE TABLE t (id bigint); INSERT INTO t VALUES (1), (2)".to_owned()).await;
    let source = server.source();
    let request = DescribeRequest { relation: Relation::Table("t".parse().unwrap()), ..request("") };
    let spec = source.describe(&request).await.unwrap().spec;
    let limits = ScanLimits::default();
    let snapshot = source.open_snapshot(2, &limits).await.unwrap();
    execute(Arc::clone(&server.database), "DELETE FROM t".to_owned()).await;
    let mut scan = snapshot.scan(&spec, &limits).await.unwrap();
    assert_eq!(scan.next_batch().await.unwrap().unwrap().num_rows(), 2, "the rows of the moment of the snapshot");
    assert!(scan.next_batch().await.unwrap().is_none());
    drop(scan);
    snapshot.close().await.unwrap();
    drop(source);
    server.stop().await;
}

/// Reads a long query through a network that fails in its midst, and returns the error.
async fn read_through(fault: Fault, statement_timeout: Duration) -> SourceError {
    let server = Server::start(false).await;
    let proxy = FaultProxy::start(&server.url);
    let source = PostgresFactory.open(&settings(&proxy.url(&server.url))).unwrap();
    let spec = source.describe(&request("SELECT i FROM generate_series(1, 1000000) i")).await.unwrap().spec;
    let limits = ScanLimits { statement_timeout, ..ScanLimits::default() };
    let snapshot = source.open_snapshot(1, &limits).await.unwrap();
    proxy.set(fault);
    let mut scan = snapshot.scan(&spec, &limits).await.unwrap();
    let reading = async {
        loop {
            match scan.next_batch().await {
                Ok(batch) => assert!(batch.is_some(), "the end came in spite of the fault"),
                Err(error) => return error,
            }
        }
    };
    let error = tokio::time::timeout(Duration::from_mins(1), reading).await.expect("a failure is noticed");
    drop(scan);
    server.stop().await;
    error
}

#[tokio::test]
async fn a_connection_that_breaks_in_a_scan_is_noticed() {
    let error = read_through(Fault::CutAfter(1_000_000), Duration::ZERO).await;
    assert_eq!(error.kind(), SourceErrorKind::ConnectionLost, "{error}");
}

#[tokio::test]
async fn a_server_that_goes_silent_in_a_scan_is_given_up() {
    let error = read_through(Fault::StallAfter(1_000_000), Duration::from_secs(1)).await;
    assert_eq!(error.kind(), SourceErrorKind::ConnectionLost, "{error}");
    assert!(error.to_string().contains("went silent"), "{error}");
}
