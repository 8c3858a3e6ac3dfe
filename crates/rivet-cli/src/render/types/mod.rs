//! The columns of an export's files: what they are made of, and what they become where the files are loaded.

mod arrow;
mod bigquery;
mod duckdb;
mod snowflake;
mod target;
mod type_report;

pub(crate) use target::Target;
pub(crate) use type_report::{ReportedColumn, column_table, columns};
