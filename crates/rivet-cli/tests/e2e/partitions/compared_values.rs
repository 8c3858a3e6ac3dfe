use rivet_testing::TestDatabase;

use super::{read_back, rows};
use crate::ledger::Ledger;
use crate::support::{assert_same_rows, project, run_well};

/// Values that a folder's name could be misread for.
const WORDS: &[&str] = &[
    "",
    " ",
    ".",
    "..",
    "...",
    "/",
    "a/b",
    "../../etc/passwd",
    "a=b",
    "=",
    "%",
    "%2F",
    "%zz",
    "100%",
    "a b",
    " a",
    "a ",
    "a.",
    "A",
    "a",
    "ä",
    "a\u{308}",
    "ж",
    "日本",
    "🦀",
    "null",
    "NULL",
    "007",
    "7",
    "1e5",
    "2024-01-01",
    "true",
    "nan",
    "~",
    "+",
    "a+b",
    "&",
    "#",
    "?",
    "*",
    "[x]",
    "{x}",
    "^",
    "\"",
    "'",
    "''",
    "\\",
    "a\\b",
    "\n",
    "\t",
    "\r\n",
    "\u{1}",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{ffff}",
    "<",
    ">",
    "|",
    ":",
    ";",
    ",",
    "$HOME",
    "`",
    "!",
    "@",
    "(",
    "-",
    "_",
    "_SUCCESS",
    ".hidden",
    "a,b",
    "k=v/k=v",
    "hive_default_partition",
];

#[test]
fn compared_words_of_every_kind_come_back() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t (id serial PRIMARY KEY, word text)");
    let long = "x".repeat(250);
    for word in WORDS.iter().chain(&[long.as_str()]) {
        // What another quote ends is doubled.
        database.execute(&format!("INSERT INTO t (word) VALUES ('{0}'), ('{0}')", word.replace('\'', "''")));
    }
    database.execute("INSERT INTO t (word) VALUES (NULL), (NULL)");
    let expected = rows(&database, "SELECT id, word FROM t");
    for format in ["parquet", "csv"] {
        let keys = format!("name: t, table: t, format: {format}, partition_by: word");
        let project = project(&database, &[&format!("{keys}, destination: {{ type: local, path: out }}")]);
        run_well(&project);
        assert_eq!(project.files("out", format).len(), WORDS.len() + 2);
        let found = read_back(&project, "out", &["id", "word"], &["word=VARCHAR"], &[]);
        assert_same_rows(found, expected.clone(), format);
        Ledger::default().audit(&project);
    }
}

#[test]
fn compared_types_come_back_where_a_reader_knows_them() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE t AS SELECT i AS id, i % 2 = 0 AS flag, (i % 3)::int2 AS small, (i % 2) * 9223372036854775807 AS large,
             ((i % 3 - 1) * 1.50)::numeric(10, 2) AS price, date '2024-02-28' + i % 3 AS day, md5((i % 2)::text)::uuid AS u,
             timestamp '2024-02-29 12:34:56.5' + (i % 2) * interval '1 second' AS moment
         FROM generate_series(1, 40) AS i",
    );
    let check = |column: &str, key: &str, shown: &str| {
        let keys = format!("name: t, table: t, partition_by: {column}, destination: {{ type: local, path: out }}");
        let project = project(&database, &[&keys]);
        run_well(&project);
        let found = read_back(&project, "out", &["id", column], &[key], &[]);
        assert_same_rows(found, rows(&database, &format!("SELECT id, {shown} FROM t")), column);
    };
    check("flag", "flag=BOOLEAN", "flag::text");
    check("small", "small=INTEGER", "small");
    check("large", "large=BIGINT", "large");
    check("price", "price=VARCHAR", "price");
    check("day", "day=DATE", "day");
    check("u", "u=VARCHAR", "u");
    check("moment", "moment=VARCHAR", "moment");
}

#[test]
fn compared_parts_of_dates_are_those_of_utc() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE t AS SELECT i AS id, timestamptz '2023-12-31 20:00:00+00' + i * interval '37 minutes' AS since,
             timestamp '2023-12-31 20:00:00' + i * interval '41 minutes' AS at, date '2023-12-30' + i AS day
         FROM generate_series(1, 30) AS i;
         INSERT INTO t VALUES (0, NULL, NULL, NULL), (-1, '0044-03-15 12:00+00 BC', '0044-03-15 12:00 BC', '0044-03-15 BC')",
    );
    for (column, word, pattern) in [
        ("since", "year", "YYYY"),
        ("since", "month", "YYYY-MM"),
        ("since", "day", "YYYY-MM-DD"),
        ("since", "hour", "YYYY-MM-DD-HH24"),
        ("at", "hour", "YYYY-MM-DD-HH24"),
        ("day", "month", "YYYY-MM"),
    ] {
        let level = format!("partition_by: {{ column: {column}, part: {word}, as: p }}");
        let keys = format!("name: t, table: t, {level}, destination: {{ type: local, path: out }}");
        let project = project(&database, &[&keys]);
        run_well(&project);
        let found = read_back(&project, "out", &["id", "p"], &["p=VARCHAR"], &[]);
        let moment = if column == "since" { "since AT TIME ZONE 'UTC'" } else { column };
        let text = format!("to_char({moment}, '{pattern}')");
        let expected = rows(&database, &format!("SELECT id, {text} FROM t WHERE id >= 0"));
        let (ancient, found): (Vec<_>, Vec<_>) = found.into_iter().partition(|row| row[0].as_deref() == Some("-1"));
        assert_same_rows(found, expected, word);
        // Year 44 before Christ is -43 as astronomers count, who have a year 0.
        let year = ancient[0][1].clone().expect("a year before Christ is a year");
        assert!("-0043-03-15-12".starts_with(&year), "{year}");
    }
}
