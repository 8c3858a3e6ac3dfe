//! Accounts of kinds that a server knows by a plugin only.

use rivet_testing::{Family, Project};

use super::OwnServer;
use crate::families::faults::{AT_ONCE, WORDS, WRONG, refused};
use crate::faults::assert_chunks;
use crate::support::{project_with, run};

#[track_caller]
fn start(family: Family, plugin: &str, how: &str) -> (OwnServer, Project) {
    let server = OwnServer::start(family, &[]);
    server.connect("").execute("CREATE DATABASE shop");
    let session = server.connect("shop");
    session.execute(WORDS);
    session.execute(&format!("{plugin}; CREATE USER reader {how}; GRANT SELECT ON shop.* TO reader"));
    let url = server.url_as("reader", WRONG, "shop");
    let export = format!("name: rows, {AT_ONCE}, destination: {{ type: local, path: out }}");
    let project = project_with(&format!("type: mysql, url: {url:?}, environment: local"), &[&export]);
    (server, project)
}

/// MariaDB's newer kind of password is one of those that are known.
#[test]
fn a_password_by_ed25519_own_server_mariadb() {
    let how = format!("IDENTIFIED VIA ed25519 USING PASSWORD('{WRONG}')");
    let (_server, project) = start(Family::Mariadb, "INSTALL SONAME 'auth_ed25519'", &how);
    let outcome = run(&project);
    outcome.finished.assert_silent_about(WRONG);
    assert_chunks(&project, &outcome);
}

/// An account that is for the server's own machine alone.
#[test]
fn an_account_of_the_operating_system_own_server_mysql() {
    let plugin = "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'";
    let (_server, project) = start(Family::Mysql, plugin, "IDENTIFIED WITH auth_socket");
    let texts = ["Access denied for user 'reader'", "in `source`"];
    refused(&project, 1, "rivet::source::authentication", &texts);
}
