//! Watermarks: the clock, what is late, and what is open.

use std::time::Duration;

use jiff::Timestamp;
use rivet_model::Scalar;
use rivet_source::{
    Hold, KeyRequest, ScanLimits, ScanSpec, Source, SourceError, SourceErrorKind, Tiebreak, Watermark, WatermarkRequest,
};
use rivet_testing::Family;

use crate::harness::{NUMBERS, Server, key, keyed, query, run, table};

async fn ask(source: &dyn Source, spec: &ScanSpec, hold: Hold) -> Result<Watermark, SourceError> {
    let request = WatermarkRequest { after: None, hold, count_nulls: true };
    source.watermark(spec, &request, &ScanLimits::default()).await
}

fn clock(hours: u64, zone: &str) -> Hold {
    Hold::Clock { lag: Duration::from_hours(hours), time_zone: zone.to_owned() }
}

/// MySQL can't list its transactions then.
fn a_statement_of_others_with_a_letter_of_four_bytes_stops_nobody(family: Family) {
    run(async {
        let server =
            Server::with(family, "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')").await;
        let database = server.database();
        let busy = tokio::task::spawn_blocking(move || {
            database.connect().execute("BEGIN; UPDATE t SET v = 'y'; SELECT '🚂', SLEEP(2); ROLLBACK");
        });
        tokio::time::sleep(Duration::from_millis(700)).await;
        let source = server.source();
        let spec = keyed(source.as_ref(), table("t"), KeyRequest::default()).await;
        let found = ask(source.as_ref(), &spec, Hold::Nothing).await.unwrap();
        assert_eq!(found.highest, Some(vec![Scalar::Int(1)]));
        source.inspector(Duration::from_secs(5)).await.unwrap().vitals().await.unwrap();
        busy.await.unwrap();
    });
}

fn a_clock_holds_back_what_is_new(family: Family) {
    run(async {
        // A row an hour for a month, each an hour and a bit before the one before. Tokyo has no summer time.
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE t (id bigint PRIMARY KEY, tz timestamp(6) NULL, tokyo datetime(6), day date, KEY (tz), KEY (tokyo));
                 SET time_zone = '+00:00';
                 INSERT INTO t SELECT n, m, m + INTERVAL 9 HOUR, DATE(m + INTERVAL 9 HOUR)
                     FROM (SELECT n, UTC_TIMESTAMP(6) - INTERVAL n HOUR - INTERVAL 1 MINUTE AS m FROM k WHERE n < 720) s;
                 INSERT INTO t VALUES (-1, '2037-12-31', '9999-12-31', '9999-12-31'), (-2, NULL, NULL, NULL)"
            ),
        )
        .await;
        let source = server.source();
        for (column, zone) in [("tz", "UTC"), ("tokyo", "Asia/Tokyo")] {
            let spec = keyed(source.as_ref(), table("t"), key(&[column], Tiebreak::OwnKey)).await;
            let found = ask(source.as_ref(), &spec, clock(5, zone)).await.unwrap();
            assert_eq!(found.highest.unwrap()[1], Scalar::Int(5), "{column}");
            assert_eq!(found.newest.unwrap()[1], Scalar::Int(-1), "{column}");
            assert_eq!(found.null_rows, Some(1));
            assert!(found.now.duration_since(Timestamp::now()).abs() < jiff::SignedDuration::from_secs(60));
            assert!(found.seen_at >= found.now);
            let found = ask(source.as_ref(), &spec, clock(0, zone)).await.unwrap();
            assert_eq!(found.highest.unwrap()[1], Scalar::Int(0), "{column}");
            for hours in [100_000, 100_000_000] {
                let found = ask(source.as_ref(), &spec, clock(hours, zone)).await.unwrap();
                assert_eq!(found.highest, None, "{column}");
            }
        }
        let spec = keyed(source.as_ref(), table("t"), key(&["day"], Tiebreak::OwnKey)).await;
        let found = ask(source.as_ref(), &spec, clock(24, "Asia/Tokyo")).await.unwrap().highest.unwrap();
        let sql = "SELECT DATE(UTC_TIMESTAMP() + INTERVAL 9 HOUR) - INTERVAL 2 DAY";
        assert_eq!(found[0].to_string(), server.column(sql).await[0], "the last day that was over a day ago");
        let last = format!("SELECT MAX(id) FROM t WHERE day = '{}'", found[0]);
        assert_eq!(found[1].to_string(), server.column(&last).await[0]);
    });
}

