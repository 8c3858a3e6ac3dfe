//! Masks, with Python's hashlib and hmac as the judge of what becomes of a value.

use std::path::{Path, PathBuf};

use rivet_testing::{Oracle, Project, RivetCommand, TestDatabase, assert_same, python};
use serde_json::{Value, json};

use crate::support::{
    Outcome, duckdb, manifest, parquet_facts, project, project_at, project_with, run, run_command, visible,
};

/// A key that stands in no other text.
const KEY: &str = "hunter2-Kq7xZ, sixteen or more";

/// A part of every value that is to be hidden.
const HIDDEN: &str = "@hidden.example";

/// A database whose rows are masked behind it, by Python.
struct Masked<'a> {
    database: &'a TestDatabase,
    /// `column=method`, as `masks.py` takes it.
    masks: Vec<String>,
}

impl Oracle for Masked<'_> {
    fn dump(&self, query: &str, path: &Path) {
        self.database.dump(query, path);
        let mut arguments = vec![KEY.to_owned(), path.display().to_string()];
        arguments.extend(self.masks.iter().cloned());
        let output = python("masks.py", arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// How columns are masked: as a configuration says it, and as `masks.py` takes it.
fn masks(methods: &[(&str, &str)]) -> (String, Vec<String>) {
    let configured = |(column, method): &(&str, &str)| match method.split_once(':') {
        Some((_truncate, length)) => format!("{column}: {{ method: truncate, length: {length} }}"),
        None if *method == "hmac" => format!("{column}: {{ method: hmac, key_env: MASK_KEY }}"),
        None => format!("{column}: {method}"),
    };
    let all: Vec<String> = methods.iter().map(configured).collect();
    let words = methods.iter().map(|(column, method)| format!("{column}={method}")).collect();
    (format!("mask: {{ {} }}", all.join(", ")), words)
}

fn with_key(command: RivetCommand) -> RivetCommand {
    command.env("MASK_KEY", KEY)
}

/// Runs all exports with the key at hand; they must succeed.
#[track_caller]
fn run_with_key(project: &Project) -> Outcome {
    let outcome = run_command(with_key(project.command(&["run", "--json"])));
    outcome.finished.assert_code(0).assert_silent_about(KEY);
    outcome
}

/// Returns every file of a project, the configuration aside.
fn written(project: &Project) -> Vec<PathBuf> {
    let mut files = project.all_files("");
    files.retain(|path| !path.ends_with("rivet.yaml"));
    files
}

/// Fails the test where one of the files holds a text.
#[track_caller]
fn assert_nowhere(files: &[PathBuf], text: &str) {
    assert!(!files.is_empty(), "nothing was written");
    for path in files {
        let bytes = std::fs::read(path).expect("it was listed a moment ago");
        let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!found, "{} holds `{text}`", path.display());
    }
}

fn types() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'glad');
         CREATE TABLE t (id int PRIMARY KEY, small int2, large int8, flag bool, r float4, d float8, n numeric(20, 4),
             word text NOT NULL, code varchar(20), padded char(6), day date, clock time, at timestamp, since timestamptz,
             raw bytea, doc json, docb jsonb, u uuid, feeling mood, span interval, numbers int4[], words text[], host inet);
         INSERT INTO t SELECT i, i % 7, i * 10000000000, i % 2 = 0, i / 3.0, i / 7.0, i * 1.2345, 'Zoë ' || i || ', \"x\"',
             'c' || i, 'p' || i, date '2024-02-28' + i, time '12:34:56.789' + i * interval '1 second',
             timestamp '2024-02-28 23:59:59.5' + i * interval '1 hour', timestamptz '2024-02-28 23:59:59+05' + i * interval '1 h',
             decode(md5(i::text), 'hex'), ('{\"a\":  ' || i || '}')::json, jsonb_build_object('b', i), md5(i::text)::uuid,
             (ARRAY['sad', 'glad'])[1 + i % 2]::mood, i * interval '1 day 2 hours', ARRAY[i, NULL, -i],
             ARRAY['a ' || i, NULL, 'Ł\"'], ('10.0.0.' || i)::inet FROM generate_series(1, 100) AS i;
         INSERT INTO t (id, word) VALUES (0, '');
         INSERT INTO t (id, word, d, at) VALUES (-1, '-', '-Infinity', '0044-03-15 12:00:00 BC')",
    );
    database
}

const COLUMNS: &[&str] = &[
    "small", "large", "flag", "r", "d", "n", "word", "code", "padded", "day", "clock", "at", "since", "raw", "doc",
    "docb", "u", "feeling", "span", "numbers", "words", "host",
];

/// Exports everything once as Parquet and once as CSV, and compares both with what Python makes of the rows.
#[track_caller]
fn assert_masked(database: &TestDatabase, methods: &[(&str, &str)]) -> Project {
    let (configured, masks) = masks(methods);
    let export = |format: &str| {
        format!(
            "name: {format}, table: t, format: {format}, {configured}, destination: {{ type: local, path: {format} }}"
        )
    };
    let project = project(database, &[&export("parquet"), &export("csv")]);
    run_with_key(&project);
    let oracle = Masked { database, masks };
    assert_same(&oracle, "SELECT * FROM t", &project.files("parquet", "parquet"), &[]);
    assert_same(&oracle, "SELECT * FROM t", &project.files("csv", "csv"), &[]);
    project
}

