use rivet_testing::{TestDatabase, assert_same, fixture};
use serde_json::json;

use crate::support::{assert_both_same, both, manifest, run_well};

fn every_type() -> TestDatabase {
    let database = TestDatabase::create();
    let sql = std::fs::read_to_string(fixture("every_type.sql")).expect("the fixture is text");
    database.execute(&sql);
    database
}

#[test]
fn every_type_at_its_extremes() {
    let database = every_type();
    assert_eq!(database.query_value("SELECT count(*) FROM every_type"), "8");
    assert_both_same(&database, "table: every_type", "SELECT * FROM every_type", &[]);
}

#[test]
fn every_type_through_a_query() {
    let database = every_type();
    // An expression has no dimensions in the catalog: arrays of more than one are left to their own test.
    let keys = "query: SELECT * FROM every_type, exclude: [c_matrix, c_text_cube]";
    let columns = database.query_value(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute \
         WHERE attrelid = 'every_type'::regclass AND attnum > 0 AND attname NOT IN ('c_matrix', 'c_text_cube')",
    );
    assert_both_same(&database, keys, &format!("SELECT {columns} FROM every_type"), &[]);
}

#[test]
fn infinite_moments_become_null_and_are_counted() {
    let database = every_type();
    let project = both(&database, "table: sentinels");
    let outcome = run_well(&project);
    let query = "SELECT * FROM sentinels";
    assert_same(&database, query, &project.files("parquet", "parquet"), &["--null-sentinels"]);
    assert_same(&database, query, &project.files("csv", "csv"), &["--null-sentinels"]);
    let counted = json!({"c_date": 2, "c_timestamp": 2, "c_timestamptz": 2});
    assert_eq!(manifest(&project, "parquet")["nulled"], counted);
    assert_eq!(manifest(&project, "csv")["nulled"], counted);
    assert_eq!(outcome.export(0)["nulled"], counted);

    let printed = project.command(&["run", "-e", "as_parquet"]).run();
    printed.assert_code(0);
    let summary = format!("{}{}", printed.stdout, printed.stderr);
    for column in ["c_date", "c_timestamp", "c_timestamptz"] {
        let line = format!("2 values of `{column}` became NULL");
        assert!(summary.contains(&line), "`{line}` is missing in:\n{summary}");
    }
}

#[test]
fn what_arrow_cannot_hold_becomes_null_where_that_is_asked_for() {
    let database = every_type();
    let project = both(&database, "table: beyond_arrow, on_unrepresentable: null");
    run_well(&project);
    let query = "SELECT id, CASE WHEN id = 1 THEN c_time END AS c_time, CASE WHEN id = 1 THEN c_timestamp END AS \
                 c_timestamp, CASE WHEN id = 1 THEN c_numeric END AS c_numeric FROM beyond_arrow";
    assert_same(&database, query, &project.files("parquet", "parquet"), &[]);
    assert_same(&database, query, &project.files("csv", "csv"), &[]);
    let counted = json!({"c_time": 1, "c_timestamp": 1, "c_numeric": 1});
    assert_eq!(manifest(&project, "parquet")["nulled"], counted);

    let project = both(&database, "table: not_a_number, on_unrepresentable: null");
    run_well(&project);
    let query = "SELECT id, nullif(c_numeric_10_2, 'NaN') AS c_numeric_10_2, nullif(c_numeric, 'NaN') AS c_numeric \
                 FROM not_a_number";
    assert_same(&database, query, &project.files("parquet", "parquet"), &[]);
    assert_eq!(manifest(&project, "csv")["nulled"], json!({"c_numeric": 1, "c_numeric_10_2": 1}));
}

#[test]
fn what_arrow_cannot_hold_can_be_text() {
    let database = every_type();
    let keys = "table: beyond_arrow, columns: { c_time: text, c_timestamp: text, c_numeric: text }";
    assert_both_same(
        &database,
        keys,
        "SELECT id, c_time::text, c_timestamp::text, c_numeric::text FROM beyond_arrow",
        &[],
    );
    let keys = "table: not_a_number, numeric_default: text, columns: { c_numeric_10_2: text }";
    let query = "SELECT id, c_numeric_10_2::text, c_numeric::text FROM not_a_number";
    assert_both_same(&database, keys, query, &[]);
    let keys = "table: sentinels, columns: { c_date: text, c_timestamp: text, c_timestamptz: text }";
    let query = "SELECT id, c_date::text, c_timestamp::text, c_timestamptz::text FROM sentinels";
    assert_both_same(&database, keys, query, &[]);
}

