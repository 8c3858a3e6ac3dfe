//! The suite that every driver passes: what the traits promise, shown on a real implementation.
//!
//! A driver's tests implement [`Harness`] and call [`suite`]. A check that fails panics, as a test does.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use async_trait::async_trait;
use rivet_model::{NumericDefault, Relation};

use crate::{
    ColumnRequest, DescribeRequest, Description, Scan, ScanLimits, Snapshot, Source, SourceError, SourceErrorKind,
};

/// Puts tables into a database of the kind under test.
#[async_trait]
pub trait Harness: fmt::Debug + Send + Sync {
    /// Makes the tables, with `id` (64-bit integer, not null) as their primary key and `label` (text), and returns a
    /// source that reads them by these names.
    async fn source(&self, tables: &[(&str, RecordBatch)]) -> Arc<dyn Source>;
}

/// Rows of the large table: enough for many batches of [`LIMITS`].
const LARGE: i64 = 20_000;

/// Small batches, so that a few rows make several.
const LIMITS: ScanLimits = ScanLimits {
    statement_timeout: std::time::Duration::from_mins(1),
    lock_timeout: std::time::Duration::from_secs(10),
    batch_rows: 1_000,
    batch_bytes: 1 << 20,
    max_value_bytes: 1 << 20,
};

/// Makes rows with ids from 1 on; every third label is NULL, every fifth is empty.
fn rows(count: i64) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("label", DataType::Utf8, true)]);
    let label = |id: i64| match id {
        id if id % 3 == 0 => None,
        id if id % 5 == 0 => Some(String::new()),
        id => Some(format!("row {id} — ж")),
    };
    let ids: Int64Array = (1..=count).collect();
    let labels: StringArray = (1..=count).map(label).collect();
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids), Arc::new(labels)]).expect("columns of one length")
}

/// Runs every check.
pub async fn suite(harness: &dyn Harness) {
    let tables = [("empty", rows(0)), ("one", rows(1)), ("large", rows(LARGE))];
    let source = harness.source(&tables).await;
    let source = source.as_ref();
    a_server_says_who_it_is(source).await;
    a_description_names_the_columns(source).await;
    columns_come_as_selected(source).await;
    what_is_missing_is_not_found(source).await;
    an_empty_table_gives_no_batch(source).await;
    every_row_comes_once(source).await;
    scans_share_one_view(source).await;
    a_cancelled_scan_ends(source).await;
}

fn request(table: &str, columns: ColumnRequest) -> DescribeRequest {
    DescribeRequest {
        relation: Relation::Table(table.parse().expect("a table name")),
        columns,
        numeric_default: NumericDefault::default(),
        on_unrepresentable: None,
    }
}

