//! What the end-to-end tests stand on: databases of their own, the built binary, the readers that check its
//! files, and a network that fails on demand.
//!
//! Everything here panics where it can't do its work: a test that lacks its server must fail, not pass. The
//! addresses of the servers come from the environment, which `cargo xtask e2e` sets.
//!
//! ```no_run
//! use rivet_testing::{Project, TestDatabase, assert_same};
//!
//! let database = TestDatabase::create();
//! database.execute("CREATE TABLE t AS SELECT 1 AS id, 'one' AS name");
//! let project = Project::new("target/debug/rivet", "source: ...");
//! project.command(&["run", "-c", "rivet.yaml"]).run().assert_code(0);
//! assert_same(&database, "SELECT * FROM t", &project.files("out", "parquet"), &[]);
//! ```
//!
//! [`MysqlDatabase`] is the same on a MySQL or a MariaDB, and [`on_both_families!`] makes two tests of one.

mod comparison;
mod database;
mod dump;
mod environment;
mod fault_proxy;
mod mysql;
mod process;
mod project;
mod python;
mod session;

pub use comparison::{Oracle, assert_same, compare};
pub use database::TestDatabase;
pub use environment::{SCALE, certificate_authority, postgres_programs, scale, small_disk};
pub use fault_proxy::{Fault, FaultProxy};
pub use mysql::{Family, MysqlDatabase, MysqlSession};
pub use process::{Finished, RivetCommand, Running, Stop};
pub use project::Project;
pub use python::{fixture, page, python};
pub use session::Session;
