use std::collections::BTreeSet;

use rivet_testing::{Project, TestDatabase, assert_same};

use crate::support::{both, duckdb, run_well};

const IGNORED: &[&str] = &["--ignore", "_rivet_exported_at", "--ignore", "_rivet_row_hash"];

/// Returns the key and the hash of every row that a reader finds, in the order of the key.
fn hashes(project: &Project, folder: &str) -> Vec<(String, String)> {
    let from =
        if folder == "csv" { "read_csv({files}, header = true, all_varchar = true)" } else { "read_parquet({files})" };
    let rows =
        duckdb(&format!("SELECT id, _rivet_row_hash FROM {from} ORDER BY id::int"), &project.files(folder, folder));
    rows.into_iter().map(|row| (row[0].clone().unwrap_or_default(), row[1].clone().unwrap_or_default())).collect()
}

#[test]
fn hashes_tell_rows_apart_and_stay_the_same() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a text, b text, c text[], n numeric(9, 2));
         INSERT INTO t VALUES (1, NULL, '', NULL, 1), (2, '', NULL, NULL, 1), (3, 'ab', '', NULL, 1), (4, 'a', 'b', NULL, 1),
             (5, '', 'ab', NULL, 1), (6, '', '', '{}', 1), (7, '', '', '{NULL}', 1), (8, '', '', '{\"\"}', 1), (9, '', '', '{}', 1.01),
             (10, '', '', '{}', NULL)",
    );
    // The key makes every row another one; without it, what is left differs all the same.
    let keys = "query: 'SELECT a, b, c, n, id::text AS id FROM t', exclude: [], meta_columns: { row_hash: true, exported_at: true }";
    let project = both(&database, keys);
    run_well(&project);
    let query = "SELECT a, b, c, n, id::text AS id, NULL AS _rivet_exported_at, NULL AS _rivet_row_hash FROM t";
    assert_same(&database, query, &project.files("parquet", "parquet"), IGNORED);
    assert_same(&database, query, &project.files("csv", "csv"), IGNORED);
    let first = hashes(&project, "parquet");
    assert_eq!(first.iter().map(|(_, hash)| hash).collect::<BTreeSet<_>>().len(), 10);
    assert!(first.iter().all(|(_, hash)| hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())));
    assert_eq!(hashes(&project, "csv"), first);

    let unkeyed = both(&database, "query: 'SELECT a, b, c, n FROM t', meta_columns: { row_hash: true }");
    run_well(&unkeyed);
    let sql = "SELECT count(*), count(DISTINCT _rivet_row_hash) FROM read_parquet({files})";
    assert_eq!(duckdb(sql, &unkeyed.files("parquet", "parquet")), [[Some("10".to_owned()), Some("10".to_owned())]]);

    // Another run, in another order and other batches, gives the same row the same hash, and only a changed row another.
    database.execute("UPDATE t SET b = 'changed' WHERE id = 4; CLUSTER t USING t_pkey");
    let again = both(
        &database,
        &keys.replace("FROM t", "FROM t ORDER BY id DESC").replace("exclude: []", "tuning: { batch_size: 3 }"),
    );
    run_well(&again);
    let second = hashes(&again, "parquet");
    let changed: Vec<&str> =
        first.iter().zip(&second).filter(|(one, two)| one != two).map(|(one, _)| one.0.as_str()).collect();
    assert_eq!(changed, ["4"]);
}

#[test]
fn the_moment_of_the_run_stands_in_every_row() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 100) AS i");
    let project = both(&database, "table: t, meta_columns: { exported_at: true }");
    let before = database.query_value("SELECT extract(epoch FROM clock_timestamp())");
    run_well(&project);
    let after = database.query_value("SELECT extract(epoch FROM clock_timestamp())");
    for (from, folder) in [("read_parquet({files})", "parquet"), ("read_csv({files}, header = true)", "csv")] {
        let sql = format!(
            "SELECT count(DISTINCT _rivet_exported_at), epoch(min(_rivet_exported_at::timestamptz))::double FROM {from}"
        );
        let [row] = duckdb(&sql, &project.files(folder, folder)).try_into().expect("one row");
        assert_eq!(row[0].as_deref(), Some("1"));
        let moment: f64 = row[1].as_deref().unwrap_or_default().parse().expect("it is a number");
        // Both clocks are this machine's, or those of two that agree to a few seconds.
        let within = |text: &str, sign: f64| sign * (moment - text.parse::<f64>().expect("it is a number")) > -5.0;
        assert!(within(&before, 1.0) && within(&after, -1.0), "{before} {moment} {after}");
    }
}
