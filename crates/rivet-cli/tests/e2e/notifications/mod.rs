//! Who is told of a run that needs somebody, what, and that it costs the run nothing.

mod hook;
mod letters;
mod troubles;

use rivet_testing::{Project, TestDatabase};

use self::hook::Hook;

/// A part of a webhook's URL that opens it to whoever knows it.
const TOKEN: &str = "T0123-hook-token-x9";

/// A folder whose configuration has notifications, as the inside of a flow mapping, and one export.
fn project(database: &TestDatabase, notifications: &str, export: &str) -> Project {
    let config = format!(
        "source: {{ type: postgres, url: {:?}, environment: local }}\nnotifications: {{ {notifications} }}\n\
         exports:\n  - {{ {export} }}\n",
        database.url()
    );
    Project::new(env!("CARGO_BIN_EXE_rivet"), &config)
}

/// A webhook as the inside of a flow mapping.
fn webhook(hook: &Hook, on: &str) -> String {
    format!("webhook: {{ url: {:?}, on: [{on}] }}", hook.url())
}

/// An export of a table to the folder `out`.
fn orders(more: &str) -> String {
    format!("name: orders, table: orders, format: csv{more}, destination: {{ type: local, path: out }}")
}

fn shop() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE orders AS SELECT 1 AS id, 'Grandma Moses'::text AS customer");
    database
}
