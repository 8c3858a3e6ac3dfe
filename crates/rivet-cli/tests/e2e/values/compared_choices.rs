use rivet_testing::{TestDatabase, assert_same};

use crate::support::{assert_both_same, both, run_badly, run_well};

fn wishes() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TYPE point3 AS (x int, y int, label text);
         CREATE TABLE wishes (
             id bigint PRIMARY KEY, t_uuid text, t_json text, t_int text, t_date text, t_at text, n numeric, m money,
             i int8, f float8, b bytea, at timestamptz, local timestamp, day date, address inet, span int4range,
             list int[], matrix int[][], point point3, doc jsonb, flag bool);
         INSERT INTO wishes VALUES
             (1, '0190163d-8694-739b-aea5-966c26f8ad91', '{\"a\": [1, 2.50, \"é\"]}', '42', '2024-02-29',
              '2024-02-29 12:34:56.789', 12345.678, '12.34', 127, 2.5, '\\x00ff', '2024-02-29 12:00+02',
              '2024-02-29 00:00', '2024-02-29', '10.0.0.1/8', '[1,10)', '{1,NULL,3}', '{{1,2},{3,4}}', (1, NULL, 'a \"b\"'),
              '{\"z\": 1e3, \"a\": null}', true),
             (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
              NULL, NULL, NULL),
             (3, 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', '[]', '-9223372036854775808', '0001-01-01 BC',
              '9999-12-31 23:59:59.999999', -0.001, '-0.01', -32768, -32768, '\\x', '1969-12-31 23:59:59.999999+00',
              '0044-03-15 00:00 BC', '1969-12-31', '::1', 'empty', '{}', '{}', (NULL, NULL, NULL), 'null', false)",
    );
    database
}

#[test]
fn a_column_takes_the_type_that_was_asked_for() {
    let database = wishes();
    for (columns, select) in [
        (
            "t_uuid: uuid, t_int: int8, t_date: date, t_at: timestamp",
            "t_uuid::uuid, t_int::int8, t_date::date, t_at::timestamp",
        ),
        ("t_json: json, doc: json, b: binary", "t_json, doc, b"),
        ("n: 'decimal(38,10)', m: 'decimal(20,4)', i: 'decimal(5,0)'", "n::numeric(38,10), m::numeric, i::numeric"),
        ("n: 'decimal(60,20)', t_int: 'decimal(19,0)'", "n, t_int::numeric"),
        ("i: int2, f: int4, flag: int2", "i::int2, f::int4, flag::int::int2"),
        ("i: float8, n: text, m: text, f: text", "i::float8, n::text, m::text, f::text"),
        ("at: timestamp, local: timestamp_tz", "(at AT TIME ZONE 'UTC') AS at, (local AT TIME ZONE 'UTC') AS local"),
        ("local: date, day: timestamp", "local::date, day::timestamp"),
        (
            "address: text, span: text, list: text, point: text, b: text",
            "address, span::text, list::text, point::text, b::text",
        ),
        ("flag: text, at: text, day: text, doc: text", "flag::text, at::text, day::text, doc::text"),
    ] {
        let read: Vec<&str> = columns.split(", ").map(|column| column.split(':').next().unwrap_or(column)).collect();
        // Halves do not fit in an integer, which is what another test is about.
        let from = if columns.contains("f: int4") { "wishes WHERE f IS DISTINCT FROM 2.5" } else { "wishes" };
        let read = read.join(", ");
        let keys = format!("query: SELECT * FROM {from}, select: [id, {read}], columns: {{ {columns} }}");
        let query = format!("SELECT id, {select} FROM {from}");
        assert_both_same(&database, &keys, &query, &[]);
    }
}

