//! Somebody writes while chunks are read.

use rivet_testing::{Family, MysqlDatabase, MysqlSession};

use crate::chunked::Cut;
use crate::families::rows::{database, series};
use crate::support::{Rows, Writer, assert_same_rows, csv_rows};

/// Rows that are there all the time.
const ROWS: u32 = 15_000;

/// Every third number, so that there is room between them.
fn busy(family: Family) -> MysqlDatabase {
    let database = database(family);
    let series = series(ROWS);
    database.execute(&format!(
        "CREATE TABLE busy (id int PRIMARY KEY, stays bool NOT NULL, it int NOT NULL, filler varchar(4000)); \
         INSERT INTO busy SELECT 3 * i, true, 0, REPEAT('x', 40) FROM {series}; ANALYZE TABLE busy"
    ));
    database
}

/// Adds rows everywhere, changes rows that stay so that pages split, and takes added rows away.
fn step(session: &MysqlSession, number: u64) {
    let at = number * 7919 % 15_000;
    let (between, below, above) = (3 * at + 1, -3 - number.cast_signed(), 100_000 + number);
    session.execute(&format!(
        "INSERT IGNORE INTO busy VALUES ({between}, false, 0, ''), ({below}, false, 0, ''), ({above}, false, 0, ''); \
         UPDATE busy SET it = it + 1, filler = CONCAT(filler, 'y') WHERE stays AND id BETWEEN {0} AND {0} + 60; \
         DELETE FROM busy WHERE NOT stays AND id % 5 = {1} AND id BETWEEN {0} AND {0} + 9000",
        3 * at,
        number % 5
    ));
}

fn rows_that_are_there_all_the_time_are_read_once(family: Family) {
    let database = busy(family);
    for keys in [
        "chunk_size: 1000, parallel: 3",
        "chunk_by_key: id, chunk_size: 1000",
        "chunk_size: 1000, parallel: 3, consistency: snapshot",
        "chunk_size: 1000, consistency: snapshot",
    ] {
        let writer = Writer::start(&database, step);
        let before = database.query_value("SELECT SUM(it) FROM busy");
        let cut = Cut::of(&database, &format!("table: busy, select: [id, stays], {keys}"));
        let after = database.query_value("SELECT SUM(it) FROM busy");
        writer.stop();
        assert_ne!(before, after, "nothing was written meanwhile");
        cut.assert_sound();
        let rows = csv_rows(&cut.parts()).into_iter();
        let stayed: Rows = rows.filter(|row| row[1].as_deref() == Some("true")).collect();
        let expected = database.query_text("SELECT id, 'true' FROM busy WHERE stays");
        assert_same_rows(stayed, expected, keys);
    }
}

rivet_testing::on_both_families!(rows_that_are_there_all_the_time_are_read_once);
