use miette::Diagnostic;
use rivet_config::SourceReferenceError;
use rivet_history::HistoryError;
use rivet_model::{ColumnName, ErrorRecord, ExportName, Retry};
use rivet_source::SourceError;
use rivet_writer::{StoreError, WriteError};
use thiserror::Error;

use crate::PlanError;

/// What went wrong in the engine.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum EngineError {
    /// The source.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
    /// The encoding of the files.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Write(#[from] WriteError),
    /// The destination.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// The state store.
    #[error(transparent)]
    #[diagnostic(transparent)]
    History(#[from] HistoryError),
    /// A plan that can't be made, or is not applied.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Plan(#[from] PlanError),
    /// The credentials that a plan refers to can't be had.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Reference(#[from] SourceReferenceError),
    /// No export has this name.
    #[error("no export is named `{name}`")]
    #[diagnostic(code(rivet::core::no_such_export), help("The configuration has {}.", .known.join(", ")))]
    NoSuchExport {
        /// The name that was asked for.
        name: ExportName,
        /// The names that there are, in back-ticks.
        known: Vec<String>,
    },
    /// The configuration asks for what this version does not run.
    #[error("export `{export}` asks for {what}, which this version of Rivet does not run")]
    #[diagnostic(code(rivet::core::not_run), help("{help}"))]
    NotRun {
        /// Whose configuration.
        export: ExportName,
        /// What it asks for.
        what: String,
        /// What to do.
        help: String,
    },
    /// No factory for the source's kind was compiled in.
    #[error("this build of Rivet has no driver for `{kind}`")]
    #[diagnostic(code(rivet::core::no_driver), help("Build Rivet with that driver, or change `source.type`."))]
    NoDriver {
        /// The kind.
        kind: rivet_model::SourceKind,
    },
    /// What was written is not what was read.
    #[error("validation of `{export}` failed: {what}")]
    #[diagnostic(
        code(rivet::core::validation),
        help("Nothing was committed. Check the destination's disk and memory, then run the same command again.")
    )]
    Validation {
        /// Whose parts.
        export: ExportName,
        /// What differs.
        what: String,
    },
    /// The rows break a rule of `quality`.
    #[error("the rows of `{export}` break {}: {}", if .broken.len() == 1 { "a rule" } else { "rules" }, .broken.join("; "))]
    #[diagnostic(
        code(rivet::core::quality),
        help("Nothing was committed. Look at the source, or change `quality` in the configuration.")
    )]
    Quality {
        /// Whose rows.
        export: ExportName,
        /// One sentence for each rule.
        broken: Vec<String>,
    },
    /// The columns are not those of the last run, and `on_schema_drift: fail` was asked for.
    #[error("the columns of `{export}` are not those of its last run: {}", .differences.join("; "))]
    #[diagnostic(
        code(rivet::core::schema_drift),
        help("Nothing was read. Set `on_schema_drift: warn` for one run to accept the new columns.")
    )]
    SchemaDrift {
        /// Whose columns.
        export: ExportName,
        /// One sentence for each difference.
        differences: Vec<String>,
    },
    /// A mask's key is not where the configuration says it is, or is none.
    #[error("export `{export}` masks `{column}` with the key in the variable `{variable}`, which {defect}")]
    #[diagnostic(
        code(rivet::core::mask_key),
        help(
            "Nothing was read. Set `{variable}` to a secret of 16 bytes or more, for example from `openssl rand -hex 32`."
        )
    )]
    MaskKey {
        /// Whose mask.
        export: ExportName,
        /// The column that is masked.
        column: ColumnName,
        /// The variable.
        variable: String,
        /// What is wrong with it; never what it holds.
        defect: String,
    },
    /// What the configuration says of a column does not fit what the source says of it.
    #[error("export `{export}` can't be read as its configuration asks: {what}")]
    #[diagnostic(code(rivet::core::mode), help("{help}"))]
    Mode {
        /// Whose configuration.
        export: ExportName,
        /// What does not fit.
        what: String,
        /// What to do.
        help: String,
    },
    /// Rows have no cursor, and `cursor_nulls: error` holds.
    #[error("{rows} rows of `{export}` have no value in the cursor column `{column}`")]
    #[diagnostic(
        code(rivet::core::null_cursor),
        help(
            "Nothing was read. Set `cursor_nulls: skip` to leave these rows out, `cursor_nulls: first_run` to take them \
             with the first run, or name a column that stands in with `cursor_fallback_column`."
        )
    )]
    NullCursors {
        /// Whose rows.
        export: ExportName,
        /// The cursor.
        column: ColumnName,
        /// How many rows.
        rows: u64,
    },
    /// The stored position is one of other columns than the configuration follows.
    #[error("export `{export}` stands at a position of ({stored}), but its configuration follows ({configured})")]
    #[diagnostic(
        code(rivet::core::cursor_changed),
        help(
            "Nothing was read. Follow the old columns, or forget the position with `rivet state reset -e {export}`: the \
             next run then reads everything."
        )
    )]
    CursorChanged {
        /// Whose position.
        export: ExportName,
        /// The columns of the stored position.
        stored: String,
        /// The columns of the configuration.
        configured: String,
    },
    /// A signal or the embedder stopped it.
    #[error("interrupted")]
    #[diagnostic(code(rivet::core::interrupted), help("Nothing is half written. Run the same command again."))]
    Interrupted,
    /// A thread of the engine panicked: a defect of Rivet.
    #[error("a worker stopped by a defect of Rivet: {message}")]
    #[diagnostic(code(rivet::core::panic), help("Nothing was committed. Please report this message."))]
    Panic {
        /// What the panic said.
        message: String,
    },
}

impl EngineError {
    /// Returns whether the same call may succeed later.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Source(error) => error.retry(),
            Self::Write(error) => error.retry(),
            Self::Store(error) => error.retry(),
            Self::History(error) => error.retry(),
            Self::Plan(_)
            | Self::Reference(_)
            | Self::NoSuchExport { .. }
            | Self::NotRun { .. }
            | Self::NoDriver { .. }
            | Self::Validation { .. }
            | Self::Quality { .. }
            | Self::SchemaDrift { .. }
            | Self::MaskKey { .. }
            | Self::Mode { .. }
            | Self::NullCursors { .. }
            | Self::CursorChanged { .. }
            | Self::Interrupted
            | Self::Panic { .. } => Retry::Never,
        }
    }
}

impl From<&EngineError> for ErrorRecord {
    fn from(error: &EngineError) -> Self {
        let code = error.code().map_or_else(|| "rivet::core::unknown".to_owned(), |code| code.to_string());
        Self { code, message: error.to_string(), retry: error.retry() }
    }
}
