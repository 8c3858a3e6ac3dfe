use std::net::TcpListener;

use rivet_testing::{Family, MysqlDatabase, TestDatabase, certificate_authority, fixture};

use super::{WRONG, doctor, text};
use crate::support::{project_at, project_with};

const ORDERS: &str = "name: orders, table: orders, destination: { type: local, path: out }";
const USERS: &str = "name: users, table: users, destination: { type: local, path: out }";

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    drop(listener);
    let project = project_at(&format!("postgres://reader:{WRONG}@127.0.0.1:{port}/shop"), &[ORDERS]);
    let found = doctor(&project);
    found.finished.assert_code(5);
    assert_eq!(found.steps("source"), ["connect: failed"]);
    assert_eq!(found.failures()[0]["code"], "rivet::source::connect");
    assert!(!project.path("out").exists());
}

#[test]
fn a_wrong_password() {
    let database = TestDatabase::create();
    let found = doctor(&project_at(&database.url_as("postgres", WRONG), &[ORDERS]));
    found.finished.assert_code(1);
    assert_eq!(found.failures()[0]["code"], "rivet::source::authentication");
    assert!(text(found.failures()[0], "help").contains("pg_hba.conf"));
}

#[test]
fn a_table_that_may_not_be_read_and_one_that_may() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE orders AS SELECT 1 AS id");
    database.execute("CREATE TABLE users AS SELECT 1 AS id");
    let role = format!("{}_reader", database.name());
    database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'pw'"));
    database.execute(&format!("GRANT SELECT ON users TO {role}"));
    let found = doctor(&project_at(&database.url_as(&role, "pw"), &[ORDERS, USERS]));
    database.execute(&format!("DROP OWNED BY {role}"));
    database.execute(&format!("DROP ROLE {role}"));
    found.finished.assert_code(1);
    let steps = found.steps("source");
    assert_eq!(steps[2..5], ["read orders: failed", "read users: ok", "view: ok"]);
    let [failure] = found.failures()[..] else { panic!("{}", found.report) };
    assert_eq!((text(failure, "code"), text(failure, "export")), ("rivet::source::permission", "orders"));
    assert!(text(failure, "message").contains("orders"));
}

#[test]
fn tls_that_can_not_be_trusted() {
    let database = TestDatabase::create();
    let source = format!("type: postgres, url: {:?}", database.tls_url());
    let query = "name: one, query: SELECT 1 AS one, destination: { type: local, path: out }";
    let project = |ca: &str| project_with(&format!("{source}, tls: {{ mode: verify-full, ca_file: {ca} }}"), &[query]);
    let another = doctor(&project(&format!("{:?}", fixture("another_authority.pem"))));
    another.finished.assert_code(1);
    assert_eq!(another.steps("source"), ["tls: failed"]);
    let right = doctor(&project(&format!("{:?}", certificate_authority())));
    right.finished.assert_code(0);
    let place = right.places("source")[0];
    assert!(text(&place["steps"][1], "message").contains("the server's certificate is checked"), "{place}");
}

#[test]
fn no_row_is_read_and_nothing_is_left_open() {
    let database = TestDatabase::create();
    // Whoever reads a row of it waits for an hour.
    database.execute("CREATE VIEW orders AS SELECT 1 AS id, pg_sleep(3600)::text AS waited");
    let export = "name: orders, table: orders, mode: chunked, chunk_column: id, chunk_size: 10, parallel: 3, \
                  consistency: snapshot, destination: { type: local, path: out }";
    let found = doctor(&project_at(database.url(), &[export]));
    found.finished.assert_code(0);
    let view = &found.places("source")[0]["steps"][3];
    assert!(text(view, "message").contains("for several readers"), "{view}");
    let ours =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rivet'";
    let begin = std::time::Instant::now();
    while database.query_value(ours) != "0" {
        assert!(begin.elapsed().as_secs() < 5, "a connection is open");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

rivet_testing::on_both_families!(a_server_of_the_other_kind_is_looked_at);

fn a_server_of_the_other_kind_is_looked_at(family: Family) {
    let database = MysqlDatabase::create(family);
    database.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)");
    let source = format!("type: mysql, url: {:?}, environment: local", database.url());
    let found = doctor(&project_with(&source, &[ORDERS]));
    found.finished.assert_code(0);
    let steps = found.steps("source");
    assert_eq!(steps[..4], ["connect: ok", "tls: ok", "read orders: ok", "view: ok"], "{}", found.report);

    let found = doctor(&project_with(&source, &[ORDERS, USERS]));
    found.finished.assert_code(1);
    let [failure] = found.failures()[..] else { panic!("{}", found.report) };
    assert_eq!((text(failure, "code"), text(failure, "export")), ("rivet::source::not_found", "users"));
}
