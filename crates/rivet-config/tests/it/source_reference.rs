use std::path::Path;

use proptest::prelude::*;
use rivet_config::{
    CredentialsReference, Environment, INLINE_PASSWORD_VARIABLE, Overrides, SourceReference, SourceReferenceError,
    parse_str,
};
use rivet_model::ConnectionSettings;
use secrecy::ExposeSecret;

use crate::support::{render, with_source};

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().copied().collect()
}

/// Makes the reference of a source, keeps it as JSON and reads it back.
fn reference(source: &str, variables: &[(&str, &str)]) -> SourceReference {
    let text = with_source(&format!("  type: postgres\n{source}"));
    let config = parse_str(&text, Path::new("/etc/rivet/rivet.yaml"), &environment(variables), &Overrides::default());
    let made = config.unwrap_or_else(|errors| panic!("{}", render(&errors))).source_reference();
    let json = serde_json::to_string(&made).unwrap();
    let shown = format!("{json} {made:?} {made}");
    for secret in ["s3cret", "s3%63ret", "://"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let read: SourceReference = serde_json::from_str(&json).unwrap();
    assert_eq!(read, made);
    read
}

fn password(settings: &ConnectionSettings) -> Option<&str> {
    settings.password.as_ref().map(ExposeSecret::expose_secret)
}

fn named(name: &str) -> String {
    name.to_owned()
}

#[test]
fn credentials_are_named_and_read_again() {
    let check = |source: &str, variables: &[(&str, &str)], expected: CredentialsReference| {
        let reference = reference(source, variables);
        assert_eq!(reference.credentials, expected, "{source}");
        assert_eq!(reference.to_string(), "reader@db.example:5432/shop", "{source}");
        let settings = reference.resolve(&environment(variables)).unwrap_or_else(|error| panic!("{source}: {error}"));
        let has_password = expected != CredentialsReference::None;
        assert_eq!(password(&settings), has_password.then_some("s3cret"), "{source}");
    };
    let url = ("URL", "postgres://reader:s3cret@db.example/shop");
    check("  url_env: URL", &[url], CredentialsReference::UrlEnv { name: named("URL") });
    check("  url: ${URL}", &[url], CredentialsReference::UrlEnv { name: named("URL") });
    let name = named("RIVET_SOURCE__URL");
    check("", &[("RIVET_SOURCE__URL", url.1)], CredentialsReference::UrlEnv { name });

    let host = "  host: db.example\n  user: reader\n  database: shop\n";
    let word = ("PW", "s3cret");
    let of_variable = || CredentialsReference::PasswordEnv { name: named("PW") };
    check(&format!("{host}  password_env: PW"), &[word], of_variable());
    check(&format!("{host}  password: ${{PW}}"), &[word], of_variable());
    let name = named("RIVET_SOURCE__PASSWORD");
    check(host, &[("RIVET_SOURCE__PASSWORD", "s3cret")], CredentialsReference::PasswordEnv { name });
    check(host, &[], CredentialsReference::None);
    check("  url: postgres://reader@db.example/shop", &[], CredentialsReference::None);
    check("  url: postgres://${USER}@db.example/shop", &[("USER", "reader")], CredentialsReference::None);

    let of_url = || CredentialsReference::UrlPasswordEnv { name: named("PW") };
    check("  url: postgres://reader:${PW}@db.example/shop", &[("PW", "s3%63ret")], of_url());
    let both = [word, ("HOST", "db.example")];
    check("  url: postgres://reader:${PW}@${HOST}:5432/shop", &both, of_url());

    let given = (INLINE_PASSWORD_VARIABLE, "s3cret");
    check("  url: postgres://reader:s3cret@db.example/shop", &[given], CredentialsReference::Inline);
    check(&format!("{host}  password: s3cret"), &[given], CredentialsReference::Inline);
    check(&format!("{host}  password: s3${{END}}"), &[given, ("END", "cret")], CredentialsReference::Inline);
    let pieces = [given, ("WHO", "reader:s3cret")];
    check("  url: postgres://${WHO}@db.example/shop", &pieces, CredentialsReference::Inline);
    // The host brings the end of the password.
    let pieces = [given, ("PW", "s3"), ("HOST", "cret@db.example")];
    check("  url: postgres://reader:${PW}@${HOST}/shop", &pieces, CredentialsReference::Inline);
}

#[test]
fn a_file_is_named_by_its_absolute_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, "postgres://reader:s3cret@db.example/shop\n").unwrap();
    let reference = reference(&format!("  url_file: {}", file.display()), &[]);
    assert_eq!(reference.credentials, CredentialsReference::UrlFile { path: file.clone() });
    assert_eq!(password(&reference.resolve(&Environment::empty()).unwrap()), Some("s3cret"));
    std::fs::remove_file(&file).unwrap();
    let error = reference.resolve(&Environment::empty()).unwrap_err();
    assert!(matches!(error, SourceReferenceError::File { path, .. } if path == file));
}