async fn described(source: &dyn Source, table: &str) -> Description {
    source.describe(&request(table, ColumnRequest::default())).await.expect("a description")
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

async fn read(snapshot: &dyn Snapshot, description: &Description) -> Vec<RecordBatch> {
    let mut scan = snapshot.scan(&description.spec, &LIMITS).await.expect("a scan");
    let batches = drain(scan.as_mut()).await.expect("all rows");
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(scan.summary().rows, rows as u64, "the summary counts the rows");
    assert!(scan.next_batch().await.expect("no error after the end").is_none(), "a scan that has ended stays so");
    batches
}

fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

async fn a_server_says_who_it_is(source: &dyn Source) {
    let server = source.server().await.expect("an answer");
    assert!(!server.product.is_empty() && !server.role.is_empty());
    assert!(server.version > 0);
}

async fn a_description_names_the_columns(source: &dyn Source) {
    for table in ["empty", "large"] {
        let schema = described(source, table).await.spec.schema();
        assert_eq!(schema.field(0).name(), "id");
        assert_eq!(*schema.field(0).data_type(), DataType::Int64);
        assert!(!schema.field(0).is_nullable(), "a primary key is known to have no NULL");
        assert_eq!(schema.field(1).name(), "label");
        assert_eq!(*schema.field(1).data_type(), DataType::Utf8);
        assert!(schema.field(1).is_nullable());
    }
}

async fn columns_come_as_selected(source: &dyn Source) {
    let name = |text: &str| text.parse().expect("a column name");
    let turned = ColumnRequest { select: vec![name("label"), name("id")], ..ColumnRequest::default() };
    let spec = source.describe(&request("one", turned)).await.expect("a description").spec;
    assert_eq!(spec.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["label", "id"]);
    let without = ColumnRequest { exclude: vec![name("label")], ..ColumnRequest::default() };
    let description = source.describe(&request("one", without)).await.expect("a description");
    let snapshot = source.open_snapshot(1, &LIMITS).await.expect("a snapshot");
    let batches = read(snapshot.as_ref(), &description).await;
    assert_eq!((batches.len(), batches[0].num_columns()), (1, 1));
    snapshot.close().await.expect("the end of the snapshot");
}

async fn what_is_missing_is_not_found(source: &dyn Source) {
    let missing = source.describe(&request("no_such_table", ColumnRequest::default())).await;
    assert_eq!(missing.expect_err("no table").kind(), SourceErrorKind::NotFound);
    let column = ColumnRequest { select: vec!["no_such_column".parse().expect("a name")], ..ColumnRequest::default() };
    let missing = source.describe(&request("one", column)).await;
    assert_eq!(missing.expect_err("no column").kind(), SourceErrorKind::NotFound);
}

async fn an_empty_table_gives_no_batch(source: &dyn Source) {
    let description = described(source, "empty").await;
    let snapshot = source.open_snapshot(1, &LIMITS).await.expect("a snapshot");
    assert_eq!(read(snapshot.as_ref(), &description).await.len(), 0);
    snapshot.close().await.expect("the end of the snapshot");
}

async fn every_row_comes_once(source: &dyn Source) {
    let description = described(source, "large").await;
    let snapshot = source.open_snapshot(1, &LIMITS).await.expect("a snapshot");
    let batches = read(snapshot.as_ref(), &description).await;
    assert!(batches.iter().all(|batch| batch.num_rows() <= LIMITS.batch_rows), "batches end at their limit");
    let mut found = ids(&batches);
    found.sort_unstable();
    assert_eq!(found, (1..=LARGE).collect::<Vec<_>>());
    for batch in &batches {
        let (ids, labels) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_string::<i32>());
        for row in 0..batch.num_rows() {
            let id = ids.value(row);
            let label = labels.is_valid(row).then(|| labels.value(row).to_owned());
            let expected = if id % 3 == 0 {
                None
            } else if id % 5 == 0 {
                Some(String::new())
            } else {
                Some(format!("row {id} — ж"))
            };
            assert_eq!(label, expected, "row {id}");
        }
    }
    snapshot.close().await.expect("the end of the snapshot");
}

async fn scans_share_one_view(source: &dyn Source) {
    let description = described(source, "large").await;
    let snapshot = source.open_snapshot(2, &LIMITS).await.expect("a snapshot");
    let mut first = snapshot.scan(&description.spec, &LIMITS).await.expect("a scan");
    let mut second = snapshot.scan(&description.spec, &LIMITS).await.expect("a second scan");
    let (mut left, mut right) = (Vec::new(), Vec::new());
    loop {
        let next = (first.next_batch().await.expect("a batch"), second.next_batch().await.expect("a batch"));
        let ended = next.0.is_none() && next.1.is_none();
        left.extend(next.0);
        right.extend(next.1);
        if ended {
            break;
        }
    }
    assert_eq!(ids(&left), ids(&right), "two scans of one view read the same rows");
    drop((first, second));
    snapshot.close().await.expect("the end of the snapshot");
}

async fn a_cancelled_scan_ends(source: &dyn Source) {
    let description = described(source, "large").await;
    let snapshot = source.open_snapshot(1, &LIMITS).await.expect("a snapshot");
    let mut scan = snapshot.scan(&description.spec, &LIMITS).await.expect("a scan");
    assert!(scan.next_batch().await.expect("a batch").is_some());
    scan.cancel().await;
    assert!(scan.next_batch().await.expect("no error after cancelling").is_none());
    scan.cancel().await;
    snapshot.close().await.expect("the end of the snapshot");
    let snapshot = source.open_snapshot(1, &LIMITS).await.expect("another snapshot");
    let rows = ids(&read(snapshot.as_ref(), &description).await).len();
    assert_eq!(i64::try_from(rows), Ok(LARGE), "the next scan reads everything");
    snapshot.close().await.expect("the end of the snapshot");
}