#[test]
fn anything_can_be_json() {
    let database = wishes();
    let names =
        ["i", "n", "m", "f", "b", "at", "day", "address", "span", "list", "matrix", "point", "doc", "flag", "t_uuid"];
    let wanted: Vec<String> = names.iter().map(|name| format!("{name}: json")).collect();
    let keys = format!("table: wishes, select: [id, {}], columns: {{ {} }}", names.join(", "), wanted.join(", "));
    let as_json: Vec<String> = names
        .iter()
        // What is text or jsonb already is taken for JSON as it stands.
        .map(|name| {
            if matches!(*name, "t_uuid" | "doc") {
                format!("{name}::text")
            } else {
                format!("to_json({name})::text AS {name}")
            }
        })
        .collect();
    let query = format!("SELECT id, {} FROM wishes", as_json.join(", "));
    assert_both_same(&database, &keys, &query, &[]);
}

#[test]
fn a_value_that_does_not_fit_is_named_and_not_shown() {
    let database = wishes();
    let project = both(&database, "table: wishes, select: [id, f], columns: { f: int4 }");
    let said = run_badly(&project, 1, &["column `f`", "id = 1", "without loss"]);
    assert!(!said.contains("2.5"), "{said}");
    let project = both(&database, "table: wishes, select: [id, t_uuid], columns: { t_uuid: int8 }");
    let said = run_badly(&project, 1, &["bigint", "`t_uuid` to int8"]);
    assert!(!said.contains("0190163d"), "{said}");
    let project = both(&database, "table: wishes, select: [id, i], columns: { i: bool }");
    run_badly(&project, 1, &["column `i`", "id = 1"]);
    let project = both(&database, "table: wishes, select: [id, address], columns: { address: int4 }");
    run_badly(&project, 1, &["column `address` is inet, which can't become int4", "columns: { name: type }"]);
    let project = both(&database, "table: wishes, columns: { nobody: text }");
    run_badly(&project, 1, &["no column `nobody`", "Its columns are"]);
}

#[test]
fn ranges_can_be_structs() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TYPE bounds AS (lower int4, upper int4, lower_inclusive bool, upper_inclusive bool, empty bool);
         CREATE TYPE moments AS (lower timestamptz, upper timestamptz, lower_inclusive bool, upper_inclusive bool, empty bool);
         CREATE TABLE ranges (id int PRIMARY KEY, r int4range, t tstzrange);
         INSERT INTO ranges VALUES (1, '[1,10)', '(2024-01-01 00:00+00,2024-01-02 00:00+00]'), (2, 'empty', 'empty'),
             (3, '(,5)', '[2024-01-01 00:00+00,)'), (4, '(,)', '(,)'), (5, NULL, NULL)",
    );
    let as_row = |name: &str, kind: &str| {
        format!(
            "CASE WHEN {name} IS NOT NULL THEN ROW(lower({name}), upper({name}), lower_inc({name}), upper_inc({name}), \
             isempty({name}))::{kind} END AS {name}"
        )
    };
    let query = format!("SELECT id, {}, {} FROM ranges", as_row("r", "bounds"), as_row("t", "moments"));
    assert_both_same(&database, "table: ranges, columns: { r: range, t: range }", &query, &[]);
}

#[test]
fn columns_are_chosen_and_left_out() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t AS SELECT 1 AS a, 'two' AS b, 3.5::float8 AS c, true AS d");
    assert_both_same(&database, "table: t, select: [c, a]", "SELECT c, a FROM t", &[]);
    assert_both_same(&database, "table: t, exclude: [b, d]", "SELECT a, c FROM t", &[]);
    assert_both_same(
        &database,
        "query: 'SELECT *, a + 1 AS e FROM t', select: [e, b]",
        "SELECT a + 1 AS e, b FROM t",
        &[],
    );
}

#[test]
fn a_decimal_without_precision_takes_the_default_that_was_set() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t AS SELECT 1 AS id, 12345678901234567890123456789.123456789::numeric AS n");
    let project = both(&database, "table: t, numeric_default: 'decimal(76,20)'");
    run_well(&project);
    assert_same(&database, "SELECT * FROM t", &project.files("parquet", "parquet"), &[]);
    assert_same(&database, "SELECT * FROM t", &project.files("csv", "csv"), &[]);
    let project = both(&database, "table: t");
    run_badly(&project, 1, &["column `n` holds a number with more digits", "columns: { n: text }"]);
}