#[test]
fn everything_but_the_password_is_as_it_was() {
    let url =
        "postgres://reader:s3cret@db.example:6432/shop?application_name=etl&connect_timeout=3&sslmode=verify-full";
    let source = "  url_env: URL\n  environment: replica\n  tls: { ca_file: ca.pem, accept_invalid_hostnames: true }";
    let reference = reference(source, &[("URL", url)]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&reference).unwrap(), @r#"
    {
      "kind": "postgres",
      "host": "db.example",
      "port": 6432,
      "database": "shop",
      "user": "reader",
      "tls": {
        "mode": "verify-ca",
        "ca_file": "/etc/rivet/ca.pem"
      },
      "url_tls": "verify-full",
      "application_name": "etl",
      "connect_timeout": {
        "secs": 3,
        "nanos": 0
      },
      "environment": "replica",
      "credentials": {
        "given_by": "url_env",
        "name": "URL"
      }
    }
    "#);
    // The password is a new one, and the parameters that are no matter of trust are those of the plan.
    let rotated = "postgres://reader:n3w@db.example:6432/shop?sslmode=verify-full&application_name=other";
    let settings = reference.resolve(&environment(&[("URL", rotated)])).unwrap();
    assert_eq!(password(&settings), Some("n3w"));
    assert_eq!((settings.application_name.as_str(), settings.connect_timeout.as_secs()), ("etl", 3));
    assert_eq!(settings.tls, reference.tls);
}

