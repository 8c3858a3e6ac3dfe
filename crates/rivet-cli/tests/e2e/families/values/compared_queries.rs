use rivet_testing::{Family, MysqlDatabase};
use serde_json::json;

use super::support::{assert_all_same, filled, version, yaml};
use crate::support::parquet_facts;

fn tables(family: Family) -> MysqlDatabase {
    filled(
        family,
        "CREATE TABLE a (id int PRIMARY KEY, n int NOT NULL, u bigint unsigned NOT NULL, p decimal(12,4) NOT NULL, q decimal(5,2),
             f float NOT NULL, d double, w varchar(9) NOT NULL, x varbinary(9), day date NOT NULL, at datetime(3), s timestamp NOT NULL,
             t time(1), y year NOT NULL, flag tinyint(1) NOT NULL, bits bit(9) NOT NULL, doc json NOT NULL, e enum('one','two') NOT NULL);
         INSERT INTO a VALUES (1, -10, 18446744073709551615, 99999999.9999, NULL, 0.1, 0.1, 'ж', x'00ff', '2024-02-29', '2024-02-29 12:00:00.5',
             '2024-02-29 12:00:00', '01:02:03.4', 2024, 1, b'101', '{\"k\": [1, \"v\"]}', 'two'),
            (2, 20, 0, -1.5, 999.99, -1e30, NULL, '', NULL, '1969-12-31', NULL, '1970-01-01 00:00:01', NULL, 1901, 0, b'0', '{}', 'one');
         CREATE TABLE b (id int PRIMARY KEY, a_id int NOT NULL, w varchar(9) NOT NULL);
         INSERT INTO b VALUES (1, 1, 'x'), (2, 1, 'y')",
    )
}