#[test]
fn compared_digests_of_every_type_are_those_of_python() {
    let database = types();
    for method in ["hash", "hmac"] {
        let methods: Vec<(&str, &str)> = COLUMNS.iter().map(|column| (*column, method)).collect();
        let project = assert_masked(&database, &methods);
        let facts = parquet_facts(&project.files("parquet", "parquet")[0]);
        for column in COLUMNS {
            let found = &facts["columns"][column];
            let expected = json!(["string", *column != "word", method]);
            assert_eq!(
                json!([found["arrow"], found["nullable"], found["metadata"]["rivet.mask"]]),
                expected,
                "{column}"
            );
        }
    }
}

#[test]
fn compared_nulls_and_beginnings_are_what_was_asked_for() {
    let database = types();
    let all_null: Vec<(&str, &str)> = COLUMNS.iter().map(|column| (*column, "null")).collect();
    let project = assert_masked(&database, &all_null);
    let facts = parquet_facts(&project.files("parquet", "parquet")[0]);
    assert_eq!(
        (&facts["columns"]["n"]["arrow"], &facts["columns"]["word"]["nullable"]),
        (&json!("decimal128(20, 4)"), &json!(true))
    );
    let beginnings = [
        ("word", "truncate:3"),
        ("code", "truncate:1"),
        ("padded", "truncate:2"),
        ("raw", "truncate:5"),
        ("docb", "truncate:4"),
        ("feeling", "truncate:1"),
        ("host", "truncate:0"),
    ];
    let facts = parquet_facts(&assert_masked(&database, &beginnings).files("parquet", "parquet")[0]);
    assert_eq!(
        (&facts["columns"]["word"]["nullable"], &facts["columns"]["docb"]["logical"]),
        (&json!(false), &json!("STRING"))
    );
}

#[test]
fn compared_every_mode_hides_and_leaves_no_trace() {
    let database = TestDatabase::create();
    let fill = |from: u32, to: u32| {
        database.execute(&format!(
            "INSERT INTO t SELECT i, 'person ' || i || '{HIDDEN}', 'note ' || i || '{HIDDEN}' FROM generate_series({from}, {to}) i"
        ));
    };
    database.execute("CREATE TABLE t (id int PRIMARY KEY, email text, note text)");
    fill(1, 5_000);
    let (configured, masks) = masks(&[("email", "hmac"), ("note", "truncate:6")]);
    for mode in [
        "mode: full",
        "mode: incremental, cursor_column: id",
        "mode: chunked, chunk_column: id, chunk_size: 1000, parallel: 2",
        "mode: chunked, chunk_count: 3, consistency: snapshot",
    ] {
        // Without compression nothing of the values could hide, in pages, dictionaries or statistics.
        let export = format!(
            "name: t, table: t, {mode}, compression: none, {configured}, meta_columns: {{ row_hash: true }}, \
             destination: {{ type: local, path: out }}"
        );
        let project = project(&database, &[&export]);
        let noisy = ["run", "--json", "--validate", "--log-format", "json", "-v"];
        let outcome = run_command(with_key(project.command(&noisy)));
        outcome.finished.assert_code(0).assert_silent_about(KEY).assert_silent_about(HIDDEN);
        let oracle = Masked { database: &database, masks: masks.clone() };
        let files = project.files("out", "parquet");
        assert_same(&oracle, "SELECT *, NULL AS _rivet_row_hash FROM t", &files, &["--ignore", "_rivet_row_hash"]);
        assert_nowhere(&written(&project), HIDDEN);
        assert_nowhere(&written(&project), KEY);
        assert_eq!(manifest(&project, "out")["masked"], json!({"email": "hmac", "note": "truncate"}), "{mode}");
    }
}

#[test]
fn compared_a_cursor_that_is_masked_goes_on_from_its_own_values() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 1000) AS i; ALTER TABLE t ADD PRIMARY KEY (id)",
    );
    let (configured, masks) = masks(&[("id", "hmac")]);
    let export = format!(
        "name: t, table: t, mode: incremental, cursor_column: id, {configured}, destination: {{ type: local, path: out }}"
    );
    let project = project(&database, &[&export]);
    let told = with_key(project.command(&["run"])).run();
    told.assert_code(0);
    let said = told.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let note = "the position of the cursor, in the state store, in plans and in manifests, holds values of the masked column `id`";
    assert!(said.contains(note), "{said}");
    assert_eq!(manifest(&project, "out")["cursor_after"]["values"][0], json!({"type": "int", "value": 1000}));
    database.execute("INSERT INTO t SELECT i FROM generate_series(1001, 1500) AS i");
    assert_eq!(run_with_key(&project).export(0)["rows"], 500);
    let oracle = Masked { database: &database, masks };
    assert_same(&oracle, "SELECT * FROM t", &project.files("out", "parquet"), &[]);
    let sql = "SELECT count(*), count(DISTINCT id), min(length(id)), max(length(id)) FROM read_parquet({files})";
    let [row] = duckdb(sql, &project.files("out", "parquet")).try_into().expect("one row");
    assert_eq!(row, ["1500", "1500", "64", "64"].map(|number| Some(number.to_owned())));
}

