//! The suite that every driver passes: what the traits promise, shown on a real implementation.
//!
//! A driver's tests implement [`Harness`] and call [`suite`]. A check that fails panics, as a test does.

mod inspect;
mod range;
mod reader;
mod scan;
mod split;
mod table;
mod watermark;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use rivet_model::{ColumnName, NumericDefault, ReadView, Relation, RowRange};

use crate::{
    ColumnRequest, DescribeRequest, Description, KeyRequest, Reader, Scan, ScanLimits, ScanSpec, Snapshot, Source,
    SourceError, Tiebreak,
};

pub use table::insert_statement;

/// Puts tables into a database of the kind under test.
#[async_trait]
pub trait Harness: fmt::Debug + Send + Sync {
    /// Makes the tables and returns a source that reads them by these names.
    ///
    /// A table has the columns of its batch: 64-bit integers and texts, with NULLs where the batch's schema allows
    /// them. `id` is the primary key; `grp`, where it is there, has an index. [`insert_statement`] writes the rows as
    /// SQL.
    async fn source(&self, tables: &[(&str, RecordBatch)]) -> Arc<dyn Source>;

    /// Adds rows to one of the tables. They are committed when it returns.
    async fn insert(&self, table: &str, rows: &RecordBatch);
}

/// Small batches, so that a few rows make several.
const LIMITS: ScanLimits = ScanLimits {
    statement_timeout: Duration::from_mins(1),
    lock_timeout: Duration::from_secs(10),
    statement_budget: Duration::ZERO,
    batch_rows: 1_000,
    batch_bytes: 1 << 20,
    max_value_bytes: 1 << 20,
};

/// Runs every check.
pub async fn suite(harness: &dyn Harness) {
    let tables = [
        ("empty", table::labelled(1, 0)),
        ("one", table::labelled(1, 1)),
        ("large", table::labelled(1, table::LARGE)),
        ("growing", table::labelled(1, 100)),
        ("written", table::labelled(1, 10_000)),
        ("grouped", table::grouped(1, table::GROUPED)),
        ("no_group", table::grouped(1, 0)),
    ];
    let source = harness.source(&tables).await;
    let source = source.as_ref();
    scan::check(source).await;
    reader::check(harness, source).await;
    range::check(source).await;
    split::check(harness, source).await;
    watermark::check(source).await;
    inspect::check(source).await;
}

fn name(text: &str) -> ColumnName {
    text.parse().expect("a column name")
}

fn names(texts: &[&str]) -> Vec<ColumnName> {
    texts.iter().map(|text| name(text)).collect()
}

fn request(table: &str, columns: ColumnRequest) -> DescribeRequest {
    DescribeRequest {
        relation: Relation::Table(table.parse().expect("a table name")),
        columns,
        numeric_default: NumericDefault::default(),
        on_unrepresentable: None,
        key: None,
    }
}

async fn described(source: &dyn Source, table: &str) -> Description {
    source.describe(&request(table, ColumnRequest::default())).await.expect("a description")
}

async fn keyed(source: &dyn Source, table: &str, key: KeyRequest) -> Description {
    let request = DescribeRequest { key: Some(key), ..request(table, ColumnRequest::default()) };
    source.describe(&request).await.expect("a description with a key")
}

/// The relation's own key.
fn own_key() -> KeyRequest {
    KeyRequest::default()
}

/// These columns and nothing else.
fn key_of(columns: &[&str]) -> KeyRequest {
    KeyRequest { columns: names(columns), fallback: None, tiebreak: Tiebreak::None }
}

/// A column, and the relation's own key behind it.
fn cursor(column: &str, fallback: Option<&str>) -> KeyRequest {
    KeyRequest { columns: names(&[column]), fallback: fallback.map(name), tiebreak: Tiebreak::OwnKey }
}

async fn open(source: &dyn Source, view: ReadView, workers: usize) -> Box<dyn Snapshot> {
    source.open_snapshot(view, workers, &LIMITS).await.expect("a snapshot")
}

async fn drain(scan: &mut dyn Scan) -> Result<Vec<RecordBatch>, SourceError> {
    let mut batches = Vec::new();
    while let Some(batch) = scan.next_batch().await? {
        assert!(batch.num_rows() > 0, "no batch is empty");
        assert_eq!(batch.schema(), scan.schema(), "every batch has the schema of the scan");
        batches.push(batch);
    }
    Ok(batches)
}

/// Reads all rows of one scan.
async fn read(reader: &mut dyn Reader, spec: &ScanSpec, limits: &ScanLimits) -> Vec<RecordBatch> {
    let mut scan = reader.scan(spec, limits).await.expect("a scan");
    let batches = drain(scan.as_mut()).await.expect("all rows");
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(scan.summary().rows, rows as u64, "the summary counts the rows");
    assert!(scan.next_batch().await.expect("no error after the end").is_none(), "a scan that has ended stays so");
    batches
}

/// Reads all rows over a snapshot of their own.
async fn read_once(source: &dyn Source, spec: &ScanSpec, limits: &ScanLimits) -> Vec<RecordBatch> {
    let snapshot = open(source, ReadView::Shared, 1).await;
    let mut reader = snapshot.reader(limits).await.expect("a reader");
    let batches = read(reader.as_mut(), spec, limits).await;
    reader.close().await.expect("the end of the reader");
    snapshot.close().await.expect("the end of the snapshot");
    batches
}

/// Reads ranges one after the other, and returns the ids of each in ascending order.
async fn read_ranges(source: &dyn Source, spec: &ScanSpec, ranges: &[RowRange]) -> Vec<Vec<i64>> {
    let snapshot = open(source, ReadView::Shared, 1).await;
    let mut reader = snapshot.reader(&LIMITS).await.expect("a reader");
    let mut found = Vec::with_capacity(ranges.len());
    for range in ranges {
        found.push(sorted_ids(&read(reader.as_mut(), &spec.with_range(range.clone()), &LIMITS).await));
    }
    reader.close().await.expect("the end of the reader");
    snapshot.close().await.expect("the end of the snapshot");
    found
}

/// Returns the first column.
fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

fn sorted_ids(batches: &[RecordBatch]) -> Vec<i64> {
    let mut ids = ids(batches);
    ids.sort_unstable();
    ids
}
