//! Chunks as other programs read them.

use rivet_testing::TestDatabase;

use crate::support::{assert_both_same, assert_readers_agree, both, duckdb, run_well};

fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        r#"CREATE TABLE keys (id bigint PRIMARY KEY, n numeric(20, 0), u uuid, word text COLLATE "C", at timestamptz,
               day date, amount numeric(12, 2));
           INSERT INTO keys SELECT (i - 1000)::bigint * 25000, 18446744073709551615 - (i - 1)::numeric * 9223372036854775,
               md5(i::text)::uuid, nullif(i % 97, 5) || 'it''s "\' || chr(10) || 'é', TIMESTAMPTZ '2026-01-01' + i * INTERVAL '1.000001 h',
               CASE WHEN i % 10 > 0 THEN DATE '2026-01-01' + i / 30 END, i / 7.0
           FROM generate_series(1, 2000) i; ANALYZE keys"#,
    );
    database
}

#[test]
fn the_parts_of_all_chunks_are_the_table() {
    let database = database();
    for keys in [
        "chunk_size: 250, parallel: 3",
        "chunk_column: n, chunk_count: 7, parallel: 3",
        "chunk_column: u, chunk_size: 250",
        "chunk_column: word, chunk_size: 250, parallel: 3",
        "chunk_column: at, chunk_by_days: 10",
        "chunk_column: day, chunk_size: 250, parallel: 3, consistency: snapshot",
    ] {
        assert_both_same(&database, &format!("table: keys, mode: chunked, {keys}"), "SELECT * FROM keys", &[]);
    }
}

#[test]
fn pages_are_the_table() {
    let database = database();
    database.execute("ALTER TABLE keys DROP CONSTRAINT keys_pkey");
    let keys = "table: keys, mode: chunked, chunk_size: 250, parallel: 3";
    assert_both_same(&database, keys, "SELECT * FROM keys", &[]);
}

#[test]
fn duckdb_and_pyarrow_see_the_same_rows() {
    let database = database();
    let project = both(&database, "table: keys, mode: chunked, chunk_column: n, chunk_size: 250, parallel: 3");
    run_well(&project);
    let files = project.files("parquet", "parquet");
    assert!(files.len() >= 6, "{files:?}");
    assert_readers_agree(&files);
    let facts = |from: &str| {
        format!(
            "SELECT count(*), count(DISTINCT id), sum(id), sum(n), sum(amount), md5(string_agg(u::text, '' ORDER BY id)), \
             md5(string_agg(coalesce(word, 'none'), '' ORDER BY id)), max(day)::text FROM {from}"
        )
    };
    assert_eq!(duckdb(&facts("read_parquet({files})"), &files), database.query_text(&facts("keys")));
}
