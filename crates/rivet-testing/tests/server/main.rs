//! What the tests of MySQL and MariaDB stand on, on real servers.

mod compared;
mod database;
mod dump;
