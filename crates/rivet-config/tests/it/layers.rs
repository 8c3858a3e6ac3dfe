use std::path::Path;

use rivet_config::{Config, ConfigErrors, Environment, Overrides, Profile, parse_str};
use rivet_model::Relation;
use secrecy::ExposeSecret as _;

use crate::support::{params, render, with_export, with_source};

fn with(text: &str, variables: &[(&str, &str)], overrides: &Overrides) -> Result<Config, ConfigErrors> {
    let environment: Environment = variables.iter().copied().collect();
    parse_str(text, Path::new("rivet.yaml"), &environment, overrides)
}

fn ok(text: &str, variables: &[(&str, &str)]) -> Config {
    with(text, variables, &Overrides::default()).unwrap_or_else(|errors| panic!("{}", render(&errors)))
}

fn messages(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let errors = with(text, variables, &Overrides::default()).expect_err("a mistake is expected");
    errors.findings().iter().map(ToString::to_string).collect()
}

#[test]
fn variables_lie_over_the_file() {
    let config = ok(
        &with_export("    tuning: { profile: fast }"),
        &[
            ("RIVET_PARALLEL_EXPORTS", "4"),
            ("RIVET_SOURCE__URL", "postgres://other.example/d"),
            ("RIVET_SOURCE__TUNING__MAX_RETRIES", "8"),
            ("RIVET_EXPORTS__0__TUNING__PROFILE", "safe"),
            ("RIVET_EXPORTS__0__SELECT", "[a, b]"),
            ("RIVET_EXPORTS__0__SKIP_EMPTY", "true"),
            ("RIVET_STATE", "{ path: s.redb }"),
            ("RIVET_LOG", "debug"),
            ("RIVET_NO_SUCH__KEY", "x"),
        ],
    );
    let export = &config.exports[0];
    assert_eq!(config.parallel_exports, 4);
    assert_eq!(config.source.connection.host, "other.example");
    assert_eq!((export.tuning.profile, export.tuning.max_retries), (Profile::Safe, 8));
    assert_eq!(export.select.len(), 2);
    assert!(export.skip_empty);
    assert_eq!(config.state.path, std::path::absolute("s.redb").unwrap());
}

#[test]
fn a_text_that_looks_like_a_number_stays_a_text() {
    let text = with_source("  type: postgres\n  host: h");
    let config = ok(&text, &[("RIVET_SOURCE__PASSWORD", "0123"), ("RIVET_SOURCE__DATABASE", "2026")]);
    assert_eq!(config.source.connection.password.as_ref().unwrap().expose_secret(), "0123");
    assert_eq!(config.source.connection.database.as_deref(), Some("2026"));
}

#[test]
fn a_variable_in_the_file_may_be_a_number() {
    let text = with_source("  type: postgres\n  host: ${HOST}\n  port: ${PORT}");
    let config = ok(&text, &[("HOST", "h"), ("PORT", "6432")]);
    assert_eq!(config.source.connection.port, 6432);
}

#[test]
fn mistakes_of_variables_name_the_variable() {
    let text = with_export("");
    let check = |name: &str, value: &str, expected: &str| assert_eq!(messages(&text, &[(name, value)]), [expected]);
    check(
        "RIVET_PARALLEL_EXPORTS",
        "many-s3cret",
        "`parallel_exports` must be a number, `true` or `false`, not a text, from the environment variable `RIVET_PARALLEL_EXPORTS`",
    );
    check(
        "RIVET_SOURCE__TYPE",
        "s3cret",
        "the value of `type` is unknown, from the environment variable `RIVET_SOURCE__TYPE`",
    );
    check(
        "RIVET_SOURCE__TIPE",
        "mysql",
        "unknown key `tipe` in `source`, from the environment variable `RIVET_SOURCE__TIPE`",
    );
    check(
        "RIVET_EXPORTS__3__MODE",
        "full",
        "there is no entry `3` in `exports`, from the environment variable `RIVET_EXPORTS__3__MODE`",
    );
    check(
        "RIVET_SOURCE__PASSWORD",
        "s3cret",
        "`password` can't stand beside `url`, from the environment variable `RIVET_SOURCE__PASSWORD`",
    );
}

#[test]
fn flags_lie_over_everything() {
    let overrides = Overrides { parallel_exports: Some(3), ..Overrides::default() };
    let config = with(&with_export(""), &[("RIVET_PARALLEL_EXPORTS", "2")], &overrides).unwrap();
    assert_eq!(config.parallel_exports, 3);
    let overrides = Overrides { parallel_exports: Some(0), ..Overrides::default() };
    let errors = with(&with_export(""), &[], &overrides).unwrap_err();
    assert_eq!(errors.to_string(), "`parallel_exports` must be at least 1, from `--parallel-exports`");
}

#[test]
fn parameters_fill_queries_before_the_environment() {
    let text = with_export("").replace("table: t", "query: \"SELECT '${day}', '${HOME}', '$${x}';\"");
    let config = with(&text, &[("day", "friday"), ("HOME", "h")], &params(&[("day", "monday")])).unwrap();
    assert_eq!(config.exports[0].relation, Relation::Query("SELECT 'monday', 'h', '${x}'".to_owned()));
    // Anywhere else a parameter means nothing.
    let text = with_export("    source_group: ${day}");
    assert!(with(&text, &[], &params(&[("day", "monday")])).is_err());
}

#[test]
fn defaults_lie_under_exports() {
    let text = "
source: { type: postgres, url: postgres://h/d }
defaults:
  destination: { type: s3, bucket: lake, region: eu-west-1 }
  compression: zstd
  compression_level: 7
  cursor_column: updated_at
  tuning: { batch_size: 5 }
  columns: { a: text }
exports:
  - { name: a, table: a }
  - { name: b, table: b, mode: incremental, compression_profile: fast, columns: { b: json } }
  - { name: c, table: c, destination: { type: local, path: out }, tuning: { batch_size_memory_mb: 4 } }
  - { name: d, table: d, destination: { prefix: raw } }
";
    let config = ok(text, &[]);
    let kinds: Vec<&str> = config.exports.iter().map(|export| export.destination.kind()).collect();
    assert_eq!(kinds, ["s3", "s3", "local", "s3"]);
    assert_eq!(config.exports[1].mode.as_str(), "incremental");
    assert_eq!(config.exports[1].overrides.len(), 2);
    assert_eq!(config.exports[2].tuning.batch_bytes, Some(4 << 20));
}

#[test]
fn a_mistake_in_defaults_is_told_once() {
    let text = "
source: { type: postgres, url: postgres://h/d }
defaults: { formt: csv, skip_empty: 5, max_file_size: 1KB, destination: { type: stdout }, name: x }
exports:
  - { name: a, table: a }
  - { name: b, table: b, destination: { type: local, path: out } }
";
    assert_eq!(
        messages(text, &[]),
        [
            "unknown key `formt` in `defaults`",
            "`skip_empty` must be `true` or `false`, not a whole number",
            "`max_file_size` must be at least 1 MiB",
            "`name` has no meaning in `defaults`",
        ]
    );
}
