//! Large tables in several statements.

use std::collections::BTreeSet;
use std::time::Duration;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use rivet_model::{ReadView, RowRange, TableRef};
use rivet_source::{ScanLimits, ScanSpec, ScanSummary, Source};

use crate::harness::{Server, drain, reader, request, table};

const BUDGET: Duration = Duration::from_millis(10);

/// About 2,500 pages, some of whose rows were updated and live elsewhere now.
const LARGE: &str = "CREATE TABLE large (id bigint PRIMARY KEY, pad text);
     INSERT INTO large SELECT i, repeat('x', i % 300) FROM generate_series(1, 100000) i;
     UPDATE large SET pad = pad || '!' WHERE id % 10 = 0; DELETE FROM large WHERE id % 97 = 0";

fn limits(budget: Duration) -> ScanLimits {
    ScanLimits { statement_budget: budget, batch_rows: 1_000, ..ScanLimits::default() }
}

async fn read(source: &dyn Source, spec: &ScanSpec, budget: Duration) -> (Vec<RecordBatch>, ScanSummary) {
    let mut reader = reader(source, ReadView::PerScan).await;
    let mut scan = reader.scan(spec, &limits(budget)).await.unwrap();
    let batches = drain(scan.as_mut()).await.unwrap();
    let summary = scan.summary();
    drop(scan);
    reader.close().await.unwrap();
    (batches, summary)
}

#[tokio::test]
async fn several_statements_give_the_same_batches_as_one() {
    let server = Server::with(LARGE).await;
    if !server.reads_pages().await {
        return;
    }
    let source = server.source();
    let spec = source.describe(&request(table("large"))).await.unwrap().spec;
    let (expected, one) = read(source.as_ref(), &spec, Duration::ZERO).await;
    let (found, several) = read(source.as_ref(), &spec, BUDGET).await;
    assert_eq!(one.statements, 1);
    assert!(several.statements > 10, "{} statements", several.statements);
    assert_eq!((several.rows, several.wire_bytes), (one.rows, one.wire_bytes));
    assert!(found == expected, "the same rows in the same order, in batches of the same size");

    let part = |to| spec.with_range(RowRange::Pages { partition: None, from: 100, to });
    for to in [Some(900), None] {
        let (expected, _) = read(source.as_ref(), &part(to), Duration::ZERO).await;
        let (found, several) = read(source.as_ref(), &part(to), BUDGET).await;
        assert!(several.statements > 5 && found == expected, "pages 100 to {to:?}: {several:?}");
    }
}

#[tokio::test]
async fn the_server_sees_several_statements_of_one_moment() {
    let server = Server::with(LARGE).await;
    if !server.reads_pages().await {
        return;
    }
    let source = server.source();
    let spec = source.describe(&request(table("large"))).await.unwrap().spec;
    let mut reader = reader(source.as_ref(), ReadView::PerScan).await;
    let mut scan = reader.scan(&spec, &limits(BUDGET)).await.unwrap();
    let (mut seen, mut begun, mut rows) = (BTreeSet::new(), BTreeSet::new(), 0);
    while let Some(batch) = scan.next_batch().await.unwrap() {
        rows += batch.num_rows();
        assert!(batch.column(0).as_primitive::<Int64Type>().values().iter().all(|id| *id <= 100_000), "an old row");
        let sql = "SELECT query, xact_start FROM pg_stat_activity WHERE application_name = 'rivet-test' \
                   AND datname = current_database() AND query LIKE 'COPY%'";
        for row in server.query(sql).await {
            seen.insert(row[0].clone().unwrap());
            begun.insert(row[1].clone().unwrap());
        }
        if seen.len() == 3 {
            // What is written meanwhile is not of this moment.
            server.execute("INSERT INTO large VALUES (100001, 'late') ON CONFLICT DO NOTHING").await;
        }
    }
    assert_eq!(rows, 100_000 - 1_030);
    assert!(seen.len() > 5, "{seen:?}");
    assert_eq!(begun.len(), 1, "one transaction");
    assert!(seen.iter().all(|statement| statement.contains("WHERE ctid >= '(")), "{seen:?}");
}

#[tokio::test]
async fn what_has_no_pages_of_its_own_is_one_statement() {
    let server = Server::with(
        "CREATE TABLE small (id bigint); INSERT INTO small SELECT generate_series(1, 100);
         CREATE TABLE parent (id bigint, pad text); CREATE TABLE child () INHERITS (parent);
         INSERT INTO parent SELECT i, repeat('x', 200) FROM generate_series(1, 10000) i;
         INSERT INTO child SELECT i, repeat('x', 200) FROM generate_series(10001, 20000) i;
         CREATE TABLE parted (id bigint, pad text) PARTITION BY RANGE (id);
         CREATE TABLE parted_one PARTITION OF parted DEFAULT;
         INSERT INTO parted SELECT * FROM parent;
         CREATE VIEW seen AS SELECT * FROM parted_one;
         CREATE MATERIALIZED VIEW kept AS SELECT * FROM parted_one",
    )
    .await;
    if !server.reads_pages().await {
        return;
    }
    let source = server.source();
    for (name, rows, several) in [
        ("small", 100, false),
        ("parent", 20_000, false),
        ("parted", 20_000, false),
        ("seen", 20_000, false),
        ("kept", 20_000, true),
        ("parted_one", 20_000, true),
    ] {
        let spec = source.describe(&request(table(name))).await.unwrap().spec;
        let (_, summary) = read(source.as_ref(), &spec, Duration::from_millis(1)).await;
        assert_eq!((summary.rows, summary.statements > 1), (rows, several), "{name}: {summary:?}");
    }
    let spec = source.describe(&request(table("parted"))).await.unwrap().spec;
    let leaf = TableRef::new(Some("public"), "parted_one").unwrap();
    let range = RowRange::Pages { partition: Some(leaf), from: 0, to: None };
    let (_, summary) = read(source.as_ref(), &spec.with_range(range), Duration::from_millis(1)).await;
    assert!(summary.rows == 20_000 && summary.statements > 1, "{summary:?}");
}
