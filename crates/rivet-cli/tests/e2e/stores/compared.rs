//! Other readers take from the manifest what is the table.

use rivet_testing::{Protocol, TestDatabase, assert_same};

use super::lake::Lake;
use crate::support::{assert_readers_agree, duckdb};

rivet_testing::on_every_store!(the_parts_of_the_manifest_are_the_table);

fn the_parts_of_the_manifest_are_the_table(protocol: Protocol) {
    let lake = Lake::create(protocol);
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE orders AS SELECT i AS id, (i * 1.5)::numeric(12, 2) AS price, md5(i::text) AS word, \
             CASE WHEN i % 7 > 0 THEN now() - i * interval '1 minute' END AS at FROM generate_series(1, 20000) i; \
         ALTER TABLE orders ADD PRIMARY KEY (id); ANALYZE orders",
    );
    for (name, format) in [("as_parquet", "parquet"), ("as_csv", "csv")] {
        let keys = format!(
            "name: {name}, format: {format}, table: orders, mode: chunked, chunk_column: id, chunk_count: 4, parallel: 2"
        );
        let folder = lake.project(&database, &keys, name);
        lake.run_well(&folder);
        // Another run that nobody asks for: the manifest of the first one does not list its parts.
        let runs = lake.audit(&folder, name);
        lake.run_well(&folder);
        lake.audit(&folder, name);
        assert_same(&database, "SELECT * FROM orders", &runs[0].parts, &[]);
        if format == "parquet" {
            assert_readers_agree(&runs[0].parts);
            let facts = "SELECT count(*)::text, sum(id)::text, sum(price)::text FROM";
            let found = duckdb(&format!("{facts} read_parquet({{files}})"), &runs[0].parts);
            assert_eq!(found, database.query_text(&format!("{facts} orders")));
        }
    }
}
