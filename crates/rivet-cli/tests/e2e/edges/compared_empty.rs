use std::fs;

use rivet_testing::{TestDatabase, assert_same};
use serde_json::json;

use crate::support::{assert_both_same, both, duckdb, manifest, parquet_facts, run_well, visible};

#[test]
fn an_empty_table_becomes_a_schema_or_a_header() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t (id int NOT NULL, at timestamptz, \"a b\" text[])");
    let project = both(&database, "table: t");
    let outcome = run_well(&project);
    assert_eq!(outcome.export(0)["status"], "committed");
    assert_eq!(manifest(&project, "parquet")["rows"], 0);

    let [parquet] = project.files("parquet", "parquet").try_into().expect("one part");
    let facts = parquet_facts(&parquet);
    assert_eq!(facts["rows"], 0);
    assert_eq!(facts["columns"]["at"]["arrow"], "timestamp[us, tz=UTC]");
    assert_eq!(facts["columns"]["id"]["nullable"], false);
    assert_eq!(
        duckdb("SELECT count(*), count(\"a b\") FROM read_parquet({files})", &[parquet]),
        [["0", "0"].map(|n| Some(n.to_owned()))]
    );

    let [csv] = project.files("csv", "csv").try_into().expect("one part");
    assert_eq!(fs::read_to_string(csv).expect("it was listed"), "id,at,a b\n");
}

#[test]
fn an_empty_table_leaves_nothing_where_that_is_asked_for() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t (id int)");
    let project = both(&database, "table: t, skip_empty: true");
    let outcome = run_well(&project);
    for position in [0, 1] {
        assert_eq!(outcome.export(position)["status"], "skipped");
        assert_eq!(outcome.export(position)["parts"], json!([]));
    }
    assert_eq!(visible(&project).len() + project.all_files("parquet").len() + project.all_files("csv").len(), 0);

    // With a row it is written after all.
    database.execute("INSERT INTO t VALUES (1)");
    run_well(&project);
    assert_same(&database, "SELECT * FROM t", &project.files("parquet", "parquet"), &[]);
}

#[test]
fn a_row_of_nulls_is_a_row() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t (a int, b text, c numeric(5, 2)[], d timestamptz); INSERT INTO t DEFAULT VALUES");
    assert_both_same(&database, "table: t", "SELECT * FROM t", &[]);
    assert_both_same(&database, "table: t, select: [b]", "SELECT b FROM t", &[]);
    assert_both_same(&database, "query: SELECT NULL AS n", "SELECT NULL AS n", &[]);
}

#[test]
fn one_column_tells_null_from_nothing() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t (b text); INSERT INTO t VALUES (NULL), (''), (NULL), ('x'), (''), (NULL)");
    let project = both(&database, "query: SELECT b FROM t ORDER BY b DESC NULLS LAST");
    run_well(&project);
    let [csv] = project.files("csv", "csv").try_into().expect("one part");
    assert_eq!(fs::read_to_string(csv).expect("it was listed"), "b\nx\n\"\"\n\"\"\n\n\n\n");
    assert_same(&database, "SELECT b FROM t", &project.files("csv", "csv"), &[]);
    assert_same(&database, "SELECT b FROM t", &project.files("parquet", "parquet"), &[]);
}
