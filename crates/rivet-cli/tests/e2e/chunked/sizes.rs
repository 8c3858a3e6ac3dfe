//! How large chunks are.

use rivet_testing::TestDatabase;
use serde_json::Value;

use super::Cut;
use crate::support::read_text;

/// A number from 0 to 1 that looks random and follows from `i`.
const FRACTION: &str = "((hashint4(i)::bigint + 2147483648) % 1000003 + 0.5) / 1000003";

/// Integer keys that equal key widths would cut badly: a name, the key of row `i`, and the number of rows.
fn skewed() -> [(&'static str, String, u64); 6] {
    let zipf = format!("power({FRACTION}, -1.5)");
    [
        // Few keys have most of the rows.
        ("duplicates", format!("least({zipf}, 1e6)::bigint"), 10_000),
        // Most of the rows lie close together, and some far off.
        ("gaps", "(power(i, 4) / 1e4)::bigint".to_owned(), 10_000),
        (
            "far",
            format!("CASE WHEN i = 1 THEN 9223372036854775807 ELSE least({zipf} * 1000, 1e12)::bigint END"),
            10_000,
        ),
        ("sparse", format!("({FRACTION} * 50e6)::bigint"), 2_000),
        ("negative", "i * 3 - 40000".to_owned(), 10_000),
        ("unsigned", format!("({FRACTION})::numeric * 18446744073709551615"), 10_000),
    ]
}

#[track_caller]
fn fill(database: &TestDatabase, (name, key, rows): &(&str, String, u64)) {
    let kind = if *name == "unsigned" { "numeric(20, 0)" } else { "bigint" };
    database.execute(&format!(
        "CREATE TABLE {name} (id int PRIMARY KEY, k {kind} NOT NULL); \
         INSERT INTO {name} SELECT i, {key} FROM generate_series(1, {rows}) i; CREATE INDEX ON {name} (k)"
    ));
}

#[test]
fn skewed_and_sparse_keys_give_even_chunks() {
    let database = TestDatabase::create();
    for table in &skewed() {
        fill(&database, table);
        let (name, _, rows) = table;
        for parallel in [1, 3] {
            let size = rows / 10;
            let keys = format!("table: {name}, chunk_column: k, chunk_size: {size}, parallel: {parallel}");
            let cut = Cut::of(&database, &keys);
            cut.assert_whole(&database, &format!("SELECT * FROM {name}")).assert_even(7..=14);
            // The second time with statistics.
            database.execute(&format!("ANALYZE {name}"));
        }
    }
}

#[test]
fn statistics_that_are_out_of_date_lose_nothing() {
    let database = TestDatabase::create();
    let [duplicates, ..] = skewed();
    fill(&database, &duplicates);
    database.execute("ANALYZE duplicates");
    database.execute("DELETE FROM duplicates WHERE k < 100; UPDATE duplicates SET k = k - 100000");
    database.execute("INSERT INTO duplicates SELECT i, -7000000 - i FROM generate_series(20001, 25000) i");
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
fn days() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE days (id int PRIMARY KEY, day date, at timestamptz, local timestamp, word text);
         INSERT INTO days SELECT i, day, day + (i % 86400) * INTERVAL '1 s', day + (i % 1440) * INTERVAL '1 min',
             repeat(md5(i::text), 12)
         FROM generate_series(1, 3000) i, LATERAL (SELECT DATE '2026-01-31' + i / 50 AS day) them;
         UPDATE days SET day = NULL, at = NULL, local = NULL WHERE id <= 5;
         CREATE INDEX ON days (day); CREATE INDEX ON days (at); ANALYZE days",
    );
    database
}

#[test]
fn every_way_to_cut_gives_the_table() {
    let database = days();
    for (keys, chunks) in [
        ("chunk_size: 500", 5..=7),
        ("chunk_size: 5000", 1..=1),
        ("chunk_count: 7", 6..=8),
        ("chunk_count: 1", 1..=1),
        ("chunk_by_key: id, chunk_size: 300", 9..=11),
        ("chunk_column: id, chunk_size: 300, parallel: 3", 9..=11),
        ("chunk_column: word, chunk_count: 5, parallel: 3", 4..=6),
        // 1.2 MB of words.
        ("chunk_size_memory_mb: 1", 1..=3),
    ] {
        let cut = Cut::of(&database, &format!("table: days, select: [id, word], {keys}"));
        cut.assert_whole(&database, "SELECT id, word FROM days").assert_even(chunks);
    }
}

#[test]
fn a_dense_split_counts() {
    let database = days();
    database.execute("DELETE FROM days WHERE id % 7 < 3 AND id < 2000");
    let rows: u64 = database.query_value("SELECT count(*) FROM days").parse().unwrap();
    for parallel in [1, 3] {
        let keys = format!("table: days, select: [id], chunk_size: 200, chunk_dense: true, parallel: {parallel}");
        let cut = Cut::of(&database, &keys);
        cut.assert_whole(&database, "SELECT id FROM days");
        let mut expected = vec![200; usize::try_from(rows / 200).unwrap()];
        expected.extend([rows % 200].iter().filter(|rest| **rest > 0));
        assert_eq!(cut.rows("key"), expected);
    }
}

