use rivet_testing::{Family, MysqlDatabase};

use super::support::{assert_all_same, assert_both_same, both, filled};
use crate::support::{parquet_facts, run_badly};

/// Character sets, and what each of them can write.
const SETS: &[(&str, &str)] = &[
    ("ascii", "plain ~"),
    ("latin1", "é€ÿ Ærø"),
    ("latin2", "Łódź"),
    ("cp1251", "Заказ №"),
    ("greek", "ελληνικά"),
    ("sjis", "価格"),
    ("gbk", "价格"),
    ("big5", "價格"),
    ("euckr", "한국"),
    ("utf8mb3", "ж€"),
    ("ucs2", "ж€"),
    ("utf16", "ж€😀"),
    ("utf32", "ж€😀"),
    ("utf8mb4", "ж€😀"),
    ("utf8mb4 COLLATE utf8mb4_bin", "Aa ß ж€😀"),
    ("latin1 COLLATE latin1_bin", "Aa ß"),
];

fn texts_of_every_character_set_arrive_as_utf8(family: Family) {
    let database = MysqlDatabase::create(family);
    let columns = SETS.iter().enumerate().map(|(number, (set, _))| {
        let label = format!("l{number} enum('{}') CHARACTER SET {set}", SETS[number].1);
        format!("v{number} varchar(20) CHARACTER SET {set}, t{number} text CHARACTER SET {set}, {label}")
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let values = SETS.iter().map(|(_, text)| format!("'{text}', REPEAT('{text}', 500), '{text}'"));
    let values = values.collect::<Vec<_>>().join(", ");
    database.execute(&format!("CREATE TABLE texts (id int PRIMARY KEY, {columns})"));
    database.execute(&format!("INSERT INTO texts VALUES (1, {values}); INSERT INTO texts (id) VALUES (2)"));
    let all = "SELECT * FROM texts";
    let (project, _) = assert_all_same(&database, &[("table: texts", all), ("query: SELECT * FROM texts", all)], &[]);
    let facts = parquet_facts(&project.files("parquet_0", "parquet")[0]);
    for number in 0..SETS.len() {
        for kind in ["v", "t", "l"] {
            assert_eq!(facts["columns"][format!("{kind}{number}")]["arrow"], "string", "{}", SETS[number].0);
        }
    }
}

fn a_database_and_names_of_another_character_set(family: Family) {
    let database = MysqlDatabase::create_with(family, "CHARACTER SET latin1");
    database
        .execute("CREATE TABLE `größe` (id int, `naïve` text); INSERT INTO `größe` VALUES (1, 'Ærø, ÿ'), (2, NULL)");
    assert_both_same(&database, "table: größe", "SELECT * FROM `größe`", &[]);
}

/// What tells text from bytes is the character set, not how values are compared.
fn text_and_bytes_are_told_apart(family: Family) {
    let database = filled(
        family,
        "CREATE TABLE kinds (id int PRIMARY KEY, c char(9) COLLATE utf8mb4_bin, v varchar(9) BINARY, b binary(3), r varbinary(9),
             n varchar(9) CHARACTER SET binary, t text COLLATE utf8mb4_bin, s text CHARACTER SET binary);
         INSERT INTO kinds VALUES (1, 'Aa', 'Bb', 'c', 'Dd', 'Ee', 'Ff', 'Gg'), (2, '', '', '', '', '', '', ''),
            (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    );
    let all = "SELECT * FROM kinds";
    let (project, _) = assert_all_same(&database, &[("table: kinds", all), ("query: SELECT * FROM kinds", all)], &[]);
    for number in 0..2 {
        let facts = parquet_facts(&project.files(&format!("parquet_{number}"), "parquet")[0]);
        for (name, arrow) in [
            ("c", "string"),
            ("v", "string"),
            ("b", "binary"),
            ("r", "binary"),
            ("n", "binary"),
            ("t", "string"),
            ("s", "binary"),
        ] {
            assert_eq!(facts["columns"][name]["arrow"], arrow, "{name}");
        }
    }
    // Bytes that are text may be asked for as such; those that are not are refused.
    let texts = "SELECT id, CAST(r AS char CHARACTER SET utf8mb4) AS r FROM kinds";
    let keys = "table: kinds, select: [id, r], columns: { r: text }";
    assert_both_same(&database, keys, texts, &[]);
    database.execute("INSERT INTO kinds (id, r) VALUES (4, x'63616665e9')");
    let said = ["column `r` holds bytes that are not UTF-8", "id = 4", "columns: { r: binary }"];
    run_badly(&both(&database, keys), 1, &said);
}

rivet_testing::on_both_families!(
    texts_of_every_character_set_arrive_as_utf8,
    a_database_and_names_of_another_character_set,
    text_and_bytes_are_told_apart,
);
