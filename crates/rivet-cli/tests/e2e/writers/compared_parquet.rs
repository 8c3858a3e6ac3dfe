use rivet_testing::{Project, TestDatabase, assert_same};
use serde_json::{Value, json};

use crate::support::{assert_readers_agree, parquet_facts, project, run_well};

/// Texts that repeat and texts that do not, sorted and unsorted numbers, and NULLs: what encodings differ in.
const ROWS: &str = "CREATE TABLE t (id bigint PRIMARY KEY, word text, unique_text text, n numeric(12, 2), f float8, \
                    at timestamptz, day date, flag bool, list int[], u uuid, doc jsonb, data bytea);
    INSERT INTO t SELECT i, CASE WHEN i % 10 > 0 THEN 'word ' || i % 7 END, md5(i::text), (i * 7919 % 100003)::numeric / 100, \
        CASE WHEN i % 3 > 0 THEN sqrt(i) END, timestamptz '2024-01-01 00:00+00' + i * interval '7 minutes', \
        DATE '2000-01-01' + i % 9000, i % 2 = 0, CASE WHEN i % 5 > 0 THEN ARRAY[i, NULL, -i] END, md5(i::text)::uuid, \
        jsonb_build_object('i', i), decode(md5(i::text), 'hex') FROM generate_series(1, ";

fn filled(rows: u32) -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(&format!("{ROWS}{rows}) AS i"));
    database
}

/// Exports the table once with each of these sets of keys, into a folder by its number.
fn export_all(database: &TestDatabase, variants: &[&str]) -> Project {
    let exports: Vec<String> = variants
        .iter()
        .enumerate()
        .map(|(number, keys)| {
            format!("name: v{number}, table: t, {keys}, destination: {{ type: local, path: 'out/{number}' }}")
        })
        .collect();
    let exports: Vec<&str> = exports.iter().map(String::as_str).collect();
    let project = project(database, &exports);
    run_well(&project);
    project
}

/// Fails unless both readers give every row; returns what the only file of a variant holds.
#[track_caller]
fn facts(database: &TestDatabase, project: &Project, number: usize) -> Value {
    let files = project.files(&format!("out/{number}"), "parquet");
    assert_same(database, "SELECT * FROM t", &files, &[]);
    assert_readers_agree(&files);
    assert_eq!(files.len(), 1);
    let facts = parquet_facts(&files[0]);
    assert_eq!(facts["rows"].to_string(), database.query_value("SELECT count(*) FROM t"));
    assert!(facts["created_by"].as_str().is_some_and(|text| text.starts_with("rivet version ")), "{facts}");
    facts
}

#[test]
fn every_compression_reads_back() {
    let database = filled(2_000);
    let variants = [
        ("compression: zstd", "ZSTD"),
        ("compression: zstd, compression_level: 22", "ZSTD"),
        ("compression: snappy", "SNAPPY"),
        ("compression: gzip, compression_level: 9", "GZIP"),
        ("compression: lz4", "LZ4"),
        ("compression: none", "UNCOMPRESSED"),
        ("compression_profile: compact", "ZSTD"),
        ("compression_profile: fast", "SNAPPY"),
    ];
    let keys: Vec<&str> = variants.iter().map(|(keys, _)| *keys).collect();
    let project = export_all(&database, &keys);
    for (number, (keys, codec)) in variants.into_iter().enumerate() {
        let facts = facts(&database, &project, number);
        assert_eq!(facts["groups"][0]["codecs"], json!([codec]), "{keys}");
        assert_eq!(facts["groups"][0]["statistics"], true, "{keys}");
    }
    let size =
        |number: usize| project.files(&format!("out/{number}"), "parquet")[0].metadata().expect("it was listed").len();
    // A level is more than a word: the greatest one makes the smallest file.
    assert!(size(1) < size(0) && size(0) < size(5), "{} {} {}", size(1), size(0), size(5));
}