fn what_no_clock_holds_is_refused(family: Family) {
    run(async {
        let server = Server::with(family, "CREATE TABLE t (id bigint PRIMARY KEY, at datetime)").await;
        let source = server.source();
        let check = async |columns: &[&str], zone: &str, words: &str| {
            let spec = keyed(source.as_ref(), table("t"), key(columns, Tiebreak::OwnKey)).await;
            let error = ask(source.as_ref(), &spec, clock(1, zone)).await.unwrap_err();
            assert_eq!(error.kind(), SourceErrorKind::Config, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        };
        check(&["id"], "UTC", "which no clock can hold back").await;
        check(&["at"], "Mars/Olympus", "no time zone is named `Mars/Olympus`").await;
        check(&["at"], "it's'; DROP TABLE t; --", "no time zone is named").await;
        let keyless = source.describe(&crate::harness::request(table("t"))).await.unwrap().spec;
        let error = ask(source.as_ref(), &keyless, Hold::Nothing).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Config);
    });
}

fn what_stands_in_counts_for_the_newest(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (id bigint PRIMARY KEY, upd date, made date, KEY (upd), KEY (made));
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
    });
}

/// Rows that the server looks at to find a watermark are few, however many there are.
fn the_last_row_is_found_in_an_index(family: Family) {
    run(async {
        let server = Server::with(
            family,
            &format!(
                "{NUMBERS} CREATE TABLE t (id bigint PRIMARY KEY, at datetime NULL, pad varchar(100), KEY (at));
                 INSERT INTO t SELECT a.n * 1000 + b.n, IF(b.n = 0, NULL, '2026-01-01' + INTERVAL a.n MINUTE), REPEAT('x', 50) FROM k a, k b WHERE a.n < 50;
                 ANALYZE TABLE t"
            ),
        )
        .await;
        let source = server.source();
        let spec = keyed(source.as_ref(), table("t"), key(&["at"], Tiebreak::OwnKey)).await;
        let at = |minute: u32, id| vec![Scalar::Timestamp(format!("2026-01-01 00:{minute:02}:00")), Scalar::Int(id)];
        let request =
            WatermarkRequest { after: Some(at(20, 20_500)), hold: Hold::Position(at(30, 30_500)), count_nulls: true };
        let found = source.watermark(&spec, &request, &ScanLimits::default()).await.unwrap();
        assert_eq!((found.highest, found.newest), (Some(at(30, 30_500)), Some(at(49, 49_999))));
        assert_eq!(found.null_rows, Some(50));
        for probe in found.probes.iter().filter(|probe| probe.purpose == "the last row") {
            server.execute("FLUSH STATUS").await;
            server.query(&probe.statement).await;
            let read = "SELECT VARIABLE_VALUE FROM performance_schema.session_status WHERE VARIABLE_NAME IN
                ('Handler_read_next', 'Handler_read_prev', 'Handler_read_rnd_next', 'Handler_read_first', 'Handler_read_last')";
            let rows: u64 = server.column(read).await.iter().map(|rows| rows.parse::<u64>().unwrap()).sum();
            // The question itself reads a few.
            assert!(rows < 2_000, "{rows} rows for {}", probe.statement);
        }
    });
}

fn a_transaction_that_may_still_write_is_seen(family: Family) {
    run(async {
        let server = Server::with(family, "CREATE TABLE t (id bigint PRIMARY KEY)").await;
        let source = server.source();
        let spec = keyed(source.as_ref(), table("t"), KeyRequest::default()).await;
        let age = async || ask(source.as_ref(), &spec, Hold::Nothing).await.unwrap().oldest_transaction;
        server.execute("BEGIN; INSERT INTO t VALUES (1)").await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        // It is given in whole seconds.
        let found = age().await.unwrap();
        assert!(found >= Duration::from_millis(1_400), "{found:?}");
        server.execute("ROLLBACK").await;
    });
}

rivet_testing::on_both_families!(
    a_statement_of_others_with_a_letter_of_four_bytes_stops_nobody,
    a_clock_holds_back_what_is_new,
    what_no_clock_holds_is_refused,
    what_stands_in_counts_for_the_newest,
    the_last_row_is_found_in_an_index,
    a_transaction_that_may_still_write_is_seen,
);
