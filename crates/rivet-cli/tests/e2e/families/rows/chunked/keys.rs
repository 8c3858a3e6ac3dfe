//! What chunks are ranges of.

use rivet_testing::{Family, MysqlDatabase};

use crate::chunked::Cut;
use crate::families::rows::{database, series};
use crate::support::project_with;

/// Texts that are hard to quote, and whose order depends on who sorts them.
const TEXTS: &str = r#"CONCAT(ELT(1 + i % 10, '''', '"', '\\', '''); DROP TABLE `keys`; --', 'É', '日本', '\n', '$1 %s :x ?', 'e', ' '),
    i DIV 10, ELT(1 + i % 3, '\\', '\\''', ''))"#;

/// Words of which two and two are equal to whoever does not look at the case.
const WORDS: &str = "CONCAT(IF(i % 2 = 0, 'KEY ', 'key '), i DIV 20)";

/// Types, and an expression with the value that row `i` of 1,000 has.
const KEYS: &[(&str, &str)] = &[
    ("tinyint", "i % 200 - 100"),
    ("smallint", "i - 500"),
    ("mediumint unsigned", "16777215 - (i - 1) * 16777"),
    ("int", "CASE i WHEN 1 THEN -2147483648 WHEN 2 THEN 2147483647 ELSE (i - 500) * 4000000 END"),
    ("int unsigned", "4294967295 - (i - 1) * 4294967"),
    (
        "bigint",
        "CASE i WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 \
         ELSE (i - 500) * 9000000000000000 END",
    ),
    ("bigint unsigned", "18446744073709551615 - CAST(i - 1 AS unsigned) * 18446744073709551"),
    ("decimal(20, 0)", "18446744073709551615 - CAST(i - 1 AS decimal(20, 0)) * 18446744073709551"),
    ("decimal(65, 30)", "(i - 500) / 7"),
    ("double", "(i - 500) / 7e0"),
    ("year", "1901 + i % 255"),
    ("date", "IF(i = 1, '0000-00-00', '2026-01-01' + INTERVAL i DAY)"),
    ("datetime", "IF(i = 1, '9999-12-31 23:59:59', '2026-01-01' + INTERVAL i * 7001 SECOND)"),
    ("datetime(6)", "IF(i = 1, '0000-00-00', '2026-01-01' + INTERVAL i * 7001000001 MICROSECOND)"),
    ("timestamp(6)", "TIMESTAMP'2026-01-01 00:00:00' + INTERVAL i * 7001000001 MICROSECOND"),
    ("varchar(80) COLLATE utf8mb4_general_ci", TEXTS),
    ("varchar(80) COLLATE utf8mb4_unicode_ci", TEXTS),
    ("varchar(80) COLLATE utf8mb4_bin", TEXTS),
    ("varchar(80) COLLATE utf8mb4_general_ci", WORDS),
    ("varchar(80) COLLATE utf8mb4_bin", WORDS),
    ("varchar(80) CHARACTER SET latin1", "CONCAT(ELT(1 + i % 4, 'é', 'E', 'ß', '''\\\\'), i DIV 4)"),
    ("char(12)", "CONCAT('k', i DIV 3)"),
    ("char(36) CHARACTER SET ascii", "UUID()"),
    ("binary(16)", "UNHEX(LEFT(SHA2(i, 256), 32))"),
    ("varbinary(80)", TEXTS),
    ("bool", "i % 2 = 0"),
];

/// Types that one of the families has alone.
const OWN: &[(Family, &str, &str)] = &[
    (Family::Mysql, "varchar(80) COLLATE utf8mb4_0900_ai_ci", TEXTS),
    (Family::Mysql, "varchar(80) COLLATE utf8mb4_0900_as_cs", TEXTS),
    (Family::Mariadb, "varchar(80) COLLATE utf8mb4_uca1400_ai_ci", TEXTS),
    (Family::Mariadb, "uuid", "UUID()"),
    (Family::Mariadb, "inet6", "CONCAT('2001:db8::', HEX(i))"),
];

fn kinds(family: Family) -> impl Iterator<Item = (&'static str, &'static str)> {
    let own = OWN.iter().filter(move |(of, ..)| *of == family).map(|(_, kind, value)| (*kind, *value));
    KEYS.iter().copied().chain(own)
}

