use std::path::PathBuf;

use rivet_testing::{Family, MysqlDatabase, compare, on_both_families};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, yes tinyint(1), amount decimal(10,2), x float, day date, \
                     at timestamp(3) NULL, name varchar(20), data varbinary(9)); \
                     SET sql_mode = ''; \
                     INSERT INTO t VALUES (1, 1, 1.50, 0.1, '2024-02-29', '2024-02-29 12:00:00.120', 'größe', x'00ff'), \
                                          (2, NULL, NULL, NULL, '0000-00-00', NULL, '', NULL)";

const FILE: &str = "id,yes,amount,x,day,at,name,data\n\
                    2,,,,,,\"\",\n\
                    1,true,1.5,0.1,2024-02-29,2024-02-29T12:00:00.12Z,größe,00ff\n";

fn rows_agree_until_one_value_is_another(family: Family) {
    let database = MysqlDatabase::create(family);
    database.execute(TABLE);
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let check = |text: &str| {
        let file: PathBuf = folder.path().join("actual.csv");
        std::fs::write(&file, text).expect("the temporary folder can be written");
        compare(&database, "SELECT * FROM t", &[file], &["--null-sentinels"])
    };
    assert_eq!(check(FILE), Ok(()));
    let changes = [
        ("true", "false"),
        ("1.5,", "1.51,"),
        ("0.1,", "0.10001,"),
        ("12:00", "12:01"),
        ("größe", "grosse"),
        (",\"\"", ","),
    ];
    for (before, after) in changes {
        assert!(check(&FILE.replacen(before, after, 1)).is_err(), "{before} became {after}");
    }
    let differences = check(&FILE.replace("00ff", "00fe")).expect_err("a byte is another one");
    assert!(differences.contains("id = 1, column data: expected '\\\\x00ff', found '\\\\x00fe'"), "{differences}");
}

on_both_families!(rows_agree_until_one_value_is_another);
