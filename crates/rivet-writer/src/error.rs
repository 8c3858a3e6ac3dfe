use std::io;

use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use miette::Diagnostic;
use parquet::errors::ParquetError;
use rivet_model::Retry;
use thiserror::Error;

use crate::store::StoreError;

/// Why rows did not become a part.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum WriteError {
    /// The options ask for what the format does not have.
    #[error("{message}")]
    #[diagnostic(code("rivet::writer::options"), help("{help}"))]
    Options {
        /// What is wrong.
        message: String,
        /// What to write in its place.
        help: &'static str,
    },
    /// A column's Arrow type has no form here.
    #[error("column `{column}` has the type {data_type}, which {what} has no form for")]
    #[diagnostic(
        code("rivet::writer::unsupported_type"),
        help("Give the column another type under `columns`, for example `text`, or leave it out with `exclude`.")
    )]
    UnsupportedType {
        /// Which column.
        column: String,
        /// Its type, or the part of it that is not supported.
        data_type: DataType,
        /// What was to be made of it: `Parquet`, `CSV`, `the row hash` or `a mask`.
        what: &'static str,
    },
    /// The source has a column of the name that a column of Rivet's own would get.
    #[error("the source already has a column `{column}`")]
    #[diagnostic(
        code("rivet::writer::meta_column"),
        help("Take the column out of `meta_columns`, or rename or exclude the source's own.")
    )]
    ColumnExists {
        /// Which column.
        column: String,
    },
    /// A mask is of a column that is not read.
    #[error("`mask` names the column `{column}`, which is not read")]
    #[diagnostic(code("rivet::writer::no_column_to_mask"), help("The columns are {}.", .columns.join(", ")))]
    NoColumnToMask {
        /// Which column.
        column: String,
        /// The columns that there are, in back-ticks.
        columns: Vec<String>,
    },
    /// Values of the column's type have no beginning that would be one of the same type.
    #[error("column `{column}` has the type {data_type}, which the mask `truncate` does not take")]
    #[diagnostic(
        code("rivet::writer::not_truncated"),
        help("Truncate columns of text or of binary; mask this one by `hash`, `hmac` or `null`.")
    )]
    NotTruncated {
        /// Which column.
        column: String,
        /// Its type.
        data_type: DataType,
    },
    /// A schema without columns: no format here can say how many rows it has.
    #[error("there is no column to write")]
    #[diagnostic(code("rivet::writer::no_columns"), help("Export at least one column."))]
    NoColumns,
    /// The batch does not fit the schema that the writer was made for.
    #[error("a batch does not fit the schema of its part")]
    #[diagnostic(code("rivet::writer::batch"))]
    Batch(#[source] ArrowError),
    /// The Parquet encoder refused.
    #[error("the Parquet encoder failed")]
    #[diagnostic(code("rivet::writer::parquet"))]
    Parquet(#[source] ParquetError),
    /// The CSV encoder or a compressor refused.
    #[error("the CSV encoder failed")]
    #[diagnostic(code("rivet::writer::csv"))]
    Csv(#[source] io::Error),
    /// The destination refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
}

impl WriteError {
    /// Returns whether another attempt may succeed.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Store(error) => error.retry(),
            Self::Options { .. }
            | Self::UnsupportedType { .. }
            | Self::ColumnExists { .. }
            | Self::NoColumnToMask { .. }
            | Self::NotTruncated { .. }
            | Self::NoColumns
            | Self::Batch(_)
            | Self::Parquet(_)
            | Self::Csv(_) => Retry::Never,
        }
    }

    /// Finds the destination's own error where a sink gave one.
    pub(crate) fn from_csv(error: io::Error) -> Self {
        error.downcast::<StoreError>().map_or_else(Self::Csv, Self::Store)
    }

    /// Finds the destination's own error where a sink gave one.
    pub(crate) fn from_parquet(error: ParquetError) -> Self {
        let inner = match error {
            ParquetError::External(inner) => inner,
            other => return Self::Parquet(other),
        };
        match inner.downcast::<io::Error>() {
            Ok(io) => match io.downcast::<StoreError>() {
                Ok(store) => Self::Store(store),
                Err(io) => Self::Parquet(ParquetError::External(Box::new(io))),
            },
            Err(inner) => Self::Parquet(ParquetError::External(inner)),
        }
    }
}
