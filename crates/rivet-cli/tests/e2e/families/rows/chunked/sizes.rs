//! How large chunks are.

use rivet_testing::{Family, MysqlDatabase};
use serde_json::Value;

use crate::chunked::{Cut, folder};
use crate::families::rows::{database, series};
use crate::support::run_well;

/// A number from 0 to 1 that looks random and follows from `i`.
const FRACTION: &str = "((CRC32(i) % 1000003 + 0.5e0) / 1000003)";

/// Integer keys that equal key widths would cut badly: a name, the key of row `i`, and the number of rows.
fn skewed() -> [(&'static str, String, u32); 6] {
    let zipf = format!("POW({FRACTION}, -1.5)");
    [
        // Few keys have most of the rows.
        ("duplicates", format!("FLOOR(LEAST({zipf}, 1e6))"), 10_000),
        // Most of the rows lie close together, and some far off.
        ("gaps", "FLOOR(POW(i, 4) / 1e4)".to_owned(), 10_000),
        ("far", format!("IF(i = 1, 9223372036854775807, CAST(LEAST({zipf} * 1000, 1e12) AS SIGNED))"), 10_000),
        ("sparse", format!("FLOOR({FRACTION} * 50e6)"), 2_000),
        ("negative", "CAST(i AS SIGNED) * 3 - 40000".to_owned(), 10_000),
        ("whole", format!("FLOOR({FRACTION} * 18446744073709551615)"), 10_000),
    ]
}

#[track_caller]
fn fill(database: &MysqlDatabase, (name, key, rows): &(&str, String, u32)) {
    let kind = if *name == "whole" { "bigint unsigned" } else { "bigint" };
    let series = series(*rows);
    database.execute(&format!(
        "CREATE TABLE {name} (id int PRIMARY KEY, k {kind} NOT NULL); INSERT INTO {name} SELECT i, {key} FROM {series}; \
         CREATE INDEX by_k ON {name} (k)"
    ));
}

fn skewed_and_sparse_keys_give_even_chunks(family: Family) {
    let database = database(family);
    for table in &skewed() {
        fill(&database, table);
        let (name, _, rows) = table;
        for parallel in [1, 3] {
            let size = rows / 10;
            let keys = format!("table: {name}, chunk_column: k, chunk_size: {size}, parallel: {parallel}");
            let cut = Cut::of(&database, &keys);
            cut.assert_whole(&database, &format!("SELECT * FROM {name}")).assert_even(7..=14);
            // The second time with statistics.
            database.execute(&format!("ANALYZE TABLE {name}"));
        }
    }
}

fn statistics_that_are_out_of_date_lose_nothing(family: Family) {
    let database = database(family);
    let [duplicates, ..] = skewed();
    fill(&database, &duplicates);
    let series = series(5_000);
    database.execute(&format!(
        "ANALYZE TABLE duplicates; DELETE FROM duplicates WHERE k < 100; UPDATE duplicates SET k = k - 100000; \
         INSERT INTO duplicates SELECT 20000 + i, -7000000 - CAST(i AS SIGNED) FROM {series}"
    ));
    for keys in ["chunk_size: 500, parallel: 3", "chunk_count: 9"] {
        let cut = Cut::of(&database, &format!("table: duplicates, chunk_column: k, {keys}"));
        cut.assert_whole(&database, "SELECT * FROM duplicates");
    }
    database.execute("DELETE FROM duplicates");
    let cut = Cut::of(&database, "table: duplicates, chunk_column: k, chunk_size: 500");
    cut.assert_whole(&database, "SELECT * FROM duplicates");
    assert_eq!(cut.parts().len(), 1, "a run without rows writes a part with a header, as in every mode");
}

/// 3,000 rows of 400 bytes over 60 days, the first of them without a day.
fn days(family: Family) -> MysqlDatabase {
    let database = database(family);
    let series = series(3_000);
    database.execute(&format!(
        "CREATE TABLE days (id int PRIMARY KEY, day date, at timestamp NULL, local datetime(3), word text,
             KEY (day), KEY (at));
         INSERT INTO days SELECT i, day, day + INTERVAL i % 86400 SECOND, day + INTERVAL i % 1440 MINUTE,
             REPEAT(LEFT(SHA2(i, 256), 32), 12) FROM (SELECT i, DATE'2026-01-31' + INTERVAL i DIV 50 DAY AS day FROM {series}) d;
         UPDATE days SET day = NULL, at = NULL, local = NULL WHERE id <= 5; ANALYZE TABLE days"
    ));
    database
}

fn every_way_to_cut_gives_the_table(family: Family) {
    let database = days(family);
    for (keys, chunks) in [
        ("chunk_size: 500", 5..=7),
        ("chunk_size: 5000", 1..=1),
        ("chunk_count: 7", 6..=8),
        ("chunk_count: 1", 1..=1),
        ("chunk_by_key: id, chunk_size: 300", 9..=11),
        ("chunk_column: id, chunk_size: 300, parallel: 3", 9..=11),
        ("chunk_count: 5, parallel: 3, consistency: snapshot", 4..=6),
        // 1.2 MB of words.
        ("chunk_size_memory_mb: 1", 1..=3),
    ] {
        let cut = Cut::of(&database, &format!("table: days, select: [id, word], {keys}"));
        cut.assert_whole(&database, "SELECT id, word FROM days").assert_even(chunks);
    }
}

fn a_dense_split_counts(family: Family) {
    let database = days(family);
    database.execute("DELETE FROM days WHERE id % 7 < 3 AND id < 2000");
    let rows = database.count("days");
    for parallel in [1, 3] {
        let keys = format!("table: days, select: [id], chunk_size: 200, chunk_dense: true, parallel: {parallel}");
        let cut = Cut::of(&database, &keys);
        cut.assert_whole(&database, "SELECT id FROM days");
        let mut expected = vec![200; usize::try_from(rows / 200).expect("few rows")];
        expected.extend([rows % 200].iter().filter(|rest| **rest > 0));
        assert_eq!(cut.rows("key"), expected);
    }
}

