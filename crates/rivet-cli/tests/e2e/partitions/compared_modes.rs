use rivet_testing::{Project, TestDatabase};
use serde_json::Value;

use super::{listed, read_back, rows};
use crate::ledger::Ledger;
use crate::support::{assert_same_rows, manifest, project, run_well};

const LEVELS: &str = "partition_by: [country, { column: created_at, part: day }]";

const KEYS: &[&str] = &["country=VARCHAR", "created_at_day=DATE"];

/// What both sides are asked for: values of a file, of a folder, and of a folder beside the file's own.
const COLUMNS: &[&str] = &["id", "word", "country", "created_at_day", "created_at"];

const QUERY: &str = "SELECT id, word, country, (created_at AT TIME ZONE 'UTC')::date, \
                     regexp_replace(created_at::text, '\\.?0*\\+00$', '+00') FROM t";

/// Rows of four countries, one of them NULL and one of them empty, and of six days, some in the last hour of which by UTC
/// it is another day elsewhere.
fn filled() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, country text, created_at timestamptz, word text NOT NULL);
         INSERT INTO t SELECT i, (ARRAY['DE', 'a/b=c', '', NULL, 'Zoë'])[1 + i % 5],
             CASE WHEN i % 11 > 0 THEN now() - interval '1 hour' * (i % 120) END, 'word ' || i
         FROM generate_series(1, 6000) AS i",
    );
    database
}

fn export(keys: &str) -> String {
    format!("name: t, table: t, {LEVELS}, {keys}, destination: {{ type: local, path: out }}")
}

/// Fails the test unless both readers see the rows of a query: through the manifest of the only run, and by what lies in
/// the folders.
#[track_caller]
fn assert_read_back(project: &Project, database: &TestDatabase, query: &str) -> Value {
    let manifest = manifest(project, "out");
    let expected = rows(database, query);
    let found = read_back(project, "out", COLUMNS, KEYS, &listed(project, "out", &manifest));
    assert_same_rows(found, expected.clone(), "the files of the manifest");
    assert_same_rows(read_back(project, "out", COLUMNS, KEYS, &[]), expected, "all files");
    Ledger::default().audit(project);
    manifest
}

#[test]
fn compared_modes_sort_the_same_rows_into_the_same_folders() {
    let database = filled();
    for mode in [
        "mode: full",
        "mode: full, format: csv",
        "mode: chunked, chunk_column: id, chunk_count: 4, parallel: 2",
        "mode: chunked, chunk_column: id, chunk_count: 3, consistency: snapshot, format: csv",
        "mode: incremental, cursor_column: id",
    ] {
        let project = project(&database, &[&export(mode)]);
        let outcome = run_well(&project);
        let manifest = assert_read_back(&project, &database, QUERY);
        assert_eq!(outcome.export(0)["rows"], 6_000, "{mode}");
        let levels = serde_json::json!([
            { "key": "country", "column": "country" },
            { "key": "created_at_day", "column": "created_at", "part": "day" },
        ]);
        assert_eq!(manifest["partition_by"], levels);
        for part in manifest["parts"].as_array().expect("a list") {
            let (key, kind) = (&part["partition"][0]["key"], &part["partition"][1]["type"]);
            assert_eq!((key, kind), (&"country".into(), &"date".into()), "{part}");
        }
    }
}

#[test]
fn compared_windows_and_later_runs_add_up() {
    let database = filled();
    let window = project(&database, &[&export("mode: time_window, time_column: created_at, days_window: 2")]);
    run_well(&window);
    let since =
        "WHERE created_at >= (date_trunc('day', now() AT TIME ZONE 'UTC') - interval '2 days') AT TIME ZONE 'UTC'";
    assert_read_back(&window, &database, &format!("{QUERY} {since}"));

    let growing = project(&database, &[&export("mode: incremental, cursor_column: id")]);
    run_well(&growing);
    database.execute("INSERT INTO t SELECT id + 6000, 'new', created_at, word FROM t WHERE id <= 500");
    run_well(&growing);
    let runs = Ledger::default().audit(&growing);
    assert_eq!(runs.iter().map(|run| run.rows).collect::<Vec<_>>(), [6_000, 500]);
    assert!(runs[1].parts.iter().all(|part| part.to_string_lossy().contains("/country=new/")), "{runs:?}");
    assert_same_rows(read_back(&growing, "out", COLUMNS, KEYS, &[]), rows(&database, QUERY), "both runs");
}

#[test]
fn compared_files_end_at_their_greatest_size_in_each_folder() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE t AS SELECT i AS id, i % 2 = 0 AS even, decode(md5(i::text) || md5((-i)::text), 'hex') AS data
         FROM generate_series(1, 120000) AS i",
    );
    let keys = "name: t, table: t, partition_by: even, max_file_size: 1MiB, compression: none, \
                tuning: { batch_size: 2000 }, destination: { type: local, path: out }";
    let project = project(&database, &[keys]);
    run_well(&project);
    let files = project.files("out", "parquet");
    for folder in ["/even=true/", "/even=false/"] {
        let inside = files.iter().filter(|file| file.to_string_lossy().contains(folder)).count();
        assert!(inside >= 2, "{files:?}");
    }
    let columns = ["id", "even", "upper(hex(data))"];
    let found = read_back(&project, "out", &columns, &["even=BOOLEAN"], &[]);
    let expected = rows(&database, "SELECT id, even::text, upper(encode(data, 'hex')) FROM t");
    assert_same_rows(found, expected, "even and odd");
}

#[test]
fn a_table_without_rows_leaves_no_file_and_a_manifest() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t (id int, country text, created_at timestamptz)");
    let project = project(&database, &[&export("mode: full")]);
    run_well(&project);
    assert_eq!(project.files("out", "parquet"), Vec::<std::path::PathBuf>::new());
    assert_eq!(manifest(&project, "out")["schema"].as_array().map(Vec::len), Some(3));
}
