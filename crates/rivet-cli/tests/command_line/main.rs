//! The built program, from arguments to exit code, without a server.

mod apply;
mod check;
mod connection;
mod metrics;
mod mistakes;
mod pages;
mod plan;
mod report;
mod state;

use rivet_testing::Project;

/// A folder with this configuration, where the built program runs.
fn project(config: &str) -> Project {
    Project::new(env!("CARGO_BIN_EXE_rivet"), config)
}

/// A configuration of two exports, `orders` and `lines`, of a server that listens on a port of this machine.
fn config(host: &str, port: u16) -> String {
    format!(
        "\
source:
  type: postgres
  host: {host}
  port: {port}
  user: reader
  password: swordfish
  database: shop
  tuning: {{ max_retries: 0 }}
exports:
  - name: orders
    table: sales.orders
    format: parquet
    destination: {{ type: local, path: out }}
  - name: lines
    query: SELECT * FROM lines
    format: csv
    destination: {{ type: stdout }}
"
    )
}
