//! What can be followed.

use rivet_testing::TestDatabase;
use serde_json::{Value, json};

use super::Followed;

/// A type, values in its order, and what kind of value the manifest says they are. The first five are there from the
/// beginning; one that looks like the end of the string that it is written in is a row of a moment when it is followed.
const CURSORS: &[(&str, [&str; 8], &str)] = &[
    ("int2", ["-32768", "-1", "0", "1", "7", "8", "9", "32767"], "int"),
    ("int4", ["-2147483648", "-1", "0", "1", "7", "8", "9", "2147483647"], "int"),
    ("int8", ["-9223372036854775808", "-1", "0", "1", "7", "8", "9000000000000000000", "9223372036854775807"], "int"),
    (
        "numeric(20, 0)",
        [
            "-1",
            "0",
            "1",
            "9223372036854775807",
            "9223372036854775808",
            "9223372036854775809",
            "18446744073709551614",
            "18446744073709551615",
        ],
        "decimal",
    ),
    (
        "numeric",
        ["-Infinity", "-1.5", "0.0001", "0.00011", "0.1", "0.10000000000000000001", "Infinity", "NaN"],
        "decimal",
    ),
    ("numeric(12, 2)", ["-1.50", "-0.10", "0.00", "0.01", "0.10", "0.11", "10.00", "9999999999.99"], "decimal"),
    (
        "float8",
        ["-Infinity", "-1.5", "0", "0.1", "0.30000000000000004", "0.3000000000000001", "1e300", "NaN"],
        "decimal",
    ),
    ("text COLLATE \"C\"", ["", "''); DROP TABLE watched; --", "A", "Z", "\\", "a", "ab", "é"], "text"),
    ("text COLLATE \"C\"", ["", "A", "Z", "\\", "\\''); DROP TABLE watched; --", "a", "b\\", "é''"], "text"),
    ("text COLLATE careless", ["a", "A", "b", "B", "c", "C", "d", "D"], "text"),
    ("text COLLATE german", ["", "1", "a", "A", "ä", "b", "B", "ß"], "text"),
    (
        "varchar(40) COLLATE \"C\"",
        ["$1", "%s", "1", "2", "E''\\047", "E''\\047; DROP TABLE watched", "F", "日本"],
        "text",
    ),
    ("char(4) COLLATE \"C\"", ["", "A", "Aa", "B", "B''", "C", "D", "E\\"], "text"),
    (
        "date",
        [
            "-infinity",
            "0044-03-15 BC",
            "1999-12-31",
            "2026-01-30",
            "2026-01-31",
            "2026-02-01",
            "9999-12-31",
            "infinity",
        ],
        "date",
    ),
    (
        "timestamp",
        [
            "-infinity",
            "0044-03-15 12:00:00 BC",
            "1999-12-31 23:59:59.999999",
            "2026-01-31 12:00:00",
            "2026-01-31 12:00:00.000001",
            "2026-01-31 12:00:00.000002",
            "294276-12-31 00:00:00",
            "infinity",
        ],
        "timestamp",
    ),
    (
        "timestamptz",
        [
            "-infinity",
            "1999-12-31 23:59:59.999999+14",
            "2026-01-31 12:00:00+05:30",
            "2026-01-31 12:00:00+00",
            "2026-01-31 12:00:00.000001+00",
            "2026-01-31 12:00:00.000002+00",
            "2026-01-31 12:00:00-09",
            "infinity",
        ],
        "timestamp_tz",
    ),
    (
        "uuid",
        [
            "00000000-0000-0000-0000-000000000000",
            "00000000-0000-0000-0000-000000000001",
            "0190d0a0-0000-7000-8000-000000000001",
            "0190d0a0-0000-7000-8000-000000000002",
            "7fffffff-ffff-ffff-ffff-ffffffffffff",
            "80000000-0000-0000-0000-000000000000",
            "80000000-0000-0000-0000-000000000001",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ],
        "uuid",
    ),
    ("bytea", ["", "\\x00", "\\x0000", "\\x27", "\\x5c", "\\x5c27", "\\xff", "\\xffff"], "bytes"),
    ("inet", ["10.0.0.0/8", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "192.168.0.1", "::1"], "text"),
    ("mood", ["", "good", "it''s", "bad", "sad\\", "\\", "''; --", "worst"], "text"),
    ("cents", ["-7", "0", "1", "2", "3", "4", "5", "2147483647"], "int"),
];

fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        r"CREATE COLLATION careless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
          CREATE COLLATION german (provider = icu, locale = 'de'); CREATE TABLE watched AS SELECT 1 AS it;
          CREATE TYPE mood AS ENUM ('', 'good', 'it''s', 'bad', 'sad\', '\', '''; --', 'worst');
          CREATE DOMAIN cents AS int",
    );
    database
}

