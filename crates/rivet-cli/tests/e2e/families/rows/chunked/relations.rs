//! Views, queries, partitions, and tables of other engines.

use rivet_testing::{Family, MysqlDatabase};

use crate::chunked::Cut;
use crate::families::rows::{database, series};

/// Tables of 3,000 rows, and what is made of them.
fn relations(family: Family) -> MysqlDatabase {
    let database = database(family);
    let series = series(3_000);
    database.execute(&format!(
        "CREATE TABLE plain (id int PRIMARY KEY, kind int NOT NULL, word varchar(40), KEY (kind));
         INSERT INTO plain SELECT i * 3, i % 7, CONCAT('word ', i) FROM {series};
         CREATE VIEW merged AS SELECT id, word FROM plain WHERE kind < 6;
         CREATE VIEW grouped AS SELECT kind, id DIV 30 AS tens, COUNT(*) AS rows_of_it FROM plain GROUP BY kind, id DIV 30;
         CREATE TABLE by_range (id int PRIMARY KEY, word varchar(40)) PARTITION BY RANGE (id) (PARTITION low \
             VALUES LESS THAN (1000), PARTITION none VALUES LESS THAN (1001), PARTITION high VALUES LESS THAN MAXVALUE);
         INSERT INTO by_range SELECT id, word FROM plain;
         CREATE TABLE by_hash (id int, kind int, word varchar(40), PRIMARY KEY (kind, id)) \
             PARTITION BY HASH (kind) PARTITIONS 5;
         INSERT INTO by_hash SELECT id, kind, word FROM plain;
         CREATE TABLE other_engine (id int PRIMARY KEY, word varchar(40)) ENGINE = MyISAM;
         INSERT INTO other_engine SELECT id, word FROM plain;
         ANALYZE TABLE plain, by_range, by_hash, other_engine"
    ));
    database
}

fn relations_of_every_kind_are_tiled(family: Family) {
    let database = relations(family);
    for (relation, query, keys) in [
        ("table: merged", "SELECT * FROM merged", "chunk_column: id, chunk_size: 300"),
        ("table: grouped", "SELECT * FROM grouped", "chunk_by_key: [tens, kind], chunk_size: 100"),
        ("table: by_range", "SELECT * FROM by_range", "chunk_size: 300"),
        ("table: by_hash", "SELECT * FROM by_hash", "chunk_size: 300"),
        ("table: by_hash", "SELECT * FROM by_hash", "chunk_column: id, chunk_size: 300"),
        ("table: other_engine", "SELECT * FROM other_engine", "chunk_size: 300"),
        (
            "query: 'SELECT id AS number, word FROM plain WHERE kind <> 2 -- not all'",
            "SELECT id, word FROM plain WHERE kind <> 2",
            "chunk_column: number, chunk_size: 300",
        ),
        (
            "query: 'SELECT p.id, v.tens FROM plain p JOIN grouped v ON v.kind = p.kind AND v.tens = p.id DIV 30'",
            "SELECT p.id, v.tens FROM plain p JOIN grouped v ON v.kind = p.kind AND v.tens = p.id DIV 30",
            "chunk_column: id, chunk_count: 7",
        ),
    ] {
        for parallel in [1, 3] {
            let keys = format!("{relation}, {keys}, parallel: {parallel}");
            let cut = Cut::of(&database, &keys);
            cut.assert_whole(&database, query).assert_even(5..=45);
        }
    }
}

fn relations_without_rows_are_tiled(family: Family) {
    let database = relations(family);
    database.execute("DELETE FROM plain; DELETE FROM by_range; DELETE FROM by_hash; DELETE FROM other_engine");
    for (relation, query) in [
        ("table: plain", "SELECT * FROM plain"),
        ("table: merged, chunk_column: id", "SELECT * FROM merged"),
        ("table: grouped, chunk_by_key: [tens, kind]", "SELECT * FROM grouped"),
        ("table: by_range", "SELECT * FROM by_range"),
        ("table: by_hash", "SELECT * FROM by_hash"),
        ("table: other_engine", "SELECT * FROM other_engine"),
        ("query: SELECT id FROM plain, chunk_column: id", "SELECT id FROM plain"),
    ] {
        let cut = Cut::of(&database, &format!("{relation}, chunk_size: 100, parallel: 3"));
        cut.assert_whole(&database, query);
        assert_eq!(cut.parts().len(), 1, "{relation}: {:?}", cut.parts());
    }
}

rivet_testing::on_both_families!(relations_of_every_kind_are_tiled, relations_without_rows_are_tiled);