#[test]
fn the_memory_of_a_chunk_follows_the_width_of_rows() {
    let database = TestDatabase::create();
    // 5 MB.
    database.execute(
        "CREATE TABLE wide (id int PRIMARY KEY, word text);
         INSERT INTO wide SELECT i, repeat(md5(i::text), 40) FROM generate_series(1, 4000) i; ANALYZE wide",
    );
    let cut = Cut::of(&database, "table: wide, chunk_size_memory_mb: 1, parallel: 2");
    cut.assert_whole(&database, "SELECT * FROM wide").assert_even(4..=7);
    let narrow = Cut::of(&database, "table: wide, select: [id], chunk_size_memory_mb: 1, parallel: 2");
    narrow.assert_whole(&database, "SELECT id FROM wide").assert_even(1..=1);
}

#[test]
fn the_memory_of_a_chunk_counts_what_is_stored_beside_the_table() {
    let database = TestDatabase::create();
    // 10 MB, of which the table itself holds 50 KB.
    database.execute(
        "CREATE TABLE wide (id int PRIMARY KEY, word text); ALTER TABLE wide ALTER word SET STORAGE EXTERNAL;
         INSERT INTO wide SELECT i, repeat(md5(i::text), 300) FROM generate_series(1, 1000) i; ANALYZE wide",
    );
    let cut = Cut::of(&database, "table: wide, chunk_size_memory_mb: 1, parallel: 2");
    cut.assert_whole(&database, "SELECT * FROM wide").assert_even(5..=20);
}

#[test]
fn days_are_cut_between_days() {
    let database = days();
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

#[test]
fn no_row_and_one_row_are_chunks_too() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE few (id int PRIMARY KEY, day date, it text); CREATE TABLE plain (id int)");
    let ways = [
        "table: few, chunk_size: 10",
        "table: few, chunk_size: 10, chunk_dense: true",
        "table: few, chunk_count: 8, parallel: 3",
        "table: few, chunk_by_key: id",
        "table: few, chunk_column: day, chunk_by_days: 3",
        "table: few, chunk_column: it, chunk_size_memory_mb: 1",
        "table: few, chunk_count: 8, parallel: 3, consistency: snapshot",
    ];
    for keys in ways {
        Cut::of(&database, keys).assert_whole(&database, "SELECT * FROM few");
    }
    let plain = Cut::of(&database, "table: plain, chunk_size: 10");
    plain.assert_whole(&database, "SELECT * FROM plain");
    let skipped = super::folder(&database, "table: few, chunk_size: 10, skip_empty: true");
    assert_eq!(crate::support::run_well(&skipped).export(0)["status"], "skipped");
    assert!(skipped.all_files("out").is_empty());

    database.execute("INSERT INTO few VALUES (-7, '2026-01-31', 'one'); INSERT INTO plain VALUES (1)");
    for keys in ways {
        Cut::of(&database, keys).assert_whole(&database, "SELECT * FROM few");
    }
    Cut::of(&database, "table: plain, chunk_size: 10").assert_whole(&database, "SELECT * FROM plain");
}

/// 210,000 rows in 9,000 pages: too many to be counted, so that a part of the pages is looked at.
#[test]
fn a_sample_of_a_large_table_gives_even_chunks() {
    let database = TestDatabase::create();
    database.execute(&format!(
        "CREATE TABLE large (id int PRIMARY KEY, k bigint, n int NOT NULL, filler text);
         INSERT INTO large SELECT i, CASE WHEN i % 1000 > 0 THEN ({FRACTION} * 1e12)::bigint END,
             least(power({FRACTION}, -1.5), 1e6)::int, repeat('x', 300) FROM generate_series(1, 210000) i;
         ANALYZE large"
    ));
    for (relation, column) in
        [("table: large", "k"), ("table: large", "n"), ("query: 'SELECT id, k AS key FROM large'", "key")]
    {
        let keys = format!("{relation}, select: [id], chunk_column: {column}, chunk_size: 30000, parallel: 2");
        let cut = Cut::of(&database, &keys);
        cut.assert_sound().assert_even(6..=10);
        // Two sums that no row which is lost or doubled leaves as they are; the rows themselves are too many for a test.
        let expected = database.query_text("SELECT count(*), sum(id), sum(id::bigint * id) FROM large");
        assert_eq!(sums(&cut).map(|sum| Some(sum.to_string())).to_vec(), expected[0], "{relation} by {column}");
        cut.outcome.assert_said("the pieces follow a sample of ");
    }
}

#[test]
fn a_query_of_a_part_of_a_large_table_gives_even_chunks() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE large (id int PRIMARY KEY); INSERT INTO large SELECT generate_series(1, 700000); ANALYZE large",
    );
    let query = "query: SELECT id FROM large WHERE id > 490000";
    let cut = Cut::of(&database, &format!("{query}, chunk_column: id, chunk_size: 30000, parallel: 2"));
    cut.assert_sound().assert_even(6..=9);
}

/// How many numbers a run of one column has written, their sum, and that of their squares.
fn sums(cut: &Cut) -> [u64; 3] {
    let mut sums = [0; 3];
    for part in cut.parts() {
        for id in read_text(&part).lines().skip(1).map(|line| line.parse::<u64>().expect("a column of numbers")) {
            sums = [sums[0] + 1, sums[1] + id, sums[2] + id * id];
        }
    }
    sums
}
