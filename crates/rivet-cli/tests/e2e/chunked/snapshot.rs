//! All chunks of one moment.

use rivet_testing::{Project, Session, TestDatabase};

use super::{Cut, folder};
use crate::support::{Gate, Writer, csv_rows, integer, manifest};

const ACCOUNTS: u64 = 8_000;

const TOTAL: i64 = 800_000;

fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(&format!(
        "CREATE TABLE accounts (id int PRIMARY KEY, money bigint NOT NULL, moves int NOT NULL DEFAULT 0);
         INSERT INTO accounts SELECT i, 100 FROM generate_series(1, {ACCOUNTS}) i; ANALYZE accounts"
    ));
    database
}

/// Moves money from one account to another one far off.
fn transfer(session: &Session, number: u64) {
    let from = number * 7_919 % ACCOUNTS + 1;
    let to = (from + ACCOUNTS / 2 + number % 1_000) % ACCOUNTS + 1;
    session.execute(&format!(
        "BEGIN; UPDATE accounts SET money = money - 7, moves = moves + 1 WHERE id = {from}; \
         UPDATE accounts SET money = money + 7, moves = moves + 1 WHERE id = {to}; COMMIT"
    ));
}

fn sum(cut: &Cut) -> i64 {
    let rows = csv_rows(&cut.parts());
    assert_eq!(rows.len() as u64, ACCOUNTS);
    rows.iter().map(|row| integer(row[1].as_ref())).sum()
}

#[track_caller]
fn assert_one_snapshot(cut: &Cut) {
    let held = &cut.manifest["consistency"];
    assert_eq!(held["held"], "snapshot", "{held}");
    let position = held["position"].as_str().unwrap_or_default();
    assert!(position.split_once('/').is_some_and(|(high, low)| !high.is_empty() && !low.is_empty()), "{held}");
}

#[test]
fn a_snapshot_shows_a_sum_that_existed() {
    let database = database();
    let writer = Writer::start(&database, transfer);
    // Where no column is named, pages are the cheapest way in one snapshot.
    for (keys, ranges) in [
        ("table: accounts, chunk_count: 8, parallel: 4, consistency: snapshot", "pages"),
        ("table: accounts, chunk_count: 8, parallel: 1, consistency: snapshot", "pages"),
        ("table: accounts, chunk_by_key: id, chunk_size: 1000, parallel: 4, consistency: snapshot", "key"),
        ("table: accounts, chunk_column: money, chunk_count: 8, parallel: 4, consistency: snapshot", "key"),
    ] {
        let before = database.query_value("SELECT sum(moves) FROM accounts");
        let cut = Cut::of(&database, keys);
        assert_ne!(database.query_value("SELECT sum(moves) FROM accounts"), before, "nothing was moved meanwhile");
        cut.assert_sound();
        // Where most accounts hold the same, the key tells them apart.
        assert!((6..=12).contains(&cut.rows(ranges).len()), "{keys}: {:?}", cut.rows(ranges));
        assert_eq!(sum(&cut), TOTAL, "{keys}");
        assert_one_snapshot(&cut);
    }
    println!("{} transfers", writer.stop());
}

#[test]
fn pages_are_read_in_one_snapshot() {
    let database = database();
    database.execute("ALTER TABLE accounts DROP CONSTRAINT accounts_pkey; CREATE INDEX ON accounts (id)");
    let writer = Writer::start(&database, transfer);
    let cut = Cut::of(&database, "table: accounts, chunk_count: 8, parallel: 4");
    println!("{} transfers", writer.stop());
    cut.assert_sound();
    assert!(cut.rows("pages").len() > 3, "{:?}", cut.rows("pages"));
    assert_eq!(sum(&cut), TOTAL);
    assert_one_snapshot(&cut);
}

/// Four workers stand in the middle of the first four chunks when money goes from the first to the last one, which
/// nobody has begun.
fn moved_in_between(consistency: &str) -> Cut {
    let database = database();
    let gate = Gate::close(&database);
    database.execute(
        "CREATE VIEW gated AS SELECT id, CASE WHEN id % 1000 = 500 THEN gate(money) ELSE money END AS money \
         FROM accounts",
    );
    let keys = "table: gated, chunk_column: id, chunk_count: 8, parallel: 4";
    let project: Project = folder(&database, &format!("{keys}, consistency: {consistency}"));
    let mut running = project.command(&["run", "--json"]).spawn();
    running.wait_until("four workers", |_| gate.waiting() == 4);
    database.execute(&format!(
        "BEGIN; UPDATE accounts SET money = money - 50 WHERE id = 1; \
         UPDATE accounts SET money = money + 50 WHERE id = {ACCOUNTS}; COMMIT"
    ));
    gate.open();
    let finished = running.wait();
    finished.assert_code(0);
    let report = serde_json::from_str(&finished.stdout).expect("`--json` prints a report");
    let manifest = manifest(&project, "out");
    let cut = Cut { keys: keys.to_owned(), project, outcome: crate::support::Outcome { finished, report }, manifest };
    cut.assert_sound().assert_even(8..=8);
    cut
}

#[test]
fn a_snapshot_does_not_see_what_comes_later() {
    let cut = moved_in_between("snapshot");
    assert_eq!(sum(&cut), TOTAL);
    assert_one_snapshot(&cut);
}

/// The same with chunks of their own moments gives a sum that never existed, and says so.
#[test]
fn chunks_of_their_own_moments_are_told() {
    let cut = moved_in_between("chunk");
    assert_eq!(sum(&cut), TOTAL + 50, "the test moves nothing between chunks");
    assert_eq!(cut.manifest["consistency"], serde_json::json!({ "held": "chunk" }));
}