/// Follows eight values: five at once, then two and one row that came before and is changed, then the last, then none.
#[track_caller]
fn check(database: &TestDatabase, kind: &str, values: &[&str; 8], name: &str) {
    let insert = |range: std::ops::Range<usize>| {
        let rows: Vec<String> = range.map(|at| format!("({}, '{}')", at + 1, values[at])).collect();
        database.execute(&format!("INSERT INTO moves VALUES {}", rows.join(", ")));
    };
    database.execute(&format!(
        "DROP TABLE IF EXISTS moves; CREATE TABLE moves (id int PRIMARY KEY, k {kind} NOT NULL); \
         CREATE INDEX ON moves (k, id)"
    ));
    let sorted = database.query_text("SELECT id FROM moves ORDER BY k");
    assert!(sorted.is_empty());
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

#[test]
fn every_type_with_an_order_is_followed() {
    let database = database();
    for (kind, values, name) in CURSORS {
        check(&database, kind, values, name);
    }
}

#[test]
fn the_ways_of_a_database_do_not_matter() {
    let database = database();
    for setting in ["standard_conforming_strings = off", "DateStyle = 'SQL, DMY'", "TimeZone = 'Asia/Kolkata'"] {
        database.execute(&format!("ALTER DATABASE {} SET {setting}", database.name()));
    }
    for (kind, values, name) in CURSORS {
        if matches!(*kind, "varchar(40) COLLATE \"C\"" | "date" | "timestamp" | "timestamptz" | "bytea" | "mood") {
            check(&database, kind, values, name);
        }
    }
}

#[test]
fn the_position_is_exact() {
    let database = database();
    database.execute("CREATE TABLE moves (id int PRIMARY KEY, k timestamptz, n numeric(20, 0), word text)");
    let word = r"it's a \ and a ''); DROP TABLE watched; --";
    database.execute(&format!(
        "INSERT INTO moves VALUES (1, '2026-01-31 17:30:00.000001+05:30', 18446744073709551615, $word${word}$word$)"
    ));
    for (column, kind, value) in [
        ("k", "timestamp_tz", "2026-01-31 12:00:00.000001+00"),
        ("n", "decimal", "18446744073709551615"),
        ("word", "text", word),
    ] {
        let followed = Followed::new(&database, &format!("table: moves, cursor_column: {column}"));
        let gained = followed.assert_gains([1]);
        let expected = json!({
            "columns": [column, "id"],
            "values": [{ "type": kind, "value": value }, { "type": "int", "value": 1 }],
        });
        assert_eq!(*gained.after(), expected);
    }
}

#[test]
fn a_cursor_that_is_unique_needs_nothing_beside_it() {
    let database = database();
    database.execute("CREATE TABLE moves (id bigint PRIMARY KEY); INSERT INTO moves VALUES (-5), (3)");
    let followed = Followed::new(&database, "table: moves, cursor_column: id");
    let gained = followed.assert_gains([-5, 3]);
    assert_eq!(gained.after()["columns"], json!(["id"]));
    database.execute("INSERT INTO moves VALUES (4), (2)");
    followed.assert_gains([4]);
    // Without `skip_empty` there is a file without rows.
    let nothing = followed.assert_gains([]);
    assert_eq!((&nothing.manifest["rows"], nothing.reached()), (&0.into(), &4.into()));
    assert_eq!(nothing.manifest["parts"].as_array().map(Vec::len), Some(1));
}

#[test]
fn an_empty_table_is_followed_from_its_first_row() {
    let database = database();
    database.execute("CREATE TABLE moves (id bigint PRIMARY KEY, at timestamptz)");
    let followed = Followed::new(&database, "table: moves, cursor_column: at");
    assert_eq!(*followed.assert_gains([]).after(), Value::Null);
    database.execute("INSERT INTO moves VALUES (1, now() - INTERVAL '90 years')");
    followed.assert_gains([1]);
    database.execute("DELETE FROM moves");
    assert!(followed.assert_gains([]).reached().is_string(), "the position stays where the rows are gone");
}

#[test]
fn columns_without_an_order_and_columns_that_are_not_there_are_refused() {
    let database = database();
    database.execute("CREATE TABLE moves (id int PRIMARY KEY, k json, spot point, list int[])");
    for (column, text) in [("k", "order"), ("spot", "order"), ("list", "order"), ("kk", "`kk`")] {
        let followed = Followed::new(&database, &format!("table: moves, cursor_column: {column}"));
        crate::support::run_badly(&followed.project, 1, &[&format!("`{column}`"), text]);
    }
}
