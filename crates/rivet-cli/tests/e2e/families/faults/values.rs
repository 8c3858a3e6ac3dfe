//! Values without a form, bytes that are no text, and values that are large.

use rivet_testing::{Family, MysqlDatabase, Project};
use serde_json::json;

use super::export;
use crate::support::{Rows, csv_rows, manifest, read_text, run_badly, run_well};

fn row(values: &[Option<&str>]) -> Vec<Option<String>> {
    values.iter().map(|value| value.map(ToOwned::to_owned)).collect()
}

/// Runs, which must succeed, and returns the rows.
#[track_caller]
fn rows(project: &Project) -> Rows {
    run_well(project);
    csv_rows(&project.files("out", "csv"))
}

const ZERO_DATES: &str = "SET SESSION sql_mode = ''; \
     CREATE TABLE t (id int PRIMARY KEY, d date NOT NULL, m datetime NOT NULL, s timestamp NULL); \
     INSERT INTO t VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00'), \
     (2, '2026-00-00', '2026-07-00 10:00:00', NULL), (3, '2026-01-05', '2026-01-05 10:00:00', '2026-01-05 10:00:00')";

fn zero_dates_become_null_and_are_counted(family: Family) {
    let database = MysqlDatabase::create(family);
    database.execute(ZERO_DATES);
    let day = [Some("3"), Some("2026-01-05"), Some("2026-01-05 10:00:00"), Some("2026-01-05 10:00:00+00")];
    for choice in ["", ", on_unrepresentable: null"] {
        let project = export(&database, &format!("table: t{choice}"));
        let outcome = run_well(&project);
        let expected = [row(&[Some("1"), None, None, None]), row(&[Some("2"), None, None, None]), row(&day)];
        assert_eq!(csv_rows(&project.files("out", "csv")), expected);
        let counted = json!({ "d": 2, "m": 2, "s": 1 });
        assert_eq!(outcome.export(0)["nulled"], counted);
        assert_eq!(manifest(&project, "out")["nulled"], counted);
    }
    // By ranges of the key, and as rows that are newer than a cursor, they are counted as well.
    for mode in ["mode: chunked, chunk_column: id, chunk_count: 2", "mode: incremental, cursor_column: id"] {
        let outcome = run_well(&export(&database, &format!("table: t, {mode}")));
        assert_eq!(outcome.export(0)["nulled"], json!({ "d": 2, "m": 2, "s": 1 }), "{mode}");
    }
    let kept = rows(&export(&database, "table: t, columns: { d: text, m: text, s: text }"));
    assert_eq!(kept[0][1..], row(&[Some("0000-00-00"), Some("0000-00-00 00:00:00"), Some("0000-00-00 00:00:00")]));
    assert_eq!(kept[1][1..3], row(&[Some("2026-00-00"), Some("2026-07-00 10:00:00")]));
}

fn zero_dates_are_refused_where_that_is_asked_for(family: Family) {
    let database = MysqlDatabase::create(family);
    database.execute(ZERO_DATES);
    for (column, what) in [("d", "a date"), ("m", "a date"), ("s", "a date")] {
        let project = export(&database, &format!("table: t, select: [id, {column}], on_unrepresentable: error"));
        let said = run_badly(
            &project,
            1,
            &[&format!("column `{column}` holds {what}"), "id = 1", "on_unrepresentable: null", "text }"],
        );
        assert!(!said.contains("0000-00-00"), "no value is shown: {said}");
    }
    // The same command works once the rows are right.
    let project = export(&database, "table: t, on_unrepresentable: error");
    run_badly(&project, 1, &["column `d`"]);
    database.execute("DELETE FROM t WHERE id < 3");
    assert_eq!(rows(&project).len(), 1);
}

fn a_time_beyond_a_day(family: Family) {
    let database = MysqlDatabase::create(family);
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, at time(3)); INSERT INTO t VALUES (1, '23:59:59.999'), (2, '24:00:00'), \
         (3, '-00:00:00.001'), (4, '838:59:59'), (5, '-838:59:59')",
    );
    let ways = ["column `at` holds", "id = 2", "columns: { at: int8 }", "columns: { at: text }", "on_unrepresentable"];
    run_badly(&export(&database, "table: t"), 1, &ways);
    let column = |project: &Project| rows(project).into_iter().map(|mut row| row.remove(1)).collect::<Vec<_>>();
    let texts = ["23:59:59.999", "24:00:00.000", "-00:00:00.001", "838:59:59.000", "-838:59:59.000"];
    assert_eq!(column(&export(&database, "table: t, columns: { at: text }")), texts.map(|text| Some(text.to_owned())));
    let numbers = ["86399999000", "86400000000", "-1000", "3020399000000", "-3020399000000"];
    assert_eq!(
        column(&export(&database, "table: t, columns: { at: int8 }")),
        numbers.map(|text| Some(text.to_owned()))
    );
    let project = export(&database, "table: t, on_unrepresentable: null");
    assert_eq!(column(&project)[1..], [None, None, None, None]);
    assert_eq!(manifest(&project, "out")["nulled"], json!({ "at": 4 }));
}

