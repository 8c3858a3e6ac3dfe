use rivet_testing::{Family, MysqlDatabase, MysqlSession, on_both_families};

fn names(server: &MysqlSession, database: &str) -> Vec<Vec<Option<String>>> {
    server.query_text(&format!("SHOW DATABASES LIKE '{database}'"))
}

fn a_database_goes_with_its_value(family: Family) {
    let server = MysqlSession::connect(&family.url());
    let database = MysqlDatabase::create(family);
    let name = database.name().to_owned();
    database.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
    assert_eq!((database.count("t"), names(&server, &name).len()), (2, 1));
    drop(database);
    assert_eq!(names(&server, &name).len(), 0);
}

fn a_database_goes_while_a_transaction_holds_its_tables(family: Family) {
    let server = MysqlSession::connect(&family.url());
    let database = MysqlDatabase::create(family);
    let name = database.name().to_owned();
    database.execute("CREATE TABLE t (id int PRIMARY KEY); BEGIN; INSERT INTO t VALUES (1)");
    let other = database.connect();
    other.execute("BEGIN; SELECT * FROM t");
    drop(database);
    assert_eq!(names(&server, &name).len(), 0);
    assert!(other.try_execute("SELECT 1").is_err());
}

fn the_server_is_of_the_family_and_speaks_utf8(family: Family) {
    let database = MysqlDatabase::create(family);
    assert_eq!(database.query_value("SELECT version()").contains("MariaDB"), family == Family::Mariadb);
    assert_eq!(database.query_value("SELECT '🚂 größe'"), "🚂 größe");
    assert_eq!(database.query_value("SELECT @@time_zone"), "+00:00");
    assert_eq!(database.query_text("SELECT NULL, 1.50"), [[None, Some("1.50".to_owned())]]);
}

on_both_families!(
    a_database_goes_with_its_value,
    a_database_goes_while_a_transaction_holds_its_tables,
    the_server_is_of_the_family_and_speaks_utf8,
);
