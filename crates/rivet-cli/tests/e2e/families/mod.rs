//! MySQL and MariaDB: what is shown on PostgreSQL, and what is theirs alone. Every test runs on both.

mod support;

mod faults;
mod plan;
mod rows;
mod values;
