//! An export reads back from its own JSON: a plan keeps it.

use std::path::Path;

use proptest::prelude::*;
use rivet_config::{Config, Destination, ExportConfig, Mask, Overrides, load, parse_str};
use serde_json::{Value, json};

use crate::support::{environment, fixtures, params, parse, render, with_export, yaml_files};

/// Reads every export back from its tree and from its text.
pub(crate) fn check(config: &Config) {
    for export in &config.exports {
        let value = serde_json::to_value(export).unwrap();
        assert_eq!(serde_json::from_value::<ExportConfig>(value).unwrap(), *export);
        let text = serde_json::to_string(export).unwrap();
        let read: ExportConfig = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!(read, *export);
    }
}

fn export(keys: &str) -> ExportConfig {
    let config = parse(&with_export(keys)).unwrap_or_else(|errors| panic!("{keys}: {}", render(&errors)));
    config.exports[0].clone()
}

#[test]
fn every_valid_fixture_reads_back() {
    let files = yaml_files("valid");
    assert!(files.len() >= 3, "the fixtures are gone");
    for file in files {
        let config = load(&file, &environment(), &params(&[("day", "2026-03-01")]));
        let config = config.unwrap_or_else(|errors| panic!("{}", render(&errors)));
        check(&config);
        let text = serde_json::to_string(&config.exports).unwrap();
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn every_choice_reads_back() {
    for keys in [
        "mode: chunked\n    chunk_size: 18446744073709551615",
        "mode: chunked\n    consistency: chunk\n    resume: never",
        "mode: incremental\n    cursor_column: a\n    cursor_lag: 90s\n    cursor_nulls: skip",
        "mode: time_window\n    time_column: at\n    days_window: 1\n    time_zone: Asia/Tokyo",
        "compression: none",
        "compression: snappy",
        "compression: lz4",
        "format: csv\n    csv: { delimiter: '|', null: '\\N' }",
        "parquet: { encoding: v2, row_group_rows: 5 }",
        "parquet: { encoding: delta, target_row_group_mb: 64 }",
        "numeric_default: decimal(76,0)",
        "on_unrepresentable: error",
        "on_schema_drift: continue",
        "tuning: { profile: fast, batch_size_memory_mb: 3, memory_threshold_mb: 0, statement_budget_s: 0.001 }",
        "columns: { 'a.\"b': \"decimal(76,76)\", ж: timestamp_tz }",
        "quality: { row_count_max: 18446744073709551615, null_ratio_max: { a: 0, b: 1, c: 0.1 } }",
    ] {
        check(&parse(&with_export(&format!("    {keys}"))).unwrap_or_else(|errors| panic!("{}", render(&errors))));
    }
    let quoted = with_export("").replace("table: t", "table: '\"a.b\".\"c\"\"d\"'");
    check(&parse(&quoted).unwrap());
}

#[test]
fn paths_do_not_depend_on_where_a_process_runs() {
    let text = with_export("").replace("type: stdout", "type: local, path: \"out/{date}\"");
    let config = parse_str(&text, Path::new("a{date}b/rivet.yaml"), &environment(), &Overrides::default()).unwrap();
    check(&config);
    let Destination::Local { path } = &config.exports[0].destination else { panic!("the destination is local") };
    let filled = path.fill(jiff::civil::date(2026, 3, 1), &config.exports[0].name, &config.exports[0].relation, "r");
    assert_eq!(Path::new(&filled), std::path::absolute("a{date}b/out/2026-03-01").unwrap());
    let config = load(&fixtures().join("valid/destinations.yaml"), &environment(), &Overrides::default()).unwrap();
    let gcs = config.exports.iter().find_map(|export| match &export.destination {
        Destination::Gcs(gcs) => gcs.credentials_file.clone(),
        _ => None,
    });
    assert!(gcs.unwrap().is_absolute());
}

#[test]
fn unknown_keys_are_passed_over() {
    let export = export("    mode: chunked\n    chunk_count: 3\n    quality: { row_count_min: 1 }");
    let mut value = serde_json::to_value(&export).unwrap();
    for place in ["", "/mode", "/output", "/output/csv", "/destination", "/tuning", "/quality"] {
        value.pointer_mut(place).unwrap()["from_a_newer_rivet"] = json!({ "a": [1] });
    }
    assert_eq!(serde_json::from_value::<ExportConfig>(value).unwrap(), export);
}

#[test]
fn a_mask_is_never_read_weaker_than_it_is() {
    let check = |json: Value, expected: Option<Mask>| {
        assert_eq!(serde_json::from_value::<Mask>(json.clone()).ok(), expected, "{json}");
    };
    check(json!({ "method": "hash" }), Some(Mask::Hash));
    check(json!({ "method": "null" }), Some(Mask::Null));
    check(json!({ "method": "hmac", "key_env": "K" }), Some(Mask::Hmac { key_env: "K".to_owned() }));
    check(json!({ "method": "truncate", "length": 2 }), Some(Mask::Truncate { length: 2 }));
    check(json!({ "method": "hash", "salt_env": "S" }), None);
    check(json!({ "method": "hash", "length": 2 }), None);
    check(json!({ "method": "hmac" }), None);
    check(json!({ "method": "blur" }), None);
    check(json!({}), None);
}

#[test]
fn values_in_place_of_names_are_refused() {
    let check = |keys: &str, at: &str| {
        let text = format!(
            "source: {{ type: postgres, url: postgres://h/d }}\nexports:\n  - {{ name: a, table: t, {keys} }}\n"
        );
        let errors = parse(&text).expect_err(keys);
        let places: Vec<&str> = errors.findings().iter().map(rivet_config::Finding::at).collect();
        assert_eq!(places, [at], "{keys}");
        assert!(!format!("{errors:?} {}", render(&errors)).contains("s3"), "{keys}: {}", render(&errors));
    };
    let local = "destination: { type: stdout }";
    check(&format!("{local}, mask: {{ c: {{ method: hmac, key_env: s3-cret }} }}"), "exports[0].mask.c.key_env");
    let azure = "type: azure, bucket: b, account_name: n";
    check(&format!("destination: {{ {azure}, sas_token_env: '?sig=s3' }}"), "exports[0].destination.sas_token_env");
    check(&format!("destination: {{ {azure}, account_key_env: s3+== }}"), "exports[0].destination.account_key_env");
    check(&format!("destination: {{ {azure}, endpoint: 'https://h/?sig=s3' }}"), "exports[0].destination.endpoint");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numbers_and_durations_read_back(
        (rows, mib, throttle, retries) in (1..u64::MAX, 1..1_u64 << 40, any::<u64>(), any::<u32>()),
        (lag, budget) in (0..=u64::from(u32::MAX), 0.0..1e9_f64),
        (factor, ratio) in (1.000_001..1e300_f64, 0.0..=1.0_f64),
        path in "(\\{\\{|\\{date\\}|\\{export\\}|\\{run_id\\}|[a-z}./ж ]){0,8}x",
    ) {
        let text = format!(
            "source: {{ type: postgres, url: postgres://h/d }}
exports:
  - name: a
    table: t
    mode: incremental
    cursor_column: c
    cursor_lag: {lag}
    max_file_size: {}
    shape_drift_warn_factor: {factor:?}
    quality: {{ row_count_max: {rows}, null_ratio_max: {{ c: {ratio:?} }} }}
    tuning: {{ throttle_ms: {throttle}, batch_size_memory_mb: {mib}, max_retries: {retries}, statement_budget_s: {budget:?} }}
    destination: {{ type: local, path: \"{path}\" }}
", (1 << 20) + (rows >> 1));
        let config = parse(&text).unwrap_or_else(|errors| panic!("{text}{}", render(&errors)));
        let export = &config.exports[0];
        prop_assert_eq!(&serde_json::from_value::<ExportConfig>(serde_json::to_value(export).unwrap()).unwrap(), export);
    }
}
