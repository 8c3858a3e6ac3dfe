//! Rows that are committed late, out of order, and with equal cursor values.

use std::time::Duration;

use rivet_testing::{Family, MysqlDatabase, MysqlSession};

use crate::late_commits::{LAG, Late, PlainCursor, Rivet, assert_complete, chase, seconds};
use crate::ledger::Ledger;

/// How long writers write where nobody says it.
const SECONDS: u64 = 5;

impl Late for MysqlDatabase {
    // These look at the clock when they are come to, and not when their statement began.
    const STAMPS: [&str; 3] = ["SYSDATE(6)", "SYSDATE(3)", "SYSDATE()"];
    const EPOCH: &str = "UNIX_TIMESTAMP(SYSDATE(6))";
    const RANDOM: &str = "RAND()";

    fn insert(session: &MysqlSession, stamp: &str, rows: u32) -> f64 {
        let values = vec![format!("({WORD}, {stamp})"); usize::try_from(rows).expect("few rows")];
        session.execute(&format!("INSERT INTO late (word, updated_at) VALUES {}", values.join(", ")));
        // The first of them: with the usual settings those of one statement follow each other.
        let first: u64 = session.query_value("SELECT LAST_INSERT_ID()").parse().expect("a number");
        oldest(session, &(first..first + u64::from(rows)).collect::<Vec<_>>())
    }

    fn update(session: &MysqlSession, stamp: &str, ids: &[u64]) -> f64 {
        session.execute(&format!(
            "UPDATE late SET version = version + 1, word = {WORD}, updated_at = {stamp} WHERE id IN ({})",
            list(ids)
        ));
        oldest(session, ids)
    }
}

/// Another word each time. Not every server has MD5 any more.
const WORD: &str = "LEFT(SHA2(RAND(), 256), 32)";

fn list(ids: &[u64]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Returns the oldest moment of these rows.
fn oldest(session: &MysqlSession, ids: &[u64]) -> f64 {
    let sql = format!("SELECT UNIX_TIMESTAMP(MIN(updated_at)) FROM late WHERE id IN ({})", list(ids));
    session.query_value(&sql).parse().expect("a number")
}

/// A table with a moment of a type and a number that counts up, to follow.
fn database(family: Family, kind: &str) -> MysqlDatabase {
    let database = super::database(family);
    database.execute(&format!(
        "CREATE TABLE late (id bigint AUTO_INCREMENT PRIMARY KEY, version int NOT NULL DEFAULT 1, \
             word varchar(40) NOT NULL, updated_at {kind} NOT NULL, KEY (updated_at, id)); \
         INSERT INTO late (word, updated_at) SELECT {WORD}, NOW() - INTERVAL 1 DAY FROM k WHERE n < 500; \
         ANALYZE TABLE late"
    ));
    database
}

#[track_caller]
fn check_complete(database: &MysqlDatabase, cursor: &str, updates: bool) {
    let mut rivet = Rivet::follow(database, &format!("{cursor}, cursor_lag: 3s"));
    assert_complete(&chase(database, &mut rivet, seconds(SECONDS), updates, LAG));
    Ledger::default().audit(&rivet.project);
}

fn a_moment_that_stays_behind_loses_nothing_that_is_committed_late(family: Family) {
    check_complete(&database(family, "datetime(6)"), "updated_at", true);
}

fn a_timestamp_that_stays_behind_loses_nothing_that_is_committed_late(family: Family) {
    check_complete(&database(family, "timestamp(6)"), "updated_at", true);
}

/// No clock can be compared with a number that counts up: runs stay behind what earlier ones have seen.
fn a_number_that_is_followed_from_behind_loses_nothing_that_is_committed_late(family: Family) {
    check_complete(&database(family, "datetime(6)"), "id", false);
}

/// The tests above can fail: the usual way to follow a table does.
fn a_plain_cursor_loses_rows_that_are_committed_late(family: Family) {
    let database = database(family, "datetime(6)");
    let mut plain = PlainCursor::<MysqlDatabase>::new(database.connect(), "1000-01-01");
    let verdict = chase(&database, &mut plain, 3, true, Duration::ZERO);
    assert!(verdict.lost.len() > 1, "{verdict:?}");
}

/// And so does Rivet where it is not told to stay behind.
fn a_cursor_that_does_not_stay_behind_loses_rows_that_are_committed_late(family: Family) {
    for (kind, cursor, updates) in [("timestamp(6)", "updated_at", true), ("datetime(6)", "id", false)] {
        let database = database(family, kind);
        let mut rivet = Rivet::follow(&database, cursor);
        let verdict = chase(&database, &mut rivet, 2, updates, Duration::ZERO);
        assert!(verdict.lost.len() > 1 && verdict.doubled == 0, "{cursor}: {verdict:?}");
    }
}

rivet_testing::on_both_families!(
    a_moment_that_stays_behind_loses_nothing_that_is_committed_late,
    a_timestamp_that_stays_behind_loses_nothing_that_is_committed_late,
    a_number_that_is_followed_from_behind_loses_nothing_that_is_committed_late,
    a_plain_cursor_loses_rows_that_are_committed_late,
    a_cursor_that_does_not_stay_behind_loses_rows_that_are_committed_late,
);