/// A table with a column of a type; every fiftieth row has NULL there.
fn fill(database: &MysqlDatabase, kind: &str, value: &str, primary: bool) {
    let id = if primary { "id int PRIMARY KEY" } else { "id int" };
    let series = series(1_000);
    database.execute(&format!(
        "DROP TABLE IF EXISTS `keys`; SET sql_mode = ''; CREATE TABLE `keys` ({id}, k {kind} NULL, KEY (k)); \
         INSERT INTO `keys` SELECT i, IF(i % 50 = 7, NULL, {value}) FROM {series}; ANALYZE TABLE `keys`"
    ));
}

#[track_caller]
fn check(database: &MysqlDatabase, number: usize, kind: &str, value: &str, primary: bool) {
    fill(database, kind, value, primary);
    let parallel = if number.is_multiple_of(3) { 1 } else { 3 };
    let keys = format!("table: keys, select: [id], chunk_column: k, chunk_size: 100, parallel: {parallel}");
    let cut = Cut::of(database, &keys);
    cut.assert_whole(database, "SELECT id FROM `keys`");
    assert_eq!(cut.rows("null_key"), [20], "{kind}: rows with NULL are a chunk of their own");
    if primary {
        assert!((5..=25).contains(&cut.rows("key").len()), "{kind}: {:?}", cut.rows("key"));
    }
    assert_eq!(cut.manifest["consistency"]["held"], "chunk", "{}", cut.manifest["consistency"]);
}

fn every_type_with_an_order_tiles_the_table(family: Family) {
    let database = database(family);
    for (number, (kind, value)) in kinds(family).enumerate() {
        check(&database, number, kind, value, true);
    }
}

fn without_a_primary_key_equal_values_stay_together_and_nothing_is_lost(family: Family) {
    let database = database(family);
    for (number, (kind, value)) in kinds(family).enumerate() {
        if value == WORDS || ["tinyint", "char(12)", "double", "year", "date", "bool"].contains(&kind) {
            check(&database, number, kind, value, false);
        }
    }
}

/// The values of `bigint unsigned` that no signed number can hold are cut as evenly as others.
fn the_last_number_of_64_bits_is_a_bound_like_others(family: Family) {
    let database = database(family);
    let series = series(2_000);
    database.execute(&format!(
        "CREATE TABLE `keys` (k bigint unsigned PRIMARY KEY); \
         INSERT INTO `keys` SELECT 18446744073709551615 - (i - 1) FROM {series}; ANALYZE TABLE `keys`"
    ));
    for parallel in [1, 3] {
        let cut = Cut::of(&database, &format!("table: keys, chunk_size: 200, parallel: {parallel}"));
        cut.assert_whole(&database, "SELECT k FROM `keys`").assert_even(9..=11);
    }
    let dense = Cut::of(&database, "table: keys, chunk_size: 200, chunk_dense: true");
    dense.assert_whole(&database, "SELECT k FROM `keys`");
    assert_eq!(dense.rows("key"), [200; 10]);
}

/// 3,000 rows with a primary key of a text and a number, in columns with hard names.
fn composite(family: Family) -> MysqlDatabase {
    let database = database(family);
    let series = series(3_000);
    database.execute(&format!(
        r"CREATE TABLE pairs (`re``gion; --` varchar(20) COLLATE utf8mb4_bin, `Select` int, it varchar(20),
              PRIMARY KEY (`re``gion; --`, `Select`));
          INSERT INTO pairs SELECT ELT(1 + i % 7, 'it''s', '', '\\', 'Z', 'z', 'ß', '`'), i DIV 7 - 200, CONCAT('row ', i)
          FROM {series}; ANALYZE TABLE pairs"
    ));
    database
}

const REGION: &str = "'re`gion; --'";

fn keys_of_several_columns_tile_the_table(family: Family) {
    let database = composite(family);
    for keys in [
        "chunk_size: 300",
        &format!("chunk_by_key: [{REGION}, Select], chunk_size: 300"),
        &format!("chunk_by_key: [Select, {REGION}], chunk_size: 300"),
        // Its own key tells rows of one region apart.
        &format!("chunk_column: {REGION}, chunk_size: 300"),
        "chunk_column: Select, chunk_size: 300, parallel: 3",
        &format!("chunk_column: {REGION}, chunk_count: 10, consistency: snapshot"),
        "chunk_size: 300, chunk_dense: true, parallel: 2",
    ] {
        let cut = Cut::of(&database, &format!("table: pairs, {keys}"));
        cut.assert_whole(&database, "SELECT * FROM pairs").assert_even(8..=12);
        assert_eq!(cut.rows("null_key"), [0; 0], "{keys}: no column of the key can be NULL");
    }
}

