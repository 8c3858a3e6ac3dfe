//! What an export asks for is not there, is no query, or may not be read.

use rivet_testing::{Family, MysqlDatabase, Project};

use super::{User, WRONG, export, refused};
use crate::families::support::project_at;
use crate::support::{csv_rows, run_well};

const NOT_FOUND: &str = "rivet::source::not_found";
const STATEMENT: &str = "rivet::source::statement";
const PERMISSION: &str = "rivet::source::permission";
const VALUE: &str = "rivet::source::value";

fn database(family: Family) -> MysqlDatabase {
    let database = MysqlDatabase::create(family);
    database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, `Total` decimal(10, 2), note text); \
         INSERT INTO orders VALUES (1, 1.5, 'x'), (2, 2.5, 'y'), (3, 3.5, NULL); \
         CREATE TABLE `Customers` (id int)",
    );
    database
}

fn of_query(database: &MysqlDatabase, query: &str) -> Project {
    let project = export(database, "query_file: it.sql");
    project.write("it.sql", query);
    project
}

fn a_table_that_does_not_exist(family: Family) {
    let database = database(family);
    let name = database.name();
    let check = |relation: &str, texts: &[&str]| {
        refused(&export(&database, relation), 1, NOT_FOUND, &[&["export `rows`"], texts].concat());
    };
    check("table: invoices", &["invoices' doesn't exist", "Check the spelling"]);
    check("table: order", &["order' doesn't exist", "help: "]);
    check("table: customers", &["customers' doesn't exist", "Did you mean", "Customers`?"]);
    check("table: no_such_database.orders", &["no_such_database", "Did you mean", &format!("`{name}.orders`")]);
}

fn a_column_that_does_not_exist(family: Family) {
    let database = database(family);
    let check = |keys: &str, texts: &[&str]| {
        refused(&export(&database, keys), 1, NOT_FOUND, &[&["export `rows`"], texts].concat());
    };
    let no_total = &["`orders` has no column `total`", "Did you mean `Total`?"];
    check("table: orders, select: [id, total]", no_total);
    check("table: orders, exclude: [totals]", &["has no column `totals`", "Its columns are `id`, `Total`, `note`."]);
    check("table: orders, columns: { total: text }", no_total);
    check("table: orders, mode: incremental, cursor_column: total", no_total);
    check("table: orders, mode: chunked, chunk_column: total", no_total);
}

fn a_query_that_is_no_query(family: Family) {
    let database = database(family);
    let check = |query: &str, reason: &str, texts: &[&str]| {
        refused(&of_query(&database, query), 1, reason, &[&["export `rows`"], texts].concat());
    };
    check(
        "SELECT id,\n       note\nFORM orders\n",
        STATEMENT,
        &["syntax error at or near 'orders'", "[3:6]", "FORM orders", "here", "Correct the export's query"],
    );
    check("SELECT id,\n       totel\nFROM orders\n", NOT_FOUND, &["Unknown column 'totel'", "[2:8]", "here"]);
    check("SELECT * FROM no_such_table", NOT_FOUND, &["no_such_table' doesn't exist"]);
    check("SELECT no_such_function(1) AS it", NOT_FOUND, &["no_such_function", "does not exist"]);
    check("SELECT id FROM orders WHERE id > ?", STATEMENT, &["placeholder"]);
    check("SELECT id FROM orders;\nDROP TABLE orders;\n", STATEMENT, &["more than one statement", "[1:"]);
    for query in ["DELETE FROM orders", "UPDATE orders SET id = 9", "DROP TABLE orders", "CALL it()", "SHOW TABLES"] {
        check(query, STATEMENT, &["one SELECT, VALUES, TABLE or WITH statement"]);
    }
    assert_eq!(database.count("orders"), 3);
}

fn a_query_of_columns_that_no_file_can_hold(family: Family) {
    let database = database(family);
    let check = |query: &str, texts: &[&str]| {
        refused(&of_query(&database, query), 1, STATEMENT, texts);
    };
    check("SELECT 1 AS a, 2 AS b, 3 AS a", &["'a'", "Give each column a name of its own with AS."]);
    check("SELECT 1 AS `line\nbreak`", &["control character", "AS"]);
}

