//! Somebody writes while chunks are read.

use rivet_testing::{Session, TestDatabase};

use super::Cut;
use crate::support::{Rows, Writer, assert_same_rows, csv_rows};

/// Rows that are there all the time.
const ROWS: u32 = 15_000;

/// Every third number, so that there is room between them.
fn database(key: &str) -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(&format!(
        "CREATE TABLE busy (id int {key}, stays bool, it int, filler text) WITH (fillfactor = 100);
         INSERT INTO busy SELECT 3 * i, true, 0, repeat('x', 40) FROM generate_series(1, {ROWS}) i; ANALYZE busy"
    ));
    database
}

/// Adds rows everywhere, changes rows that stay so that they move to other pages, and takes added rows away.
fn step(session: &Session, number: u64) {
    let at = number * 7919 % 15_000;
    let added = format!(
        "({0}, false, 0, ''), ({1}, false, 0, ''), ({2}, false, 0, '')",
        3 * at + 1,
        -3 - number.cast_signed(),
        100_000 + number
    );
    session.execute(&format!(
        "INSERT INTO busy VALUES {added} ON CONFLICT DO NOTHING; \
         UPDATE busy SET it = it + 1, filler = filler || 'y' WHERE stays AND id BETWEEN {0} AND {0} + 60; \
         DELETE FROM busy WHERE NOT stays AND id % 5 = {1}",
        3 * at,
        number % 5
    ));
}

#[track_caller]
fn check(key: &str, keys: &str) {
    let database = database(key);
    let writer = Writer::start(&database, step);
    for _ in 0..2 {
        let before = database.query_value("SELECT sum(it) FROM busy");
        let cut = Cut::of(&database, &format!("table: busy, select: [id, stays], {keys}"));
        let after = database.query_value("SELECT sum(it) FROM busy");
        assert_ne!(before, after, "nothing was written meanwhile");
        cut.assert_sound();
        let rows = csv_rows(&cut.parts()).into_iter();
        let stayed: Rows = rows.filter(|row| row[1].as_deref() == Some("true")).collect();
        let expected = database.query_text("SELECT id, 'true' FROM busy WHERE stays");
        assert_same_rows(stayed, expected, keys);
    }
    writer.stop();
}

#[test]
fn rows_that_are_there_all_the_time_are_read_once_by_keys() {
    check("PRIMARY KEY", "chunk_size: 1000, parallel: 3");
    check("PRIMARY KEY", "chunk_by_key: id, chunk_size: 1000");
}

#[test]
fn rows_that_are_there_all_the_time_are_read_once_by_pages() {
    check("", "chunk_size: 1000, parallel: 3");
    check("", "chunk_size: 1000");
}

#[test]
fn rows_that_are_there_all_the_time_are_read_once_in_a_snapshot() {
    check("PRIMARY KEY", "chunk_size: 1000, parallel: 3, consistency: snapshot");
}
