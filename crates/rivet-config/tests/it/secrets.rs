use std::path::Path;

use proptest::prelude::*;
use rivet_config::{Environment, Overrides, parse_str};
use secrecy::ExposeSecret as _;

use crate::support::render;

/// Everything that a caller could show of a result.
fn shown(text: &str, environment: &Environment) -> String {
    match parse_str(text, Path::new("rivet.yaml"), environment, &Overrides::default()) {
        Ok(config) => format!("{config:?} {}", config.source.connection),
        Err(errors) => {
            let mut json = String::new();
            miette::JSONReportHandler::new().render_report(&mut json, &errors).unwrap();
            format!("{errors} {errors:?} {} {json}", render(&errors))
        }
    }
}

/// Texts around a word that nothing else holds; the word must not appear.
fn password() -> impl Strategy<Value = String> {
    ("[a-zA-Z0-9:/?#@%&=!,; \\[\\]{}'-]{0,6}", "[a-zA-Z0-9:/?#@%&=!,; \\[\\]{}'-]{0,6}")
        .prop_map(|(before, after)| format!("{before}QZXV{after}"))
}

fn encoded(password: &str) -> String {
    let escapes: Vec<String> = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
    escapes.concat()
}

/// Layouts in which a URL stands in a file, right ones and wrong ones.
fn files(url: &str) -> Vec<String> {
    let quoted = format!("'{}'", url.replace('\'', "''"));
    let exports = "exports:\n  - { name: a, table: t, destination: { type: stdout } }\n";
    vec![
        format!("source:\n  type: postgres\n  url: {quoted}\n{exports}"),
        format!("source:\n  type: mysql\n  url: {quoted}\n  typo: 1\n{exports}"),
        format!("source:\n  url: {quoted} # {url}\n  type: 5\n{exports}"),
        format!("source: {{ type: postgres, url: {quoted}, port: x }}\n{exports}"),
        format!("source:\n  type: postgres\n  ulr: 1\n  url: {url}\n{exports}"),
        format!("source:\n  type: postgres\n  url: {quoted}\n\texports: 1\n"),
        format!("source:\n  type: postgres\n  url: {quoted}\n  host: [\n"),
        format!("state: {{ url: {quoted} }}\n"),
        format!("source:\n  type: postgres\n  url: >-\n    {url}\n  port: x\n"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_password_in_a_url_never_shows(password in password(), encode in any::<bool>()) {
        let written = if encode { encoded(&password) } else { password.clone() };
        let url = format!("postgres://reader:{written}@db.example/shop");
        for text in files(&url) {
            let shown = shown(&text, &Environment::empty());
            prop_assert!(!shown.contains("QZXV"), "{}\n{}", text, shown);
        }
        let text = "source:\n  type: postgres\n  url: ${URL}\n  host: 5\n";
        let shown = shown(text, &Environment::from_iter([("URL", url)]));
        prop_assert!(!shown.contains("QZXV"), "{}", shown);
    }

    #[test]
    fn a_password_under_its_own_key_never_shows(password in "[a-zA-Z0-9:/?#@%&=!,;{}'-]{0,6}QZXV[a-z0-9]{0,4}") {
        let quoted = format!("'{}'", password.replace('\'', "''"));
        for key in ["password", "pasword", "Password", "passwd"] {
            for text in [
                format!("source:\n  type: postgres\n  host: h\n  {key}: {quoted}\n  port: x\n"),
                format!("source: {{ {key}: {quoted}, port: x }}\n"),
                format!("source:\n  # {key}: {password}\n  port: x\n  {key}: |\n    {password}\n"),
                format!("source:\n  {key}: {quoted}\n port: x\n"),
                format!("source:\n  {key}: [{quoted}]\n"),
            ] {
                let shown = shown(&text, &Environment::empty());
                prop_assert!(!shown.contains("QZXV"), "{}\n{}", text, shown);
            }
        }
    }

    #[test]
    fn an_encoded_password_comes_back(password in "[^\\p{Cc}]{1,12}") {
        let text = format!(
            "source: {{ type: postgres, url: 'postgres://u:{}@h/d' }}\nexports: [{{ name: a, table: t, destination: {{ type: stdout }} }}]",
            encoded(&password)
        );
        let config = parse_str(&text, Path::new("rivet.yaml"), &Environment::empty(), &Overrides::default()).unwrap();
        let read = config.source.connection.password.unwrap();
        prop_assert_eq!(read.expose_secret(), password.as_str());
    }
}
