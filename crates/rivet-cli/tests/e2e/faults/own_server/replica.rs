use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::OwnServer;
use crate::faults::{assert_ids, folder};
use crate::ledger::{Ledger, lines};
use crate::support::run;

/// The primary removes dead rows all the time, and its replica ends every statement that could still see them.
#[test]
fn chunks_that_are_in_the_way_of_a_replica_are_read_in_smaller_pieces() {
    let primary = OwnServer::start();
    let session = primary.connect();
    session.execute(
        "CREATE TABLE rows AS SELECT i AS id FROM generate_series(1, 1000) i; \
         ALTER TABLE rows ADD PRIMARY KEY (id); ANALYZE rows; \
         CREATE FUNCTION slow(int) RETURNS text STABLE LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_sleep(0.002); RETURN md5($1::text); END'; \
         CREATE VIEW slow_rows AS SELECT id, slow(id) AS word FROM rows; \
         CREATE TABLE churn AS SELECT 1 AS n",
    );
    let replica = primary.replica();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let churning = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            session.execute("UPDATE churn SET n = n + 1");
            session.execute("VACUUM churn");
            thread::sleep(Duration::from_millis(400));
        }
    });
    let keys = "table: slow_rows, mode: chunked, chunk_column: id, chunk_count: 2, parallel: 2, format: csv";
    let project = folder(&replica.url(), keys, "max_retries: 20, retry_backoff_ms: 10");
    let outcome = run(&project);
    stop.store(true, Ordering::Relaxed);
    churning.join().expect("the primary is there");
    outcome.finished.assert_code(0);
    let run = Ledger::default().audit(&project).pop().expect("a run is committed");
    assert_ids(&run, 1_000);
    assert!(outcome.export(0)["chunks"].as_u64() > Some(2), "nothing was cut: {}", outcome.finished.stderr);
    assert!(outcome.finished.stderr.contains("conflict with recovery"), "{}", outcome.finished.stderr);
}

/// A replica shows its primary as it was. A cursor that stays behind the replica's clock is not behind what the
/// replica shows: one transaction takes a moment, the lag is a second, and the replica is two seconds late.
#[test]
fn a_cursor_stays_behind_what_a_late_replica_shows() {
    for (cursor, name) in [("updated_at, cursor_lag: 1s", "clock"), ("id, cursor_lag: 1s", "sequence")] {
        let primary = OwnServer::start();
        let (early, late) = (primary.connect(), primary.connect());
        late.execute(
            "CREATE TABLE rows (id bigserial PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT clock_timestamp()); \
             INSERT INTO rows (updated_at) VALUES (now() - interval '1 hour')",
        );
        let replica = primary.replica();
        let seen = replica.connect();
        let wait_for = |id: u32| {
            let sql = format!("SELECT count(*) FROM rows WHERE id = {id}");
            let begin = Instant::now();
            while seen.query_value(&sql) == "0" {
                assert!(begin.elapsed() < Duration::from_secs(20), "row {id} does not reach the replica");
                thread::sleep(Duration::from_millis(10));
            }
        };
        let export = format!("table: rows, format: csv, mode: incremental, cursor_column: {cursor}");
        let project = folder(&replica.url(), &export, "");
        early.execute("BEGIN; INSERT INTO rows DEFAULT VALUES");
        late.execute("INSERT INTO rows DEFAULT VALUES");
        wait_for(3);
        seen.execute("SELECT pg_wal_replay_pause()");
        early.execute("COMMIT");
        // The second run comes when the clock is far enough; the replica stands where it stood.
        run(&project).finished.assert_code(0);
        thread::sleep(Duration::from_secs(2));
        run(&project).finished.assert_code(0);
        seen.execute("SELECT pg_wal_replay_resume()");
        wait_for(2);
        for id in [4, 5] {
            late.execute("INSERT INTO rows DEFAULT VALUES");
            wait_for(id);
            run(&project).finished.assert_code(0);
            thread::sleep(Duration::from_millis(1_200));
        }
        late.execute("INSERT INTO rows DEFAULT VALUES");
        wait_for(6);
        run(&project).finished.assert_code(0);
        let rows: Vec<String> = Ledger::default().audit(&project).iter().flat_map(lines).collect();
        let ids: Vec<&str> = rows.iter().filter_map(|row| row.split(',').next()).collect();
        for id in ["1", "2", "3"] {
            let count = ids.iter().filter(|read| **read == id).count();
            assert_eq!(count, 1, "row {id} was read {count} times by the {name}: {ids:?}");
        }
    }
}
