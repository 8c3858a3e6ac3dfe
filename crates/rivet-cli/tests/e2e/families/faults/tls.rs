//! How far a connection is encrypted and the server's certificate looked at.

use std::path::PathBuf;

use rivet_testing::{Family, MysqlDatabase, Project, fixture};

use super::refused;
use crate::modes::tls::another_name;
use crate::support::{project_with, read_text, run_well};

/// Says of the connection that runs it which cipher it has: none where it is not encrypted.
fn project(family: Family, url: &str, tls: &str) -> Project {
    let status = family.choose("performance_schema", "information_schema");
    let query = format!("SELECT variable_value AS it FROM {status}.session_status WHERE variable_name = 'Ssl_cipher'");
    let export = format!("name: e, query: {query:?}, format: csv, destination: {{ type: local, path: out }}");
    project_with(&format!("type: mysql, url: {url:?}, environment: local{tls}"), &[&export])
}

#[track_caller]
fn is_encrypted(family: Family, url: &str, tls: &str) -> bool {
    let project = project(family, url, tls);
    run_well(&project);
    let [csv] = project.files("out", "csv").try_into().expect("one part");
    let text = read_text(&csv);
    let value = text.strip_prefix("it\n").unwrap_or_else(|| panic!("{text}")).trim();
    !matches!(value, "" | "\"\"")
}

fn tls(mode: &str, authority: Option<&PathBuf>) -> String {
    let file = authority.map_or_else(String::new, |path| format!(", ca_file: '{}'", path.display()));
    format!(", tls: {{ mode: {mode}{file} }}")
}

fn each_mode_encrypts_or_does_not(family: Family) {
    let (database, authority) = (MysqlDatabase::create(family), family.certificate_authority());
    let url = database.tls_url();
    assert!(!is_encrypted(family, &url, &tls("disable", None)));
    for mode in ["prefer", "require"] {
        assert!(is_encrypted(family, &url, &tls(mode, None)), "{mode}");
    }
    for mode in ["verify-ca", "verify-full"] {
        assert!(is_encrypted(family, &url, &tls(mode, Some(&authority))), "{mode}");
    }
    // Without a word about it.
    assert!(is_encrypted(family, &url, ""));
}

fn an_authority_that_nobody_knows_is_refused(family: Family) {
    let database = MysqlDatabase::create(family);
    let another = fixture("another_authority.pem");
    for mode in ["verify-ca", "verify-full"] {
        // The machine's own authorities did not sign the certificate, and neither did this one.
        for file in [None, Some(&another)] {
            let texts = ["no authority that is trusted here has signed the server's certificate", "tls.ca_file"];
            refused(&project(family, &database.tls_url(), &tls(mode, file)), 1, "rivet::source::tls", &texts);
        }
    }
}

#[cfg(target_os = "linux")]
fn another_name_is_refused_where_names_are_looked_at(family: Family) {
    let (database, authority) = (MysqlDatabase::create(family), family.certificate_authority());
    let url = another_name(&database.tls_url());
    assert!(is_encrypted(family, &url, &tls("require", None)));
    assert!(is_encrypted(family, &url, &tls("verify-ca", Some(&authority))));
    let project = project(family, &url, &tls("verify-full", Some(&authority)));
    refused(&project, 1, "rivet::source::tls", &["certificate", "127.0.0.2", "tls.mode"]);
}

fn a_missing_authority_file_is_a_mistake(family: Family) {
    let database = MysqlDatabase::create(family);
    let missing = PathBuf::from("/nowhere/ca.crt");
    let project = project(family, &database.tls_url(), &tls("verify-full", Some(&missing)));
    refused(&project, 2, "rivet::source::config", &["/nowhere/ca.crt", "ca_file"]);
}

rivet_testing::on_both_families!(
    each_mode_encrypts_or_does_not,
    an_authority_that_nobody_knows_is_refused,
    a_missing_authority_file_is_a_mistake,
);

#[cfg(target_os = "linux")]
rivet_testing::on_both_families!(another_name_is_refused_where_names_are_looked_at);
