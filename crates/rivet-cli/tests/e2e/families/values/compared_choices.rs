use rivet_testing::{Family, MysqlDatabase};

use super::support::{assert_all_same, both, filled};
use crate::support::run_badly;

fn wishes(family: Family) -> MysqlDatabase {
    filled(
        family,
        "CREATE TABLE wishes (id bigint PRIMARY KEY, t_uuid varchar(40), t_json text, t_int varchar(30), t_date varchar(20),
             t_at varchar(40), t_time varchar(20), n decimal(20,5), i bigint, u bigint unsigned, f double, r float, b varbinary(20), u16 binary(16),
             local datetime(6), at timestamp(6) NULL, day date, span time(6), doc json, flag tinyint(1), bits bit(12), e enum('a','b'), g point);
         INSERT INTO wishes VALUES
            (1, '0190163d-8694-739b-aea5-966c26f8ad91', '{\"a\": [1, 2.50, \"é\"]}', '42', '2024-02-29', '2024-02-29 12:34:56.789', '12:34:56.7',
             12345.678, 127, 1, 2.5, 0.1, x'00ff', x'0190163d8694739baea5966c26f8ad91', '2024-02-29 00:00', '2024-02-29 12:00:00', '2024-02-29',
             '12:00:00.5', '{\"z\": 1, \"a\": null}', 1, b'101', 'b', ST_GeomFromText('POINT(1 2)')),
            (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
            (3, 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', '[]', '-9223372036854775808', '9999-12-31', '1969-12-31 23:59:59.999999', '00:00:00',
             -0.001, -32768, 0, -32768, -16777216, '', x'ffffffffffffffffffffffffffffffff', '1969-12-31 00:00', '1970-01-01 00:00:01.000001',
             '1969-12-31', '-838:59:59', 'null', 0, b'111111111111', 'a', ST_GeomFromText('POINT(0 0)'))",
    )
}

fn a_column_takes_the_type_that_was_asked_for(family: Family) {
    let database = wishes(family);
    let uuid = |name: &str| {
        let part = |from, length| format!("substr(hex({name}), {from}, {length})");
        let parts = [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)];
        format!("lower(concat_ws('-', {}))", parts.join(", "))
    };
    let of_bytes = format!("CASE WHEN u16 IS NOT NULL THEN {} END AS u16", uuid("u16"));
    let cases = [
        (
            "t_int: int8, t_date: date, t_at: timestamp, t_time: time",
            "CAST(t_int AS signed) AS t_int, CAST(t_date AS date) AS t_date, CAST(t_at AS datetime(6)) AS t_at, CAST(t_time AS time(6)) AS t_time",
        ),
        ("t_uuid: uuid, u16: uuid", &format!("lower(t_uuid) AS t_uuid, {of_bytes}")),
        ("t_json: json, doc: json", "t_json, doc"),
        (
            "n: 'decimal(38,10)', i: 'decimal(20,4)', u: 'decimal(5,0)'",
            "CAST(n AS decimal(38,10)) AS n, CAST(i AS decimal(20,4)) AS i, CAST(u AS decimal(5,0)) AS u",
        ),
        (
            "n: 'decimal(60,20)', t_int: 'decimal(19,0)'",
            "CAST(n AS decimal(60,20)) AS n, CAST(t_int AS decimal(19,0)) AS t_int",
        ),
        ("i: int2, flag: int2, bits: int4", "i, CAST(flag AS signed) AS flag, bits + 0 AS bits"),
        ("i: float8, u: float4, n: float8, f: float8", "i * 1e0 AS i, u * 1e0 AS u, n * 1e0 AS n, f"),
        (
            "i: text, u: text, n: text, f: text, flag: text, bits: text, e: text, day: text",
            "CAST(i AS char) AS i, CAST(u AS char) AS u, CAST(n AS char) AS n, CAST(f AS char) AS f, CAST(flag AS char) AS flag, \
          lpad(bin(bits), 12, '0') AS bits, CAST(e AS char) AS e, CAST(day AS char) AS day",
        ),
        (
            "at: text, local: text, span: text, doc: text",
            "CAST(at AS char) AS at, CAST(local AS char) AS local, CAST(span AS char) AS span, CAST(doc AS char) AS doc",
        ),
        ("local: date, day: timestamp", "DATE(local) AS local, CAST(day AS datetime) AS day"),
        (
            "t_uuid: binary, t_json: binary, g: binary",
            "CAST(t_uuid AS binary) AS t_uuid, CAST(t_json AS binary) AS t_json, g",
        ),
    ];
    let cases = cases.map(|(columns, select)| {
        let read: Vec<&str> = columns.split(", ").map(|column| column.split(':').next().unwrap_or(column)).collect();
        let keys = format!("table: wishes, select: [id, {}], columns: {{ {columns} }}", read.join(", "));
        (keys, format!("SELECT id, {select} FROM wishes"))
    });
    let cases: Vec<(&str, &str)> = cases.iter().map(|(keys, query)| (keys.as_str(), query.as_str())).collect();
    assert_all_same(&database, &cases, &[]);
}

