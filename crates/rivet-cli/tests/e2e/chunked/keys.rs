//! What chunks are ranges of.

use rivet_testing::TestDatabase;

use super::Cut;

/// Texts that are hard to quote, and whose order depends on who sorts them.
const TEXTS: &str = r#"CASE i % 10 WHEN 0 THEN '''' WHEN 1 THEN '"' WHEN 2 THEN '\' WHEN 3 THEN '''); DROP TABLE keys; --'
    WHEN 4 THEN 'É' WHEN 5 THEN '日本' WHEN 6 THEN chr(10) WHEN 7 THEN '$1 %s :x' WHEN 8 THEN 'e' ELSE ' ' END
    || (i / 10) || CASE WHEN i % 3 = 0 THEN '\' WHEN i % 3 = 1 THEN '\''' ELSE '' END"#;

/// Types, and an expression with the value that row `i` of 1,000 has.
const KEYS: &[(&str, &str)] = &[
    ("int2", "i - 500"),
    ("int4", "CASE i WHEN 1 THEN -2147483648 WHEN 2 THEN 2147483647 ELSE (i - 500) * 4000000 END"),
    (
        "int8",
        "CASE i WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 \
         ELSE (i - 500) * 9000000000000000 END",
    ),
    ("numeric(20, 0)", "18446744073709551615 - (i - 1)::numeric * 18446744073709551"),
    ("numeric", "CASE i WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' WHEN 3 THEN 'Infinity' ELSE (i - 500) / 7.0 END"),
    ("float8", "CASE i WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' ELSE (i - 500) / 7.0 END"),
    ("float4", "(i - 500) / 7.0"),
    ("uuid", "md5(i::text)::uuid"),
    ("text", TEXTS),
    ("text COLLATE \"C\"", TEXTS),
    ("varchar(80) COLLATE german", TEXTS),
    ("text COLLATE careless", "CASE i % 2 WHEN 0 THEN 'KEY ' ELSE 'key ' END || i / 20"),
    ("char(12)", "'k' || i / 3"),
    ("bytea", "decode(md5(i::text), 'hex')"),
    (
        "date",
        "CASE i WHEN 1 THEN '-infinity' WHEN 2 THEN 'infinity' WHEN 3 THEN '0044-03-15 BC' \
         ELSE DATE '2026-01-01' + i END",
    ),
    (
        "timestamp",
        "CASE i WHEN 1 THEN 'infinity' WHEN 2 THEN '0044-03-15 12:00:00 BC' \
         ELSE TIMESTAMP '2026-01-01' + i * INTERVAL '7001.000001 s' END",
    ),
    (
        "timestamptz",
        "CASE i WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' \
         ELSE TIMESTAMPTZ '2026-01-01 00:00:00+05:30' + i * INTERVAL '7001.000001 s' END",
    ),
    ("interval", "i * INTERVAL '1 hour'"),
    ("inet", "INET '10.0.0.0' + i"),
    ("bool", "i % 2 = 0"),
    ("mood", "CASE i % 3 WHEN 0 THEN 'so''so' WHEN 1 THEN 'bad\\' ELSE 'good' END::mood"),
    ("cents", "i * 3"),
];

fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE COLLATION german (provider = icu, locale = 'de'); \
         CREATE COLLATION careless (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         CREATE TYPE mood AS ENUM ('good', 'so''so', 'bad\\'); \
         CREATE DOMAIN cents AS bigint CHECK (value > 0)",
    );
    database
}

/// A column of every type that has an order; every fiftieth row has NULL there.
#[track_caller]
fn check(database: &TestDatabase, number: usize, kind: &str, value: &str, primary: bool) {
    let id = if primary { "id int PRIMARY KEY" } else { "id int" };
    database.execute(&format!(
        "DROP TABLE IF EXISTS keys; CREATE TABLE keys ({id}, k {kind}); \
         INSERT INTO keys SELECT i, CASE WHEN i % 50 = 7 THEN NULL ELSE {value} END FROM generate_series(1, 1000) i; \
         CREATE INDEX ON keys (k)"
    ));
    // With statistics and without.
    if number.is_multiple_of(2) {
        database.execute("ANALYZE keys");
    }
    let parallel = if number.is_multiple_of(3) { 1 } else { 3 };
    let keys = format!("table: keys, select: [id], chunk_column: k, chunk_size: 100, parallel: {parallel}");
    let cut = Cut::of(database, &keys);
    cut.assert_whole(database, "SELECT id FROM keys");
    assert_eq!(cut.rows("null_key"), [20], "{kind}: rows with NULL are a chunk of their own");
    if primary {
        assert!((5..=25).contains(&cut.rows("key").len()), "{kind}: {:?}", cut.rows("key"));
    }
    assert_eq!(cut.manifest["consistency"]["held"], "chunk", "{}", cut.manifest["consistency"]);
}

#[test]
fn every_type_with_an_order_tiles_the_table() {
    let database = database();
    for (number, (kind, value)) in KEYS.iter().enumerate() {
        check(&database, number, kind, value, true);
    }
}

#[test]
fn without_a_primary_key_equal_values_stay_together_and_nothing_is_lost() {
    let database = database();
    for (number, (kind, value)) in KEYS.iter().enumerate() {
        if matches!(*kind, "text" | "text COLLATE careless" | "char(12)" | "float8" | "date" | "bool" | "mood") {
            check(&database, number, kind, value, false);
        }
    }
}

#[test]
fn quotes_are_read_the_same_in_a_database_of_other_ways() {
    let database = database();
    let name = database.name();
    database.execute(&format!("ALTER DATABASE {name} SET standard_conforming_strings = off"));
    database.execute(&format!("ALTER DATABASE {name} SET DateStyle = 'SQL, DMY'"));
    database.execute(&format!("ALTER DATABASE {name} SET TimeZone = 'Asia/Kolkata'"));
    for (number, (kind, value)) in KEYS.iter().enumerate() {
        if matches!(*kind, "text" | "date" | "timestamp" | "timestamptz" | "mood" | "bytea") {
            check(&database, number, kind, value, true);
        }
    }
}

/// 3,000 rows with a primary key of a text and a number, in columns with hard names.
fn composite() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        r#"CREATE TABLE pairs ("re""gion; --" text, "Select" int, it text, PRIMARY KEY ("re""gion; --", "Select"));
           INSERT INTO pairs SELECT CASE i % 7 WHEN 0 THEN 'it''s' WHEN 1 THEN '' WHEN 2 THEN '\' WHEN 3 THEN 'Z'
               WHEN 4 THEN 'z' WHEN 5 THEN 'ß' ELSE '"' END, i / 7 - 200, 'row ' || i FROM generate_series(1, 3000) i;
           ANALYZE pairs"#,
    );
    database
}

const REGION: &str = r#"'re"gion; --'"#;

#[test]
fn keys_of_several_columns_tile_the_table() {
    let database = composite();
    for keys in [
        "chunk_size: 300",
        &format!("chunk_by_key: [{REGION}, Select], chunk_size: 300"),
        &format!("chunk_by_key: [Select, {REGION}], chunk_size: 300"),
        // Its own key tells rows of one region apart.
        &format!("chunk_column: {REGION}, chunk_size: 300"),
        "chunk_column: Select, chunk_size: 300, parallel: 3",
        &format!("chunk_column: {REGION}, chunk_count: 10, parallel: 3, consistency: snapshot"),
    ] {
        let cut = Cut::of(&database, &format!("table: pairs, {keys}"));
        cut.assert_whole(&database, "SELECT * FROM pairs").assert_even(8..=12);
        assert_eq!(cut.rows("null_key"), [0; 0], "{keys}: no column of the key can be NULL");
    }
}

#[test]
fn the_key_is_told_where_nobody_named_one() {
    let database = composite();
    let cut = Cut::of(&database, "table: pairs, chunk_size: 1000");
    cut.outcome.assert_said(r#"no `chunk_column` is named: chunks are ranges of `re"gion; --`, `Select`"#);
}

#[test]
fn a_key_that_is_not_unique_is_told() {
    let database = composite();
    let cut = Cut::of(&database, &format!("table: pairs, chunk_by_key: {REGION}, chunk_size: 300"));
    cut.assert_whole(&database, "SELECT * FROM pairs");
    cut.outcome.assert_said("is not known to be unique: chunks may differ in size");
}

#[test]
fn a_key_without_an_index_is_told() {
    let database = composite();
    let cut = Cut::of(&database, "table: pairs, chunk_column: it, chunk_size: 1000");
    cut.assert_whole(&database, "SELECT * FROM pairs");
    cut.outcome.assert_said("no index begins with `it`: each chunk reads the whole relation");
    let cut = Cut::of(&database, &format!("table: pairs, chunk_column: {REGION}, chunk_size: 1000"));
    assert!(!cut.outcome.finished.stderr.contains("no index"), "{}", cut.outcome.finished.stderr);
}

#[test]
fn rows_with_a_null_in_any_column_of_a_key_are_read_once() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE pairs (a int, b int, it int); \
         INSERT INTO pairs SELECT nullif(i % 20, 3), nullif(i / 20 % 7, 5), i FROM generate_series(1, 1400) i; \
         INSERT INTO pairs SELECT * FROM pairs WHERE it % 2 = 0",
    );
    for parallel in [1, 3] {
        let keys = format!("table: pairs, chunk_by_key: [a, b], chunk_size: 100, parallel: {parallel}");
        let cut = Cut::of(&database, &keys);
        cut.assert_whole(&database, "SELECT * FROM pairs");
        let nulls = database.query_value("SELECT count(*) FROM pairs WHERE a IS NULL OR b IS NULL");
        assert_eq!(cut.rows("null_key"), [nulls.parse::<u64>().unwrap()]);
    }
}

#[test]
fn a_key_of_nulls_alone_is_read() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE nothing AS SELECT NULL::int AS k, i AS it FROM generate_series(1, 500) i");
    let cut = Cut::of(&database, "table: nothing, chunk_column: k, chunk_size: 100, parallel: 3");
    cut.assert_whole(&database, "SELECT * FROM nothing");
    assert_eq!((cut.chunks().len(), &cut.manifest["chunk_count"]), (0, &1.into()), "there is nothing to cut");
}

#[test]
fn a_role_that_may_read_the_table_and_nothing_else_can_cut_it() {
    let database = database();
    let role = format!("{}_reader", database.name());
    database.execute(&format!(
        "CREATE TABLE keys (id int PRIMARY KEY, k text); CREATE TABLE plain AS SELECT i AS id FROM generate_series(1, 9000) i; \
         INSERT INTO keys SELECT i, {TEXTS} FROM generate_series(1, 1000) i; \
         CREATE ROLE {role} LOGIN PASSWORD 'reader'; GRANT SELECT ON keys, plain TO {role}"
    ));
    for (table, keys) in [
        ("keys", "chunk_size: 100, parallel: 3"),
        ("keys", "chunk_column: k, chunk_size: 100, consistency: snapshot, parallel: 2"),
        ("plain", "chunk_count: 5, parallel: 3"),
    ] {
        let export = format!(
            "name: it, table: {table}, mode: chunked, {keys}, format: csv, destination: {{ type: local, path: out }}"
        );
        let project = crate::support::project_at(&database.url_as(&role, "reader"), &[&export]);
        let cut = Cut::run(project, keys);
        cut.assert_whole(&database, &format!("SELECT * FROM {table}"));
        assert!(cut.chunks().len() > 3, "{keys}: {:?}", cut.chunks());
    }
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_pooler_in_between_changes_nothing_pgbouncer() {
    let database = database();
    database.execute(&format!(
        "CREATE TABLE keys (id int PRIMARY KEY, k text); CREATE TABLE plain AS SELECT i AS id FROM generate_series(1, 9000) i; \
         INSERT INTO keys SELECT i, {TEXTS} FROM generate_series(1, 1000) i"
    ));
    for (table, keys) in [
        ("keys", "chunk_column: k, chunk_size: 100, parallel: 3"),
        ("keys", "chunk_size: 100, consistency: snapshot, parallel: 3"),
        ("plain", "chunk_count: 5, parallel: 2"),
    ] {
        let export = format!(
            "name: it, table: {table}, mode: chunked, {keys}, format: csv, destination: {{ type: local, path: out }}"
        );
        let project = crate::support::project_at(&database.pooled_url(), &[&export]);
        let cut = Cut::run(project, keys);
        cut.assert_whole(&database, &format!("SELECT * FROM {table}"));
        assert!(cut.chunks().len() > 3, "{keys}: {:?}", cut.chunks());
    }
}
