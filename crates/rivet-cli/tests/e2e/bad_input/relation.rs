use insta::assert_snapshot;
use rivet_testing::TestDatabase;

use super::{CSV, WRONG, refused};
use crate::support::{project, project_at};

fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE SCHEMA sales; CREATE TABLE sales.orders (id int, \"Total\" numeric(10, 2)); \
         CREATE TABLE \"Customers\" (id int); CREATE TABLE big (id int, amount numeric(200, 100))",
    );
    database
}

/// Runs an export of this relation, and returns the error.
#[track_caller]
fn of(database: &TestDatabase, relation: &str) -> String {
    refused(&project(database, &[&format!("name: it, {relation}, {CSV}")]), 1)
}

/// As [`of`], for a query of several lines.
#[track_caller]
fn of_query(database: &TestDatabase, query: &str) -> String {
    let project = project(database, &[&format!("name: it, query_file: it.sql, {CSV}")]);
    project.write("it.sql", query);
    refused(&project, 1)
}

#[test]
fn a_table_that_does_not_exist() {
    let database = database();
    assert_snapshot!(of(&database, "table: invoices"), @r#"
    rivet::source::not_found

      × export `it`: relation "invoices" does not exist
      help: Check the spelling, and give the schema as in `table: sales.orders` where it is not in the
            search path.
    "#);
    assert_snapshot!(of(&database, "table: orders"), @r#"
    rivet::source::not_found

      × export `it`: relation "orders" does not exist
      help: Did you mean `sales.orders`?
    "#);
    assert_snapshot!(of(&database, "table: customers"), @r#"
    rivet::source::not_found

      × export `it`: relation "customers" does not exist
      help: Did you mean `public.Customers`?
    "#);
    assert_snapshot!(of(&database, "table: sale.orders"), @r#"
    rivet::source::not_found

      × export `it`: relation "sale.orders" does not exist
      help: Did you mean `sales.orders`?
    "#);
}

#[test]
fn a_query_that_is_no_query() {
    let database = database();
    assert_snapshot!(of_query(&database, "SELECT id,\n       \"Total\"\nFORM sales.orders\n"), @r#"
    rivet::source::statement

      × export `it`: syntax error at or near "sales"
       ╭─[3:6]
     2 │        "Total"
     3 │ FORM sales.orders
       ·      ▲
       ·      ╰── here
       ╰────
      help: Correct the export's query at the mark: one SELECT, VALUES, TABLE or WITH statement.
    "#);
    assert_snapshot!(of_query(&database, "SELECT id,\n       totel -- what was paid\nFROM sales.orders\n"), @r#"
    rivet::source::not_found

      × export `it`: column "totel" does not exist
       ╭─[2:8]
     1 │ SELECT id,
     2 │        totel -- what was paid
       ·        ▲
       ·        ╰── here
     3 │ FROM sales.orders
       ╰────
      help: Perhaps you meant to reference the column "orders.Total".
    "#);
    assert_snapshot!(of_query(&database, "DELETE FROM sales.orders"), @r#"
    rivet::source::statement

      × export `it`: syntax error at or near "FROM"
       ╭────
     1 │ DELETE FROM sales.orders
       ·        ▲
       ·        ╰── here
       ╰────
      help: Correct the export's query at the mark: one SELECT, VALUES, TABLE or WITH statement.
    "#);
}

#[test]
fn a_query_of_two_statements() {
    let database = database();
    assert_snapshot!(of_query(&database, "SELECT id FROM sales.orders;\nDROP TABLE sales.orders;\n"), @"
    rivet::source::statement

      × export `it`: the query holds more than one statement
       ╭─[1:28]
     1 │ SELECT id FROM sales.orders;
       ·                            ▲
       ·                            ╰── here
     2 │ DROP TABLE sales.orders
       ╰────
      help: Give one SELECT, VALUES, TABLE or WITH statement in `query`.
    ");
    assert_eq!(database.query_value("SELECT count(*) FROM sales.orders"), "0");
}

#[test]
fn a_query_that_fails_at_a_row() {
    let database = database();
    assert_snapshot!(of_query(&database, "SELECT 10 / (5 - i) AS share FROM generate_series(1, 9) AS i"), @"
    rivet::source::value

      × export `it`: division by zero
      help: Correct the query, or the rows that it reads: the server can't compute a value of theirs.
    ");
    assert_snapshot!(of_query(&database, "SELECT 'four'::text::int AS number"), @r#"
    rivet::source::value

      × export `it`: invalid input syntax for type integer: "…"
      help: Correct the query, or the rows that it reads: the server can't compute a value of theirs.
    "#);
}

#[test]
fn a_type_without_a_mapping() {
    let database = database();
    assert_snapshot!(of(&database, "table: big"), @"
    rivet::source::unsupported_type

      × export `it`: column `amount` is numeric(200,100), which no decimal type of Arrow holds
      help: Choose a type in `columns: { name: type }`, for example text or decimal(38,10), or leave
            the column out with `exclude`.
    ");
}

#[test]
fn a_column_that_does_not_exist() {
    let database = database();
    assert_snapshot!(of(&database, "table: sales.orders, select: [id, total]"), @"
    rivet::source::not_found

      × export `it`: the table `sales.orders` has no column `total`
      help: Did you mean `Total`? Upper and lower case are told apart.
    ");
    assert_snapshot!(of(&database, "table: sales.orders, exclude: [totals]"), @"
    rivet::source::not_found

      × export `it`: the table `sales.orders` has no column `totals`
      help: Its columns are `id`, `Total`.
    ");
}

#[test]
fn a_table_that_the_role_may_not_read() {
    let database = database();
    let role = format!("reader_{}", database.name());
    database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD '{WRONG}'"));
    let url = database.url_as(&role, WRONG);
    let of = |relation: &str| refused(&project_at(&url, &[&format!("name: it, {relation}, {CSV}")]), 1);
    let (schema, table) = (of("table: sales.orders"), of("table: big"));
    database.execute(&format!("DROP ROLE {role}"));
    assert_snapshot!(schema, @"
    rivet::source::permission

      × export `it`: permission denied for schema sales
      help: Grant the role of `source` USAGE on the schema and SELECT on the table.
    ");
    assert_snapshot!(table, @"
    rivet::source::permission

      × export `it`: permission denied for table big
      help: Grant the role of `source` USAGE on the schema and SELECT on the table.
    ");
}
