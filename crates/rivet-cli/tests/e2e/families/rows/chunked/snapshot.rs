//! All chunks of one moment.

use rivet_testing::{Family, MysqlDatabase, MysqlSession};
use serde_json::json;

use crate::chunked::{Cut, folder};
use crate::families::rows::{Gate, database, series};
use crate::support::{Outcome, Writer, csv_rows, integer, manifest};

const ACCOUNTS: u64 = 8_000;

const TOTAL: i64 = 800_000;

fn accounts(family: Family) -> MysqlDatabase {
    let database = database(family);
    let series = series(8_000);
    database.execute(&format!(
        "CREATE TABLE accounts (id int PRIMARY KEY, money bigint NOT NULL, moves int NOT NULL DEFAULT 0); \
         INSERT INTO accounts SELECT i, 100, 0 FROM {series}; ANALYZE TABLE accounts"
    ));
    database
}

/// Moves money from one account to another one far off.
fn transfer(session: &MysqlSession, number: u64) {
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

/// One worker reads all chunks in one transaction.
fn a_snapshot_shows_a_sum_that_existed(family: Family) {
    let database = accounts(family);
    for keys in [
        "chunk_count: 8, parallel: 1, consistency: snapshot",
        "chunk_count: 8, parallel: 4, consistency: snapshot",
        "chunk_by_key: id, chunk_size: 1000, consistency: snapshot",
        "chunk_column: money, chunk_count: 8, consistency: snapshot",
    ] {
        let writer = Writer::start(&database, transfer);
        let before = database.query_value("SELECT SUM(moves) FROM accounts");
        let cut = Cut::of(&database, &format!("table: accounts, {keys}"));
        let after = database.query_value("SELECT SUM(moves) FROM accounts");
        writer.stop();
        assert_ne!(after, before, "nothing was moved meanwhile");
        cut.assert_sound();
        assert!((6..=12).contains(&cut.rows("key").len()), "{keys}: {:?}", cut.rows("key"));
        assert_eq!(sum(&cut), TOTAL, "{keys}");
        assert_eq!(cut.manifest["consistency"]["held"], "snapshot", "{keys}: {}", cut.manifest["consistency"]);
    }
}

/// So many workers stand in the middle of a chunk when money goes from the first account, which was
/// read, to the last one, which nobody has come to.
fn moved_in_between(database: &MysqlDatabase, keys: &str, workers: usize) -> Cut {
    let gate = Gate::close(database);
    let passed = gate.pass("money");
    database.execute(&format!(
        "CREATE OR REPLACE VIEW gated AS SELECT id, IF(id % 1000 = 500, {passed}, money) AS money FROM accounts"
    ));
    let keys = format!("table: gated, chunk_column: id, chunk_count: 8, {keys}");
    let project = folder(database, &keys);
    let mut running = project.command(&["run", "--json"]).spawn();
    running.wait_until("the workers", |_| gate.waiting() == workers);
    database.execute(&format!(
        "BEGIN; UPDATE accounts SET money = money - 50 WHERE id = 1; \
         UPDATE accounts SET money = money + 50 WHERE id = {ACCOUNTS}; COMMIT"
    ));
    gate.open();
    let finished = running.wait();
    finished.assert_code(0);
    let report = serde_json::from_str(&finished.stdout).expect("`--json` prints a report");
    let manifest = manifest(&project, "out");
    let cut = Cut { keys, project, outcome: Outcome { finished, report }, manifest };
    cut.assert_sound().assert_even(8..=8);
    cut
}

fn a_snapshot_does_not_see_what_comes_later(family: Family) {
    let database = accounts(family);
    for parallel in [1, 4] {
        let cut = moved_in_between(&database, &format!("parallel: {parallel}, consistency: snapshot"), 1);
        assert_eq!(sum(&cut), TOTAL);
        assert_eq!(cut.manifest["consistency"]["held"], "snapshot", "{}", cut.manifest["consistency"]);
        // Several connections can't have one view between them: what was asked for comes before how fast it is.
        let note = "the source can't show one moment to several connections: one worker reads all chunks";
        assert_eq!(cut.outcome.finished.stderr.contains(note), parallel > 1, "{}", cut.outcome.finished.stderr);
        database.execute("UPDATE accounts SET money = 100");
    }
}

/// The same with chunks of their own moments gives a sum that never existed, and says so.
fn chunks_of_their_own_moments_are_told(family: Family) {
    let database = accounts(family);
    for workers in [1, 4] {
        let cut = moved_in_between(&database, &format!("parallel: {workers}, consistency: chunk"), workers);
        assert_eq!(sum(&cut), TOTAL + 50, "the test moves nothing between chunks");
        assert_eq!(cut.manifest["consistency"], json!({ "held": "chunk" }), "{workers} workers");
        database.execute("UPDATE accounts SET money = 100");
    }
}

/// Where the server counts its transactions, the manifest says which of them a view holds.
fn the_position_of_a_snapshot_is_told_where_there_is_one(family: Family) {
    let database = accounts(family);
    let cut = Cut::of(&database, "table: accounts, chunk_count: 4, consistency: snapshot");
    let has_gtids = family == Family::Mysql
        && database.query_value("SELECT @@global.gtid_mode LIKE 'ON%' AND @@global.gtid_executed <> ''") == "1";
    let position = &cut.manifest["consistency"]["position"];
    assert_eq!(position.as_str().is_some_and(|set| set.contains(':')), has_gtids, "{position}");
}

rivet_testing::on_both_families!(
    a_snapshot_shows_a_sum_that_existed,
    a_snapshot_does_not_see_what_comes_later,
    chunks_of_their_own_moments_are_told,
    the_position_of_a_snapshot_is_told_where_there_is_one,
);