#[test]
fn every_encoding_reads_back() {
    // Enough rows for a dictionary of numbers that does not pay.
    let database = filled(20_000);
    let variants = [
        ("compat", &["PLAIN", "RLE_DICTIONARY"][..], &["DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY"][..]),
        ("delta", &["DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY"], &[]),
        ("v2", &["DELTA_BINARY_PACKED"], &[]),
    ];
    let keys: Vec<String> = variants.iter().map(|(name, ..)| format!("parquet: {{ encoding: {name} }}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let project = export_all(&database, &keys);
    for (number, (name, used, unused)) in variants.into_iter().enumerate() {
        let facts = facts(&database, &project, number);
        let encodings = facts["groups"][0]["encodings"].as_array().expect("a list");
        assert!(used.iter().all(|encoding| encodings.contains(&json!(encoding))), "{name}: {encodings:?}");
        assert!(!unused.iter().any(|encoding| encodings.contains(&json!(encoding))), "{name}: {encodings:?}");
    }
}

#[test]
fn readers_see_the_types_that_were_meant() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'glad');
         CREATE TABLE t (id int PRIMARY KEY, u uuid, j json, jb jsonb, n numeric(12, 2), big numeric(50, 5), d date, t time, \
         at timestamp, z timestamptz, e mood, a inet, i interval, r int4range, b bytea, v varchar(5) NOT NULL, o oid)",
    );
    let project = project(&database, &["name: t, table: t, destination: { type: local, path: out }"]);
    run_well(&project);
    let facts = parquet_facts(&project.files("out", "parquet")[0]);
    for (name, arrow, duckdb, logical, source) in [
        ("id", "int32", "INTEGER", "NONE", "integer"),
        ("u", "extension<arrow.uuid>", "UUID", "UUID", "uuid"),
        ("j", "extension<arrow.json>", "JSON", "JSON", "json"),
        ("jb", "extension<arrow.json>", "JSON", "JSON", "jsonb"),
        ("n", "decimal128(12, 2)", "DECIMAL(12,2)", "DECIMAL", "numeric(12,2)"),
        ("d", "date32[day]", "DATE", "DATE", "date"),
        ("t", "time64[us]", "TIME", "TIME", "time without time zone"),
        ("at", "timestamp[us]", "TIMESTAMP", "TIMESTAMP", "timestamp without time zone"),
        ("z", "timestamp[us, tz=UTC]", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "timestamp with time zone"),
        ("e", "string", "VARCHAR", "STRING", "mood"),
        ("a", "string", "VARCHAR", "STRING", "inet"),
        ("i", "string", "VARCHAR", "STRING", "interval"),
        ("r", "string", "VARCHAR", "STRING", "int4range"),
        ("b", "binary", "BLOB", "NONE", "bytea"),
        ("v", "string", "VARCHAR", "STRING", "character varying(5)"),
        ("o", "uint32", "UINTEGER", "INT", "oid"),
    ] {
        let column = &facts["columns"][name];
        assert_eq!(
            [&column["arrow"], &column["duckdb"], &column["logical"]],
            [arrow, duckdb, logical],
            "{name}: {column}"
        );
        assert_eq!(column["metadata"]["rivet.source_type"], source, "{name}");
    }
    let metadata = |name: &str, key: &str| facts["columns"][name]["metadata"][key].clone();
    assert_eq!(facts["columns"]["big"]["arrow"], "decimal256(50, 5)");
    assert_eq!(metadata("id", "rivet.fidelity"), "exact");
    for (name, meaning) in [("a", "inet"), ("i", "interval"), ("r", "range")] {
        assert_eq!(metadata(name, "rivet.fidelity"), "text", "{name}");
        assert_eq!(metadata(name, "rivet.logical_type"), meaning, "{name}");
    }
    assert_eq!((metadata("e", "rivet.fidelity"), metadata("e", "rivet.logical_type")), (json!("exact"), json!("enum")));
    let nullable: Vec<bool> = ["id", "v", "u"].map(|name| facts["columns"][name]["nullable"] == true).into();
    assert_eq!(nullable, [false, false, true]);
}
