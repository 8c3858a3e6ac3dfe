//! Nobody is let in, or nobody is there.

use std::net::TcpListener;

use rivet_testing::{Family, FaultProxy, MysqlDatabase};

use super::{User, WRONG, refused, words};
use crate::families::support::project_at;
use crate::faults::assert_chunks;
use crate::support::{project_with, run};

const ANYTHING: &str = "name: orders, table: orders, destination: { type: local, path: out }";

const AUTHENTICATION: &str = "rivet::source::authentication";

fn a_wrong_password(family: Family) {
    let database = MysqlDatabase::create(family);
    let proxy = FaultProxy::start(database.url());
    let url = proxy.url(&database.url_as("rivet", WRONG));
    let source = format!("type: mysql, url: {url:?}, tuning: {{ max_retries: 5 }}");
    let project = project_with(&source, &[ANYTHING]);
    let texts = ["Access denied for user 'rivet'@", "Check user, host and password of the account in `source`"];
    refused(&project, 1, AUTHENTICATION, &texts);
    assert_eq!(proxy.connections(), 1, "a wrong password is tried once");
}

fn no_password(family: Family) {
    let database = MysqlDatabase::create(family);
    let (_, server) = database.url().rsplit_once('@').expect("an address has a user");
    let project = project_at(&format!("mysql://rivet@{server}"), &[ANYTHING]);
    let texts = ["Access denied for user 'rivet'@", "(using password: NO)", "password"];
    refused(&project, 1, AUTHENTICATION, &texts);
}

fn a_host_that_nobody_knows(_family: Family) {
    let project = project_at(&format!("mysql://reader:{WRONG}@no-such-host.invalid/shop"), &[ANYTHING]);
    let texts = ["the host `no-such-host.invalid` is not known", "Check the host name in `source`"];
    refused(&project, 1, "rivet::source::unknown_host", &texts);
}

fn a_port_that_nobody_listens_on(_family: Family) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    drop(listener);
    let source = format!("type: mysql, url: 'mysql://reader:{WRONG}@127.0.0.1:{port}/shop'");
    let project = project_with(&format!("{source}, tuning: {{ max_retries: 0 }}"), &[ANYTHING]);
    let refusal = format!("no connection to reader@127.0.0.1:{port}/shop: Connection refused");
    refused(&project, 5, "rivet::source::connect", &[&refusal, "Check host and port in `source`"]);
}

fn a_database_that_does_not_exist(family: Family) {
    let database = MysqlDatabase::create(family);
    let project = project_at(&database.url().replace(database.name(), "no_such_database"), &[ANYTHING]);
    let texts = ["Unknown database 'no_such_database'", "Check `database` in `source`."];
    refused(&project, 1, "rivet::source::not_found", &texts);
}

/// Who may come in and see nothing is told the same as who looks for what is not there, or that he may not.
fn a_database_that_the_user_may_not_see(family: Family) {
    let database = words(family);
    let user = User::with_password(&database, WRONG);
    let project = project_at(&user.url(WRONG), &[ANYTHING]);
    let texts = ["Access denied for user", database.name(), "Grant the user of `source` SELECT on the tables"];
    refused(&project, 1, "rivet::source::permission", &texts);
}

/// Runs as a user that is made like this, and fails the test unless all rows come.
#[track_caller]
fn assert_reads(database: &MysqlDatabase, how: &str, password: &str, tls: &str) {
    let user = User::create(database, how);
    user.grant("SELECT", "*");
    // The first log-in is by the whole password, the next ones may be by what the server remembers of it.
    for _ in 0..2 {
        let source = format!("type: mysql, url: {:?}, environment: local, tls: {{ mode: {tls} }}", user.url(password));
        let keys = super::AT_ONCE;
        let project =
            project_with(&source, &[&format!("name: rows, {keys}, destination: {{ type: local, path: out }}")]);
        let outcome = run(&project);
        outcome.finished.assert_silent_about(password);
        assert_chunks(&project, &outcome);
    }
}