#[test]
fn a_url_that_leads_elsewhere_is_refused() {
    let reference = reference("  url_env: URL", &[("URL", "postgres://reader:s3cret@db.example/shop")]);
    let check = |url: &str, expected: &[&str]| {
        let error = reference.resolve(&environment(&[("URL", url)])).expect_err(url);
        let shown = format!("{error} {error:?} {}", render(&error));
        assert!(!shown.contains("QZXV"), "{shown}");
        let SourceReferenceError::Differs { what, .. } = error else { panic!("{url}: {error}") };
        assert_eq!(what, expected, "{url}");
    };
    check("postgres://reader:QZXV@other.example/shop", &["host"]);
    check("postgres://reader:QZXV@db.example:5433/shop", &["port"]);
    check("postgres://reader:QZXV@db.example/QZXV", &["database"]);
    check("postgres://QZXV:QZXV@db.example/shop", &["user"]);
    check("postgres://reader:QZXV@db.example/shop?sslmode=require", &["sslmode"]);
    check("mysql://reader:QZXV@db.example/shop", &["type"]);
    check("postgres://QZXV", &["host", "database", "user"]);
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let told = |source: &str, before: &[(&str, &str)], after: &[(&str, &str)]| {
        let error = reference(source, before).resolve(&environment(after)).unwrap_err();
        let shown = render(&error);
        assert!(!format!("{shown} {error:?}").contains("s3cret"), "{shown}");
        shown
    };
    let url = ("URL", "postgres://reader:s3cret@db.example/shop");
    insta::assert_snapshot!(told("  url_env: URL", &[url], &[]), @r"
    rivet::config::credentials_variable

      × the environment variable `URL` is not set
      help: Set `URL` where this command runs: it holds the credentials for `reader@db.example:5432/shop`, which
            no plan holds.
    ");
    insta::assert_snapshot!(told("  url_env: URL", &[url], &[("URL", "")]), @r"
    rivet::config::credentials_variable

      × the environment variable `URL` is empty
      help: Set `URL` where this command runs: it holds the credentials for `reader@db.example:5432/shop`, which
            no plan holds.
    ");
    insta::assert_snapshot!(told("  url_env: URL", &[url], &[("URL", "db.example:s3cret")]), @r"
    rivet::config::credentials_url

      × the environment variable `URL` can't be used: the URL begins with no scheme that Rivet knows
      help: Begin it with `postgres://`, `postgresql://`, `mysql://` or `mariadb://`.
    ");
    insta::assert_snapshot!(told("  url_env: URL", &[url], &[("URL", "postgres://s3cret:s3cret@a/b")]), @r"
    rivet::config::source_differs

      × the URL in the environment variable `URL` is not the one that was planned with: it differs in `host`,
      │ `database`, `user`
      help: Let it lead to `reader@db.example:5432/shop` again, as it did when the plan was made, or make a new
            plan.
    ");
    insta::assert_snapshot!(told("  url: postgres://reader:s3cret@db.example/shop", &[], &[]), @r"
    rivet::config::credentials_inline

      × the configuration holds the password of the source itself, and a plan never holds secrets
      help: Put it into a variable that `password_env` or `url_env` names, and plan again; or set
            `RIVET_SOURCE_PASSWORD` to the password of `reader@db.example:5432/shop` where this command runs.
    ");
    let encoded = "  url: postgres://reader:${PW}@db.example/shop";
    insta::assert_snapshot!(told(encoded, &[("PW", "s3cret")], &[("PW", "s3cret%")]), @r"
    rivet::config::credentials_url

      × the environment variable `PW` can't be used: the password has a `%` that begins no escape
      help: Percent-encode it, as it stands in a URL: `%` is `%25`.
    ");
}

#[test]
fn the_password_of_an_inline_source_is_no_layer() {
    let text = with_source("  type: postgres\n  host: h");
    let variables = environment(&[(INLINE_PASSWORD_VARIABLE, "s3cret")]);
    let config = parse_str(&text, Path::new("rivet.yaml"), &variables, &Overrides::default()).unwrap();
    assert!(config.source.connection.password.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reference_and_its_errors_never_show_a_password(
        before in "[a-zA-Z0-9:?#@%&=!,; -]{0,6}",
        after in "[a-zA-Z0-9:/?#@%&=!,; -]{0,6}",
    ) {
        let text = with_source("  type: postgres\n  url: ${URL}");
        let variables = environment(&[("URL", &format!("postgres://reader:{before}QZXV@db.example/shop"))]);
        if let Ok(config) = parse_str(&text, Path::new("rivet.yaml"), &variables, &Overrides::default()) {
            let reference = config.source_reference();
            let json = serde_json::to_string(&reference).unwrap();
            prop_assert!(!format!("{json} {reference:?} {reference}").contains("QZXV"), "{}", json);
            let changed = environment(&[("URL", &format!("postgres://reader:{before}QZXV{after}@db.example/shop"))]);
            match reference.resolve(&changed) {
                Ok(settings) => {
                    let shown = format!("{settings:?} {settings}");
                    prop_assert!(!shown.contains("QZXV"), "{}", shown);
                }
                Err(error) => {
                    let shown = format!("{error} {error:?} {}", render(&error));
                    prop_assert!(!shown.contains("QZXV"), "{}", shown);
                }
            }
        }
    }
}
