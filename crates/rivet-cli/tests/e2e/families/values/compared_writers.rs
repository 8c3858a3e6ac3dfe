use rivet_testing::{Family, MysqlDatabase, assert_same};
use serde_json::json;

use super::support::{both, filled};
use crate::families::support::project;
use crate::support::{assert_readers_agree, duckdb, manifest, parquet_facts, run_well};

/// Texts that repeat and texts that do not, sorted and unsorted numbers, and NULLs: what encodings differ in.
fn rows(family: Family) -> MysqlDatabase {
    let database = filled(
        family,
        "CREATE TABLE t (id bigint unsigned PRIMARY KEY, word varchar(20), unique_text char(64), n decimal(12,2), wide decimal(30,5), f double,
             at timestamp(6) NULL, day date, flag tinyint(1), u smallint unsigned, doc json, data varbinary(32), b bit(40));
         CREATE TABLE digits (i int PRIMARY KEY); INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
    );
    database.execute(
        "INSERT INTO t SELECT i, IF(i % 10 > 0, CONCAT('word ', i % 7), NULL), SHA2(i, 256), (i * 7919 % 100003) / 100, i * 1e10, IF(i % 3 > 0, SQRT(i), NULL),
             '2024-01-01 00:00:00' + INTERVAL i * 7 MINUTE, '2000-01-01' + INTERVAL i % 9000 DAY, i % 2, i % 65536, JSON_OBJECT('i', i), UNHEX(SHA2(i, 256)), i * 1000
         FROM (SELECT a.i + 10 * b.i + 100 * c.i + 1000 * d.i AS i FROM digits a, digits b, digits c, digits d) AS numbers WHERE i < 4000",
    );
    database
}

fn every_choice_of_parquet_reads_back(family: Family) {
    let database = rows(family);
    let variants = [
        ("compression: zstd", "ZSTD"),
        ("compression: snappy", "SNAPPY"),
        ("compression: gzip, compression_level: 9", "GZIP"),
        ("compression: lz4", "LZ4"),
        ("compression: none, parquet: { encoding: compat }", "UNCOMPRESSED"),
        ("compression_profile: compact, parquet: { encoding: delta }", "ZSTD"),
        ("parquet: { encoding: v2, row_group_rows: 1000 }, tuning: { batch_size: 100 }", "ZSTD"),
    ];
    let exports = variants.iter().enumerate().map(|(number, (keys, _))| {
        format!("name: v{number}, table: t, {keys}, destination: {{ type: local, path: 'out/{number}' }}")
    });
    let exports: Vec<String> = exports.collect();
    let project = project(&database, &exports.iter().map(String::as_str).collect::<Vec<_>>());
    run_well(&project);
    let mut all = Vec::new();
    for (number, (keys, codec)) in variants.into_iter().enumerate() {
        let [file] = project.files(&format!("out/{number}"), "parquet").try_into().expect("one part");
        let facts = parquet_facts(&file);
        assert_eq!((&facts["rows"], &facts["groups"][0]["codecs"]), (&json!(4000), &json!([codec])), "{keys}");
        assert_eq!(facts["groups"][0]["statistics"], true, "{keys}");
        assert_readers_agree(std::slice::from_ref(&file));
        all.push(file);
    }
    assert_same(&database, "SELECT * FROM t", &all[..1], &[]);
    // The others are compared in one go: each row as often as there are files.
    let copies = format!("SELECT t.* FROM t CROSS JOIN digits WHERE i < {}", all.len());
    assert_same(&database, &copies, &all, &[]);
    let groups = parquet_facts(&all[6])["groups"].as_array().expect("a list").len();
    assert_eq!(groups, 4);
}

