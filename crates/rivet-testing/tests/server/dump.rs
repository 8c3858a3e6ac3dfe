use rivet_testing::{Family, MysqlDatabase, on_both_families};

/// Returns the CSV of a query without its header, and the types of its columns.
fn dump(database: &MysqlDatabase, query: &str) -> (String, String) {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let path = folder.path().join("expected.csv");
    database.dump(query, &path);
    let csv = std::fs::read_to_string(&path).expect("it was dumped");
    let types = std::fs::read_to_string(folder.path().join("expected.csv.types.json")).expect("it was dumped");
    (csv.split_once('\n').expect("there is a header").1.to_owned(), types)
}

/// Checks one column: its type, a value as SQL, the kind and the text that are dumped.
fn check(family: Family, cases: &[(&str, &str, &str, &str)]) {
    let database = MysqlDatabase::create(family);
    for (number, (kind, value, expected_kind, expected)) in cases.iter().enumerate() {
        database.execute(&format!(
            "SET sql_mode = ''; CREATE TABLE t{number} (v {kind}); INSERT INTO t{number} VALUES ({value}), (NULL)"
        ));
        let (csv, types) = dump(&database, &format!("SELECT v FROM t{number}"));
        assert_eq!(types, format!("[[\"v\",{expected_kind}]]"), "{kind}");
        assert_eq!(csv, format!("\"{expected}\"\n\\N\n"), "{kind}");
    }
}

fn values_of_every_type_are_dumped(family: Family) {
    check(
        family,
        &[
            ("tinyint(1)", "1", r#""bool""#, "t"),
            ("tinyint", "-128", r#""int8""#, "-128"),
            ("bigint unsigned", "18446744073709551615", r#""int8""#, "18446744073709551615"),
            ("int(6) unsigned zerofill", "42", r#""int8""#, "42"),
            ("year", "0", r#""int8""#, "0"),
            ("decimal(65,30)", "'-1.5'", r#""numeric""#, "-1.500000000000000000000000000000"),
            ("float", "0.1", r#""float4""#, "0.10000000149011612"),
            ("float", "16777217", r#""float4""#, "16777216"),
            ("double", "0.1", r#""float8""#, "0.1"),
            ("bit(1)", "b'1'", r#""bool""#, "t"),
            ("bit(64)", "~0", r#""int8""#, "18446744073709551615"),
            ("date", "'9999-12-31'", r#""date""#, "9999-12-31"),
            ("date", "'0000-00-00'", r#""date""#, "0000-00-00"),
            ("time(6)", "'-838:59:58.500000'", r#""time""#, "-838:59:58.5"),
            ("datetime(3)", "'2024-02-29 12:00:00.120'", r#""timestamp""#, "2024-02-29 12:00:00.12"),
            ("timestamp(6) NULL", "'2024-02-29 12:00:00.000001'", r#""timestamptz""#, "2024-02-29 12:00:00.000001+00"),
            ("varchar(20) CHARACTER SET latin1", "'größe \"x\"'", r#""text""#, r#"größe ""x"""#),
            ("binary(3)", "'a'", r#""bytea""#, "\\x610000"),
            ("blob", "x'00ff'", r#""bytea""#, "\\x00ff"),
            ("enum('a','b')", "'b'", r#""text""#, "b"),
            ("set('a','b') CHARACTER SET binary", "'a,b'", r#""text""#, "a,b"),
            ("point", "ST_GeomFromText('POINT(1 2)')", r#""bytea""#, "\\x0101000000000000000000f03f0000000000000040"),
        ],
    );
}

fn types_of_one_family_are_dumped(family: Family) {
    let uuid = "123e4567-e89b-12d3-a456-426655440000";
    let quoted = format!("'{uuid}'");
    let mysql: &[(&str, &str, &str, &str)] = &[("json", r#"'{"a":[1]}'"#, r#""json""#, r#"{""a"": [1]}"#)];
    let mariadb: &[(&str, &str, &str, &str)] = &[
        ("json", r#"'{"a":[1]}'"#, r#""text""#, r#"{""a"":[1]}"#),
        ("uuid", &quoted, r#""uuid""#, uuid),
        ("inet6", "'2001:db8::ff00:42:8329'", r#""text""#, "2001:db8::ff00:42:8329"),
    ];
    check(family, family.choose(mysql, mariadb));
}

on_both_families!(values_of_every_type_are_dumped, types_of_one_family_are_dumped);
