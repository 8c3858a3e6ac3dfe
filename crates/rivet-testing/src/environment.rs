use std::path::PathBuf;

/// The superuser's address of the server.
pub(crate) const POSTGRES: &str = "RIVET_TEST_POSTGRES_URL";
/// The same server behind a pooler in transaction mode.
pub(crate) const PGBOUNCER: &str = "RIVET_TEST_PGBOUNCER_URL";
/// The same server by a name that its certificate holds.
pub(crate) const POSTGRES_TLS: &str = "RIVET_TEST_POSTGRES_TLS_URL";
/// The authority that signed the server's certificate.
const POSTGRES_CA: &str = "RIVET_TEST_POSTGRES_CA";
/// The administrator's address of the MySQL.
pub(crate) const MYSQL: &str = "RIVET_TEST_MYSQL_URL";
/// The same server by a name that its certificate holds.
pub(crate) const MYSQL_TLS: &str = "RIVET_TEST_MYSQL_TLS_URL";
/// The authority that signed its certificate.
pub(crate) const MYSQL_CA: &str = "RIVET_TEST_MYSQL_CA";
/// The administrator's address of the MariaDB.
pub(crate) const MARIADB: &str = "RIVET_TEST_MARIADB_URL";
/// The same server by a name that its certificate holds.
pub(crate) const MARIADB_TLS: &str = "RIVET_TEST_MARIADB_TLS_URL";
/// The authority that signed its certificate.
pub(crate) const MARIADB_CA: &str = "RIVET_TEST_MARIADB_CA";
/// A Python that imports `pyarrow` and `duckdb`.
pub(crate) const PYTHON: &str = "RIVET_TEST_PYTHON";
/// A Python that imports `pyspark`.
pub(crate) const SPARK: &str = "RIVET_TEST_SPARK_PYTHON";
/// The folder of a PostgreSQL server's programs.
const POSTGRES_PROGRAMS: &str = "RIVET_TEST_POSTGRES_PROGRAMS";
/// A folder on a disk of a few megabytes.
const SMALL_DISK: &str = "RIVET_TEST_SMALL_DISK";

/// Returns what the environment says, and fails the test where it says nothing.
#[track_caller]
pub(crate) fn required(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests find their servers here, rivet-config is what they test")]
    let value = std::env::var(name);
    match value {
        Ok(value) if !value.is_empty() => value,
        _ => panic!("`{name}` is not set: run this test with `cargo xtask e2e`, which brings its servers up"),
    }
}

/// The scale of generated tables where nobody asks for another one: 60,175 rows of lineitem.
pub const SCALE: &str = "0.01";

/// Returns the scale of generated tables: `RIVET_TEST_SCALE`, or [`SCALE`].
pub fn scale() -> String {
    #[expect(clippy::disallowed_methods, reason = "how large a test is decides who runs it")]
    let asked = std::env::var("RIVET_TEST_SCALE");
    asked.unwrap_or_else(|_unset| SCALE.to_owned())
}

/// Returns the PEM file of the authority that signed the server's certificate.
#[track_caller]
pub fn certificate_authority() -> PathBuf {
    required(POSTGRES_CA).into()
}

/// Returns the folder of `initdb`, `pg_ctl` and `pg_basebackup`.
#[track_caller]
pub fn postgres_programs() -> PathBuf {
    required(POSTGRES_PROGRAMS).into()
}

/// Returns a folder on a disk of 16 MiB that tests may fill. It is shared: use a folder of your own in it.
#[track_caller]
pub fn small_disk() -> PathBuf {
    required(SMALL_DISK).into()
}
