//! Watermarks: the clock, what is late, and what is open.

use std::time::Duration;

use jiff::Timestamp;
use rivet_model::Scalar;
use rivet_source::{
    Hold, KeyRequest, ScanLimits, ScanSpec, Source, SourceError, SourceErrorKind, Tiebreak, Watermark, WatermarkRequest,
};

use crate::harness::{Server, key, keyed, query, table};

async fn ask(source: &dyn Source, spec: &ScanSpec, hold: Hold) -> Result<Watermark, SourceError> {
    let request = WatermarkRequest { after: None, hold, count_nulls: true };
    source.watermark(spec, &request, &ScanLimits::default()).await
}

fn clock(hours: u64, zone: &str) -> Hold {
    Hold::Clock { lag: Duration::from_hours(hours), time_zone: zone.to_owned() }
}

#[tokio::test]
async fn a_clock_holds_back_what_is_new() {
    // A row an hour for a year, each an hour and a bit before the one before.
    let server = Server::with(
        "CREATE TABLE t (id bigint PRIMARY KEY, tz timestamptz, berlin timestamp, day date);
         INSERT INTO t SELECT i, m, m AT TIME ZONE 'Europe/Berlin', (m AT TIME ZONE 'Europe/Berlin')::date
             FROM (SELECT i, now() - i * interval '1 h' - interval '1 min' AS m FROM generate_series(0, 9000) i) s;
         INSERT INTO t VALUES (-1, 'infinity', 'infinity', 'infinity'), (-2, NULL, NULL, NULL)",
    )
    .await;
    let source = server.source();
    for (column, zone) in [("tz", "UTC"), ("berlin", "Europe/Berlin")] {
        let spec = keyed(source.as_ref(), table("t"), key(&[column], Tiebreak::OwnKey)).await;
        let found = ask(source.as_ref(), &spec, clock(5, zone)).await.unwrap();
        assert_eq!(found.highest.unwrap()[1], Scalar::Int(5), "{column}");
        assert_eq!(found.newest.unwrap()[1], Scalar::Int(-1), "{column}");
        assert_eq!(found.null_rows, Some(1));
        assert!(found.now.duration_since(Timestamp::now()).abs() < jiff::SignedDuration::from_secs(60));
        let found = ask(source.as_ref(), &spec, clock(0, zone)).await.unwrap();
        assert_eq!(found.highest.unwrap()[1], Scalar::Int(0), "{column}");
        let found = ask(source.as_ref(), &spec, clock(100_000, zone)).await.unwrap();
        assert_eq!(found.highest, None, "{column}");
    }
    let spec = keyed(source.as_ref(), table("t"), key(&["day"], Tiebreak::OwnKey)).await;
    let found = ask(source.as_ref(), &spec, clock(24, "Europe/Berlin")).await.unwrap().highest.unwrap();
    let sql = "SELECT ((now() - interval '24 h') AT TIME ZONE 'Europe/Berlin')::date - 1";
    assert_eq!(found[0].to_string(), server.column(sql).await[0], "the last day that was over a day ago");
    let sql = format!("SELECT min(id) FROM t WHERE day = '{}'", found[0]);
    let last = format!("SELECT max(id) FROM t WHERE day = '{}'", found[0]);
    assert_eq!(found[1].to_string(), server.column(&last).await[0]);
    assert_ne!(server.column(&sql).await, server.column(&last).await);
}

#[tokio::test]
async fn what_no_clock_holds_is_refused() {
    let server = Server::with("CREATE TABLE t (id bigint PRIMARY KEY, at timestamp)").await;
    let source = server.source();
    let check = async |columns: &[&str], zone: &str, words: &str| {
        let spec = keyed(source.as_ref(), table("t"), key(columns, Tiebreak::OwnKey)).await;
        let error = ask(source.as_ref(), &spec, clock(1, zone)).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Config, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    check(&["id"], "UTC", "column `id` is bigint, which no clock can hold back").await;
    check(&["at"], "Mars/Olympus", "the server knows no time zone `Mars/Olympus`").await;
    check(&["at"], "it's'; DROP TABLE t; --", "the server knows no time zone").await;
    let keyless = source.describe(&crate::harness::request(table("t"))).await.unwrap().spec;
    let error = ask(source.as_ref(), &keyless, Hold::Nothing).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Config);
}

#[tokio::test]
async fn what_stands_in_counts_for_the_newest() {
    let server = Server::with(
        "CREATE TABLE t (id bigint PRIMARY KEY, upd date, made date);
         INSERT INTO t VALUES (1, '2026-01-05', '2026-01-01'), (2, NULL, '2026-01-07'), (3, NULL, NULL),
             (4, '2026-01-07', '2026-01-09'), (5, NULL, '2026-01-06')",
    )
    .await;
    let source = server.source();
    let request = || KeyRequest { fallback: Some("made".parse().unwrap()), ..key(&["upd", "id"], Tiebreak::None) };
    for relation in [table("t"), query("SELECT made, id, upd FROM t")] {
        let spec = keyed(source.as_ref(), relation, request()).await;
        let found = ask(source.as_ref(), &spec, Hold::Nothing).await.unwrap();
        let position = |day: &str, id| vec![Scalar::Date(day.to_owned()), Scalar::Int(id)];
        assert_eq!(found.highest, Some(position("2026-01-07", 4)));
        assert_eq!(found.null_rows, Some(1));
        let found = ask(source.as_ref(), &spec, Hold::Position(position("2026-01-07", 3))).await.unwrap();
        assert_eq!(found.highest, Some(position("2026-01-07", 2)));
        assert_eq!(found.newest, Some(position("2026-01-07", 4)));
    }
}

#[tokio::test]
async fn a_transaction_that_may_still_write_is_seen() {
    let server = Server::with("CREATE TABLE t (id bigint PRIMARY KEY)").await;
    let source = server.source();
    let spec = keyed(source.as_ref(), table("t"), KeyRequest::default()).await;
    let age = async || ask(source.as_ref(), &spec, Hold::Nothing).await.unwrap().oldest_transaction;
    assert_eq!(age().await, None);
    server.execute("BEGIN; INSERT INTO t VALUES (1)").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let found = age().await.unwrap();
    assert!((Duration::from_millis(250)..Duration::from_mins(1)).contains(&found), "{found:?}");
    server.execute("ROLLBACK; BEGIN; SELECT 1").await;
    assert!(age().await.is_some(), "it has not written, and may");
    server.execute("ROLLBACK").await;
    assert_eq!(age().await, None);
    if server.column("SHOW max_prepared_transactions").await != ["0"] {
        server.execute("BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'rivet_test'").await;
        assert!(age().await.is_some(), "it waits for its second phase");
        server.execute("ROLLBACK PREPARED 'rivet_test'").await;
    }
}
