//! A database of the test's own, and short words for what the tests ask of it.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use rivet_model::{ColumnName, ConnectionSettings, NumericDefault, ReadView, Relation, RowRange, TlsMode, TlsSettings};
use rivet_postgres::PostgresFactory;
use rivet_source::conformance::{Harness, insert_statement};
use rivet_source::{
    ColumnRequest, DescribeRequest, Description, Inspector, KeyRequest, Reader, Scan, ScanLimits, ScanSpec, Source,
    SourceError, SourceFactory as _, Split, SplitBy, SplitRequest, Tiebreak,
};
use rivet_testing::TestDatabase;
use url::Url;

pub(crate) fn settings(url: &str) -> ConnectionSettings {
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

/// A test database. It is used on threads of its own: its handle must not block inside of a runtime.
#[derive(Debug)]
pub(crate) struct Server {
    /// Taken away when it is dropped.
    database: Option<Arc<TestDatabase>>,
    pub(crate) url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let database = self.database.take();
        drop(std::thread::spawn(move || drop(database)).join());
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let database = tokio::task::spawn_blocking(TestDatabase::create).await.unwrap();
        Self { url: database.url().to_owned(), database: Some(Arc::new(database)) }
    }

    /// As [`Self::start`], with these statements run.
    pub(crate) async fn with(sql: &str) -> Self {
        let server = Self::start().await;
        server.execute(sql).await;
        server
    }

    /// As [`Self::start`], behind a pooler.
    pub(crate) async fn pooled() -> Self {
        let mut server = Self::start().await;
        server.url = server.database().pooled_url();
        server
    }

    fn database(&self) -> Arc<TestDatabase> {
        Arc::clone(self.database.as_ref().unwrap())
    }

    pub(crate) fn source(&self) -> Arc<dyn Source> {
        PostgresFactory.open(&settings(&self.url)).unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        let (database, sql) = (self.database(), sql.to_owned());
        tokio::task::spawn_blocking(move || database.execute(&sql)).await.unwrap();
    }

    /// Whether the server finds the rows of a range of pages without reading the others.
    pub(crate) async fn reads_pages(&self) -> bool {
        self.column("SHOW server_version_num").await[0].parse::<u32>().unwrap() >= 140_000
    }

    /// Ends every session of the driver in the test's database, and waits until they are gone.
    pub(crate) async fn terminate(&self) {
        let ours = "FROM pg_stat_activity WHERE application_name = 'rivet-test' AND datname = current_database()";
        self.query(&format!("SELECT pg_terminate_backend(pid) {ours}")).await;
        self.no_session().await;
    }

    /// Waits until the driver has no session in the test's database: the server needs a moment for the end of one.
    pub(crate) async fn no_session(&self) {
        let ours = "FROM pg_stat_activity WHERE application_name = 'rivet-test' AND datname = current_database()";
        for _ in 0..500 {
            if self.column(&format!("SELECT count(*) {ours}")).await == ["0"] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("a session of the driver has not gone");
    }

    /// The rows of a query, in text.
    pub(crate) async fn query(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let (database, sql) = (self.database(), sql.to_owned());
        tokio::task::spawn_blocking(move || database.query_text(&sql)).await.unwrap()
    }

    /// The first value of each row of a query, in text.
    pub(crate) async fn column(&self, sql: &str) -> Vec<String> {
        self.query(sql).await.into_iter().map(|row| row.into_iter().next().flatten().unwrap_or_default()).collect()
    }
}

#[async_trait]
impl Harness for Server {
    async fn source(&self, tables: &[(&str, RecordBatch)]) -> Arc<dyn Source> {
        for (name, rows) in tables {
            let groups = rows.schema().index_of("grp").is_ok();
            let (column, index) =
                if groups { ("grp bigint,", format!("CREATE INDEX ON {name} (grp);")) } else { ("", String::new()) };
            let insert = insert_statement(name, rows).unwrap_or_default();
            let sql = format!("CREATE TABLE {name} (id bigint PRIMARY KEY, {column} label text); {index} {insert}");
            self.execute(&sql).await;
        }
        Self::source(self)
    }

    async fn insert(&self, table: &str, rows: &RecordBatch) {
        if let Some(sql) = insert_statement(table, rows) {
            self.execute(&sql).await;
        }
    }
}

pub(crate) fn request(relation: Relation) -> DescribeRequest {
    DescribeRequest {
        relation,
        columns: ColumnRequest::default(),
        numeric_default: NumericDefault::Text,
        on_unrepresentable: None,
        key: None,
    }
}

pub(crate) fn table(name: &str) -> Relation {
    Relation::Table(name.parse().unwrap())
}

pub(crate) fn query(sql: &str) -> Relation {
    Relation::Query(sql.to_owned())
}

/// These columns, and what tells equal rows apart.
pub(crate) fn key(columns: &[&str], tiebreak: Tiebreak) -> KeyRequest {
    let columns: Vec<ColumnName> = columns.iter().map(|name| name.parse().unwrap()).collect();
    KeyRequest { columns, fallback: None, tiebreak }
}

pub(crate) async fn try_keyed(
    source: &dyn Source,
    relation: Relation,
    key: KeyRequest,
) -> Result<Description, SourceError> {
    source.describe(&DescribeRequest { key: Some(key), ..request(relation) }).await
}

pub(crate) async fn keyed(source: &dyn Source, relation: Relation, key: KeyRequest) -> ScanSpec {
    try_keyed(source, relation, key).await.unwrap().spec
}

pub(crate) async fn split(source: &dyn Source, spec: &ScanSpec, by: SplitBy, within: RowRange) -> Split {
    source.split(spec, &SplitRequest { by, within }, &ScanLimits::default()).await.unwrap()
}

pub(crate) async fn drain(scan: &mut dyn Scan) -> Result<Vec<RecordBatch>, SourceError> {
    let mut batches = Vec::new();
    while let Some(batch) = scan.next_batch().await? {
        batches.push(batch);
    }
    Ok(batches)
}

/// A reader over a snapshot for itself.
pub(crate) async fn reader(source: &dyn Source, view: ReadView) -> Box<dyn Reader> {
    let limits = ScanLimits::default();
    source.open_snapshot(view, 1, &limits).await.unwrap().reader(&limits).await.unwrap()
}

/// Reads what a scan reads, and returns the statement inside of the COPY that it sent.
pub(crate) async fn sent(server: &Server, source: &dyn Source, spec: &ScanSpec) -> String {
    sent_first(server, source, spec, &ScanLimits::default()).await
}

/// As [`sent`], of the first COPY of a scan with these limits.
pub(crate) async fn sent_first(server: &Server, source: &dyn Source, spec: &ScanSpec, limits: &ScanLimits) -> String {
    let mut reader = reader(source, ReadView::Shared).await;
    let mut scan = reader.scan(spec, limits).await.unwrap();
    // Nothing more is sent until somebody asks for more than that. The transaction is open still, and its last
    // statement known.
    scan.next_batch().await.unwrap();
    let sql = "SELECT query FROM pg_stat_activity WHERE application_name = 'rivet-test' \
               AND datname = current_database() AND query LIKE 'COPY%'";
    let statement = server.column(sql).await.remove(0);
    drain(scan.as_mut()).await.unwrap();
    drop(scan);
    reader.close().await.unwrap();
    statement.strip_prefix("COPY (").unwrap().strip_suffix(") TO STDOUT (FORMAT binary)").unwrap().to_owned()
}

/// What preflight asks with.
pub(crate) async fn inspector(server: &Server) -> Box<dyn Inspector> {
    server.source().inspector(Duration::from_secs(5)).await.unwrap()
}

/// The column `id` of the rows of each range, seen at one moment.
pub(crate) async fn ids(source: &dyn Source, spec: &ScanSpec, ranges: &[RowRange]) -> Vec<Vec<i64>> {
    let mut reader = reader(source, ReadView::Shared).await;
    let place = spec.columns.iter().position(|column| column.name.as_str() == "id").unwrap();
    let mut found = Vec::new();
    for range in ranges {
        let mut scan = reader.scan(&spec.with_range(range.clone()), &ScanLimits::default()).await.unwrap();
        let batches = drain(scan.as_mut()).await.unwrap();
        let of_batch = |batch: &RecordBatch| batch.column(place).as_primitive::<Int64Type>().values().to_vec();
        found.push(batches.iter().flat_map(of_batch).collect());
    }
    reader.close().await.unwrap();
    found
}

/// The column `id` of the rows of each piece, after making sure that they are those of the table, each once.
pub(crate) async fn tiled(server: &Server, spec: &ScanSpec, split: &Split) -> Vec<Vec<i64>> {
    let source = server.source();
    let ranges: Vec<_> = split.pieces.iter().map(|piece| piece.range.clone()).collect();
    let found = ids(source.as_ref(), spec, &ranges).await;
    let from = match &spec.relation {
        Relation::Table(table) => table.to_string(),
        // The line break ends a comment that the query may end with.
        Relation::Query(query) => format!("({query}\n) AS q"),
    };
    let expected = server.column(&format!("SELECT id FROM {from} ORDER BY id")).await;
    let mut all: Vec<i64> = found.concat();
    all.sort_unstable();
    assert_eq!(all.len(), expected.len(), "as many rows as there are");
    assert!(all.iter().map(ToString::to_string).eq(expected), "every row once");
    found
}
