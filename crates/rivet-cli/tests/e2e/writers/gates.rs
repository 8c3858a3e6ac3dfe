use rivet_testing::TestDatabase;

use crate::support::{project, run, run_badly, run_command, run_well, visible};

fn filled() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, label text, note text);
         INSERT INTO t SELECT i, CASE WHEN i % 4 > 0 THEN 'label ' || i % 50 END, 'x' FROM generate_series(1, 100) AS i",
    );
    database
}

#[test]
fn each_rule_of_quality_can_hold_and_break() {
    let database = filled();
    for (rule, broken) in [
        ("row_count_min: 100, row_count_max: 100", None),
        ("row_count_min: 101", Some("100 rows are fewer than row_count_min, 101")),
        ("row_count_max: 99", Some("100 rows are more than row_count_max, 99")),
        ("null_ratio_max: { label: 0.25 }", None),
        ("null_ratio_max: { label: 0.24 }", Some("`label` is NULL in 25 of 100 rows")),
        ("unique_columns: [id]", None),
        ("unique_columns: [id, label]", Some("`label` must be unique")),
        ("unique_columns: [nobody]", Some("`nobody`, which is not read")),
    ] {
        for format in ["parquet", "csv"] {
            let export = format!(
                "name: t, table: t, format: {format}, quality: {{ {rule} }}, destination: {{ type: local, path: out }}"
            );
            let project = project(&database, &[&export]);
            match broken {
                None => {
                    run_well(&project);
                    assert!(!visible(&project).is_empty(), "{rule}");
                }
                Some(text) => drop(run_badly(&project, 3, &[text])),
            }
        }
    }
}

#[test]
fn other_columns_than_last_time_are_told_or_refused() {
    let database = filled();
    let export =
        |drift: &str| format!("name: t, table: t, on_schema_drift: {drift}, destination: {{ type: local, path: out }}");
    let project = project(&database, &[&export("warn")]);
    run_well(&project);
    let before = visible(&project);
    database.execute("ALTER TABLE t DROP COLUMN note, ALTER id TYPE bigint, ADD COLUMN fresh date");

    let set = |drift: &str| {
        let config = std::fs::read_to_string(project.path("rivet.yaml")).expect("it was written");
        let word = ["warn", "fail", "continue"]
            .iter()
            .find(|word| config.contains(&format!("on_schema_drift: {word}")))
            .expect("one of them");
        project.write(
            "rivet.yaml",
            &config.replace(&format!("on_schema_drift: {word}"), &format!("on_schema_drift: {drift}")),
        );
    };
    set("fail");
    let outcome = run(&project);
    outcome.finished.assert_code(4);
    let message = outcome.report["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
    for text in ["column `note` is gone", "column `id` was Int32 and is Int64", "column `fresh` is new"] {
        assert!(message.contains(text), "{message}");
    }
    assert_eq!(visible(&project), before);

    set("warn");
    let told = project.command(&["run"]).run();
    told.assert_code(0);
    assert!(told.stderr.contains("the columns are not those of the last run"), "{}", told.stderr);
    // Told once: the run that was told of is the last one now.
    set("fail");
    run_well(&project);
}

#[test]
fn parts_are_read_back_where_that_is_asked_for() {
    let database = filled();
    for keys in ["format: parquet", "format: csv, compression: gzip", "format: csv, compression: zstd", "format: csv"] {
        let export = format!("name: t, table: t, {keys}, destination: {{ type: local, path: out }}");
        let project = project(&database, &[&export]);
        let outcome = run_command(project.command(&["run", "--json", "--validate"]));
        outcome.finished.assert_code(0);
        assert_eq!(outcome.export(0)["validated"], true, "{keys}");
        let outcome = run_well(&project);
        assert_eq!(outcome.export(0)["validated"], serde_json::Value::Null, "{keys}");
    }
}
