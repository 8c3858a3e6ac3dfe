//! What can be followed.

use rivet_testing::{Family, MysqlDatabase};
use serde_json::{Value, json};

use crate::families::rows::database;
use crate::incremental::Followed;
use crate::support::run_badly;

/// A type, values in its order, and what kind of value the manifest says they are. The first five are there from the
/// beginning; one that looks like the end of the string that it is written in is a row of a moment when it is followed.
const CURSORS: &[(&str, [&str; 8], &str)] = &[
    ("tinyint", ["-128", "-1", "0", "1", "7", "8", "9", "127"], "int"),
    ("int", ["-2147483648", "-1", "0", "1", "7", "8", "9", "2147483647"], "int"),
    ("bigint", ["-9223372036854775808", "-1", "0", "1", "7", "8", "9000000000000000000", "9223372036854775807"], "int"),
    (
        "bigint unsigned",
        [
            "0",
            "1",
            "2",
            "9223372036854775807",
            "9223372036854775808",
            "9223372036854775809",
            "18446744073709551614",
            "18446744073709551615",
        ],
        "uint",
    ),
    (
        "decimal(65, 20)",
        [
            "-99999999999999999999999",
            "-1.5",
            "0.0001",
            "0.00011",
            "0.1",
            "0.10000000000000000001",
            "10",
            "99999999999999999999999",
        ],
        "decimal",
    ),
    ("decimal(12, 2)", ["-1.50", "-0.10", "0.00", "0.01", "0.10", "0.11", "10.00", "9999999999.99"], "decimal"),
    (
        "double",
        ["-1e300", "-1.5", "0", "0.1", "0.30000000000000004", "0.3000000000000001", "1e300", "1.5e300"],
        "decimal",
    ),
    ("varchar(40) COLLATE utf8mb4_bin", ["", "''); DROP TABLE watched; --", "A", "Z", "\\\\", "a", "ab", "é"], "text"),
    (
        "varchar(40) COLLATE utf8mb4_bin",
        ["", "A", "Z", "\\\\", "\\\\''); DROP TABLE watched; --", "a", "b\\\\", "é''"],
        "text",
    ),
    ("varchar(40) COLLATE utf8mb4_general_ci", ["a", "A", "b", "B", "c", "C", "d", "D"], "text"),
    ("varchar(40) COLLATE utf8mb4_unicode_ci", ["", "1", "a", "A", "ä", "b", "B", "ß"], "text"),
    ("varchar(40) CHARACTER SET latin1 COLLATE latin1_bin", ["?", "A", "Z", "a", "b", "Ä", "é", "ü"], "text"),
    ("char(40) COLLATE utf8mb4_bin", ["", "A", "Aa", "B", "B''", "C", "D", "E\\\\"], "text"),
    (
        "date",
        [
            "0001-01-01",
            "1969-12-31",
            "1999-12-31",
            "2026-01-30",
            "2026-01-31",
            "2026-02-01",
            "2026-02-02",
            "9999-12-31",
        ],
        "date",
    ),
    (
        "datetime(6)",
        [
            "0001-01-01 00:00:00",
            "1969-12-31 23:59:59.999999",
            "1999-12-31 23:59:59.999999",
            "2026-01-31 12:00:00",
            "2026-01-31 12:00:00.000001",
            "2026-01-31 12:00:00.000002",
            "2026-01-31 12:00:00.1",
            "9999-12-31 23:59:59.999999",
        ],
        "timestamp",
    ),
    (
        "datetime",
        [
            "0001-01-01 00:00:00",
            "1999-12-31 23:59:59",
            "2026-01-31 11:59:59",
            "2026-01-31 12:00:00",
            "2026-01-31 12:00:01",
            "2026-01-31 12:00:02",
            "2026-01-31 12:00:03",
            "9999-12-31 23:59:59",
        ],
        "timestamp",
    ),
    (
        "timestamp(6)",
        [
            "1970-01-01 00:00:01",
            "1999-12-31 23:59:59.999999",
            "2026-01-31 06:30:00",
            "2026-01-31 12:00:00",
            "2026-01-31 12:00:00.000001",
            "2026-01-31 12:00:00.000002",
            "2026-01-31 21:00:00",
            "2038-01-19 03:14:07.999999",
        ],
        "timestamp_tz",
    ),
    ("varbinary(9)", ["", "\\0", "\\0\\0", "''", "\\\\", "\\\\''", "x", "xx"], "bytes"),
    ("year", ["0", "1901", "1970", "2000", "2001", "2002", "2003", "2155"], "int"),
];

/// A database with a table that nothing may touch.
fn watched(family: Family) -> MysqlDatabase {
    let database = database(family);
    database.execute("CREATE TABLE watched AS SELECT 1 AS it");
    database
}

