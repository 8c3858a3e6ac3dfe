use std::fs;

use rivet_testing::{Project, TestDatabase, assert_same};

use crate::support::{duckdb, project, run_well};

fn filled() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE t (id int, text text, n numeric(5, 2), list text[]);
         INSERT INTO t VALUES (1, 'plain', 1.5, '{a,b}'), (2, '', NULL, '{}'), (3, NULL, 0, NULL),
             (4, E'semi;colon, comma, \\ttab \"quoted\"', -1, '{\"x;y\",\"NULL\",NULL}'), (5, E'line\\nbreak\\r\\n', 999.99, '{\"\"}'),
             (6, E'\\\\N', 1, NULL), (7, 'NULL', 1, NULL), (8, ' padded ', 1, NULL)",
    );
    database
}

fn export(database: &TestDatabase, keys: &str) -> Project {
    let project = project(
        database,
        &[&format!(
            "name: t, query: SELECT * FROM t ORDER BY id, format: csv, {keys}, destination: {{ type: local, path: out }}"
        )],
    );
    run_well(&project);
    project
}

#[test]
fn every_dialect_reads_back() {
    let database = filled();
    for (keys, extension, options) in [
        ("compression: none", "csv", &[][..]),
        ("compression: gzip", "csv.gz", &[]),
        ("compression: zstd, compression_level: 19", "csv.zst", &[]),
        ("csv: { delimiter: ';' }", "csv", &["--csv-delimiter", ";"]),
        (r"csv: { delimiter: '\t' }", "csv", &["--csv-delimiter", "\t"]),
        (r"csv: { null: '\N' }", "csv", &["--csv-null", r"\N"]),
        (
            "csv: { delimiter: '|', null: 'NULL' }, compression: gzip",
            "csv.gz",
            &["--csv-delimiter", "|", "--csv-null", "NULL"],
        ),
    ] {
        let project = export(&database, keys);
        let files = project.files("out", extension);
        assert_eq!(files.len(), 1, "{keys}");
        assert_same(&database, "SELECT * FROM t", &files, options);
    }
}

#[test]
fn duckdb_reads_it_too() {
    let database = filled();
    let expected = database.query_text("SELECT id, text, n FROM t ORDER BY id");
    for (keys, extension, options) in [
        ("compression: gzip", "csv.gz", "nullstr = ''"),
        ("compression: zstd", "csv.zst", "nullstr = ''"),
        (r"csv: { delimiter: '\t', null: '\N' }", "csv", r"delim = '\t', nullstr = '\N'"),
    ] {
        let sql = format!(
            "SELECT id, text, n FROM read_csv({{files}}, header = true, all_varchar = true, allow_quoted_nulls = false, {options}) ORDER BY id::int"
        );
        let project = export(&database, keys);
        let found = duckdb(&sql, &project.files("out", extension));
        assert_eq!(found, expected, "{keys}");
    }
}

#[test]
fn the_text_is_what_the_documentation_says() {
    let database = filled();
    let project = export(&database, "csv: { header: false }, select: [id, text, n]");
    let text = fs::read_to_string(&project.files("out", "csv")[0]).expect("it was listed");
    assert_eq!(
        text,
        "1,plain,1.50\n2,\"\",\n3,,0.00\n4,\"semi;colon, comma, \ttab \"\"quoted\"\"\",-1.00\n5,\"line\nbreak\r\n\",999.99\n\
         6,\\N,1.00\n7,NULL,1.00\n8, padded ,1.00\n"
    );
    let project = export(&database, r"csv: { null: '\N', delimiter: ';' }, select: [id, text]");
    let text = fs::read_to_string(&project.files("out", "csv")[0]).expect("it was listed");
    assert!(text.starts_with("id;text\n1;plain\n2;\n3;\\N\n4;\"semi;colon"), "{text}");
    assert!(text.contains("\n6;\"\\N\"\n"), "{text}");
}
