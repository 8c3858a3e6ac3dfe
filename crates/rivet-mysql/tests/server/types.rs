//! Every type at its extremes, against the server's own text.

use std::fmt::Write as _;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use rivet_testing::Family;

use crate::harness::{Server, as_arrow, export, rendered, request, run, table};

/// A type as it is declared, the Arrow type that it becomes, the expression whose text the server compares with, and
/// values as SQL.
type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

const WHOLE: &[Case] = &[
    ("tinyint(1)", "Boolean", "c", &["0", "1"]),
    ("tinyint", "Int8", "c", &["-128", "127"]),
    ("tinyint unsigned", "UInt8", "c", &["0", "255"]),
    ("smallint", "Int16", "c", &["-32768", "32767"]),
    ("smallint unsigned", "UInt16", "c", &["65535"]),
    ("mediumint", "Int32", "c", &["-8388608", "8388607"]),
    ("mediumint unsigned", "UInt32", "c", &["16777215"]),
    ("int", "Int32", "c", &["-2147483648", "2147483647"]),
    ("int unsigned", "UInt32", "c", &["4294967295"]),
    ("bigint", "Int64", "c", &["-9223372036854775808", "9223372036854775807"]),
    ("bigint unsigned", "UInt64", "c", &["0", "18446744073709551615"]),
    ("year", "Int16", "CAST(c AS SIGNED)", &["0", "1901", "2155"]),
    ("bit(1)", "Boolean", "c + 0", &["b'0'", "b'1'"]),
    ("bit(9)", "UInt64", "c + 0", &["b'0'", "b'111111111'", "b'100000000'"]),
    ("bit(64)", "UInt64", "c + 0", &["18446744073709551615", "9223372036854775808"]),
    ("decimal(1,0)", "Decimal128(1, 0)", "c", &["-9", "9"]),
    ("decimal(10,2)", "Decimal128(10, 2)", "c", &["-99999999.99", "0.05", "-0.01"]),
    ("decimal(10,2) unsigned", "Decimal128(10, 2)", "c", &["99999999.99"]),
    (
        "decimal(30,30)",
        "Decimal128(30, 30)",
        "c",
        &["0.999999999999999999999999999999", "-0.000000000000000000000000000001"],
    ),
    ("decimal(38,10)", "Decimal128(38, 10)", "c", &["-9999999999999999999999999999.9999999999", "0"]),
    ("decimal(39,0)", "Decimal256(39, 0)", "c", &["-999999999999999999999999999999999999999", "1"]),
    (
        "decimal(65,30)",
        "Decimal256(65, 30)",
        "c",
        &[
            "99999999999999999999999999999999999.999999999999999999999999999999",
            "-99999999999999999999999999999999999.999999999999999999999999999999",
            "0.000000000000000000000000000001",
        ],
    ),
];

const MOMENTS: &[Case] = &[
    ("date", "Date32", "c", &["'1000-01-01'", "'9999-12-31'", "'0001-01-01'", "'2000-02-29'", "'1969-12-31'"]),
    ("datetime", "Timestamp(µs)", "c", &["'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'"]),
    ("datetime(6)", "Timestamp(µs)", "c", &["'9999-12-31 23:59:59.999999'", "'1969-12-31 23:59:59.000001'"]),
    ("timestamp", "Timestamp(µs, \"UTC\")", "c", &["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"]),
    ("timestamp(6)", "Timestamp(µs, \"UTC\")", "c", &["'2038-01-19 03:14:07.999999'"]),
    ("time", "Time64(µs)", "c", &["'00:00:00'", "'23:59:59'"]),
    ("time(6)", "Time64(µs)", "c", &["'00:00:00.000001'", "'23:59:59.999999'"]),
];