fn a_truth_value_that_is_none(family: Family) {
    let database = MysqlDatabase::create(family);
    database.execute("CREATE TABLE t (id int PRIMARY KEY, ok tinyint(1)); INSERT INTO t VALUES (1, 1), (7, 2)");
    run_badly(&export(&database, "table: t"), 1, &["column `ok` holds", "id = 7", "columns: { ok: int2 }"]);
    assert_eq!(rows(&export(&database, "table: t, columns: { ok: int2 }")).len(), 2);
}

/// Texts of other character sets are converted by the server, whatever their bytes. That somebody had put bytes of
/// UTF-8 into latin1, or bytes that their character set does not have, is nothing that anybody can see from outside:
/// the text is what the server says it is, and `binary` gives the bytes that are stored.
fn bytes_that_were_written_in_another_character_set(family: Family) {
    let database = MysqlDatabase::create(family);
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, western varchar(20) CHARACTER SET latin1, \
         cyrillic varchar(20) CHARACTER SET cp1251, old varchar(20) CHARACTER SET utf8mb3, plain varbinary(20)); \
         INSERT INTO t VALUES (1, x'c3a9', x'98ff', x'c3a9', x'c3a9'), (2, x'818d8f909d', x'cfd0', x'e282ac', x'ff')",
    );
    let server = database.query_text("SELECT id, western, cyrillic, old FROM t ORDER BY id");
    let read = rows(&export(&database, "table: t, select: [id, western, cyrillic, old]"));
    assert_eq!(read, server);
    assert_eq!(read[0][1].as_deref(), Some("Ã©"), "two characters of latin1");
    let stored = database.query_text(
        "SELECT id, lower(concat('\\\\x', hex(western))), lower(concat('\\\\x', hex(cyrillic))), \
         lower(concat('\\\\x', hex(old))) FROM t ORDER BY id",
    );
    let keys =
        "table: t, select: [id, western, cyrillic, old], columns: { western: binary, cyrillic: binary, old: binary }";
    assert_eq!(rows(&export(&database, keys)), stored);
}

/// Bytes that are called text by the configuration, or by a query.
fn bytes_that_are_no_text(family: Family) {
    let database = MysqlDatabase::create(family);
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, note varbinary(20)); INSERT INTO t VALUES (1, 'fine'), (2, x'636166e9'), (3, NULL)",
    );
    let project = export(&database, "table: t, columns: { note: text }");
    run_badly(&project, 1, &["column `note` holds bytes that are not UTF-8", "id = 2", "columns: { note: binary }"]);
    let by_itself = rows(&export(&database, "table: t"));
    assert_eq!(by_itself[1], row(&[Some("2"), Some("\\x636166e9")]));
    database.execute("UPDATE t SET note = 'café' WHERE id = 2");
    assert_eq!(rows(&project)[1], row(&[Some("2"), Some("café")]));
    // A server may let bytes pass as UTF-8 that are none, or refuse them itself.
    let query = "query: \"SELECT 5 AS id, CONVERT(x'ff' USING binary) AS it\", columns: { it: text }";
    run_badly(&export(&database, query), 1, &["column `it` holds bytes that are not UTF-8"]);
}

/// One value of 70 MB, and rows larger than what the server itself takes at once.
fn a_value_of_many_megabytes(family: Family) {
    let database = MysqlDatabase::create(family);
    let limit: u64 = database.query_value("SELECT @@max_allowed_packet").parse().expect("a number");
    let half = limit / 2 + 1_000_000;
    database.execute("CREATE TABLE t (id int PRIMARY KEY, body longtext, more longtext)");
    database.execute(&format!("INSERT INTO t VALUES (1, repeat('x', {half}), repeat('y', {half})), (2, 'a', 'b')"));
    let half = usize::try_from(half).expect("a small number");
    assert_eq!(database.query_value("SELECT length(body) FROM t WHERE id = 1"), half.to_string());
    // Both values of the row together are larger than any packet that the server would take from us.
    let project = export(&database, "table: t, tuning: { max_value_mb: 200 }");
    run_well(&project);
    let [csv] = project.files("out", "csv").try_into().expect("one part");
    let expected = format!("id,body,more\n1,{},{}\n2,a,b\n", "x".repeat(half), "y".repeat(half));
    assert!(read_text(&csv) == expected, "the values differ");

    let small = export(&database, "table: t, tuning: { max_value_mb: 8 }");
    run_badly(
        &small,
        1,
        &[&format!("column `body` holds a value of {half} bytes"), "id = 1", "tuning.max_value_mb", "exclude"],
    );
    assert_eq!(rows(&export(&database, "table: t, exclude: [body, more], tuning: { max_value_mb: 8 }")).len(), 2);
}

rivet_testing::on_both_families!(
    zero_dates_become_null_and_are_counted,
    zero_dates_are_refused_where_that_is_asked_for,
    a_time_beyond_a_day,
    a_truth_value_that_is_none,
    bytes_that_were_written_in_another_character_set,
    bytes_that_are_no_text,
    a_value_of_many_megabytes,
);