fn the_memory_of_a_chunk_follows_the_width_of_rows(family: Family) {
    let database = database(family);
    let series = series(4_000);
    // 5 MB.
    database.execute(&format!(
        "CREATE TABLE wide (id int PRIMARY KEY, word text); \
         INSERT INTO wide SELECT i, REPEAT(LEFT(SHA2(i, 256), 32), 40) FROM {series}; ANALYZE TABLE wide"
    ));
    let cut = Cut::of(&database, "table: wide, chunk_size_memory_mb: 1, parallel: 2");
    cut.assert_whole(&database, "SELECT * FROM wide").assert_even(4..=8);
    let narrow = Cut::of(&database, "table: wide, select: [id], chunk_size_memory_mb: 1, parallel: 2");
    narrow.assert_whole(&database, "SELECT id FROM wide").assert_even(1..=1);
}

fn days_are_cut_between_days(family: Family) {
    let database = days(family);
    for column in ["day", "at", "local"] {
        let keys = format!("table: days, select: [id], chunk_column: {column}, chunk_by_days: 7, parallel: 3");
        let cut = Cut::of(&database, &keys);
        cut.assert_whole(&database, "SELECT id FROM days");
        assert_eq!(cut.rows("null_key"), [5], "{column}");
        assert!((8..=11).contains(&cut.rows("key").len()), "{column}: {:?}", cut.rows("key"));
        let bounds: Vec<&str> = cut.chunks().iter().flat_map(bounds).collect();
        assert!(bounds.len() >= 8, "{bounds:?}");
        for bound in bounds {
            let is_midnight = !bound.contains(':') || bound.contains(" 00:00:00");
            assert!(is_midnight && bound.starts_with("2026-0"), "{column}: {bound}");
        }
        // A week is 350 rows.
        assert!(cut.rows("key").iter().all(|rows| *rows <= 350), "{column}: {:?}", cut.rows("key"));
    }
}

/// The first values of the ends of a chunk.
fn bounds(chunk: &Value) -> Vec<&str> {
    let ends = ["lower", "upper"].into_iter().filter_map(|end| chunk[end]["values"][0]["value"].as_str());
    ends.collect()
}

fn no_row_and_one_row_are_chunks_too(family: Family) {
    let database = database(family);
    database.execute("CREATE TABLE few (id int PRIMARY KEY, day date, it text)");
    let ways = [
        "chunk_size: 10",
        "chunk_size: 10, chunk_dense: true",
        "chunk_count: 8, parallel: 3",
        "chunk_by_key: id",
        "chunk_column: day, chunk_by_days: 3",
        "chunk_size_memory_mb: 1",
        "chunk_count: 8, parallel: 3, consistency: snapshot",
        "chunk_count: 8, consistency: snapshot",
    ];
    for keys in ways {
        Cut::of(&database, &format!("table: few, {keys}")).assert_whole(&database, "SELECT * FROM few");
    }
    let skipped = folder(&database, "table: few, chunk_size: 10, skip_empty: true");
    assert_eq!(run_well(&skipped).export(0)["status"], "skipped");
    assert!(skipped.all_files("out").is_empty());

    database.execute("INSERT INTO few VALUES (-7, '2026-01-31', 'one')");
    for keys in ways {
        Cut::of(&database, &format!("table: few, {keys}")).assert_whole(&database, "SELECT * FROM few");
    }
}

/// 210,000 rows: more than are read to be cut, so that the server is asked what it expects.
fn estimates_of_a_large_table_give_even_chunks(family: Family) {
    let database = database(family);
    let series = series(210_000);
    database.execute(&format!(
        "CREATE TABLE large (id int PRIMARY KEY, k bigint, filler varchar(200), KEY (k));
         INSERT INTO large SELECT i, IF(i % 1000 > 0, FLOOR({FRACTION} * 1e12), NULL), REPEAT('x', 100) FROM {series};
         ANALYZE TABLE large"
    ));
    for (relation, column) in [("table: large", "id"), ("table: large", "k")] {
        let keys = format!("{relation}, select: [id], chunk_column: {column}, chunk_size: 30000, parallel: 2");
        let cut = Cut::of(&database, &keys);
        cut.assert_sound().assert_even(6..=10);
        // Two sums that no row which is lost or doubled leaves as they are; the rows are too many for a test.
        let ids = cut
            .parts()
            .iter()
            .flat_map(|part| numbers(part))
            .fold((0_u64, 0_u64, 0_u64), |sums, id| (sums.0 + 1, sums.1 + id, sums.2 + id * id));
        let expected = (210_000, 210_000 * 210_001 / 2, 210_000 * 210_001 * 420_001 / 6);
        assert_eq!(ids, expected, "{relation} by {column}");
    }
}

/// The numbers that a part of one column has.
fn numbers(part: &std::path::Path) -> Vec<u64> {
    let text = crate::support::read_text(part);
    text.lines().skip(1).map(|line| line.parse().expect("a column of numbers")).collect()
}

rivet_testing::on_both_families!(
    skewed_and_sparse_keys_give_even_chunks,
    statistics_that_are_out_of_date_lose_nothing,
    every_way_to_cut_gives_the_table,
    a_dense_split_counts,
    the_memory_of_a_chunk_follows_the_width_of_rows,
    days_are_cut_between_days,
    no_row_and_one_row_are_chunks_too,
    estimates_of_a_large_table_give_even_chunks,
);