fn a_password_of_the_servers_own_kind(family: Family) {
    let database = words(family);
    // What stands in a URL has to be written in another way there.
    let password = "p@ss/w:rd?é";
    // Without TLS the whole password goes behind the server's public key, which is asked for first.
    let ways = family.choose(
        vec![format!("IDENTIFIED WITH caching_sha2_password BY '{password}'")],
        vec![
            format!("IDENTIFIED VIA mysql_native_password USING PASSWORD('{password}')"),
            // The second of two ways is taken where the first is none for this client.
            format!("IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('{password}')"),
        ],
    );
    for how in ways {
        assert_reads(&database, &how, password, "disable");
        assert_reads(&database, &how, password, "require");
    }
}

/// Old accounts of MySQL, which MariaDB's are still: a MySQL may have the plugin no longer.
fn a_password_of_the_old_kind(family: Family) {
    let database = words(family);
    let plugins = "SELECT count(*) FROM information_schema.plugins \
                   WHERE plugin_name = 'mysql_native_password' AND plugin_status = 'ACTIVE'";
    if family == Family::Mysql && database.query_value(plugins) == "0" {
        crate::support::tell("this MySQL has no mysql_native_password");
        return;
    }
    let how = family.choose(
        "IDENTIFIED WITH mysql_native_password BY 'old'",
        "IDENTIFIED VIA mysql_native_password USING PASSWORD('old')",
    );
    assert_reads(&database, how, "old", "disable");
    assert_reads(&database, how, "old", "require");
}

/// Accounts that need what no client on another machine has, or what this client does not know.
fn an_account_of_another_kind(family: Family) {
    let database = MysqlDatabase::create(family);
    let how = family.choose("IDENTIFIED WITH sha256_password BY 'swordfish'", "IDENTIFIED VIA unix_socket");
    let user = User::create(&database, how);
    user.grant("SELECT", "*");
    let source = format!("type: mysql, url: {:?}, tls: {{ mode: disable }}", user.url(WRONG));
    let texts = family.choose(
        ["does not know the account's plugin `sha256_password`", "caching_sha2_password"],
        ["Access denied for user", "in `source`"],
    );
    refused(&project_with(&source, &[ANYTHING]), 1, AUTHENTICATION, &texts);
}

fn an_account_that_is_locked_or_has_to_change_its_password(family: Family) {
    let database = MysqlDatabase::create(family);
    for (how, text) in [("ACCOUNT LOCK", "unlock the account"), ("PASSWORD EXPIRE", "Give the account a new password")]
    {
        let user = User::create(&database, &format!("IDENTIFIED BY '{WRONG}' {how}"));
        user.grant("SELECT", "*");
        refused(&project_at(&user.url(WRONG), &[ANYTHING]), 1, AUTHENTICATION, &[text]);
    }
}

/// One of its connections is left over: the run says so and may be tried again.
fn an_account_without_a_connection_left(family: Family) {
    let database = words(family);
    let user = User::create(&database, &format!("IDENTIFIED BY '{WRONG}' WITH MAX_USER_CONNECTIONS 1"));
    user.grant("SELECT", "*");
    let _held = rivet_testing::MysqlSession::connect(&user.url(WRONG));
    let source = format!("type: mysql, url: {:?}, tuning: {{ max_retries: 0 }}", user.url(WRONG));
    let texts = ["max_user_connections", "Lower `parallel_exports`"];
    refused(&project_with(&source, &[ANYTHING]), 5, "rivet::source::unavailable", &texts);
}

rivet_testing::on_both_families!(
    a_wrong_password,
    no_password,
    a_host_that_nobody_knows,
    a_port_that_nobody_listens_on,
    a_database_that_does_not_exist,
    a_database_that_the_user_may_not_see,
    a_password_of_the_servers_own_kind,
    a_password_of_the_old_kind,
    an_account_of_another_kind,
    an_account_that_is_locked_or_has_to_change_its_password,
    an_account_without_a_connection_left,
);
