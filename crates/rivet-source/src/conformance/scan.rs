//! Descriptions and single scans.

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use rivet_model::ReadView;

use super::table::{LARGE, label};
use super::{LIMITS, described, drain, ids, name, names, open, read_once, request, sorted_ids};
use crate::{ColumnRequest, ScanLimits, Source, SourceErrorKind};

pub(super) async fn check(source: &dyn Source) {
    a_server_says_who_it_is(source).await;
    a_description_names_the_columns(source).await;
    columns_come_as_selected(source).await;
    what_is_missing_is_not_found(source).await;
    an_empty_table_gives_no_batch(source).await;
    every_row_comes_once(source).await;
    scans_share_one_view(source).await;
    a_cancelled_scan_ends(source).await;
    a_budget_changes_no_row(source).await;
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
    let turned = ColumnRequest { select: names(&["label", "id"]), ..ColumnRequest::default() };
    let spec = source.describe(&request("one", turned)).await.expect("a description").spec;
    assert_eq!(spec.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["label", "id"]);
    let without = ColumnRequest { exclude: vec![name("label")], ..ColumnRequest::default() };
    let description = source.describe(&request("one", without)).await.expect("a description");
    let batches = read_once(source, &description.spec, &LIMITS).await;
    assert_eq!((batches.len(), batches[0].num_columns()), (1, 1));
}

async fn what_is_missing_is_not_found(source: &dyn Source) {
    let missing = source.describe(&request("no_such_table", ColumnRequest::default())).await;
    assert_eq!(missing.expect_err("no table").kind(), SourceErrorKind::NotFound);
    let column = ColumnRequest { select: names(&["no_such_column"]), ..ColumnRequest::default() };
    let missing = source.describe(&request("one", column)).await;
    assert_eq!(missing.expect_err("no column").kind(), SourceErrorKind::NotFound);
}

async fn an_empty_table_gives_no_batch(source: &dyn Source) {
    let description = described(source, "empty").await;
    assert_eq!(read_once(source, &description.spec, &LIMITS).await, []);
}

async fn every_row_comes_once(source: &dyn Source) {
    let description = described(source, "large").await;
    let batches = read_once(source, &description.spec, &LIMITS).await;
    assert!(batches.iter().all(|batch| batch.num_rows() <= LIMITS.batch_rows), "batches end at their limit");
    assert_eq!(sorted_ids(&batches), (1..=LARGE).collect::<Vec<_>>());
    for batch in &batches {
        let (ids, labels) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_string::<i32>());
        for row in 0..batch.num_rows() {
            let id = ids.value(row);
            let found = labels.is_valid(row).then(|| labels.value(row).to_owned());
            assert_eq!(found, label(id), "row {id}");
        }
    }
}

async fn scans_share_one_view(source: &dyn Source) {
    let spec = described(source, "large").await.spec;
    let snapshot = open(source, ReadView::Shared, 2).await;
    let mut one = snapshot.reader(&LIMITS).await.expect("a reader");
    let mut two = snapshot.reader(&LIMITS).await.expect("a second reader");
    let mut first = one.scan(&spec, &LIMITS).await.expect("a scan");
    let mut second = two.scan(&spec, &LIMITS).await.expect("a scan of the other reader");
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
    assert_eq!(sorted_ids(&left), sorted_ids(&right), "two scans of one view read the same rows");
    drop((first, second));
    one.close().await.expect("the end of a reader");
    two.close().await.expect("the end of the other");
    snapshot.close().await.expect("the end of the snapshot");
}

async fn a_cancelled_scan_ends(source: &dyn Source) {
    let spec = described(source, "large").await.spec;
    let snapshot = open(source, ReadView::Shared, 1).await;
    let mut reader = snapshot.reader(&LIMITS).await.expect("a reader");
    let mut scan = reader.scan(&spec, &LIMITS).await.expect("a scan");
    assert!(scan.next_batch().await.expect("a batch").is_some());
    scan.cancel().await;
    assert!(scan.next_batch().await.expect("no error after cancelling").is_none());
    scan.cancel().await;
    drop((scan, reader));
    snapshot.close().await.expect("the end of the snapshot");
    let rows: usize = read_once(source, &spec, &LIMITS).await.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(i64::try_from(rows), Ok(LARGE), "the next scan reads everything");
}

async fn a_budget_changes_no_row(source: &dyn Source) {
    let hasty = ScanLimits { statement_budget: std::time::Duration::from_millis(1), ..LIMITS };
    for table in ["large", "grouped", "one", "empty"] {
        let spec = described(source, table).await.spec;
        let expected = ids(&read_once(source, &spec, &LIMITS).await);
        assert_eq!(ids(&read_once(source, &spec, &hasty).await), expected, "`{table}` in the same order");
        let snapshot = open(source, ReadView::Shared, 1).await;
        let mut reader = snapshot.reader(&hasty).await.expect("a reader");
        let mut scan = reader.scan(&spec, &hasty).await.expect("a scan");
        drain(scan.as_mut()).await.expect("all rows");
        assert!(scan.summary().statements > 0, "the summary counts the statements");
        drop(scan);
        reader.close().await.expect("the end of the reader");
        snapshot.close().await.expect("the end of the snapshot");
    }
}
