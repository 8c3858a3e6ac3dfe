//! A database of the test's own, and short words for what the tests ask of it.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use async_trait::async_trait;
use rivet_model::{ColumnName, ConnectionSettings, NumericDefault, ReadView, Relation, RowRange, TlsMode, TlsSettings};
use rivet_mysql::MysqlFactory;
use rivet_source::conformance::{Harness, insert_statement};
use rivet_source::{
    ColumnRequest, DescribeRequest, KeyRequest, Reader, Scan, ScanLimits, ScanSpec, ScanSummary, Source, SourceError,
    SourceFactory as _, Split, SplitBy, SplitRequest, Tiebreak,
};
use rivet_testing::{Family, MysqlDatabase};
use url::Url;

/// Runs a test on a thread of its own with a runtime, as workers of the engine have.
pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

pub(crate) fn settings(url: &str) -> ConnectionSettings {
    let url = Url::parse(url).unwrap();
    ConnectionSettings {
        host: url.host_str().unwrap().to_owned(),
        port: url.port().unwrap_or(3306),
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
    database: Option<Arc<MysqlDatabase>>,
    pub(crate) url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let database = self.database.take();
        drop(std::thread::spawn(move || drop(database)).join());
    }
}

impl Server {
    pub(crate) async fn start(family: Family) -> Self {
        let database = tokio::task::spawn_blocking(move || MysqlDatabase::create(family)).await.unwrap();
        Self { url: database.url().to_owned(), database: Some(Arc::new(database)) }
    }

    /// As [`Self::start`], with these statements run.
    pub(crate) async fn with(family: Family, sql: &str) -> Self {
        let server = Self::start(family).await;
        server.execute(sql).await;
        server
    }

    pub(crate) fn database(&self) -> Arc<MysqlDatabase> {
        Arc::clone(self.database.as_ref().unwrap())
    }

    pub(crate) fn source(&self) -> Arc<dyn Source> {
        MysqlFactory.open(&settings(&self.url)).unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        let (database, sql) = (self.database(), sql.to_owned());
        tokio::task::spawn_blocking(move || database.execute(&sql)).await.unwrap();
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

    /// The numbers of the driver's sessions in the test's database: all but the one that asks.
    pub(crate) async fn sessions(&self) -> Vec<String> {
        let sql = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()";
        self.column(sql).await
    }

    /// Ends every session of the driver in the test's database, and waits until they are gone.
    pub(crate) async fn terminate(&self) {
        for id in self.sessions().await {
            self.execute(&format!("KILL {id}")).await;
        }
        self.no_session().await;
    }

    /// Waits until the driver has no session in the test's database: the server needs a moment for the end of one.
    pub(crate) async fn no_session(&self) {
        for _ in 0..500 {
            if self.sessions().await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("a session of the driver has not gone");
    }
}

#[async_trait]
impl Harness for Server {
    async fn source(&self, tables: &[(&str, RecordBatch)]) -> Arc<dyn Source> {
        for (name, rows) in tables {
            let groups = rows.schema().index_of("grp").is_ok();
            let column = if groups { "grp bigint, INDEX (grp)," } else { "" };
            // Names may be words of the server's.
            self.execute(&format!("CREATE TABLE `{name}` (id bigint PRIMARY KEY, {column} label text)")).await;
            self.insert(name, rows).await;
        }
        Self::source(self)
    }

    async fn insert(&self, table: &str, rows: &RecordBatch) {
        if let Some(sql) = insert_statement(&format!("`{table}`"), rows) {
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

/// A request that reads one column as another type.
pub(crate) fn overriding(relation: Relation, column: &str, wish: &str) -> DescribeRequest {
    let overrides = [(column.parse().unwrap(), wish.parse().unwrap())].into();
    DescribeRequest { columns: ColumnRequest { overrides, ..ColumnRequest::default() }, ..request(relation) }
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

pub(crate) async fn keyed(source: &dyn Source, relation: Relation, key: KeyRequest) -> ScanSpec {
    source.describe(&DescribeRequest { key: Some(key), ..request(relation) }).await.unwrap().spec
}

/// Numbers from 0 to 999, to make larger tables of.
pub(crate) const NUMBERS: &str = "CREATE TABLE k (n int PRIMARY KEY);
     INSERT INTO k WITH RECURSIVE r (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < 999) SELECT n FROM r;";

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

/// Reads all rows of a scan.
pub(crate) async fn read(
    source: &dyn Source,
    spec: &ScanSpec,
    limits: &ScanLimits,
) -> Result<(Vec<RecordBatch>, ScanSummary), SourceError> {
    let mut reader = reader(source, ReadView::PerScan).await;
    let mut scan = reader.scan(spec, limits).await?;
    let batches = drain(scan.as_mut()).await?;
    let summary = scan.summary();
    drop(scan);
    reader.close().await?;
    Ok((batches, summary))
}

/// Describes and reads all rows of a relation.
pub(crate) async fn export(
    source: &dyn Source,
    request: &DescribeRequest,
) -> Result<(Vec<RecordBatch>, ScanSummary), SourceError> {
    let spec = source.describe(request).await?.spec;
    read(source, &spec, &ScanLimits::default()).await
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

/// The values of a column, in the form in which the server writes such values as text.
pub(crate) fn rendered(batches: &[RecordBatch], place: usize) -> Vec<Option<String>> {
    let of_batch = |batch: &RecordBatch| {
        let array = batch.column(place);
        (0..array.len()).map(|row| array.is_valid(row).then(|| value(array.as_ref(), row))).collect::<Vec<_>>()
    };
    batches.iter().flat_map(of_batch).collect()
}

fn value(array: &dyn arrow::array::Array, row: usize) -> String {
    let shown = || arrow::util::display::array_value_to_string(array, row).unwrap();
    match array.data_type() {
        DataType::Boolean => if array.as_boolean().value(row) { "1" } else { "0" }.to_owned(),
        DataType::Binary => hexadecimal(array.as_binary::<i32>().value(row)),
        DataType::FixedSizeBinary(_) => hexadecimal(array.as_fixed_size_binary().value(row)),
        DataType::Timestamp(..) | DataType::Time64(_) => moment(array, row),
        _ => shown(),
    }
}

/// Arrow shows no more digits behind the point than it has to, and knows no zone by its name.
fn moment(array: &dyn arrow::array::Array, row: usize) -> String {
    let plain = match array.data_type() {
        DataType::Timestamp(unit, Some(_)) => arrow::compute::cast(array, &DataType::Timestamp(*unit, None)).unwrap(),
        _ => arrow::array::make_array(array.to_data()),
    };
    arrow::util::display::array_value_to_string(plain.as_ref(), row).unwrap().replace('T', " ")
}

/// Writes a moment with as many digits behind the point as Arrow does.
pub(crate) fn as_arrow(text: &str) -> String {
    let Some((whole, fraction)) = text.split_once('.') else { return text.to_owned() };
    match fraction.trim_end_matches('0').len() {
        0 => whole.to_owned(),
        1..=3 => format!("{whole}.{fraction:.3}"),
        _ => text.to_owned(),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat()
}