const TEXTS: &[Case] = &[
    ("char(10)", "Utf8", "c", &["''", "'abc'", "'ж€😀'"]),
    ("varchar(255)", "Utf8", "c", &["''", "'it''s'", "'trailing  '", "'line\\nbreak \\\\ \\0'"]),
    ("varchar(20) CHARACTER SET latin1", "Utf8", "c", &["'é€ÿ'"]),
    ("varchar(20) CHARACTER SET utf8mb3", "Utf8", "c", &["'ж€'"]),
    ("varchar(20) CHARACTER SET ucs2", "Utf8", "c", &["'ж€'"]),
    ("varchar(20) COLLATE utf8mb4_bin", "Utf8", "c", &["'Aa'"]),
    ("tinytext", "Utf8", "c", &["REPEAT('x', 255)"]),
    ("text", "Utf8", "c", &["REPEAT('ж', 30000)"]),
    ("mediumtext", "Utf8", "c", &["REPEAT('y', 70000)"]),
    ("longtext", "Utf8", "c", &["REPEAT('z', 300000)"]),
    ("enum('a','b''c','ж')", "Utf8", "c", &["'a'", "'b''c'", "'ж'"]),
    ("set('a','b','c')", "Utf8", "c", &["''", "'a'", "'a,c'"]),
    ("json", "Utf8", "c", &["'{\"a\": [1, null, \"ж\"]}'", "'null'", "'\"x\"'"]),
    ("binary(4)", "Binary", "HEX(c)", &["x'01'", "x'00ff0a0d'"]),
    ("varbinary(300)", "Binary", "HEX(c)", &["''", "x'00ff'", "REPEAT(x'80', 300)"]),
    ("tinyblob", "Binary", "HEX(c)", &["x'00'"]),
    ("blob", "Binary", "HEX(c)", &["REPEAT(x'f09f', 20000)"]),
    ("mediumblob", "Binary", "HEX(c)", &["REPEAT(x'01', 70000)"]),
    ("longblob", "Binary", "HEX(c)", &["x'ff'"]),
    ("point", "Binary", "HEX(ST_AsWKB(c))", &["ST_GeomFromText('POINT(1.5 -2)')"]),
    ("geometry", "Binary", "HEX(ST_AsWKB(c))", &["ST_GeomFromText('LINESTRING(0 0, 1 1)')"]),
];

const MARIADB: &[Case] = &[
    ("uuid", "FixedSizeBinary(16)", "UPPER(REPLACE(c, '-', ''))", &["'0190d0a0-0000-7000-8000-0000000000ff'"]),
    ("inet6", "Utf8", "c", &["'::1'", "'2001:db8::ff00:42:8329'"]),
    ("inet4", "Utf8", "c", &["'255.255.255.255'", "'0.0.0.0'"]),
    ("decimal(38,38)", "Decimal128(38, 38)", "c", &["-0.99999999999999999999999999999999999999"]),
];

async fn check(server: &Server, cases: &[Case]) {
    for (place, (declared, arrow, text, values)) in cases.iter().enumerate() {
        let name = format!("t{place}");
        server.execute(&format!("DROP TABLE IF EXISTS {name}")).await;
        server.execute(&format!("CREATE TABLE {name} (id int PRIMARY KEY, c {declared})")).await;
        let mut insert = format!("INSERT INTO {name} VALUES (0, NULL)");
        for (id, value) in values.iter().enumerate() {
            write!(insert, ", ({}, {value})", id + 1).unwrap();
        }
        server.execute(&insert).await;
        let (batches, summary) = export(server.source().as_ref(), &request(table(&name))).await.unwrap();
        assert_eq!(batches[0].schema().field(1).data_type().to_string(), *arrow, "{declared}");
        let expected = server.query(&format!("SELECT {text} FROM {name} ORDER BY id")).await;
        let is_moment = declared.contains("time");
        let as_shown = |text: String| if is_moment { as_arrow(&text) } else { text };
        let expected: Vec<_> = expected.into_iter().map(|row| row.into_iter().next().flatten().map(as_shown)).collect();
        assert_eq!(rendered(&batches, 1), expected, "{declared}");
        assert_eq!((summary.rows, summary.nulled.len()), (values.len() as u64 + 1, 0), "{declared}");
    }
}

