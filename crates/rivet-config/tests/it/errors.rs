use std::path::Path;

use miette::JSONReportHandler;
use rivet_config::{ConfigErrors, Environment, FindingKind, Overrides, load, parse_str};

use crate::support::{environment, fixtures, parse, render, with_export, with_source, yaml_files};

/// The path of this machine is no part of a snapshot.
fn load_fixture(file: &Path) -> ConfigErrors {
    let text = std::fs::read_to_string(file).unwrap();
    let path = Path::new("conf").join(file.file_name().unwrap());
    parse_str(&text, &path, &environment(), &Overrides::default()).expect_err(&file.display().to_string())
}

#[test]
fn every_fixture_is_told_as_its_snapshot_says() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(fixtures().join("errors"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let files = yaml_files("errors");
    assert!(files.len() >= 12, "the fixtures are gone");
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let rendered = render(&load_fixture(&file));
        assert!(!rendered.contains("s3cret"), "{name} shows a secret:\n{rendered}");
        settings.bind(|| insta::assert_snapshot!(name, rendered));
    }
}

#[test]
fn errors_are_json_as_well() {
    for file in yaml_files("errors") {
        let mut text = String::new();
        JSONReportHandler::new().render_report(&mut text, &load_fixture(&file)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(json["code"].as_str().unwrap().starts_with("rivet::config::"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn a_file_that_is_not_there_says_what_to_do() {
    let errors = load(Path::new("no/such.yaml"), &Environment::empty(), &Overrides::default()).unwrap_err();
    assert_eq!(errors.findings()[0].kind(), FindingKind::FileNotFound);
    insta::assert_snapshot!(render(&errors), @r"
    rivet::config::file_not_found

      × there is no file `no/such.yaml`
      help: Name the file with `--config FILE`; the README has one to begin with.
    ");
}

#[test]
fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let errors = load(folder.path(), &Environment::empty(), &Overrides::default()).unwrap_err();
    assert_eq!(errors.findings()[0].kind(), FindingKind::FileNotReadable);
}

fn messages(text: &str) -> Vec<String> {
    let errors = parse(text).err().map(|errors| errors.findings().iter().map(ToString::to_string).collect());
    errors.unwrap_or_default()
}

#[test]
fn each_rule_of_the_source_is_told() {
    let check = |source: &str, expected: &str| assert_eq!(messages(&with_source(source)), [expected], "{source}");
    check("  type: postgres", "the source does not say where it is");
    check("  type: postgres\n  user: u", "the source has no `host`");
    check("  type: postgres\n  host: postgres://h", "`host` is no host name, no address and no folder of a socket");
    check("  type: postgres\n  host: h\n  port: 0", "`port` must be from 1 to 65535");
    check("  type: postgres\n  host: h\n  port: 70000", "`port` must be a whole number from 0 to 65535");
    check("  type: postgres\n  url_env: NOPE", "the environment variable `NOPE` is not set");
    check(
        "  type: postgres\n  url_env: postgres://u:p@h",
        "`url_env` takes the name of an environment variable, not a value",
    );
    check("  type: mysql\n  url_env: DATABASE_URL", "the URL is for `postgres`, the source's `type` is `mysql`");
    check("  type: postgres\n  url_file: none", "the file `none` can't be read: there is no such file");
    check("  type: sqlite\n  host: h\n  database: d", "`host` has no meaning for `type: sqlite`");
    check(
        "  type: postgres\n  host: h\n  password: p\n  password_env: DB_PASSWORD",
        "`password_env` can't stand beside `password`",
    );
    check(
        "  type: postgres\n  host: h\n  tls: { mode: disable, ca_file: x }",
        "a file of authorities has no meaning where no certificate is checked",
    );
}

#[test]
fn each_rule_of_an_export_is_told() {
    let check = |keys: &str, expected: &str| assert_eq!(messages(&with_export(keys)), [expected], "{keys}");
    check("    compression: gzip\n    compression_level: 10", "gzip has the levels 1 to 9");
    check("    compression_level: 0", "zstd has the levels 1 to 22");
    check(
        "    compression: lz4\n    compression_level: 1",
        "`compression_level` has no meaning for `compression: lz4`",
    );
    check("    format: csv\n    compression_profile: fast", "CSV can't be compressed with snappy");
    check("    max_file_size: 1023KiB", "`max_file_size` must be at least 1 MiB");
    check("    csv: {}", "`csv` has no meaning for `format: parquet`");
    check("    format: csv\n    csv: { delimiter: '\"' }", "`delimiter` is not one ASCII character");
    check("    format: csv\n    csv: { null: 'a,b' }", "`null` would not read back as NULL");
    check("    select: [a]\n    exclude: [a]", "`a` stands in `select` and in `exclude`");
    check("    parquet: { row_group_strategy: fixed_rows }", "`fixed_rows` needs `row_group_rows`");
    check(
        "    parquet: { target_row_group_mb: 64, max_row_group_mb: 8 }",
        "`target_row_group_mb` is above `max_row_group_mb`",
    );
    check("    mode: chunked\n    parallel: 0", "`parallel` must be at least 1");
    check(
        "    mode: chunked\n    chunk_dense: true\n    chunk_count: 3",
        "`chunk_dense` can't stand beside `chunk_count`",
    );
    check(
        "    mode: incremental\n    cursor_column: a\n    cursor_fallback_column: b",
        "`cursor_fallback_column` has no meaning without `incremental_cursor_mode: coalesce`",
    );
    let coalesce = "    mode: incremental\n    cursor_column: a\n    incremental_cursor_mode: coalesce";
    check(coalesce, "`incremental_cursor_mode: coalesce` needs `cursor_fallback_column`");
    check(&format!("{coalesce}\n    cursor_fallback_column: a"), "`cursor_fallback_column` is the cursor itself");
    check(
        "    mode: incremental\n    cursor_column: a\n    time_zone: mars",
        "`mars` is no time zone of the IANA database",
    );
    check(
        "    cursor_nulls: skip",
        "`cursor_nulls` has no meaning for `mode: full`; it belongs to `mode: incremental`",
    );
    check(
        "    time_zone: UTC",
        "`time_zone` has no meaning for `mode: full`; it belongs to `mode: incremental` and `mode: time_window`",
    );
    check("    mode: chunked\n    chunk_by_key: [a, a]", "`a` stands twice in `chunk_by_key`");
    check(
        "    mode: chunked\n    chunk_by_key: [a]\n    chunk_count: 2",
        "`chunk_by_key` can't stand beside `chunk_count`",
    );
    check("    tuning: { statement_budget_s: 1e30 }", "`statement_budget_s` is no number of seconds");
    check("    on_unrepresentable: nul", "`nul` is no value of `on_unrepresentable`");
    check("    table: u", "the key `table` stands twice");
    check("    name: ''", "the key `name` stands twice");
}

#[test]
fn each_rule_of_folders_is_told() {
    let check = |keys: &str, expected: &str| {
        let text = with_export(keys).replace("type: stdout", "type: local, path: out");
        assert_eq!(messages(&text), [expected], "{keys}");
    };
    check(
        "    partition_by: _hidden",
        "`_hidden` can't name folders: many readers pass over names that begin with `_` or `.`",
    );
    check("    partition_by: { part: day }", "the level of folders has no `column`");
    check("    partition_by: [a, A]", "two levels of folders are named `A`");
    check(
        "    partition_by: [a, { column: b, as: a/b }]",
        "`a/b` can't name folders: it holds characters that would have to be escaped",
    );
    check("    exclude: a\n    partition_by: [{ column: a, part: day }]", "`a` stands in `exclude`");
    check("    partition_by: [{ column: a, part: week }]", "`week` is no value of `part`");
    let stream = messages(&with_export("    partition_by: a"));
    assert_eq!(stream, ["`partition_by` has no meaning for `type: stdout`"]);
}

#[test]
fn what_a_variable_holds_is_not_shown() {
    for keys in [
        "    numeric_default: ${DB_PASSWORD}",
        "    columns: { a: '${DB_PASSWORD}' }",
        "    mode: ${DB_PASSWORD}",
        "    max_file_size: ${DB_PASSWORD}",
        "    format: csv\n    csv: { delimiter: '${DB_PASSWORD}' }",
        "    parallel: ${DB_PASSWORD}",
        "    mask: { a: '${DB_PASSWORD}' }",
        "    partition_by: ['_${DB_PASSWORD}']",
        "    partition_by: ['${DB_PASSWORD}', '${DB_PASSWORD}']",
        "    partition_by: { column: a, as: '_${DB_PASSWORD}' }",
        "    select: ['a${DB_PASSWORD}', 'a${DB_PASSWORD}']",
        "    skip_empty: ${DB_PASSWORD}",
        "    mode: time_window\n    time_column: at\n    days_window: 1\n    time_zone: ${DB_PASSWORD}",
        "    resume: ${DB_PASSWORD}",
    ] {
        let errors = parse(&with_export(keys)).expect_err(keys);
        let shown = format!("{}{errors:?}{errors}", render(&errors));
        assert!(!shown.contains("s3cret"), "{keys}:\n{shown}");
    }
}

#[test]
fn a_misspelled_key_is_not_missing_as_well() {
    let check = |from: &str, to: &str, expected: &str| {
        let text = with_export("").replace(from, to);
        assert_eq!(messages(&text), [expected], "{text}");
    };
    check("table:", "tabel:", "unknown key `tabel` in `exports[0]`");
    check("destination:", "destinations:", "unknown key `destinations` in `exports[0]`");
    check("name:", "nam:", "unknown key `nam` in `exports[0]`");
    check("url:", "ulr:", "unknown key `ulr` in `source`");
    check("exports:", "export:", "unknown key `export`");
    check("type: postgres", "typ: postgres", "unknown key `typ` in `source`");
}
