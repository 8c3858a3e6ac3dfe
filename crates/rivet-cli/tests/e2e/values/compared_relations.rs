use rivet_testing::{TestDatabase, assert_same};

use crate::support::{assert_both_same, duckdb, project, run_command, run_well};

fn sales() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE SCHEMA crm;
         CREATE TABLE crm.sales (id bigint, day date, amount numeric(10, 2), tags text[]) PARTITION BY RANGE (day);
         CREATE TABLE crm.sales_2023 PARTITION OF crm.sales FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
         CREATE TABLE crm.sales_2024 PARTITION OF crm.sales FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
         CREATE TABLE crm.sales_rest PARTITION OF crm.sales DEFAULT;
         INSERT INTO crm.sales SELECT i, DATE '2022-12-01' + i, i * 1.25, CASE WHEN i % 3 = 0 THEN '{a,NULL}'::text[] END
         FROM generate_series(1, 1000) AS i;
         CREATE VIEW crm.recent AS SELECT id, day, amount * 2 AS doubled FROM crm.sales WHERE day >= '2024-01-01';
         CREATE MATERIALIZED VIEW crm.monthly AS
             SELECT date_trunc('month', day)::date AS month, sum(amount) AS total, count(*) AS sales FROM crm.sales GROUP BY 1;
         CREATE TABLE crm.parent (id int, name text);
         CREATE TABLE crm.child (more int) INHERITS (crm.parent);
         INSERT INTO crm.parent VALUES (1, 'parent'); INSERT INTO crm.child VALUES (2, 'child', 3);
         CREATE TABLE crm.made (id int, twice int GENERATED ALWAYS AS (id * 2) STORED, gone text);
         INSERT INTO crm.made (id) VALUES (1), (2); ALTER TABLE crm.made DROP COLUMN gone, ADD COLUMN late text DEFAULT 'x'",
    );
    database
}

#[test]
fn tables_of_every_kind() {
    let database = sales();
    for table in ["crm.sales", "crm.sales_2024", "crm.recent", "crm.monthly", "crm.parent", "crm.child", "crm.made"] {
        let keys = match table {
            "crm.monthly" => "table: crm.monthly, numeric_default: text".to_owned(),
            "crm.recent" => "table: crm.recent, columns: { doubled: 'decimal(20,4)' }".to_owned(),
            _ => format!("table: {table}"),
        };
        assert_both_same(&database, &keys, &format!("SELECT * FROM {table}"), &[]);
    }
}

#[test]
fn queries_of_every_kind() {
    let database = sales();
    for query in [
        "SELECT id, day FROM crm.sales WHERE amount > 500",
        "TABLE crm.parent",
        "VALUES (1, 'one'), (2, NULL)",
        "WITH late AS (SELECT * FROM crm.sales WHERE day > '2024-06-01') SELECT count(*) AS n, max(day) AS last FROM late",
        "SELECT s.id, p.name FROM crm.sales s LEFT JOIN crm.parent p ON p.id = s.id WHERE s.id < 5",
        "SELECT id FROM crm.sales UNION ALL SELECT id FROM crm.parent",
        "SELECT 'it''s; -- no comment' AS a, $$dollar; $$ AS b, E'tab\\t' AS \"c;d\"",
        "SELECT NULL AS nothing, 1 AS one",
        "SELECT s, s.* FROM crm.parent AS s",
        "SELECT ROW(1, 'a') AS r, ARRAY[ROW(1, 2)]::text[] AS rs, pg_sleep(0) AS v, 'x'::unknown AS u",
        "(SELECT 1 AS c0, 2 AS rivet_query, 3 AS \"C0\" LIMIT ALL)",
        "SELECT DISTINCT ON (tags) tags[1:1] IS NULL AS x, id FROM crm.sales ORDER BY tags, id DESC",
    ] {
        let keys = format!("query: {}", serde_json::Value::from(query));
        assert_both_same(&database, &keys, query, &[]);
    }
}

#[test]
fn a_query_may_end_in_a_semicolon_or_a_comment() {
    let database = sales();
    for ending in [";", " ; ", "\n;\n", " -- the end", " -- the end\n;", " /* the /* very */ end */", "; -- the end"] {
        let keys = format!("query: {}", serde_json::Value::from(format!("SELECT id FROM crm.parent{ending}")));
        assert_both_same(&database, &keys, "SELECT id FROM crm.parent", &[]);
    }
}

#[test]
fn the_order_of_a_query_is_kept() {
    let database = TestDatabase::create();
    let query = "SELECT i, md5(i::text) AS m FROM generate_series(1, 20000) AS i ORDER BY m";
    let of = |format: &str| {
        format!("name: {format}, query: '{query}', format: {format}, destination: {{ type: local, path: {format} }}")
    };
    let project = project(&database, &[&of("parquet"), &of("csv")]);
    run_well(&project);
    let expected = database.query_text(&format!("SELECT md5(string_agg(i::text, ',' ORDER BY m)) FROM ({query}) AS q"));
    let read = |from: &str, extension: &str| {
        let sql = format!("SELECT md5(string_agg(i::text, ',')) FROM {from}");
        assert_eq!(duckdb(&sql, &project.files(extension, extension)), expected, "{extension}");
    };
    read("read_parquet({files})", "parquet");
    read("read_csv({files}, header = true)", "csv");
}

#[test]
fn parameters_and_files_make_a_query() {
    let database = sales();
    let project = project(
        &database,
        &[
            "name: inline, query: \"SELECT * FROM crm.sales WHERE day >= '${from}' AND id % ${modulus} = 0\", \
             destination: { type: local, path: inline }",
            "name: file, query_file: sql/sales.sql, format: csv, destination: { type: local, path: file }",
        ],
    );
    project.write(
        "sql/sales.sql",
        "-- Sales of a year.\nSELECT id, amount\nFROM crm.sales\nWHERE day >= '${from}' -- inclusive\n  AND id % ${modulus} = 0;\n",
    );
    let command = project.command(&["run", "--json", "-p", "from=2024-02-01", "--param", "modulus=7"]);
    run_command(command).finished.assert_code(0);
    let condition = "WHERE day >= '2024-02-01' AND id % 7 = 0";
    let query = |columns: &str| format!("SELECT {columns} FROM crm.sales {condition}");
    assert_same(&database, &query("*"), &project.files("inline", "parquet"), &[]);
    assert_same(&database, &query("id, amount"), &project.files("file", "csv"), &[]);
    assert_ne!(database.query_value(&query("count(*)")), "0");

    let finished = project.command(&["run", "-p", "from=2024-02-01"]).run();
    finished.assert_code(2);
    assert!(finished.stderr.contains("modulus"), "{}", finished.stderr);
}
