use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use rivet_config::ConfigErrors;
use rivet_core::{EngineError, PlanError};
use rivet_history::HistoryError;
use rivet_model::Retry;
use thiserror::Error;

use crate::exit::Exit;
use crate::render::Problem;

/// Why a command did not come to its end. What concerns one export stands in the run's report instead.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum Failure {
    /// The configuration.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] ConfigErrors),
    /// The engine, or what it stands on.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Engine(#[from] EngineError),
    /// The command line, or what it and the configuration ask for together.
    #[error("{message}")]
    #[diagnostic(code(rivet::cli::usage), help("{help}"))]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
    },
    /// A plan's file can't be read.
    #[error("the plan can't be read from {}", named(path))]
    #[diagnostic(code(rivet::cli::plan_file), help("Name a file that `rivet plan -o FILE` has written, or `-`."))]
    PlanFile {
        /// The file; `-` for standard input.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// A plan can't be written to its file.
    #[error("the plan can't be written to `{}`", path.display())]
    #[diagnostic(code(rivet::cli::plan_output), help("Let `--output` name a file that this user can write."))]
    PlanOutput {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The report's file can't be written.
    #[error("the report can't be written to `{}`", path.display())]
    #[diagnostic(
        code(rivet::cli::summary_output),
        help("Let `--summary-output` name a file that this user can write.")
    )]
    SummaryOutput {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// Standard output can't be written.
    #[error("standard output can't be written")]
    #[diagnostic(code(rivet::cli::stdout), help("Check what standard output was redirected to."))]
    Stdout {
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The operating system gives no threads or no signals.
    #[error("the operating system refuses what every run needs")]
    #[diagnostic(code(rivet::cli::runtime), help("Raise this user's limits on threads and open files."))]
    Runtime {
        /// What it says.
        #[source]
        source: io::Error,
    },
}

impl Failure {
    /// Makes an error of the command line.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: help.into() }
    }

    /// Returns whether the same command may succeed later.
    pub(crate) fn retry(&self) -> Retry {
        match self {
            Self::Engine(error) => error.retry(),
            Self::Config(_)
            | Self::Usage { .. }
            | Self::PlanFile { .. }
            | Self::PlanOutput { .. }
            | Self::SummaryOutput { .. }
            | Self::Stdout { .. }
            | Self::Runtime { .. } => Retry::Never,
        }
    }

    /// Returns what stands behind it, the nearest first.
    pub(crate) fn causes(&self) -> Vec<String> {
        Problem::causes_of(self)
    }

    /// Returns how the program ends because of it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::Usage { .. } | Self::PlanFile { .. } => Exit::Usage,
            Self::Engine(error) => Exit::from(error),
            Self::PlanOutput { .. } | Self::SummaryOutput { .. } | Self::Stdout { .. } | Self::Runtime { .. } => {
                Exit::Failed
            }
        }
    }
}

fn named(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { format!("`{}`", path.display()) }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        Self::Engine(error.into())
    }
}
