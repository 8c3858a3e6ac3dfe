use std::time::Duration;

use jiff::Timestamp;
use miette::Diagnostic;
use rivet_model::ExportName;
use rivet_priority::AssumeError;
use thiserror::Error;

/// Why a plan can't be made or applied.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum PlanError {
    /// It is no plan.
    #[error("the file is no plan: {message}")]
    #[diagnostic(code(rivet::plan::unreadable), help("Make a plan with `rivet plan --format json -o FILE`."))]
    Unreadable {
        /// What is wrong with it.
        message: String,
    },
    /// A newer release made it.
    #[error("the plan has format {found}, and this release of Rivet knows formats up to {known}")]
    #[diagnostic(
        code(rivet::plan::newer_format),
        help("Apply it with the release that made it, or make a new plan with this one.")
    )]
    NewerFormat {
        /// The format of the file.
        found: u64,
        /// The latest that is known.
        known: u32,
    },
    /// It was changed since it was made.
    #[error("the plan was changed after it was sealed")]
    #[diagnostic(
        code(rivet::plan::broken_seal),
        help("Change the configuration instead, make a new plan with `rivet plan`, and apply that.")
    )]
    BrokenSeal,
    /// It is too old.
    #[error("the plan expired at {expires_at}: it was made {} h ago", .age.as_secs() / 3_600)]
    #[diagnostic(
        code(rivet::plan::expired),
        help("Make a new plan with `rivet plan`, or apply this one with `--force` if the source has hardly changed.")
    )]
    Expired {
        /// When.
        expires_at: Timestamp,
        /// How old it is.
        age: Duration,
    },
    /// The position of an incremental export is not the one that was planned from.
    #[error("export `{export}` has moved since the plan was made: it stood at {planned} and stands at {found} now")]
    #[diagnostic(
        code(rivet::plan::moved_cursor),
        help(
            "Another run has moved it. Make a new plan with `rivet plan`: this one would read rows again, or skip some."
        )
    )]
    MovedCursor {
        /// Which export.
        export: ExportName,
        /// The position that was planned from.
        planned: String,
        /// Where it stands now.
        found: String,
    },
    /// The server is not the one that was planned for.
    #[error("export `{export}` was planned for {planned}, but its address leads to {found}")]
    #[diagnostic(
        code(rivet::plan::other_server),
        help("Check where the address leads, or make a new plan with `rivet plan` for this server.")
    )]
    OtherServer {
        /// Which export.
        export: ExportName,
        /// The server and database of the plan, as they name themselves.
        planned: String,
        /// Those that answered.
        found: String,
    },
    /// The columns are not those that were planned.
    #[error("the columns that export `{export}` reads, or their types, have changed since the plan was made")]
    #[diagnostic(code(rivet::plan::changed_columns), help("Make a new plan with `rivet plan`, and look at it again."))]
    ChangedColumns {
        /// Which export.
        export: ExportName,
    },
    /// The table has other partitions than were planned.
    #[error("the table of export `{export}` has other partitions than when the plan was made")]
    #[diagnostic(
        code(rivet::plan::changed_partitions),
        help("Make a new plan with `rivet plan`: the chunks of this one are pages of the partitions that there were.")
    )]
    ChangedPartitions {
        /// Which export.
        export: ExportName,
    },
    /// The export could not be planned.
    #[error("export `{export}` could not be planned: {reason}")]
    #[diagnostic(code(rivet::plan::not_planned), help("Mend that, then make a new plan with `rivet plan`."))]
    NotPlanned {
        /// Which export.
        export: ExportName,
        /// Why.
        reason: String,
    },
    /// No export of the plan has this name.
    #[error("the plan has no export named `{name}`")]
    #[diagnostic(code(rivet::plan::no_such_export), help("The plan has {}.", .known.join(", ")))]
    NoSuchExport {
        /// The name that was asked for.
        name: ExportName,
        /// The names that there are, in back-ticks.
        known: Vec<String>,
    },
    /// No export of the plan is advised to start in this wave.
    #[error("the plan has no export in wave {wave}")]
    #[diagnostic(code(rivet::plan::no_such_wave), help("{help}"))]
    NoSuchWave {
        /// The wave that was asked for.
        wave: u8,
        /// The waves that there are.
        help: String,
    },
    /// Exports of two configurations have one name.
    #[error("two configurations have an export named `{name}`")]
    #[diagnostic(
        code(rivet::plan::two_exports),
        help("Rename one of them, or plan the configurations one at a time: a plan tells exports apart by name.")
    )]
    TwoExports {
        /// The name.
        name: ExportName,
    },
    /// An assumption can't be made.
    #[error("{0}")]
    #[diagnostic(code(rivet::plan::assume), help("Write it as `--assume EXPORT.SIGNAL=VALUE`."))]
    Assume(AssumeError),
}

impl From<AssumeError> for PlanError {
    fn from(error: AssumeError) -> Self {
        Self::Assume(error)
    }
}