fn what_a_key_is_and_is_not_is_told(family: Family) {
    let database = composite(family);
    let cut = Cut::of(&database, "table: pairs, chunk_size: 1000");
    cut.outcome.assert_said("no `chunk_column` is named: chunks are ranges of `re`gion; --`, `Select`");

    let cut = Cut::of(&database, &format!("table: pairs, chunk_by_key: {REGION}, chunk_size: 300"));
    cut.assert_whole(&database, "SELECT * FROM pairs");
    cut.outcome.assert_said("is not known to be unique: chunks may differ in size");

    let cut = Cut::of(&database, "table: pairs, chunk_column: it, chunk_size: 1000");
    cut.assert_whole(&database, "SELECT * FROM pairs");
    cut.outcome.assert_said("no index begins with `it`: each chunk reads the whole relation");
}

fn rows_with_a_null_in_any_column_of_a_key_are_read_once(family: Family) {
    let database = database(family);
    let series = series(1_400);
    database.execute(&format!(
        "CREATE TABLE pairs (a int, b int, it int); \
         INSERT INTO pairs SELECT NULLIF(i % 20, 3), NULLIF(i DIV 20 % 7, 5), i FROM {series}; \
         INSERT INTO pairs SELECT * FROM pairs WHERE it % 2 = 0"
    ));
    for parallel in [1, 3] {
        let keys = format!("table: pairs, chunk_by_key: [a, b], chunk_size: 100, parallel: {parallel}");
        let cut = Cut::of(&database, &keys);
        cut.assert_whole(&database, "SELECT * FROM pairs");
        assert_eq!(cut.rows("null_key"), [database.count("pairs WHERE a IS NULL OR b IS NULL")]);
    }
}

fn a_key_of_nulls_alone_is_read(family: Family) {
    let database = database(family);
    let series = series(500);
    database.execute(&format!("CREATE TABLE nothing AS SELECT CAST(NULL AS SIGNED) AS k, i AS it FROM {series}"));
    let cut = Cut::of(&database, "table: nothing, chunk_column: k, chunk_size: 100, parallel: 3");
    cut.assert_whole(&database, "SELECT * FROM nothing");
    assert_eq!((cut.chunks().len(), &cut.manifest["chunk_count"]), (0, &1.into()), "there is nothing to cut");
}

fn a_user_that_may_read_the_table_and_nothing_else_can_cut_it(family: Family) {
    let database = database(family);
    fill(&database, "varchar(80)", TEXTS, true);
    // The names of users are shorter than those of databases.
    let user = &database.name().replace("rivet_test", "r");
    database.execute(&format!(
        "CREATE USER '{user}'@'%' IDENTIFIED BY 'reader'; GRANT SELECT ON {}.`keys` TO '{user}'@'%'",
        database.name()
    ));
    let url = database.url_as(user, "reader");
    for keys in ["chunk_size: 100, parallel: 3", "chunk_column: k, chunk_size: 100, consistency: snapshot"] {
        let export = format!(
            "name: it, table: keys, select: [id], mode: chunked, {keys}, format: csv, \
             destination: {{ type: local, path: out }}"
        );
        let project = project_with(&format!("type: mysql, url: {url:?}, environment: local"), &[&export]);
        let cut = Cut::run(project, keys);
        cut.assert_whole(&database, "SELECT id FROM `keys`");
        assert!(cut.chunks().len() > 3, "{keys}: {:?}", cut.chunks());
    }
    database.execute(&format!("DROP USER '{user}'@'%'"));
}

rivet_testing::on_both_families!(
    every_type_with_an_order_tiles_the_table,
    without_a_primary_key_equal_values_stay_together_and_nothing_is_lost,
    the_last_number_of_64_bits_is_a_bound_like_others,
    keys_of_several_columns_tile_the_table,
    what_a_key_is_and_is_not_is_told,
    rows_with_a_null_in_any_column_of_a_key_are_read_once,
    a_key_of_nulls_alone_is_read,
    a_user_that_may_read_the_table_and_nothing_else_can_cut_it,
);