fn whole_numbers_and_decimals(family: Family) {
    run(async { check(&Server::start(family).await, WHOLE).await });
}

fn days_and_moments(family: Family) {
    run(async { check(&Server::start(family).await, MOMENTS).await });
}

fn texts_and_bytes(family: Family) {
    run(async { check(&Server::start(family).await, TEXTS).await });
}

fn floats_keep_every_digit(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (id int PRIMARY KEY, f float NOT NULL, d double NOT NULL);
             INSERT INTO t VALUES (1, 3.402823466e38, 1.7976931348623157e308), (2, -1.1754943508e-38, 2.2250738585072014e-308),
             (3, 0.1, 0.1), (4, 16777217, -0e0), (5, 1.00000012, 1.0000000000000002)",
        )
        .await;
        let (batches, _) = export(server.source().as_ref(), &request(table("t"))).await.unwrap();
        let floats = batches[0].column(1).as_primitive::<Float32Type>().values().to_vec();
        let doubles = batches[0].column(2).as_primitive::<Float64Type>().values().to_vec();
        // As text a float has six digits; as a double it has all that it is made of.
        let expected = server.query("SELECT f + 0e0, d FROM t ORDER BY id").await;
        for (row, (float, double)) in expected.iter().zip(floats.iter().zip(&doubles)) {
            let number = |place: usize| row[place].as_deref().unwrap().parse::<f64>().unwrap();
            assert_eq!(
                (f64::from(*float).to_bits(), double.to_bits()),
                (number(0).to_bits(), number(1).to_bits()),
                "{row:?}"
            );
        }
    });
}

rivet_testing::on_both_families!(
    whole_numbers_and_decimals,
    days_and_moments,
    texts_and_bytes,
    floats_keep_every_digit,
);

#[test]
fn types_of_mariadb_alone() {
    run(async {
        let server = Server::start(Family::Mariadb).await;
        check(&server, MARIADB).await;
        let (batches, _) = export(server.source().as_ref(), &request(table("t0"))).await.unwrap();
        assert_eq!(extension(&batches[0], 1).as_deref(), Some("arrow.uuid"));
    });
}

#[test]
fn vectors_of_mysql() {
    run(async {
        let server = Server::start(Family::Mysql).await;
        if server.source().server().await.unwrap().version < 90_000 {
            return;
        }
        server
            .execute("CREATE TABLE t (id int PRIMARY KEY, c vector(3)); INSERT INTO t VALUES (1, TO_VECTOR('[1,-2.5,3e10]')), (2, NULL)")
            .await;
        let (batches, _) = export(server.source().as_ref(), &request(table("t"))).await.unwrap();
        assert_eq!(*batches[0].schema().field(1).data_type(), vector(3));
        let numbers = batches[0].column(1).as_fixed_size_list().value(0);
        assert_eq!(numbers.as_primitive::<Float32Type>().values(), &[1.0, -2.5, 3e10]);
    });
}

fn vector(length: i32) -> DataType {
    DataType::FixedSizeList(arrow::datatypes::Field::new("item", DataType::Float32, false).into(), length)
}

/// JSON is marked as such, whatever the server makes of it.
fn json_is_json(family: Family) {
    run(async {
        let server = Server::with(family, "CREATE TABLE t (id int PRIMARY KEY, c json, d text)").await;
        let source = server.source();
        for relation in [table("t"), crate::harness::query("SELECT id, c, d FROM t")] {
            let schema = source.describe(&request(relation)).await.unwrap().spec.schema();
            let name = |place: usize| schema.field(place).metadata().get("ARROW:extension:name").cloned();
            assert_eq!((name(1).as_deref(), name(2)), (Some("arrow.json"), None));
            assert_eq!(schema.field(1).metadata()["rivet.source_type"], "json");
        }
    });
}

rivet_testing::on_both_families!(json_is_json);

fn extension(batch: &RecordBatch, place: usize) -> Option<String> {
    batch.schema().field(place).metadata().get("ARROW:extension:name").cloned()
}
