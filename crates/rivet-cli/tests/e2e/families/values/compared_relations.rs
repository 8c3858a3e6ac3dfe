use rivet_testing::{Family, MysqlDatabase, assert_same};
use serde_json::json;

use super::support::{assert_all_same, assert_both_same, both, filled, version};
use crate::families::support::project;
use crate::support::{duckdb, manifest, parquet_facts, read_text, run_command, run_well, visible};

fn sales(family: Family) -> MysqlDatabase {
    let database = filled(
        family,
        "CREATE TABLE sales (id bigint NOT NULL, day date NOT NULL, amount decimal(10,2), tag varchar(9), PRIMARY KEY (id, day))
             PARTITION BY RANGE (YEAR(day)) (PARTITION p2023 VALUES LESS THAN (2024), PARTITION p2024 VALUES LESS THAN (2025),
                PARTITION rest VALUES LESS THAN MAXVALUE);
         CREATE VIEW recent AS SELECT id, day, amount * 2 AS doubled FROM sales WHERE day >= '2024-01-01';
         CREATE VIEW monthly AS SELECT YEAR(day) AS y, MONTH(day) AS m, SUM(amount) AS total, COUNT(*) AS sales FROM sales GROUP BY 1, 2;
         CREATE ALGORITHM = TEMPTABLE VIEW copied AS SELECT * FROM sales;
         CREATE TABLE heap (id int, name varchar(20)) ENGINE = MyISAM;
         INSERT INTO heap VALUES (1, 'one'), (1, 'one'), (NULL, NULL);
         CREATE TABLE child (id int PRIMARY KEY, sale bigint, note text NOT NULL);
         INSERT INTO child VALUES (1, 1, 'a'), (2, NULL, 'b'), (3, 4, 'c')",
    );
    let rows = (1..=900_u32).map(|id| {
        let tag = if id % 3 == 0 { "NULL".to_owned() } else { format!("'t{}'", id % 7) };
        format!("({id}, DATE '2022-12-01' + INTERVAL {id} DAY, {id} * 1.25, {tag})")
    });
    database.execute(&format!("INSERT INTO sales VALUES {}", rows.collect::<Vec<_>>().join(", ")));
    database
}

fn tables_of_every_kind(family: Family) {
    let database = sales(family);
    let mut names = vec!["sales", "recent", "monthly", "copied", "heap"];
    if family == Family::Mariadb {
        database.execute(
            "CREATE TABLE packed (id int PRIMARY KEY, body mediumtext COMPRESSED, data varbinary(2000) COMPRESSED);
             INSERT INTO packed VALUES (1, REPEAT('x', 100000), REPEAT('y', 2000)), (2, '', ''), (3, NULL, NULL);
             CREATE TABLE kept (id int PRIMARY KEY, note text) WITH SYSTEM VERSIONING;
             INSERT INTO kept VALUES (1, 'a'), (2, 'b'); UPDATE kept SET note = 'c' WHERE id = 1; DELETE FROM kept WHERE id = 2;
             CREATE SEQUENCE numbers START WITH 100",
        );
        names.extend(["packed", "kept", "numbers"]);
    }
    // The server's own, which some servers keep in views.
    names.extend(["information_schema.COLLATIONS", "information_schema.CHARACTER_SETS", "mysql.db"]);
    let cases = names.iter().map(|name| (format!("table: {name}"), format!("SELECT * FROM {name}")));
    let cases: Vec<(String, String)> = cases.collect();
    let cases: Vec<(&str, &str)> = cases.iter().map(|(keys, query)| (keys.as_str(), query.as_str())).collect();
    assert_all_same(&database, &cases, &[]);
    let other = MysqlDatabase::create(family);
    let keys = format!("table: {}.child", database.name());
    assert_both_same(&other, &keys, &format!("SELECT * FROM {}.child", database.name()), &[]);
}

/// `SELECT *` does not show an invisible column: a table is read with it all the same.
fn invisible_and_generated_columns(family: Family) {
    let database = MysqlDatabase::create(family);
    let hides = family == Family::Mariadb || version(&database) >= 80_023;
    let invisible = if hides { "INVISIBLE" } else { "" };
    database.execute(&format!(
        "CREATE TABLE made (id int PRIMARY KEY, price decimal(10,2) NOT NULL, hidden varchar(20) {invisible},
             taxed decimal(14,4) AS (price * 1.19) VIRTUAL, label varchar(40) AS (CONCAT('#', id)) STORED,
             lower_hidden varchar(20) AS (LOWER(hidden)) VIRTUAL {invisible}, late timestamp(6) NOT NULL DEFAULT '2024-02-29 12:00:00.5');
         INSERT INTO made (id, price, hidden) VALUES (1, 1.50, 'ÄB'), (2, 99999999.99, NULL), (3, 0, '')"
    ));
    let all = "SELECT id, price, hidden, taxed, label, lower_hidden, late FROM made";
    let visible = "SELECT id, price, taxed, label, late FROM made";
    let (project, outcome) = assert_all_same(
        &database,
        &[
            ("table: made", all),
            ("table: made, exclude: [hidden, lower_hidden]", visible),
            ("query: SELECT * FROM made", if hides { visible } else { all }),
            ("table: made, select: [lower_hidden, id]", "SELECT lower_hidden, id FROM made"),
        ],
        &[],
    );
    let facts = parquet_facts(&project.files("parquet_0", "parquet")[0]);
    assert_eq!(facts["columns"]["taxed"]["arrow"], "decimal128(14, 4)");
    if hides {
        outcome.assert_said("column `hidden` is invisible to `SELECT *` and is read all the same");
    }
}