/// Runs with a variable set to something, or not set; returns what was said.
#[track_caller]
fn refused(project: &Project, key: Option<&str>) -> String {
    let command = project.command(&["run", "--json"]);
    let outcome = run_command(match key {
        Some(key) => command.env("MASK_KEY", key),
        None => command,
    });
    outcome.finished.assert_code(2);
    assert_eq!(visible(project), Vec::<PathBuf>::new());
    outcome.report["errors"][0]["message"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn without_its_key_nothing_is_touched() {
    let (configured, _) = masks(&[("email", "hmac")]);
    let export = format!("name: t, table: t, {configured}, destination: {{ type: local, path: out }}");
    // Nobody answers there: the server is not even asked.
    let project = project_at("postgresql://nobody@127.0.0.1:1/nothing", &[&export]);
    let begin = "export `t` masks `email` with the key in the variable `MASK_KEY`, which";
    assert_eq!(refused(&project, None), format!("{begin} is not set"));
    assert_eq!(refused(&project, Some("")), format!("{begin} is empty"));
    let said = refused(&project, Some("hunter2-too-sho"));
    assert_eq!(said, format!("{begin} holds fewer than 16 bytes"));
}

#[test]
fn masks_that_do_not_fit_are_refused_before_a_row_is_read() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t AS SELECT i AS id, 'x' AS word FROM generate_series(1, 10) AS i");
    for (keys, message, help) in [
        (
            "mask: { nobody: hash }",
            "`mask` names the column `nobody`, which is not read",
            "The columns are `id`, `word`.",
        ),
        ("select: [id], mask: { word: hash }", "`mask` names the column `word`", "The columns are `id`."),
        (
            "mask: { id: { method: truncate, length: 2 } }",
            "column `id` has the type Int32, which the mask `truncate` does not take",
            "mask this one by `hash`, `hmac` or `null`",
        ),
    ] {
        let export = format!("name: t, table: t, {keys}, destination: {{ type: local, path: out }}");
        let project = project(&database, &[&export]);
        let outcome = run(&project);
        outcome.finished.assert_code(1);
        let error = &outcome.report["errors"][0];
        assert!(error["message"].as_str().unwrap_or_default().contains(message), "{error}");
        assert!(error["help"].as_str().unwrap_or_default().contains(help), "{error}");
        assert_eq!(visible(&project), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_plan_shows_the_masked_columns_and_holds_no_key() {
    let database = TestDatabase::create();
    database.execute(&format!(
        "CREATE TABLE t AS SELECT i AS id, i || '{HIDDEN}' AS email FROM generate_series(1, 100) AS i"
    ));
    let (configured, _) = masks(&[("id", "hmac"), ("email", "hmac")]);
    let export = format!("name: t, table: t, {configured}, destination: {{ type: local, path: out }}");
    // A plan holds no password either: it takes the address from where it is.
    let project = project_with("type: postgres, url_env: ADDRESS, environment: local", &[&export]);
    let command = |arguments: &[&str]| project.command(arguments).env("ADDRESS", database.url());
    for arguments in
        [&["plan"][..], &["plan", "--format", "html"], &["check", "--type-report"], &["plan", "-o", "plan.json"]]
    {
        with_key(command(arguments)).run().assert_code(0).assert_silent_about(KEY).assert_silent_about(HIDDEN);
    }
    assert_nowhere(&written(&project), KEY);
    let text = std::fs::read_to_string(project.path("plan.json")).expect("it was written");
    let plan: Value = serde_json::from_str(&text).expect("a plan is JSON");
    let columns = plan["exports"][0]["resolved_plan"]["columns"].as_array().expect("they are listed");
    let types: Vec<&Value> = columns.iter().map(|column| &column["type"]).collect();
    assert_eq!(types, ["Utf8", "Utf8"]);

    // It can be made where the key is not, which it then says; it can't be applied there.
    let told = command(&["plan", "--format", "json"]).run();
    told.assert_code(0);
    assert!(told.stdout.contains("the variable `MASK_KEY`, which is not set"), "{}", told.stdout);
    let refused = command(&["apply", "plan.json"]).run();
    refused.assert_code(2);
    assert!(refused.stderr.contains("MASK_KEY") && visible(&project).is_empty(), "{}", refused.stderr);
    with_key(command(&["apply", "plan.json"])).run().assert_code(0).assert_silent_about(KEY);
    assert_eq!(manifest(&project, "out")["masked"], json!({"email": "hmac", "id": "hmac"}));
    assert_nowhere(&written(&project), KEY);
}