fn a_moment_may_gain_or_lose_its_zone(family: Family) {
    let database = wishes(family);
    let keys = "table: wishes, select: [id, at, local], columns: { at: timestamp, local: timestamp_tz }";
    // In a session in UTC both have the same digits; a TIMESTAMP of the server begins in 1970.
    let query = "SELECT id, CAST(at AS datetime(6)) AS at FROM wishes";
    let without = "table: wishes, select: [id, at], columns: { at: timestamp }";
    let (project, _) = assert_all_same(&database, &[(without, query)], &[]);
    drop(project);
    let project = both(&database, keys);
    crate::support::run_well(&project);
    let read = "SELECT strftime(local AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f') FROM read_parquet({files}) WHERE local IS NOT NULL ORDER BY id";
    let expected = database.query_text("SELECT CAST(local AS char) FROM wishes WHERE local IS NOT NULL ORDER BY id");
    assert_eq!(crate::support::duckdb(read, &project.files("parquet", "parquet")), expected);
}

fn a_value_that_does_not_fit_is_named_and_not_shown(family: Family) {
    let database = wishes(family);
    let check = |keys: &str, says: &[&str], hidden: &str| {
        let said = run_badly(&both(&database, &format!("table: wishes, {keys}")), 1, says);
        assert!(hidden.is_empty() || !said.contains(hidden), "{said}");
    };
    check("select: [id, f], columns: { f: int4 }", &["column `f`", "id = 1", "fraction"], "2.5");
    check("select: [id, t_uuid], columns: { t_uuid: int8 }", &["column `t_uuid`", "id = 1"], "0190163d");
    check("select: [id, i], columns: { i: bool }", &["column `i`", "id = 1"], "127");
    check("select: [id, n], columns: { n: 'decimal(10,2)' }", &["column `n`", "id = 1", "digits"], "345");
    check(
        "select: [id, span], columns: { span: int4 }",
        &["column `span` is time", "can't become int4", "columns: { name: type }"],
        "",
    );
    check("columns: { nobody: text }", &["no column `nobody`", "Its columns are"], "");
}

fn columns_are_chosen_and_left_out(family: Family) {
    let database = filled(family, "CREATE TABLE t AS SELECT 1 AS a, 'two' AS b, 3.5e0 AS c, 4 AS d");
    let cases = [
        ("table: t, select: [c, a]", "SELECT c, a FROM t"),
        ("table: t, exclude: [b, d]", "SELECT a, c FROM t"),
        ("query: 'SELECT t.*, a + 1 AS e FROM t', select: [e, b]", "SELECT a + 1 AS e, b FROM t"),
    ];
    assert_all_same(&database, &cases, &[]);
}

rivet_testing::on_both_families!(
    a_column_takes_the_type_that_was_asked_for,
    a_moment_may_gain_or_lose_its_zone,
    a_value_that_does_not_fit_is_named_and_not_shown,
    columns_are_chosen_and_left_out,
);