fn a_query_that_fails_at_a_row(family: Family) {
    let database = database(family);
    let check = |query: &str, texts: &[&str]| {
        let said = refused(&of_query(&database, query), 1, VALUE, &[&["export `rows`"], texts].concat());
        assert!(!said.contains("9223372036854775"), "{said}");
    };
    let fix = "Correct the query, or the rows that it reads";
    check("SELECT id, 9223372036854775805 + id AS sum FROM orders", &["out of range", fix]);
    check("SELECT id, exp(700 + id * 10) AS power FROM orders", &["out of range", fix]);
    // Of several rows where one was expected, the statement is to blame.
    let project = of_query(&database, "SELECT id, (SELECT id FROM orders) AS other FROM orders");
    refused(&project, 1, STATEMENT, &["more than 1 row"]);
}

fn a_type_that_a_column_can_not_become(family: Family) {
    let database = database(family);
    let check = |keys: &str, reason: &str, texts: &[&str]| {
        refused(&export(&database, keys), 1, reason, texts);
    };
    let unsupported = "rivet::source::unsupported_type";
    check(
        "table: orders, columns: { id: uuid }",
        unsupported,
        &["`id`", "can't become uuid", "columns: { name: type }"],
    );
    check("table: orders, columns: { note: range }", unsupported, &["`note`", "can't become range"]);
    check("table: orders, columns: { note: int4 }", VALUE, &["column `note`", "id = 1"]);
}

/// Grants are for tables or for single columns of them.
fn what_the_user_may_not_read(family: Family) {
    let database = database(family);
    database.execute("CREATE VIEW totals AS SELECT id, `Total` FROM orders");
    let user = User::with_password(&database, WRONG);
    user.grant("SELECT", "`Customers`");
    let of = |keys: &str| {
        let export = format!("name: rows, {keys}, format: csv, destination: {{ type: local, path: out }}");
        project_at(&user.url(WRONG), &[&export])
    };
    let grant = "Grant the user of `source` SELECT on the table, or name the columns that it may read in `select`.";
    refused(&of("table: orders"), 1, PERMISSION, &["SELECT command denied", "orders", grant]);
    refused(&of("query: 'SELECT id FROM orders'"), 1, PERMISSION, &["SELECT command denied", grant]);
    user.grant("SELECT (id, note)", "orders");
    // Nothing of a table is left out in silence.
    refused(&of("table: orders"), 1, PERMISSION, &["SELECT command denied", "orders", grant]);
    refused(&of("query: 'SELECT * FROM orders'"), 1, PERMISSION, &["denied", grant]);
    refused(&of("table: orders, select: [id, Total]"), 1, PERMISSION, &["denied", "orders", grant]);
    for keys in ["table: orders, select: [id, note]", "query: 'SELECT id, note FROM orders'"] {
        let project = of(keys);
        run_well(&project);
        assert_eq!(csv_rows(&project.files("out", "csv")).len(), 3);
    }
    // What was missing is given.
    user.grant("SELECT", "orders");
    run_well(&of("table: orders"));
}

/// A view is read with the rights of who made it, and who made it may be gone.
fn a_view_that_can_not_be_read(family: Family) {
    let database = database(family);
    database.execute("CREATE TABLE base (id int); CREATE VIEW broken AS SELECT id FROM base; DROP TABLE base");
    refused(
        &export(&database, "table: broken"),
        1,
        NOT_FOUND,
        &["broken", "invalid table(s)", "Have the view's owner repair it"],
    );
}

rivet_testing::on_both_families!(
    a_table_that_does_not_exist,
    a_column_that_does_not_exist,
    a_query_that_is_no_query,
    a_query_of_columns_that_no_file_can_hold,
    a_query_that_fails_at_a_row,
    a_type_that_a_column_can_not_become,
    what_the_user_may_not_read,
    a_view_that_can_not_be_read,
);
