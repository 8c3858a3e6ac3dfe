use rivet_testing::TestDatabase;

use crate::support::{project, run_badly, run_well};

/// Exports with these keys, expects the failure, and returns what was said.
#[track_caller]
fn refused(database: &TestDatabase, keys: &str, code: i32, expected: &[&str]) -> String {
    let export = format!("name: e, {keys}, destination: {{ type: local, path: out }}");
    run_badly(&project(database, &[&export]), code, expected)
}

#[test]
fn values_without_a_form_name_their_column_their_row_and_the_ways_out() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE t (region text, id bigint, n numeric(10, 2), bare numeric, at time, far timestamp, list int[], \
         PRIMARY KEY (region, id));
         INSERT INTO t VALUES ('north', 1, 1.5, 1.5, '12:00', '2024-01-01', '{1}'),
             ('south', 2, 'NaN', 1e30, '24:00', '294276-12-31 23:59:59', '{{1},{2}}')",
    );
    let place = "in the row with region = 'south', id = 2";
    let check = |column: &str, what: &str| {
        let keys = format!("table: t, select: [region, id, {column}]");
        let text = format!("columns: {{ {column}: text");
        refused(
            &database,
            &keys,
            1,
            &[&format!("column `{column}` holds {what}"), place, "on_unrepresentable: null", &text],
        );
    };
    check("n", "NaN");
    check("bare", "a number with more digits than the decimal type holds");
    check("at", "the time 24:00:00");
    check("far", "a timestamp beyond 64 bits of microseconds");
    // Where the key is not read, the row is known by its place.
    refused(&database, "table: t, select: [n]", 1, &["in row 2 of the result"]);
    // What may be infinite is refused where that was asked for.
    database.execute("CREATE TABLE s AS SELECT 7 AS id, 'infinity'::timestamptz AS at");
    refused(&database, "table: s, on_unrepresentable: error", 1, &["column `at` holds an infinite timestamp"]);
}

#[test]
fn arrays_of_another_depth_can_be_json() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t AS SELECT 1 AS id, '{{1,2},{3,4}}'::int[] AS list");
    refused(&database, "table: t", 1, &["column `list`", "columns: { list: json }"]);
    refused(&database, "query: 'SELECT 1 AS id, list || list AS list FROM t'", 1, &["column `list`", "list: json"]);
    // The server does not keep the declared depth in a view or a partition.
    database.execute(
        "CREATE TABLE declared (id int, list int[][]) PARTITION BY LIST (id);
         CREATE TABLE part PARTITION OF declared DEFAULT; CREATE VIEW seen AS SELECT * FROM declared;
         INSERT INTO declared SELECT * FROM t",
    );
    run_well(&project(&database, &["name: e, table: declared, destination: { type: local, path: out }"]));
    refused(&database, "table: seen", 1, &["column `list`", "columns: { list: json }"]);
    let attribute = "SELECT attndims FROM pg_attribute WHERE attrelid = 'part'::regclass AND attname = 'list'";
    if database.query_value(attribute) == "0" {
        refused(&database, "table: part", 1, &["column `list`", "columns: { list: json }"]);
    }
}

#[test]
fn infinity_in_numeric_is_refused() {
    let database = TestDatabase::create();
    let version: u32 = database.query_value("SHOW server_version_num").parse().expect("it is a number");
    if version < 140_000 {
        // Older servers have no infinite numerics: they refuse the value themselves.
        assert!(database.session().try_execute("SELECT 'Infinity'::numeric").is_err());
        return;
    }
    database.execute("CREATE TABLE t (id int PRIMARY KEY, n numeric); INSERT INTO t VALUES (5, '-Infinity')");
    refused(&database, "table: t", 1, &["column `n` holds ", "infin", "id = 5", "columns: { n: text }"]);
}

#[test]
fn a_column_name_twice_is_refused() {
    let database = TestDatabase::create();
    refused(&database, "query: 'SELECT 1 AS a, 2 AS b, 3 AS a'", 1, &["two columns named `a`", "AS"]);
    refused(&database, "query: 'SELECT 1, 2'", 1, &["two columns named `?column?`"]);
}

#[test]
fn a_table_without_columns_is_refused() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES");
    refused(&database, "table: nothing", 1, &["table `nothing` has no columns"]);
    database.execute("CREATE TABLE t (a int, b int)");
    refused(&database, "table: t, exclude: [a, b]", 2, &["no column of the table `t` is left to read", "`exclude`"]);
}

#[test]
fn a_column_name_with_a_line_break_is_refused() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t (id int, \"line\nbreak\" int)");
    refused(&database, "table: t", 1, &["column 2", "control character", "AS"]);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let database = TestDatabase::create_with("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t VALUES (1, 'fine'), (2, E'caf\\xe9'), (3, NULL)",
    );
    let expected = ["column `note` holds bytes that are not UTF-8", "id = 2", "columns: { note: binary }"];
    refused(&database, "table: t", 1, &expected);
    // The way out is one.
    let export = "name: e, table: t, columns: { note: binary }, format: csv, destination: { type: local, path: out }";
    let project = project(&database, &[export]);
    run_well(&project);
    let [csv] = project.files("out", "csv").try_into().expect("one part");
    let text = std::fs::read_to_string(csv).expect("it was listed");
    assert_eq!(text, "id,note\n1,\\x66696e65\n2,\\x636166e9\n3,\n");
}

#[test]
fn a_decimal_beyond_76_digits_needs_a_choice() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, n numeric(100, 2), m numeric(77, 0)); INSERT INTO t VALUES (1, 1e90, 1)",
    );
    let expected = ["column `n` is numeric(100,2)", "column `m` is numeric(77,0)", "columns: { name: type }"];
    refused(&database, "table: t", 1, &expected);
    refused(
        &database,
        "table: t, columns: { n: 'decimal(76,2)', m: text }",
        1,
        &["column `n` holds a number with more digits"],
    );
    let export = "name: e, table: t, columns: { n: text, m: 'decimal(76,0)' }, destination: { type: local, path: out }";
    run_well(&project(&database, &[export]));
}

#[test]
fn a_value_above_its_limit_is_refused() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t (id int PRIMARY KEY, body text); INSERT INTO t VALUES (7, repeat('x', 1048577))");
    let expected = ["column `body` holds a value of 1048577 bytes", "id = 7", "tuning.max_value_mb"];
    refused(&database, "table: t, tuning: { max_value_mb: 1 }", 1, &expected);
}

#[test]
fn more_than_one_statement_is_refused() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE victim (id int)");
    for query in
        ["SELECT 1 AS a; DROP TABLE victim", "DELETE FROM victim", "SELECT 1 AS a) AS x; DROP TABLE victim; --"]
    {
        refused(&database, &format!("query: {}", serde_json::Value::from(query)), 1, &[]);
    }
    assert_eq!(database.query_value("SELECT count(*) FROM victim"), "0");
}