/// Follows eight values: five at once, then two and one row that came before and is changed, then the last, then none.
#[track_caller]
fn check(database: &MysqlDatabase, kind: &str, values: &[&str; 8], name: &str) {
    let insert = |range: std::ops::Range<usize>| {
        let rows: Vec<String> = range.map(|at| format!("({}, '{}')", at + 1, values[at])).collect();
        database.execute(&format!("INSERT INTO moves VALUES {}", rows.join(", ")));
    };
    database.execute(&format!(
        "DROP TABLE IF EXISTS moves; CREATE TABLE moves (id int PRIMARY KEY, k {kind} NOT NULL, KEY (k, id))"
    ));
    // The position of an index does not follow from the order in which rows came.
    insert(2..5);
    insert(0..2);
    let followed = Followed::new(database, "table: moves, select: [id], cursor_column: k, skip_empty: true");
    let first = followed.assert_gains(1..=5);
    assert_eq!((first.before(), &first.after()["columns"]), (&Value::Null, &json!(["k", "id"])), "{kind}");
    assert_eq!(first.after()["values"][0]["type"], name, "{kind}: {}", first.after());

    insert(5..7);
    database.execute(&format!("UPDATE moves SET k = '{}' WHERE id = 2", values[6]));
    let second = followed.assert_gains([2, 6, 7]);
    assert_eq!(second.before(), first.after(), "{kind}");
    insert(7..8);
    let third = followed.assert_gains([8]);
    assert_eq!(third.before(), second.after(), "{kind}");
    let fourth = followed.assert_gains([]);
    assert_eq!(fourth.outcome.export(0)["cursor_before"], *third.after(), "{kind}");
    assert_eq!(database.query_value("SELECT it FROM watched"), "1", "{kind}: nothing but SELECT was run");
}

fn every_type_with_an_order_is_followed(family: Family) {
    let database = watched(family);
    for (kind, values, name) in CURSORS {
        check(&database, kind, values, name);
    }
    if family == Family::Mariadb {
        let values = [1, 2, 3, 4, 5, 6, 7, 8].map(|n| format!("0190d0a0-0000-7000-8000-00000000000{n}"));
        check(&database, "uuid", &values.each_ref().map(String::as_str), "uuid");
    }
}

fn the_position_is_exact(family: Family) {
    let database = watched(family);
    let word = r"it's a \ and a ''); DROP TABLE watched; --";
    database.execute(&format!(
        "CREATE TABLE moves (id int PRIMARY KEY, k timestamp(6) NULL, n bigint unsigned, word varchar(80), d decimal(65, 30)); \
         INSERT INTO moves VALUES (1, '2026-01-31 12:00:00.000001', 18446744073709551615, '{}', \
             12345678901234567890123456789012345.123456789012345678901234567891)",
        word.replace('\\', "\\\\").replace('\'', "''")
    ));
    for (column, kind, value) in [
        ("k", "timestamp_tz", json!("2026-01-31 12:00:00.000001+00")),
        ("n", "uint", json!(u64::MAX)),
        ("word", "text", json!(word)),
        ("d", "decimal", json!("12345678901234567890123456789012345.123456789012345678901234567891")),
    ] {
        let followed = Followed::new(&database, &format!("table: moves, select: [id], cursor_column: {column}"));
        let gained = followed.assert_gains([1]);
        let expected = json!({
            "columns": [column, "id"],
            "values": [{ "type": kind, "value": value }, { "type": "int", "value": 1 }],
        });
        assert_eq!(*gained.after(), expected);
        followed.assert_gains([]);
    }
}

fn a_cursor_that_is_unique_needs_nothing_beside_it(family: Family) {
    let database = watched(family);
    database.execute("CREATE TABLE moves (id bigint AUTO_INCREMENT PRIMARY KEY); INSERT INTO moves VALUES (-5), (3)");
    let followed = Followed::new(&database, "table: moves, cursor_column: id");
    let gained = followed.assert_gains([-5, 3]);
    assert_eq!(gained.after()["columns"], json!(["id"]));
    database.execute("INSERT INTO moves VALUES (NULL), (2)");
    followed.assert_gains([4]);
    // Without `skip_empty` there is a file without rows.
    let nothing = followed.assert_gains([]);
    assert_eq!((&nothing.manifest["rows"], nothing.reached()), (&0.into(), &4.into()));
    assert_eq!(nothing.manifest["parts"].as_array().map(Vec::len), Some(1));
}

fn an_empty_table_is_followed_from_its_first_row(family: Family) {
    let database = watched(family);
    database.execute("CREATE TABLE moves (id bigint PRIMARY KEY, at datetime)");
    let followed = Followed::new(&database, "table: moves, cursor_column: at");
    assert_eq!(*followed.assert_gains([]).after(), Value::Null);
    database.execute("INSERT INTO moves VALUES (1, NOW() - INTERVAL 90 YEAR)");
    followed.assert_gains([1]);
    database.execute("DELETE FROM moves");
    assert!(followed.assert_gains([]).reached().is_string(), "the position stays where the rows are gone");
}

fn columns_without_an_order_and_columns_that_are_not_there_are_refused(family: Family) {
    let database = watched(family);
    database.execute("CREATE TABLE moves (id int PRIMARY KEY, spot point, flags bit(9), at time)");
    for (column, text) in [("spot", "order"), ("flags", "order"), ("at", "order"), ("kk", "`kk`")] {
        let followed = Followed::new(&database, &format!("table: moves, cursor_column: {column}"));
        run_badly(&followed.project, 1, &[&format!("`{column}`"), text]);
    }
}

rivet_testing::on_both_families!(
    every_type_with_an_order_is_followed,
    the_position_is_exact,
    a_cursor_that_is_unique_needs_nothing_beside_it,
    an_empty_table_is_followed_from_its_first_row,
    columns_without_an_order_and_columns_that_are_not_there_are_refused,
);
