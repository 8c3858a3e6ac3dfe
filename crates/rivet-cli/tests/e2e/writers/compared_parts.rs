use rivet_testing::{TestDatabase, assert_same};
use serde_json::Value;

use crate::support::{assert_readers_agree, duckdb, manifest, parquet_facts, project, run_well};

/// 60,000 rows of about 120 bytes that no compression makes much smaller.
fn filled() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE t AS SELECT i AS id, decode(md5(i::text) || md5((-i)::text) || md5((i * 7)::text), 'hex') AS data \
         FROM generate_series(1, 60000) AS i",
    );
    database
}

#[test]
fn files_end_at_their_greatest_size() {
    let database = filled();
    for (format, extension) in [("parquet", "parquet"), ("csv", "csv")] {
        let export = format!(
            "name: t, table: t, format: {format}, max_file_size: 1MiB, tuning: {{ batch_size: 2000 }}, \
             destination: {{ type: local, path: out }}"
        );
        let project = project(&database, &[&export]);
        let outcome = run_well(&project);
        let files = project.files("out", extension);
        assert!(files.len() >= 3, "{files:?}");
        assert_same(&database, "SELECT * FROM t", &files, &[]);

        let manifest = manifest(&project, "out");
        let parts = manifest["parts"].as_array().expect("a list");
        let names: Vec<&str> = parts.iter().filter_map(|part| part["name"].as_str()).collect();
        let found: Vec<String> =
            files.iter().filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned())).collect();
        assert_eq!(names, found);
        let sum = |key: &str| parts.iter().filter_map(|part| part[key].as_u64()).sum::<u64>();
        assert_eq!(sum("rows"), 60_000);
        assert_eq!(
            (Value::from(sum("rows")), Value::from(sum("bytes"))),
            (manifest["rows"].clone(), manifest["bytes"].clone())
        );
        assert_eq!(outcome.export(0)["parts"].as_array().map(Vec::len), Some(files.len()));
        for (file, part) in files.iter().zip(parts) {
            let size = file.metadata().expect("it was listed").len();
            assert_eq!(part["bytes"], size);
            // One batch may pass the mark.
            assert!(size < (1 << 20) + 600_000, "{size}");
        }
    }
}

#[test]
fn row_groups_end_by_rows_or_by_bytes() {
    let database = filled();
    let expected = "SELECT count(*), sum(id), md5(string_agg(upper(encode(data, 'hex')), '' ORDER BY id)) FROM t";
    let expected = database.query_text(expected);
    let groups = |keys: &str| {
        let export = format!(
            "name: t, table: t, compression: none, parquet: {{ {keys} }}, destination: {{ type: local, path: out }}"
        );
        let project = project(&database, &[&export]);
        run_well(&project);
        let files = project.files("out", "parquet");
        let sum = "SELECT count(*), sum(id), md5(string_agg(hex(data), '' ORDER BY id)) FROM read_parquet({files})";
        assert_eq!(duckdb(sum, &files), expected);
        assert_readers_agree(&files);
        let facts = parquet_facts(&files[0]);
        let groups = facts["groups"].as_array().expect("a list").clone();
        groups
            .iter()
            .map(|group| (group["rows"].as_u64().unwrap_or(0), group["bytes"].as_u64().unwrap_or(0)))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        groups("row_group_rows: 25000").iter().map(|(rows, _)| *rows).collect::<Vec<_>>(),
        [25_000, 25_000, 10_000]
    );
    let by_bytes = groups("target_row_group_mb: 1");
    assert!(by_bytes.len() >= 3, "{by_bytes:?}");
    assert!(by_bytes.iter().all(|(_, bytes)| *bytes < 3 << 20), "{by_bytes:?}");
    assert_eq!(groups("row_group_strategy: auto").len(), 1);
}