fn every_dialect_of_csv_reads_back(family: Family) {
    let database = filled(
        family,
        "CREATE TABLE t (id int, word text, n decimal(5,2), data varbinary(9), at datetime(3), doc json, flag tinyint(1), b bit(3));
         INSERT INTO t VALUES (1, 'plain', 1.5, 'x', '2024-02-29 12:00:00.5', '{\"a\": [1, \"x;y\"]}', 1, b'101'), (2, '', NULL, '', NULL, 'null', 0, b'0'),
            (3, NULL, 0, NULL, '0001-01-01', NULL, NULL, NULL), (4, 'semi;colon, comma, \\ttab \"quoted\"', -1, x'00ff', NULL, '[]', 1, NULL),
            (5, 'line\\nbreak\\r\\n', 999.99, NULL, NULL, NULL, NULL, NULL), (6, '\\\\N', 1, NULL, NULL, NULL, NULL, NULL),
            (7, 'NULL', 1, NULL, NULL, NULL, NULL, NULL), (8, ' padded ', 1, NULL, NULL, NULL, NULL, NULL)",
    );
    let variants = [
        ("compression: gzip", "csv.gz", &[][..]),
        ("compression: zstd, compression_level: 19", "csv.zst", &[]),
        ("csv: { delimiter: ';' }", "csv", &["--csv-delimiter", ";"]),
        (r"csv: { delimiter: '\t', null: '\N' }", "csv", &["--csv-delimiter", "\t", "--csv-null", r"\N"]),
        ("csv: { delimiter: '|', null: 'NULL' }", "csv", &["--csv-delimiter", "|", "--csv-null", "NULL"]),
        ("csv: { header: false }, select: [id, word, n, data, at, doc, flag, b]", "csv", &[]),
    ];
    let exports = variants.iter().enumerate().map(|(number, (keys, ..))| {
        format!("name: v{number}, query: SELECT * FROM t ORDER BY id, format: csv, {keys}, destination: {{ type: local, path: 'out/{number}' }}")
    });
    let exports: Vec<String> = exports.collect();
    let project = project(&database, &exports.iter().map(String::as_str).collect::<Vec<_>>());
    run_well(&project);
    for (number, (_, extension, options)) in variants[..5].iter().enumerate() {
        assert_same(&database, "SELECT * FROM t", &project.files(&format!("out/{number}"), extension), options);
    }
    let text = crate::support::read_text(&project.files("out/5", "csv")[0]);
    assert_eq!(
        text,
        "1,plain,1.50,\\x78,2024-02-29 12:00:00.5,\"{\"\"a\"\": [1, \"\"x;y\"\"]}\",true,5\n2,\"\",,\\x,,null,false,0\n\
         3,,0.00,,0001-01-01 00:00:00,,,\n4,\"semi;colon, comma, \ttab \"\"quoted\"\"\",-1.00,\\x00ff,,[],true,\n\
         5,\"line\nbreak\r\n\",999.99,,,,,\n6,\\N,1.00,,,,,\n7,NULL,1.00,,,,,\n8, padded ,1.00,,,,,\n"
    );
}

fn parts_hold_every_row_once(family: Family) {
    let database = rows(family);
    database.execute(
        "CREATE TABLE large (id bigint PRIMARY KEY, data blob); INSERT INTO large SELECT id, REPEAT(data, 32) FROM t",
    );
    for format in ["parquet", "csv"] {
        let export = format!(
            "name: t, table: large, format: {format}, max_file_size: 1MiB, compression: none, tuning: {{ batch_size: 200 }}, \
             destination: {{ type: local, path: out }}"
        );
        let project = project(&database, &[&export]);
        run_well(&project);
        let files = project.files("out", format);
        assert!(files.len() >= 3, "{files:?}");
        assert_same(&database, "SELECT * FROM large", &files, &[]);
        assert_eq!(manifest(&project, "out")["rows"], 4000);
    }
}

/// Another run, in another order and other batches, gives the same row the same hash.
fn hashes_of_rows_stay_the_same(family: Family) {
    let database = rows(family);
    let of = |keys: &str| {
        let project = both(&database, &format!("{keys}, meta_columns: {{ row_hash: true, exported_at: true }}"));
        run_well(&project);
        let sql = "SELECT id::text, _rivet_row_hash FROM read_parquet({files}) ORDER BY id";
        let found = duckdb(sql, &project.files("parquet", "parquet"));
        let sql =
            "SELECT id, _rivet_row_hash FROM read_csv({files}, header = true, all_varchar = true) ORDER BY id::int";
        assert_eq!(duckdb(sql, &project.files("csv", "csv")), found);
        let ignored = ["--ignore", "_rivet_exported_at", "--ignore", "_rivet_row_hash"];
        let query = "SELECT t.*, NULL AS _rivet_exported_at, NULL AS _rivet_row_hash FROM t";
        assert_same(&database, query, &project.files("parquet", "parquet"), &ignored);
        found
    };
    let first = of("table: t");
    assert_eq!(first.len(), 4000);
    let by_query = of("query: 'SELECT * FROM t ORDER BY n DESC', tuning: { batch_size: 300 }");
    assert_eq!(by_query, first);
    database.execute("UPDATE t SET word = 'changed' WHERE id = 5");
    let changed: Vec<_> = of("table: t").into_iter().zip(first).filter(|(now, before)| now != before).collect();
    assert_eq!(changed.len(), 1);
}

rivet_testing::on_both_families!(
    every_choice_of_parquet_reads_back,
    every_dialect_of_csv_reads_back,
    parts_hold_every_row_once,
    hashes_of_rows_stay_the_same,
);
