use std::fmt;

use arrow_schema::{DataType, Field};
use clap::ValueEnum;
use serde::Serialize;

use super::{bigquery, duckdb, snowflake};

/// A system that the files are loaded into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    /// `BigQuery`
    #[value(name = "bigquery")]
    BigQuery,
    /// `DuckDB`
    #[value(name = "duckdb")]
    DuckDb,
    /// Snowflake
    #[value(name = "snowflake")]
    Snowflake,
}

/// What a column becomes in a target. The tables and where they come from stand in `docs/targets.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TargetType {
    /// The type, as the target writes it. Absent where the target has none.
    #[serde(rename = "type")]
    pub(super) name: Option<String>,
    /// Whether the type keeps what the column's type tells apart.
    pub(crate) fits: bool,
    /// What to know of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remark: Option<String>,
}

impl Target {
    /// Returns what a column becomes.
    pub(super) fn take(self, field: &Field) -> TargetType {
        match self {
            Self::BigQuery => bigquery::take(field),
            Self::DuckDb => duckdb::take(field),
            Self::Snowflake => snowflake::take(field),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BigQuery => "BigQuery",
            Self::DuckDb => "DuckDB",
            Self::Snowflake => "Snowflake",
        })
    }
}

impl TargetType {
    /// A type that holds every value.
    pub(super) fn of(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), fits: true, remark: None }
    }

    /// A type that can't keep what the column holds.
    pub(super) fn loses(name: impl Into<String>, remark: impl Into<String>) -> Self {
        Self { name: Some(name.into()), fits: false, remark: Some(remark.into()) }
    }

    /// No type.
    pub(super) fn none(remark: impl Into<String>) -> Self {
        Self { name: None, fits: false, remark: Some(remark.into()) }
    }

    /// Adds what to know of it.
    pub(super) fn with_remark(self, remark: impl Into<String>) -> Self {
        Self { remark: Some(remark.into()), ..self }
    }

    /// Makes the type of something that holds others.
    pub(super) fn around(self, name: impl FnOnce(&str) -> String) -> Self {
        Self { name: self.name.as_deref().map(name), ..self }
    }

    /// Makes the type of a struct of the types of its fields; what is wrong with one of them is wrong with it.
    pub(super) fn of_fields(
        fields: &arrow_schema::Fields,
        take: impl Fn(&Field) -> Self,
        name: impl FnOnce(&[String]) -> String,
    ) -> Self {
        let mut whole = Self::of("");
        let mut names = Vec::new();
        for field in fields {
            let inner = take(field);
            let (fits, remark) = (inner.fits, inner.remark);
            match inner.name {
                Some(name) => names.push(format!("{} {name}", field.name())),
                None => whole.name = None,
            }
            whole.fits &= fits;
            whole.remark = whole.remark.or_else(|| remark.map(|remark| format!("`{}`: {remark}", field.name())));
        }
        Self { name: whole.name.map(|_| name(&names)), ..whole }
    }
}

/// What no table of ours knows.
pub(super) fn unknown(data_type: &DataType) -> TargetType {
    TargetType::none(format!("nothing is known of {data_type} there"))
}
