//! Relations without a key that rows could be cut by.

use rivet_testing::TestDatabase;

use super::{Cut, folder};
use crate::support::run_badly;

/// 20,000 rows in about a hundred pages.
fn heap() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE plain AS SELECT i % 1000 AS n, 'row ' || i AS it FROM generate_series(1, 20000) i");
    database
}

#[track_caller]
fn assert_pages(database: &TestDatabase, table: &str, keys: &str, chunks: std::ops::RangeInclusive<usize>) -> Cut {
    let cut = Cut::of(database, &format!("table: {table}, {keys}"));
    cut.assert_whole(database, &format!("SELECT * FROM {table}"));
    let pages = cut.rows("pages");
    assert_eq!(pages.len(), cut.chunks().len(), "{keys}: {:?}", cut.chunks());
    assert!(chunks.contains(&pages.len()), "{keys}: {pages:?}");
    assert_eq!(cut.manifest["consistency"]["held"], "snapshot", "pages hold within one snapshot alone");
    cut
}

#[test]
fn a_table_without_a_key_is_cut_by_its_pages() {
    let database = heap();
    for analyzed in [false, true] {
        if analyzed {
            database.execute("ANALYZE plain");
        }
        for (keys, chunks) in [
            ("chunk_size: 2000", 7..=14),
            ("chunk_size: 2000, parallel: 3", 7..=14),
            ("chunk_count: 6, parallel: 3", 5..=7),
            ("chunk_count: 6, consistency: snapshot", 5..=7),
            ("chunk_size: 10000", 2..=3),
        ] {
            let cut = assert_pages(&database, "plain", keys, chunks);
            if !keys.contains("snapshot") {
                cut.outcome.assert_said("the whole run reads one snapshot");
            }
        }
    }
}

#[test]
fn a_table_of_one_chunk_is_read_at_once() {
    let database = heap();
    for keys in ["chunk_size: 1000000", "chunk_count: 1", "chunk_size_memory_mb: 100"] {
        let cut = Cut::of(&database, &format!("table: plain, {keys}, parallel: 3"));
        cut.assert_whole(&database, "SELECT * FROM plain");
        assert_eq!((cut.chunks().len(), &cut.manifest["chunk_count"]), (0, &1.into()), "{keys}");
    }
}

#[test]
fn pages_that_are_empty_or_changed_lose_nothing() {
    let database = heap();
    database.execute(
        "DELETE FROM plain WHERE n < 500; UPDATE plain SET it = it || repeat('x', 300) WHERE n % 3 = 0; \
         ALTER TABLE plain ADD COLUMN late int DEFAULT 7; ALTER TABLE plain DROP COLUMN n",
    );
    assert_pages(&database, "plain", "chunk_size: 1000, parallel: 3", 5..=60);
    database.execute("VACUUM FULL ANALYZE plain");
    assert_pages(&database, "plain", "chunk_size: 1000, parallel: 3", 5..=20);
}

#[test]
fn partitions_are_cut_one_by_one() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE parts (n int, it text) PARTITION BY RANGE (n);
         CREATE TABLE part_a PARTITION OF parts FOR VALUES FROM (0) TO (300);
         CREATE TABLE part_b PARTITION OF parts FOR VALUES FROM (300) TO (600) PARTITION BY LIST (n);
         CREATE TABLE part_b_odd PARTITION OF part_b FOR VALUES IN (301, 303, 305);
         CREATE TABLE part_b_rest PARTITION OF part_b DEFAULT;
         CREATE TABLE part_empty PARTITION OF parts FOR VALUES FROM (5000) TO (6000);
         CREATE TABLE part_other PARTITION OF parts DEFAULT;
         INSERT INTO parts SELECT nullif(i % 1000, 999), 'row ' || i FROM generate_series(1, 20000) i",
    );
    for keys in ["chunk_size: 2000", "chunk_size: 2000, parallel: 3", "chunk_count: 12, parallel: 3"] {
        let cut = assert_pages(&database, "parts", keys, 4..=24);
        let partitions: Vec<_> = cut.chunks().iter().filter(|chunk| chunk["partition"].is_string()).collect();
        assert_eq!(partitions.len(), cut.chunks().len(), "every chunk names its partition: {:?}", cut.chunks());
    }
    database.execute("ANALYZE parts");
    assert_pages(&database, "parts", "chunk_size: 2000, parallel: 3", 4..=24);
}

#[test]
fn tables_that_inherit_are_read_with_their_children() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE family (id int PRIMARY KEY, it text); CREATE TABLE child () INHERITS (family);
         INSERT INTO family SELECT i, 'parent ' || i FROM generate_series(1, 3000) i;
         INSERT INTO child SELECT i, 'child ' || i FROM generate_series(1001, 4000) i; ANALYZE family; ANALYZE child",
    );
    // No index tells rows of a parent from those of a child, and no range of pages is one of both.
    for keys in ["chunk_column: id, chunk_size: 500", "chunk_by_key: [id], chunk_size: 500, parallel: 3"] {
        let cut = Cut::of(&database, &format!("table: family, {keys}"));
        cut.assert_whole(&database, "SELECT * FROM family");
        assert!(cut.rows("key").len() > 4, "{:?}", cut.rows("key"));
    }
    run_badly(&folder(&database, "table: family, chunk_size: 500"), 2, &["`family`", "chunk_column", "chunk_by_key"]);
}

#[test]
fn views_and_queries_are_cut_by_a_column_that_is_named() {
    let database = heap();
    database.execute(
        "CREATE VIEW odd AS SELECT n, it FROM plain WHERE n % 2 = 1;
         CREATE MATERIALIZED VIEW copied AS SELECT * FROM plain",
    );
    for (relation, query) in [
        ("table: odd", "SELECT * FROM odd"),
        ("table: copied", "SELECT * FROM copied"),
        (
            "query: 'SELECT n AS \"the n\", it, n FROM plain WHERE it <> ''row 7'' ORDER BY it -- why not'",
            "SELECT n, it, n FROM plain WHERE it <> 'row 7'",
        ),
        ("query: 'WITH a AS (SELECT 1) SELECT n + 1 AS n, it FROM plain'", "SELECT n + 1, it FROM plain"),
    ] {
        let column = if relation.contains("the n") { "the n" } else { "n" };
        for keys in ["chunk_size: 2000, parallel: 3", "chunk_count: 5"] {
            let cut = Cut::of(&database, &format!("{relation}, chunk_column: {column}, {keys}"));
            cut.assert_whole(&database, query).assert_even(4..=25);
        }
    }
}

#[test]
fn a_materialized_view_has_pages() {
    let database = heap();
    database.execute("CREATE MATERIALIZED VIEW copied AS SELECT * FROM plain");
    assert_pages(&database, "copied", "chunk_size: 2000, parallel: 3", 7..=14);
}
