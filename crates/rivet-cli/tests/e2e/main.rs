//! End to end: the built program against real databases.
//!
//! `cargo xtask e2e` brings the servers up and runs these. What a machine lacks leaves out the tests with these
//! words in their names: `pgbouncer`, `tls`, `compared` (a Python with pyarrow and DuckDB), `full_disk`,
//! `own_server` (a PostgreSQL server installed on the machine; `own_server_mysql` and `own_server_mariadb`: one of
//! theirs), `mysql`, `mariadb`, `spark`.

mod database;
mod ledger;
mod support;

mod bad_input;
mod chunked;
mod consumers;
mod crash;
mod edges;
mod embedded;
mod families;
mod faults;
mod incremental;
mod late_commits;
mod mask;
mod matrix;
mod modes;
mod plan;
mod resume;
mod signals;
mod statements;
mod values;
mod window;
mod writers;
