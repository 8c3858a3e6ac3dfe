use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::date;
use rivet_config::{ChunkSplit, Config, Destination, Mode, Profile, Resume, load};
use rivet_model::{Compression, NumericDefault, OnUnrepresentable, Relation, RowGroupTarget, TlsMode};
use secrecy::ExposeSecret as _;

use crate::support::{environment, fixtures, params, parse, render, with_export, with_source};

fn fixture(name: &str) -> Config {
    let path = fixtures().join("valid").join(name);
    load(&path, &environment(), &params(&[("day", "2026-03-01")]))
        .unwrap_or_else(|errors| panic!("{}", render(&errors)))
}

#[test]
fn every_mode_is_read() {
    let config = fixture("modes.yaml");
    let mut text = String::new();
    for export in &config.exports {
        let mode = serde_json::to_string(&export.mode).unwrap();
        writeln!(text, "{} {mode} resume={:?}", export.name, export.resume).unwrap();
    }
    snapshot("modes", &text);
    assert_eq!(config.parallel_exports, 8);
    let compressions: BTreeMap<_, _> =
        config.exports.iter().map(|export| (export.name.as_str(), export.output.compression)).collect();
    assert_eq!(compressions["full"], Compression::Zstd { level: 3 });
    assert_eq!(compressions["chunked"], Compression::Gzip { level: 6 });
    assert!(config.exports.iter().all(|export| export.tuning.max_retries == 7));
    assert!(config.exports.iter().all(|export| export.tuning.profile == Profile::Balanced));
}

#[test]
fn every_destination_is_read() {
    let config = fixture("destinations.yaml");
    let mut text = String::new();
    for export in &config.exports {
        writeln!(text, "{} {}", export.name, serde_json::to_string(&export.destination).unwrap()).unwrap();
    }
    snapshot("destinations", &text);
    assert_eq!((config.source.connection.host.as_str(), config.source.connection.port), ("db.example", 3307));
    assert_eq!(config.source.connection.password.as_ref().unwrap().expose_secret(), "s3cret");
}

#[test]
fn every_key_arrives() {
    let config = fixture("everything.yaml");
    let export = &config.exports[0];
    let folder = fixtures().join("valid");
    assert_eq!(config.state.path, folder.join("state/rivet.redb"));
    assert_eq!(config.notifications.as_ref().unwrap().slack.as_ref().unwrap().on.len(), 2);
    assert_eq!(export.relation, Relation::Query("SELECT id, total FROM orders WHERE day = '2026-03-01'".to_owned()));
    let connection = &config.source.connection;
    assert_eq!(connection.tls.mode, TlsMode::VerifyCa);
    assert_eq!(connection.tls.ca_file.as_deref(), Some(folder.join("certs/ca.pem").as_path()));
    assert_eq!((connection.application_name.as_str(), connection.connect_timeout), ("etl", Duration::from_secs(3)));
    snapshot("everything", &serde_json::to_string_pretty(export).unwrap());
}

