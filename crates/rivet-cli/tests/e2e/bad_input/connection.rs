use std::net::TcpListener;

use insta::assert_snapshot;
use rivet_testing::{TestDatabase, certificate_authority, fixture};

use super::{CSV, WRONG, refused, steady, steady_at};
use crate::support::{project_at, project_with};

const ANYTHING: &str = "name: orders, table: orders, destination: { type: local, path: out }";

#[test]
fn a_wrong_password() {
    let database = TestDatabase::create();
    let project = project_at(&database.url_as("postgres", WRONG), &[ANYTHING]);
    assert_snapshot!(steady_at(&refused(&project, 1), &database), @r#"
    rivet::source::authentication

      × postgres@SERVER/DATABASE refused: password authentication failed for user "postgres"
      help: Check user and password in `source`, and the server's pg_hba.conf.
    "#);
}

#[test]
fn no_password() {
    let database = TestDatabase::create();
    let (scheme, rest) = database.url().split_once("://").expect("an address has a scheme");
    let (_, server) = rest.rsplit_once('@').expect("an address has a user");
    let project = project_at(&format!("{scheme}://postgres@{server}"), &[ANYTHING]);
    assert_snapshot!(steady_at(&refused(&project, 1), &database), @"
    rivet::source::authentication

      × no authentication with postgres@SERVER/DATABASE: password missing
      help: Give the user's password with `password_env`, `url_env` or `url_file` in `source`.
    ");
}

#[test]
fn a_host_that_nobody_knows() {
    let project = project_at(&format!("postgres://reader:{WRONG}@no-such-host.invalid/shop"), &[ANYTHING]);
    // The resolver's own words differ from system to system.
    let error = refused(&project, 1);
    let (before, _) = error.split_once("is not known: ").unwrap_or_else(|| panic!("{error}"));
    let (_, after) = error.split_once("help: ").unwrap_or_else(|| panic!("{error}"));
    assert_snapshot!(format!("{before}is not known: REASON\n  help: {after}"), @"
    rivet::source::unknown_host

      × the host `no-such-host.invalid` is not known: REASON
      help: Check the host name in `source`, and that this machine can resolve it.
    ");
}

#[test]
fn a_port_that_nobody_listens_on() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    drop(listener);
    let source = format!("type: postgres, url: 'postgres://reader:{WRONG}@127.0.0.1:{port}/shop'");
    let project = project_with(&format!("{source}, tuning: {{ max_retries: 0 }}"), &[ANYTHING]);
    assert_snapshot!(steady(&refused(&project, 5), &[(&port.to_string(), "PORT")]), @"
    rivet::source::connect

      × no connection to reader@127.0.0.1:PORT/shop: Connection refused (os error 111)
      help: Check host and port in `source`, that the server runs, and that no firewall is in between.
    ");
}

#[test]
fn a_database_that_does_not_exist() {
    let database = TestDatabase::create();
    let project = project_at(&database.url().replace(database.name(), "no_such_database"), &[ANYTHING]);
    assert_snapshot!(steady_at(&refused(&project, 1), &database), @r#"
    rivet::source::not_found

      × database "no_such_database" does not exist
      help: Check `database` in `source`.
    "#);
}

#[test]
fn tls_with_a_server_that_no_known_authority_vouches_for() {
    let database = TestDatabase::create();
    let source = format!("type: postgres, url: {:?}", database.tls_url());
    let export = format!("name: one, query: SELECT 1 AS one, {CSV}");
    let project = |tls: &str| project_with(&format!("{source}, tls: {{ mode: verify-full{tls} }}"), &[&export]);
    let steady = |error: &str| {
        let port = database.tls_url().rsplit_once(':').map_or(String::new(), |(_, rest)| rest.to_owned());
        let (port, _) = port.split_once('/').unwrap_or_default();
        steady(error, &[(port, "PORT"), (database.name(), "DATABASE")])
    };
    assert_snapshot!(steady(&refused(&project(""), 1)), @"
    rivet::source::tls

      × TLS with postgres@localhost:PORT/DATABASE failed: no authority that is trusted here has signed the server's certificate
      help: Name the PEM file of the server's authority in `tls.ca_file`; `mode: require` encrypts
            without checking the certificate.
    ");
    let another = fixture("another_authority.pem");
    assert_snapshot!(steady(&refused(&project(&format!(", ca_file: {another:?}")), 1)), @"
    rivet::source::tls

      × TLS with postgres@localhost:PORT/DATABASE failed: no authority that is trusted here has signed the server's certificate
      help: Name the PEM file of the server's authority in `tls.ca_file`; `mode: require` encrypts
            without checking the certificate.
    ");

    let right = project(&format!(", ca_file: {:?}", certificate_authority()));
    right.command(&["run"]).run().assert_code(0);
}
