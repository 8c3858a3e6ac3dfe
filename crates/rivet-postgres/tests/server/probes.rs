//! What is sent to find out how a relation is to be read.

use std::time::Duration;

use rivet_model::{ColumnType, RowRange};
use rivet_source::{Hold, KeyRequest, Probe, ScanLimits, SplitBy, Tiebreak, WatermarkRequest};

use crate::harness::{Server, key, query, request, split, table, try_keyed};

const ORDERS: &str = "CREATE TYPE address AS (city text, zip int);
     CREATE TABLE orders (id bigint PRIMARY KEY, at timestamptz, paid money, sent_to address);
     INSERT INTO orders SELECT i, timestamptz '2026-01-01Z' + i * interval '1 min' FROM generate_series(1, 3000) i;
     CREATE INDEX ON orders (at, id); ANALYZE orders";

/// What the statements were for, after making sure that the server takes each of them.
async fn purposes<'a>(server: &Server, probes: &'a [Probe]) -> Vec<&'a str> {
    for probe in probes {
        assert_eq!(probe.error, None, "{probe:?}");
        assert_eq!(server.query(&probe.statement).await.len() as u64, probe.rows, "{probe:?}");
    }
    probes.iter().map(|probe| probe.purpose.as_str()).collect()
}

#[tokio::test]
async fn a_description_lists_what_it_took() {
    let server = Server::with(ORDERS).await;
    let source = server.source();
    let found = try_keyed(source.as_ref(), table("orders"), KeyRequest::default()).await.unwrap();
    let expected = [
        "the columns of the relation",
        "what the columns of the table allow",
        "the indexes of the table",
        "the types of the columns",
        "the fields of composite types",
        "the types of the columns",
        "the fields of composite types",
        "the names of the types",
        "the scale of money",
        "the planner's estimate",
    ];
    assert_eq!(purposes(&server, &found.probes).await, expected);
    let found = try_keyed(source.as_ref(), query("SELECT 1 AS one"), key(&["one"], Tiebreak::None)).await.unwrap();
    let expected = [
        "the columns of the relation",
        "the types of the columns",
        "the fields of composite types",
        "the names of the types",
        "the planner's estimate",
    ];
    assert_eq!(purposes(&server, &found.probes).await, expected);
    assert!(found.probes[4].statement.starts_with("EXPLAIN (FORMAT JSON) SELECT c0 FROM (\nSELECT 1 AS one"));
}

#[tokio::test]
async fn a_split_lists_what_it_took() {
    let server = Server::with(ORDERS).await;
    let source = server.source();
    let spec = try_keyed(source.as_ref(), table("orders"), key(&["at"], Tiebreak::OwnKey)).await.unwrap().spec;
    let check = async |by: SplitBy, within: RowRange, expected: &[&str]| {
        let made = split(source.as_ref(), &spec, by, within).await;
        assert_eq!(purposes(&server, &made.probes).await, expected, "{by:?}");
    };
    let cut = ["the planner's estimate", "how the table is stored", "where the pieces end", "the planner's estimate"];
    check(SplitBy::Count(3), RowRange::All, &cut).await;
    let days = ["the first and the last day", "the days between the pieces", "the planner's estimate"];
    check(SplitBy::Days(1), RowRange::All, &days).await;
    check(SplitBy::Count(3), RowRange::NullKey, &[]).await;
    if server.reads_pages().await {
        let stored =
            ["how the table is stored", "the planner's estimate", "how the table is stored", "the planner's estimate"];
        check(SplitBy::Count(3), RowRange::Pages { partition: None, from: 0, to: None }, &stored).await;
    }
}

#[tokio::test]
async fn a_watermark_lists_what_it_took() {
    let server = Server::with(ORDERS).await;
    let source = server.source();
    let spec = try_keyed(source.as_ref(), table("orders"), key(&["at"], Tiebreak::OwnKey)).await.unwrap().spec;
    let hold = Hold::Clock { lag: Duration::from_mins(1), time_zone: "UTC".to_owned() };
    let request = WatermarkRequest { after: None, hold, count_nulls: true };
    let found = source.watermark(&spec, &request, &ScanLimits::default()).await.unwrap();
    let expected = [
        "the clock of the source",
        "the end of what the lag lets through",
        "the last row",
        "the last row",
        "rows without a cursor",
        "the clock of the source",
        "the oldest transaction that may write",
    ];
    assert_eq!(purposes(&server, &found.probes).await, expected);
}

#[tokio::test]
async fn what_failed_is_listed_where_an_answer_comes_all_the_same() {
    let server = Server::start().await;
    let mut asked = request(query("SELECT 'x'::text AS one"));
    // The planner converts constants, and the statement that names the columns does not ask for it.
    asked.columns.overrides.insert("one".parse().unwrap(), ColumnType::Int4);
    let found = server.source().describe(&asked).await.unwrap();
    assert_eq!(found.estimated_rows, None);
    let last = found.probes.last().unwrap();
    assert_eq!((last.purpose.as_str(), last.rows), ("the planner's estimate", 0));
    assert!(last.error.as_ref().is_some_and(|error| error.contains("invalid input syntax")), "{last:?}");
}