fn a_query_may_end_in_a_semicolon_or_a_comment(family: Family) {
    let database = sales(family);
    let query = "SELECT id, sale FROM child";
    let endings = [";", " ; ", "\n;\n", " -- the end", " # the end\n;", " /* the end */", "; -- the end"];
    let keys = endings.map(|ending| format!("query: {}", super::support::yaml(&format!("{query}{ending}"))));
    let cases: Vec<(&str, &str)> = keys.iter().map(|keys| (keys.as_str(), query)).collect();
    assert_all_same(&database, &cases, &[]);
}

fn the_order_of_a_query_is_kept(family: Family) {
    let database = sales(family);
    let query = "SELECT id, SHA2(id, 256) AS m FROM sales ORDER BY m";
    let project = both(&database, &format!("query: {}", super::support::yaml(query)));
    run_well(&project);
    let ids = database.query_text(query).into_iter().map(|row| row[0].clone().unwrap_or_default());
    let expected = ids.collect::<Vec<_>>().join(",");
    let read = |from: &str, extension: &str| {
        let sql = format!("SELECT string_agg(id::text, ',') FROM {from}");
        let found = duckdb(&sql, &project.files(extension, extension));
        assert_eq!(found, [[Some(expected.clone())]], "{extension}");
    };
    read("read_parquet({files})", "parquet");
    read("read_csv({files}, header = true)", "csv");
}

fn parameters_and_files_make_a_query(family: Family) {
    let database = sales(family);
    let project = project(
        &database,
        &[
            "name: inline, query: \"SELECT * FROM sales WHERE day >= '${from}' AND id % ${modulus} = 0\", \
             destination: { type: local, path: inline }",
            "name: file, query_file: sales.sql, format: csv, destination: { type: local, path: file }",
        ],
    );
    project.write(
        "sales.sql",
        "-- Sales of a year.\nSELECT id, amount\nFROM sales\nWHERE day >= '${from}' -- inclusive\n  AND id % ${modulus} = 0;\n",
    );
    let command = project.command(&["run", "--json", "-p", "from=2024-02-01", "--param", "modulus=7"]);
    run_command(command).finished.assert_code(0);
    let query = |columns: &str| format!("SELECT {columns} FROM sales WHERE day >= '2024-02-01' AND id % 7 = 0");
    assert_same(&database, &query("*"), &project.files("inline", "parquet"), &[]);
    assert_same(&database, &query("id, amount"), &project.files("file", "csv"), &[]);
    assert_ne!(database.query_value(&query("count(*)")), "0");
}

fn an_empty_table_becomes_a_schema_or_a_header(family: Family) {
    let database = filled(
        family,
        "CREATE TABLE t (id int unsigned NOT NULL, at timestamp(6) NULL, `a b` decimal(50,5), doc json, body mediumblob)",
    );
    let project = both(&database, "table: t");
    let outcome = run_well(&project);
    assert_eq!(outcome.export(0)["status"], "committed");
    assert_eq!(manifest(&project, "parquet")["rows"], 0);
    let [parquet] = project.files("parquet", "parquet").try_into().expect("one part");
    let facts = parquet_facts(&parquet);
    assert_eq!(facts["rows"], 0);
    let types = [
        ("id", "uint32"),
        ("at", "timestamp[us, tz=UTC]"),
        ("a b", "decimal256(50, 5)"),
        ("doc", "extension<arrow.json>"),
        ("body", "binary"),
    ];
    for (name, arrow) in types {
        assert_eq!(facts["columns"][name]["arrow"], arrow, "{name}");
        assert_eq!(facts["columns"][name]["nullable"], json!(name != "id"), "{name}");
    }
    let [csv] = project.files("csv", "csv").try_into().expect("one part");
    assert_eq!(read_text(&csv), "id,at,a b,doc,body\n");

    let project = both(&database, "table: t, skip_empty: true");
    let outcome = run_well(&project);
    assert_eq!((&outcome.export(0)["status"], &outcome.export(1)["status"]), (&json!("skipped"), &json!("skipped")));
    assert!(visible(&project).is_empty());
    // With a row it is written after all.
    database.execute("INSERT INTO t (id) VALUES (7)");
    run_well(&project);
    assert_same(&database, "SELECT * FROM t", &project.files("parquet", "parquet"), &[]);
}

fn one_column_tells_null_from_nothing(family: Family) {
    let database = filled(
        family,
        "CREATE TABLE t (b text); INSERT INTO t VALUES (NULL), (''), (NULL), ('x'), (''), (NULL);
         CREATE TABLE nulls (a int, b text, c decimal(5,2), d timestamp NULL, e json, f bit(5)); INSERT INTO nulls VALUES ()",
    );
    let project = both(&database, "query: SELECT b FROM t ORDER BY b DESC");
    run_well(&project);
    let [csv] = project.files("csv", "csv").try_into().expect("one part");
    assert_eq!(read_text(&csv), "b\nx\n\"\"\n\"\"\n\n\n\n");
    assert_same(&database, "SELECT b FROM t", &project.files("csv", "csv"), &[]);
    assert_same(&database, "SELECT b FROM t", &project.files("parquet", "parquet"), &[]);
    let cases = [
        ("table: nulls", "SELECT * FROM nulls"),
        ("table: nulls, select: [b]", "SELECT b FROM nulls"),
        ("query: SELECT NULL AS n", "SELECT NULL AS n"),
    ];
    assert_all_same(&database, &cases, &[]);
}

rivet_testing::on_both_families!(
    tables_of_every_kind,
    invisible_and_generated_columns,
    a_query_may_end_in_a_semicolon_or_a_comment,
    the_order_of_a_query_is_kept,
    parameters_and_files_make_a_query,
    an_empty_table_becomes_a_schema_or_a_header,
    one_column_tells_null_from_nothing,
);
