use std::path::PathBuf;

use rivet_testing::{TestDatabase, certificate_authority};

use crate::support::{project_with, run_badly, run_well};

/// Says of the connection that runs it whether it is encrypted.
const ENCRYPTED: &str = "name: e, query: 'SELECT ssl::text AS ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()', format: csv, \
     csv: { header: false }, destination: { type: local, path: out }";

/// Runs with this `tls` mapping; returns whether the server says that the connection is encrypted.
#[track_caller]
fn is_encrypted(url: &str, tls: &str) -> bool {
    let project = project_with(&format!("type: postgres, url: {url:?}, environment: local{tls}"), &[ENCRYPTED]);
    run_well(&project);
    let [csv] = project.files("out", "csv").try_into().expect("one part");
    std::fs::read_to_string(csv).expect("it was listed") == "true\n"
}

#[track_caller]
fn is_refused(url: &str, tls: &str, code: i32, expected: &[&str]) {
    let project = project_with(&format!("type: postgres, url: {url:?}, environment: local{tls}"), &[ENCRYPTED]);
    run_badly(&project, code, expected);
}

fn tls(mode: &str, authority: Option<&PathBuf>) -> String {
    let file = authority.map_or_else(String::new, |path| format!(", ca_file: '{}'", path.display()));
    format!(", tls: {{ mode: {mode}{file} }}")
}

/// A way to the server under an address that its certificate does not hold.
#[cfg(target_os = "linux")]
pub(crate) fn another_name(url: &str) -> String {
    use std::io::{Write as _, copy};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    let (user, server) = url.rsplit_once('@').expect("it names a user");
    let (address, database) = server.split_once('/').expect("it names a database");
    let (_, upstream_port) = address.split_once(':').expect("it names a port");
    let upstream = format!("127.0.0.1:{upstream_port}");
    let listener = TcpListener::bind("127.0.0.2:0").expect("all of 127.0.0.0/8 is this machine");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&upstream) else { continue };
            for (mut from, mut to) in [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))]
                .into_iter()
                .filter_map(|(from, to)| Some((from.ok()?, to.ok()?)))
            {
                thread::spawn(move || {
                    // Either side may leave at any time.
                    let _copied = copy(&mut from, &mut to).and_then(|_| to.flush());
                    let _closed = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    format!("{user}@127.0.0.2:{port}/{database}")
}

#[test]
fn each_mode_encrypts_or_does_not() {
    let (database, authority) = (TestDatabase::create(), certificate_authority());
    let url = database.tls_url();
    assert!(!is_encrypted(&url, &tls("disable", None)));
    assert!(is_encrypted(&url, &tls("require", None)));
    assert!(is_encrypted(&url, &tls("verify-ca", Some(&authority))));
    assert!(is_encrypted(&url, &tls("verify-full", Some(&authority))));
}

#[test]
fn an_unknown_authority_is_refused() {
    let database = TestDatabase::create();
    for mode in ["verify-ca", "verify-full"] {
        // The machine's own authorities did not sign the certificate.
        is_refused(&database.tls_url(), &tls(mode, None), 1, &["certificate", "tls"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn another_name_is_refused_where_names_are_looked_at() {
    let (database, authority) = (TestDatabase::create(), certificate_authority());
    let url = another_name(&database.tls_url());
    assert!(is_encrypted(&url, &tls("require", None)));
    assert!(is_encrypted(&url, &tls("verify-ca", Some(&authority))));
    is_refused(&url, &tls("verify-full", Some(&authority)), 1, &["certificate", "127.0.0.2"]);
}

#[test]
fn a_missing_authority_file_is_a_mistake() {
    let database = TestDatabase::create();
    let missing = PathBuf::from("/nowhere/ca.crt");
    is_refused(&database.tls_url(), &tls("verify-full", Some(&missing)), 2, &["/nowhere/ca.crt", "ca_file"]);
}