#[test]
fn composites_in_composites_and_in_arrays() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE DOMAIN positive AS int CHECK (value > 0);
         CREATE TYPE colour AS ENUM ('red', 'light green');
         CREATE TYPE pair AS (number positive, label text, tint colour);
         CREATE TYPE host AS (name text, address inet, valid tsrange, since timestamptz);
         CREATE TYPE outer_pair AS (inner_pair pair, tags text[], host host);
         CREATE DOMAIN tags AS text[];
         CREATE TABLE nested (id int PRIMARY KEY, p pair, o outer_pair, h host, ps pair[], cs colour[][], t tags);
         INSERT INTO nested VALUES
             (1, (1, 'a, \"b\"', 'red'), ((2, NULL, 'light green'), '{x,NULL,\"y,z\"}', ('h', '::1', 'empty', NULL)),
              ('n', '10.0.0.0/8', '[2024-01-01,)', '2024-01-01 00:00+00'),
              ARRAY[(3, 'c', NULL)::pair, NULL, (NULL, NULL, NULL)::pair], '{{red},{NULL}}', '{one,two}'),
             (2, NULL, NULL, NULL, NULL, NULL, NULL),
             (3, (NULL, NULL, NULL), (NULL, NULL, NULL), (NULL, NULL, NULL, NULL), '{}', '{}', '{}'),
             (4, (NULL, '', NULL), ((NULL, NULL, NULL), '{}', (NULL, NULL, NULL, NULL)), (NULL, '1.2.3.4', '(,)', NULL),
              ARRAY[(NULL, '', 'red')::pair], '{{red,red,NULL}}', '{NULL}')",
    );
    assert_both_same(&database, "table: nested", "SELECT * FROM nested", &[]);
}

#[test]
fn arrays_of_composites_without_a_binary_form_become_lists_of_text() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TYPE span AS (name text, box box);
         CREATE TABLE spans (id int, all_spans span[]);
         INSERT INTO spans VALUES (1, ARRAY[('a', '((1,1),(0,0))')::span, NULL]), (2, '{}'), (3, NULL)",
    );
    assert_both_same(&database, "table: spans", "SELECT id, all_spans::text[] AS all_spans FROM spans", &[]);
}

#[test]
fn texts_of_another_encoding_arrive_as_utf8() {
    let database = TestDatabase::create_with("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    database.execute("CREATE TABLE \"größe\" (id int, \"naïve\" text); INSERT INTO \"größe\" VALUES (1, 'Ærø, ÿ')");
    assert_both_same(&database, "table: größe", "SELECT * FROM \"größe\"", &[]);
}

#[test]
fn lists_of_what_has_no_binary_form_and_of_what_has_no_bounds() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE DOMAIN positive AS int CHECK (value > 0);
         CREATE TABLE lists (id int, boxes box[], bits varbit[], ranges int4range[], moneys money[], oids oid[], domains positive[],
             intervals interval[], times time[], names name[], chars \"char\"[], points point[], xmls xml[], zones timetz[],
             floats float4[], jsons json[], padded char(3)[], shifted int[], vector int2vector, many numeric[]);
         INSERT INTO lists VALUES
             (1, '{((1,1),(0,0));NULL}', '{101,NULL}', '{\"[1,5)\",empty,NULL}', '{1.50,NULL,-0.01}', '{4294967295,NULL}', '{1,NULL}',
              '{1 day,NULL}', '{12:00,NULL}', '{a,NULL}', '{a,NULL}', '{\"(1,2)\",NULL}', '{<a/>,NULL}', '{12:00+02,NULL}',
              '{0.1,NaN,NULL}', ARRAY['{\"a\": 1}'::json, NULL], '{a,NULL}', '[0:1]={7,8}', '1 2 3', '{1.50,NULL}'),
             (2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '', '{}'),
             (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    );
    assert_both_same(&database, "table: lists, exclude: [boxes]", &except(&database, "lists", "boxes"), &[]);
    // Their elements are parted by semicolons, which `compare.py` does not read as PostgreSQL's arrays.
    let of = |column: &str| format!("SELECT id, {column} FROM lists");
    assert_both_same(&database, "table: lists, select: [id, boxes], columns: { boxes: text }", &of("boxes::text"), &[]);
    let texts = "table: lists, select: [id, many], numeric_default: text";
    assert_both_same(&database, texts, &of("many::text[] AS many"), &[]);
    let json = "table: lists, select: [id, boxes], columns: { boxes: json }";
    assert_both_same(&database, json, &of("to_json(boxes)::text AS boxes"), &[]);
}

#[test]
fn infinite_moments_within_lists_and_composites_are_counted_too() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TYPE moment AS (name text, at timestamptz, day date);
         CREATE TABLE t (id int, days date[], m moment, ms moment[]);
         INSERT INTO t VALUES (1, '{infinity,2024-01-01,-infinity}', ('a', 'infinity', '2024-01-01'), ARRAY[('b', '-infinity', 'infinity')::moment])",
    );
    let project = both(&database, "table: t");
    run_well(&project);
    let query = "SELECT id, ARRAY[NULL, DATE '2024-01-01', NULL] AS days, ('a', NULL, '2024-01-01')::moment AS m, \
                 ARRAY[('b', NULL, NULL)::moment] AS ms FROM t";
    assert_same(&database, query, &project.files("parquet", "parquet"), &[]);
    assert_same(&database, query, &project.files("csv", "csv"), &[]);
    assert_eq!(manifest(&project, "parquet")["nulled"], json!({"days": 2, "m": 1, "ms": 2}));
}

/// All columns of a table but one.
fn except(database: &TestDatabase, table: &str, column: &str) -> String {
    let columns = database.query_value(&format!(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute \
         WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> '{column}'"
    ));
    format!("SELECT {columns} FROM {table}")
}

#[test]
fn the_catalogs_of_the_server_itself() {
    let database = TestDatabase::create();
    for table in ["pg_type", "pg_index", "pg_operator", "pg_class", "pg_attribute", "pg_constraint"] {
        assert_both_same(
            &database,
            &format!("table: pg_catalog.{table}"),
            &format!("SELECT * FROM pg_catalog.{table}"),
            &[],
        );
    }
}