/// An expression, the Arrow type that it has, on MySQL and on MariaDB, and whether it may be NULL.
struct Expression {
    sql: &'static str,
    arrow: [&'static str; 2],
    nullable: [bool; 2],
}

const fn same(sql: &'static str, arrow: &'static str, nullable: bool) -> Expression {
    Expression { sql, arrow: [arrow, arrow], nullable: [nullable, nullable] }
}

/// Digits, scale and sign are those that the server itself computes.
const EXPRESSIONS: &[Expression] = &[
    same("n", "int32", false),
    same("n + 1", "int64", false),
    same("u", "uint64", false),
    same("u DIV 2", "uint64", true),
    same("-n", "int64", false),
    same("p", "decimal128(12, 4)", false),
    same("q", "decimal128(5, 2)", true),
    same("p + q", "decimal128(13, 4)", true),
    same("p * q", "decimal128(17, 6)", true),
    same("p * p * p * p", "decimal256(48, 16)", false),
    same("p / 3", "decimal128(16, 8)", true),
    same("ROUND(p, 1)", "decimal128(10, 1)", false),
    same("CAST(p AS decimal(65,30))", "decimal256(65, 30)", false),
    same("CAST(n AS decimal(38,10))", "decimal128(38, 10)", false),
    same("CAST(u AS decimal(20,0))", "decimal128(20, 0)", false),
    same("1.50", "decimal128(3, 2)", false),
    same("0.1e0", "double", false),
    same("f", "float", false),
    same("f * 1e0", "double", false),
    same("d", "double", true),
    same("w", "string", false),
    same("CONCAT(w, '-', n)", "string", false),
    same("CAST(w AS binary)", "binary", false),
    same("x", "binary", true),
    same("HEX(x)", "string", true),
    same("UNHEX('00ff')", "binary", true),
    same("day", "date32[day]", true),
    same("day + INTERVAL 1 DAY", "date32[day]", true),
    same("at", "timestamp[us]", true),
    same("DATE(at)", "date32[day]", true),
    same("s", "timestamp[us, tz=UTC]", true),
    same("t", "time64[us]", true),
    same("y", "int16", false),
    same("flag", "bool", false),
    same("bits", "uint64", false),
    same("bits + 0", "uint64", false),
    same("doc", "extension<arrow.json>", false),
    same("e", "string", false),
    same("NULL", "string", true),
    same("COALESCE(q, 0)", "decimal128(5, 2)", false),
    same("IF(n > 0, p, 0)", "decimal128(12, 4)", false),
    Expression { sql: "n > 0", arrow: ["int64", "int32"], nullable: [false, false] },
    same("CAST(n AS char)", "string", false),
    same("(SELECT COUNT(*) FROM b)", "int64", true),
];

fn precision_scale_and_sign_are_those_of_the_definitions(family: Family) {
    let database = tables(family);
    let columns = EXPRESSIONS.iter().enumerate().map(|(number, of)| format!("{} AS c{number}", of.sql));
    let query = format!("SELECT {} FROM a", columns.collect::<Vec<_>>().join(", "));
    let (project, _) = assert_all_same(&database, &[(&format!("query: {}", yaml(&query)), &query)], &[]);
    let facts = parquet_facts(&project.files("parquet_0", "parquet")[0]);
    let mut wrong = Vec::new();
    for (number, of) in EXPRESSIONS.iter().enumerate() {
        let column = &facts["columns"][format!("c{number}")];
        let expected =
            (json!(family.choose(of.arrow[0], of.arrow[1])), json!(family.choose(of.nullable[0], of.nullable[1])));
        let found = (column["arrow"].clone(), column["nullable"].clone());
        if found != expected {
            wrong.push(format!("{}: {found:?}, expected {expected:?}", of.sql));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn queries_of_every_kind(family: Family) {
    let database = tables(family);
    let mut queries = vec![
        "SELECT id, w FROM a WHERE p > 0",
        "SELECT a.id, b.id AS b_id, b.w FROM a LEFT JOIN b ON b.a_id = a.id",
        "SELECT b.id, a.n, a.doc FROM b RIGHT JOIN a ON b.a_id = a.id",
        "SELECT n, SUM(p) AS total, AVG(q) AS mean, COUNT(*) AS count, MAX(at) AS last, GROUP_CONCAT(w) AS words FROM a GROUP BY n WITH ROLLUP",
        "SELECT id, p FROM a UNION ALL SELECT id, NULL FROM b UNION ALL SELECT 7, 123456789012.5",
        "SELECT 'it''s; -- no comment' AS a, \"dollar; \" AS b, 'tab\\t' AS `c;d`, _latin1 x'e9' AS e",
        "SELECT NULL AS nothing, 1 AS one, TRUE AS yes, -1.5 AS d, 18446744073709551615 AS u, -9223372036854775808 AS least",
        "(SELECT 1 AS c0, 2 AS rivet_query, 3 AS `C 0` LIMIT 1)",
        "SELECT DISTINCT flag, bits & 1 AS odd FROM a ORDER BY flag",
        "SELECT JSON_EXTRACT(doc, '$.k[0]') AS k, JSON_UNQUOTE(JSON_EXTRACT(doc, '$.k[1]')) AS v FROM a",
        "SELECT TIMEDIFF(at, at) AS none, STR_TO_DATE('2024-02-29', '%Y-%m-%d') AS day, FROM_UNIXTIME(1.5) AS moment FROM a",
    ];
    // Before 8.0 MySQL has none of these.
    if family == Family::Mariadb || version(&database) >= 80_019 {
        queries.extend([
            "WITH x AS (SELECT n, u FROM a) SELECT SUM(n) AS n, MAX(u) AS u FROM x",
            "SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC) AS place, LAG(w) OVER (ORDER BY id) AS before_it FROM a",
        ]);
        // Rows of constants, which each of the two writes in a way of its own.
        queries.push(family.choose("VALUES ROW(1, 'one'), ROW(2, NULL)", "VALUES (1, 'one'), (2, NULL)"));
        queries.extend(family.choose(Some("TABLE b"), None));
    }
    let keys: Vec<String> = queries.iter().map(|query| format!("query: {}", yaml(query))).collect();
    let cases: Vec<(&str, &str)> = keys.iter().map(String::as_str).zip(queries.iter().copied()).collect();
    assert_all_same(&database, &cases, &[]);
}

rivet_testing::on_both_families!(precision_scale_and_sign_are_those_of_the_definitions, queries_of_every_kind);
