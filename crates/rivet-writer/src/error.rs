use std::io;

use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use miette::Diagnostic;
use parquet::errors::ParquetError;
use rivet_model::{DatePart, Retry};
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
    /// Folders are to be named after a column that is not read.
    #[error("`partition_by` names the column `{column}`, which is not read")]
    #[diagnostic(code("rivet::writer::no_column_to_partition_by"), help("The columns are {}.", .columns.join(", ")))]
    NoColumnToPartitionBy {
        /// Which column.
        column: String,
        /// The columns that there are, in back-ticks.
        columns: Vec<String>,
    },
    /// Values of the column's type are no names of folders.
    #[error("column `{column}` has the type {data_type}, whose values can't name folders")]
    #[diagnostic(
        code("rivet::writer::not_partitioned"),
        help(
            "Partition by text, whole or decimal numbers, truth values, dates, times or uuids, or give the column another type under `columns`."
        )
    )]
    NotPartitioned {
        /// Which column.
        column: String,
        /// Its type.
        data_type: DataType,
    },
    /// Values of the column's type have no such part.
    #[error("column `{column}` has the type {data_type}, which has no {part}")]
    #[diagnostic(
        code("rivet::writer::no_date_part"),
        help("Give a part of a date or a timestamp (an hour of a timestamp alone), or leave `part` out.")
    )]
    NoDatePart {
        /// Which column.
        column: String,
        /// Its type.
        data_type: DataType,
        /// Which part.
        part: DatePart,
    },
    /// A level of folders has the name of a column in the files.
    #[error("the folders `{key}=` would stand for the column `{column}` of the files")]
    #[diagnostic(code("rivet::writer::folder_is_column"), help("Give the folders another name with `as`."))]
    FolderIsColumn {
        /// The name of the folders.
        key: String,
        /// Which column.
        column: String,
    },
    /// All columns name folders.
    #[error("all columns name folders, and none is left for the files")]
    #[diagnostic(code("rivet::writer::only_folders"), help("Take a column out of `partition_by`, or read one more."))]
    OnlyFolders,
    /// A value makes the name of a folder longer than file systems take. The value itself is not told.
    #[error("a value of column `{column}` makes a folder's name of {bytes} bytes, above the {most} that it may have")]
    #[diagnostic(
        code("rivet::writer::long_folder"),
        help("Partition by a shorter column, or shorten this one in a `query` or with a `mask`.")
    )]
    LongFolder {
        /// Which column.
        column: String,
        /// How long the name is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// A text is the one that stands for NULL in a folder's name.
    #[error("a value of column `{column}` is the text that stands for NULL in names of folders")]
    #[diagnostic(
        code("rivet::writer::reserved_folder"),
        help(
            "Make another text, or NULL, of `__HIVE_DEFAULT_PARTITION__` in a `query`, or partition by another column."
        )
    )]
    ReservedFolder {
        /// Which column.
        column: String,
    },
    /// The rows of one chunk would make more parts than anybody wants.
    #[error("the rows of one chunk make more than {most} parts")]
    #[diagnostic(
        code("rivet::writer::too_many_parts"),
        help("Partition by something with fewer values, such as a day or a month, or raise `max_file_size`.")
    )]
    TooManyParts {
        /// How many there may be.
        most: usize,
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
            | Self::NoColumnToPartitionBy { .. }
            | Self::NotPartitioned { .. }
            | Self::NoDatePart { .. }
            | Self::FolderIsColumn { .. }
            | Self::OnlyFolders
            | Self::LongFolder { .. }
            | Self::ReservedFolder { .. }
            | Self::TooManyParts { .. }
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
