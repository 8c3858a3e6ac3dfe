//! Readers: scans one after the other, and what they have in common.

use rivet_model::{Consistency, ReadView};

use super::table::{LARGE, labelled};
use super::{Harness, LIMITS, described, open, own_key, read, sorted_ids};
use crate::{DescribeRequest, Source};

pub(super) async fn check(harness: &dyn Harness, source: &dyn Source) {
    for view in [ReadView::Shared, ReadView::PerScan] {
        a_reader_reads_one_scan_after_the_other(source, view).await;
    }
    a_reader_goes_on_after_a_scan_that_did_not_end(source).await;
    readers_share_what_they_see(harness, source).await;
    scans_with_views_of_their_own_see_what_is_new(harness, source).await;
    a_key_need_not_be_read(source).await;
}

async fn a_reader_reads_one_scan_after_the_other(source: &dyn Source, view: ReadView) {
    let snapshot = open(source, view, 1).await;
    let mut reader = snapshot.reader(&LIMITS).await.expect("a reader");
    for (table, rows) in [("one", 1), ("large", LARGE), ("empty", 0), ("large", LARGE), ("one", 1)] {
        let spec = described(source, table).await.spec;
        let found = sorted_ids(&read(reader.as_mut(), &spec, &LIMITS).await);
        assert_eq!(found, (1..=rows).collect::<Vec<_>>(), "`{table}` with {view:?}");
    }
    reader.close().await.expect("the end of the reader");
    snapshot.close().await.expect("the end of the snapshot");
}

async fn a_reader_goes_on_after_a_scan_that_did_not_end(source: &dyn Source) {
    let spec = described(source, "large").await.spec;
    let snapshot = open(source, ReadView::PerScan, 1).await;
    let mut reader = snapshot.reader(&LIMITS).await.expect("a reader");
    for cancelled in [true, false] {
        let mut scan = reader.scan(&spec, &LIMITS).await.expect("a scan");
        assert!(scan.next_batch().await.expect("a batch").is_some());
        if cancelled {
            scan.cancel().await;
        }
        drop(scan);
        let rows = sorted_ids(&read(reader.as_mut(), &spec, &LIMITS).await);
        assert_eq!(rows, (1..=LARGE).collect::<Vec<_>>(), "after a scan that was cancelled ({cancelled}) and dropped");
    }
    // One that never began is no different.
    drop(reader.scan(&spec, &LIMITS).await.expect("a scan"));
    assert_eq!(sorted_ids(&read(reader.as_mut(), &spec, &LIMITS).await).len() as u64, LARGE.unsigned_abs());
    reader.close().await.expect("the end of the reader");
    snapshot.close().await.expect("the end of the snapshot");
}

async fn readers_share_what_they_see(harness: &dyn Harness, source: &dyn Source) {
    let spec = described(source, "growing").await.spec;
    let snapshot = open(source, ReadView::Shared, 2).await;
    let mut one = snapshot.reader(&LIMITS).await.expect("a reader");
    let mut two = snapshot.reader(&LIMITS).await.expect("a second reader");
    let first = sorted_ids(&read(one.as_mut(), &spec, &LIMITS).await);
    harness.insert("growing", &labelled(101, 10)).await;
    let later = sorted_ids(&read(two.as_mut(), &spec, &LIMITS).await);
    let again = sorted_ids(&read(one.as_mut(), &spec, &LIMITS).await);
    if matches!(snapshot.consistency(), Consistency::Snapshot { .. }) {
        assert_eq!(first, (1..=100).collect::<Vec<_>>());
        assert_eq!(later, first, "another reader sees the moment of the first");
        assert_eq!(again, first, "a reader sees the same moment again");
    } else {
        // A source that can't share says so, and loses nothing.
        assert_eq!(again, (1..=110).collect::<Vec<_>>());
    }
    one.close().await.expect("the end of a reader");
    two.close().await.expect("the end of the other");
    snapshot.close().await.expect("the end of the snapshot");
}

async fn scans_with_views_of_their_own_see_what_is_new(harness: &dyn Harness, source: &dyn Source) {
    let spec = described(source, "growing").await.spec;
    let snapshot = open(source, ReadView::PerScan, 1).await;
    let mut reader = snapshot.reader(&LIMITS).await.expect("a reader");
    assert_eq!(sorted_ids(&read(reader.as_mut(), &spec, &LIMITS).await), (1..=110).collect::<Vec<_>>());
    harness.insert("growing", &labelled(111, 10)).await;
    assert_eq!(sorted_ids(&read(reader.as_mut(), &spec, &LIMITS).await), (1..=120).collect::<Vec<_>>());
    assert_eq!(snapshot.consistency(), Consistency::Chunk, "nothing was held between the scans");
    reader.close().await.expect("the end of the reader");
    snapshot.close().await.expect("the end of the snapshot");
}

async fn a_key_need_not_be_read(source: &dyn Source) {
    use rivet_model::{KeyBound, RowRange, Scalar};

    let columns = crate::ColumnRequest { select: super::names(&["label"]), ..<_>::default() };
    let request = DescribeRequest { key: Some(own_key()), ..super::request("large", columns) };
    let spec = source.describe(&request).await.expect("a description").spec;
    let range = RowRange::Key {
        lower: Some(KeyBound::including(vec![Scalar::Int(11)])),
        upper: Some(KeyBound::excluding(vec![Scalar::Int(21)])),
    };
    let batches = super::read_once(source, &spec.with_range(range), &LIMITS).await;
    assert_eq!(batches.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 10);
    assert!(batches.iter().all(|batch| batch.num_columns() == 1), "only what was asked for");
}