/// Compares with the snapshot beside the fixture; the path of this machine is no part of it.
fn snapshot(name: &str, text: &str) {
    let folder = fixtures().join("valid");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let text = text.replace(&folder.display().to_string(), "conf");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// A path below the current folder, absolute.
fn here(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap()
}

#[test]
fn the_smallest_configuration_has_the_documented_defaults() {
    let config = parse(&with_export("")).unwrap();
    let export = &config.exports[0];
    assert_eq!(config.parallel_exports, 1);
    assert_eq!(
        (config.dir.as_path(), config.state.path.as_path()),
        (here("conf").as_path(), here("conf/.rivet/state.redb").as_path())
    );
    assert_eq!(config.source.connection.tls.mode, TlsMode::Prefer);
    assert_eq!(config.source.connection.port, 5432);
    assert_eq!(config.source.connection.application_name, "rivet");
    assert_eq!(config.source.connection.connect_timeout, Duration::from_secs(10));
    assert_eq!(export.mode.as_str(), "full");
    assert_eq!(export.output.compression, Compression::Zstd { level: 1 });
    assert_eq!(export.output.parquet, rivet_model::ParquetOptions::default());
    assert_eq!(export.numeric_default, NumericDefault::Decimal { precision: 38, scale: 18 });
    assert_eq!(export.on_unrepresentable, None);
    assert_eq!(export.resume, Resume::Never);
    assert_eq!(export.tuning.batch_rows, 10_000);
    assert_eq!(export.tuning.statement_budget, Duration::from_secs(2));
    assert_eq!(export.tuning.max_value_bytes, Some(1 << 30));
}

#[test]
fn compressions_are_as_said() {
    let check = |keys: &str, expected: Compression| {
        assert_eq!(parse(&with_export(keys)).unwrap().exports[0].output.compression, expected, "{keys}");
    };
    check("    compression: zstd", Compression::Zstd { level: 1 });
    check("    compression_level: 22", Compression::Zstd { level: 22 });
    check("    compression: gzip", Compression::Gzip { level: 6 });
    check("    compression: lz4", Compression::Lz4);
    check("    compression_profile: none", Compression::None);
    check("    compression_profile: fast", Compression::Snappy);
    check("    compression_profile: compact", Compression::Zstd { level: 9 });
    check("    format: csv", Compression::None);
    check("    format: csv\n    compression: zstd\n    compression_level: 5", Compression::Zstd { level: 5 });
}

#[test]
fn row_groups_end_as_said() {
    let check = |keys: &str, expected: RowGroupTarget| {
        let config = parse(&with_export(&format!("    parquet: {{ {keys} }}"))).unwrap();
        assert_eq!(config.exports[0].output.parquet.row_group, expected, "{keys}");
    };
    check("row_group_strategy: auto", RowGroupTarget::Auto(32 << 20));
    check("max_row_group_mb: 16", RowGroupTarget::Auto(16 << 20));
    check("row_group_strategy: fixed_rows, row_group_rows: 5", RowGroupTarget::Rows(5));
    check("row_group_rows: 5", RowGroupTarget::Rows(5));
    check("row_group_strategy: fixed_memory, target_row_group_mb: 64", RowGroupTarget::Bytes(64 << 20));
}

#[test]
fn tls_is_as_strict_as_said() {
    let check = |source: &str, expected: TlsMode| {
        let config = parse(&with_source(&format!("  type: postgres\n{source}")));
        let config = config.unwrap_or_else(|errors| panic!("{source}: {}", render(&errors)));
        assert_eq!(config.source.connection.tls.mode, expected, "{source}");
    };
    let url = |query: &str| format!("  url: postgres://h/d{query}");
    check("  host: h", TlsMode::Prefer);
    check("  host: h\n  tls: {}", TlsMode::VerifyFull);
    check("  host: h\n  tls: { ca_file: ca.pem }", TlsMode::VerifyFull);
    check("  host: h\n  tls: { mode: require }", TlsMode::Require);
    check("  host: h\n  tls: { mode: require, ca_file: ca.pem }", TlsMode::VerifyCa);
    check("  host: h\n  tls: { accept_invalid_certs: true }", TlsMode::Require);
    check("  host: h\n  tls: { mode: verify-ca, accept_invalid_certs: true }", TlsMode::Require);
    check("  host: h\n  tls: { accept_invalid_hostnames: true }", TlsMode::VerifyCa);
    check("  host: h\n  tls: { mode: disable }", TlsMode::Disable);
    check(&url("?sslmode=allow"), TlsMode::Prefer);
    check(&url("?sslmode=verify-ca&sslrootcert=ca.pem"), TlsMode::VerifyCa);
    check(&url("?sslrootcert=system"), TlsMode::VerifyFull);
    check(&format!("{}\n  tls: {{ mode: require }}", url("?sslmode=require")), TlsMode::Require);
}

#[test]
fn profiles_follow_the_server_and_the_keys() {
    let tuning = |source: &str, export: &str| {
        let text = with_export(export).replace("url: postgres://h/d }", &format!("url: postgres://h/d{source} }}"));
        parse(&text).unwrap_or_else(|errors| panic!("{}", render(&errors))).exports[0].tuning.clone()
    };
    assert_eq!(tuning(", environment: local", "").profile, Profile::Fast);
    assert_eq!(tuning(", environment: production", "").profile, Profile::Balanced);
    assert_eq!(tuning("", "").profile, Profile::Balanced);
    let mixed = tuning(", tuning: { profile: safe, max_retries: 9 }", "    tuning: { throttle_ms: 3 }");
    assert_eq!((mixed.profile, mixed.max_retries, mixed.batch_rows), (Profile::Safe, 9, 2_000));
    assert_eq!((mixed.throttle, mixed.statement_timeout), (Duration::from_millis(3), Duration::from_mins(2)));
    assert_eq!(mixed.memory_threshold, Some(2048 << 20));
    let fast =
        tuning(", tuning: { profile: safe, batch_size: 7 }", "    tuning: { profile: fast, batch_size_memory_mb: 4 }");
    assert_eq!((fast.profile, fast.batch_rows, fast.batch_bytes), (Profile::Fast, u64::MAX, Some(4 << 20)));
    assert_eq!((fast.memory_threshold, fast.statement_timeout), (None, Duration::ZERO));
}

#[test]
fn statements_have_a_budget_of_seconds() {
    let check = |keys: &str, expected: u64| {
        let config = parse(&with_export(&format!("    tuning: {{ {keys} }}"))).unwrap();
        assert_eq!(config.exports[0].tuning.statement_budget, Duration::from_millis(expected), "{keys}");
    };
    check("profile: fast", 10_000);
    check("profile: safe", 500);
    check("profile: safe, statement_budget_s: 3", 3_000);
    check("statement_budget_s: 0.25", 250);
    check("statement_budget_s: 0", 0);
}

#[test]
fn runs_go_on_by_themselves_where_that_can_be() {
    let check = |keys: &str, expected: Resume| {
        let config = parse(&with_export(keys)).unwrap_or_else(|errors| panic!("{keys}: {}", render(&errors)));
        assert_eq!(config.exports[0].resume, expected, "{keys}");
    };
    check("    mode: chunked", Resume::Auto);
    check("    mode: chunked\n    resume: never", Resume::Never);
    check("    mode: chunked\n    chunk_checkpoint: false", Resume::Never);
    check("    mode: chunked\n    chunk_checkpoint: false\n    resume: never", Resume::Never);
    check("    mode: chunked\n    consistency: snapshot", Resume::Never);
    check("    mode: incremental\n    cursor_column: a", Resume::Never);
    check("    mode: incremental\n    cursor_column: a\n    resume: auto", Resume::Auto);
}

#[test]
fn defaults_ask_for_what_can_be() {
    let text = "
source: { type: postgres, url: postgres://h/d }
defaults:
  destination: { type: local, path: out }
  mode: chunked
  resume: auto
  chunk_size: 500
  chunk_dense: true
exports:
  - { name: plain, table: a }
  - { name: shared, table: b, consistency: snapshot }
  - { name: keyed, table: c, chunk_by_key: id }
  - { name: counted, table: d, chunk_count: 3 }
";
    let config = parse(text).unwrap_or_else(|errors| panic!("{}", render(&errors)));
    let resumes: Vec<Resume> = config.exports.iter().map(|export| export.resume).collect();
    assert_eq!(resumes, [Resume::Auto, Resume::Never, Resume::Auto, Resume::Auto]);
    let splits: Vec<&ChunkSplit> = config
        .exports
        .iter()
        .map(|export| {
            let Mode::Chunked(chunked) = &export.mode else { panic!("every export is chunked") };
            &chunked.split
        })
        .collect();
    assert_eq!(*splits[0], ChunkSplit::Rows { rows: 500, dense: true });
    assert_eq!(*splits[2], ChunkSplit::Key { columns: vec!["id".parse().unwrap()], rows: 500 });
    assert_eq!(*splits[3], ChunkSplit::Count(3));
}

#[test]
fn relative_folders_start_at_the_configuration() {
    let text = with_export("").replace("type: stdout", "type: local, path: \"./out/{date}\"");
    let config = parse(&text).unwrap();
    let Destination::Local { path } = &config.exports[0].destination else { panic!("the destination is local") };
    let filled = path.fill(date(2026, 3, 1), &config.exports[0].name, &config.exports[0].relation, "r");
    assert_eq!(Path::new(&filled), here("conf/out/2026-03-01"));
}

#[test]
fn null_is_a_word_where_it_is_one() {
    let of = |keys: &str| parse(&with_export(keys)).unwrap().exports[0].on_unrepresentable;
    assert_eq!(of("    on_unrepresentable: null"), Some(OnUnrepresentable::Null));
    assert_eq!(of("    on_unrepresentable: 'null'"), Some(OnUnrepresentable::Null));
    assert_eq!(of("    on_unrepresentable: error"), Some(OnUnrepresentable::Error));
    assert_eq!(of("    tuning:"), None);
}
