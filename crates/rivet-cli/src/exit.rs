use std::process::ExitCode;

use rivet_core::{DoctorReport, EngineError, ExportReport, PlanError, RunReport};
use rivet_model::{Retry, RunStatus};
use rivet_source::SourceErrorKind;
use rivet_writer::{StoreError, WriteError};

/// How the program ends. The codes are a promise to scripts and schedulers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Success,
    /// An export failed.
    Failed,
    /// The configuration or the command line is wrong; nothing was touched.
    Usage,
    /// A check of the data failed: what was written is not what was read, or the rows break a rule of `quality`.
    Integrity,
    /// The source's columns changed, and `on_schema_drift: fail` was asked for.
    SchemaDrift,
    /// Every failure may pass by itself.
    Transient,
    /// A signal stopped it.
    Interrupted,
}

impl Exit {
    /// All of them, in the order of their codes.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 7] = [
        Self::Success,
        Self::Failed,
        Self::Usage,
        Self::Integrity,
        Self::SchemaDrift,
        Self::Transient,
        Self::Interrupted,
    ];

    /// Returns the code. 2 is what command lines use for a wrong usage, and 130 is what shells give for SIGINT.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Integrity => 3,
            Self::SchemaDrift => 4,
            Self::Transient => 5,
            Self::Interrupted => 130,
        }
    }

    /// Returns what the code means, for the manual.
    #[cfg(test)]
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Success => {
                "Every export was committed, or skipped: it had no rows and `skip_empty` is set, or the plan had committed \
                 it before."
            }
            Self::Failed => {
                "An export failed, or could not be planned; `check --strict` has a warning; or `doctor` found something \
                 that runs can't do. Exports beside one that failed, and that succeeded, are committed."
            }
            Self::Usage => "The configuration or the command line is wrong. Nothing was touched.",
            Self::Integrity => {
                "A check of the data failed: what was written is not what was read, or the rows break a rule of \
                 `quality`. Nothing of it is visible."
            }
            Self::SchemaDrift => "The source's columns changed, and `on_schema_drift: fail` is set. Nothing was read.",
            Self::Transient => "Every failure may pass by itself: the same command may succeed later.",
            Self::Interrupted => "A signal stopped the run. Run the same command again.",
        }
    }

    /// Returns the one of two that the program ends with.
    pub(crate) fn or_worse(self, other: Self) -> Self {
        if self.weight() >= other.weight() { self } else { other }
    }

    /// Which wins where several exports ended in several ways: what was asked for by a signal first, then what a
    /// person must see most urgently. `Transient` is the weakest, since it promises that nobody has to act.
    const fn weight(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Transient => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::SchemaDrift => 4,
            Self::Integrity => 5,
            Self::Interrupted => 6,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<&EngineError> for Exit {
    fn from(error: &EngineError) -> Self {
        match error {
            EngineError::NoSuchExport { .. }
            | EngineError::NotRun { .. }
            | EngineError::NoDriver { .. }
            | EngineError::MaskKey { .. } => Self::Usage,
            EngineError::Plan(error) => of_plan(error),
            // The place that a plan names for its credentials does not hold them.
            EngineError::Reference(_) => Self::Usage,
            EngineError::Store(StoreError::Unusable { .. }) => Self::Usage,
            // The source and the state store had to be asked for these.
            EngineError::Mode { .. } | EngineError::CursorChanged { .. } | EngineError::NullCursors { .. } => {
                Self::Failed
            }
            EngineError::Source(error) if error.kind() == SourceErrorKind::Config => Self::Usage,
            EngineError::Validation { .. } | EngineError::Quality { .. } => Self::Integrity,
            EngineError::SchemaDrift { .. } => Self::SchemaDrift,
            EngineError::Store(error) | EngineError::Write(WriteError::Store(error)) if is_damage(error) => {
                Self::Integrity
            }
            EngineError::Interrupted => Self::Interrupted,
            EngineError::Source(_)
            | EngineError::Write(_)
            | EngineError::Store(_)
            | EngineError::History(_)
            | EngineError::Panic { .. } => by_retry(error.retry()),
            // The enum may grow; what is new counts as a failure until it is sorted in here.
            _ => by_retry(error.retry()),
        }
    }
}

impl From<&RunReport> for Exit {
    fn from(report: &RunReport) -> Self {
        let ends: Vec<Self> = report.exports.iter().map(of_export).collect();
        let end = ends.iter().copied().fold(Self::Success, Self::or_worse);
        // "Nothing was touched" is true only where no export came further.
        if end == Self::Usage && ends.iter().any(|end| *end != Self::Usage) { Self::Failed } else { end }
    }
}

impl From<&DoctorReport> for Exit {
    fn from(report: &DoctorReport) -> Self {
        if report.interrupted {
            return Self::Interrupted;
        }
        let ends: Vec<Self> = report.failures().map(|error| Self::from(error.as_ref())).collect();
        let end = ends.iter().copied().fold(Self::Success, Self::or_worse);
        // What a later attempt may mend is no reason to look at the configuration alone.
        let is_mixed = end == Self::Usage && ends.iter().any(|end| *end != Self::Usage);
        if is_mixed || end == Self::Integrity { Self::Failed } else { end }
    }
}

fn of_plan(error: &PlanError) -> Exit {
    match error {
        // The source and the state store had to be asked for these, and they are of one export.
        PlanError::MovedCursor { .. }
        | PlanError::OtherServer { .. }
        | PlanError::ChangedColumns { .. }
        | PlanError::NotPlanned { .. } => Exit::Failed,
        PlanError::Unreadable { .. }
        | PlanError::NewerFormat { .. }
        | PlanError::BrokenSeal
        | PlanError::Expired { .. }
        | PlanError::NoSuchExport { .. }
        | PlanError::NoSuchWave { .. }
        | PlanError::TwoExports { .. }
        | PlanError::Assume(_) => Exit::Usage,
        // The enum may grow; what is new counts as a failure until it is sorted in here.
        _ => Exit::Failed,
    }
}

fn of_export(report: &ExportReport) -> Exit {
    match report.status {
        RunStatus::Committed | RunStatus::Skipped => Exit::Success,
        RunStatus::Interrupted => Exit::Interrupted,
        // An export that is still running or given up when the engine returns has not done what it was asked.
        RunStatus::Failed | RunStatus::Running | RunStatus::Abandoned => {
            report.error.as_deref().map_or(Exit::Failed, Exit::from)
        }
    }
}

fn by_retry(retry: Retry) -> Exit {
    match retry {
        Retry::Never => Exit::Failed,
        Retry::Backoff => Exit::Transient,
    }
}

/// Whether a part that was written is not there as it was written.
fn is_damage(error: &StoreError) -> bool {
    matches!(error, StoreError::Missing { .. } | StoreError::Damaged { .. })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::Timestamp;
    use rivet_config::SourceReferenceError;
    use rivet_history::HistoryError;
    use rivet_model::SourceKind;
    use rivet_priority::Assumption;
    use rivet_source::SourceError;

    use super::*;
    use crate::render::sample;

    fn source(kind: SourceErrorKind) -> EngineError {
        SourceError::new(kind, "a message").into()
    }

    fn mask_key() -> EngineError {
        EngineError::MaskKey {
            export: "orders".parse().unwrap(),
            column: "email".parse().unwrap(),
            variable: "MASK_KEY".to_owned(),
            defect: "is not set".to_owned(),
        }
    }

    fn plan_errors() -> Vec<(PlanError, u8)> {
        let export = || "orders".parse().unwrap();
        let text = || "text".to_owned();
        let assume = "orders".parse::<Assumption>().unwrap_err();
        vec![
            (PlanError::Unreadable { message: text() }, 2),
            (PlanError::NewerFormat { found: 2, known: 1 }, 2),
            (PlanError::BrokenSeal, 2),
            (PlanError::Expired { expires_at: Timestamp::UNIX_EPOCH, age: Duration::ZERO }, 2),
            (PlanError::NoSuchExport { name: export(), known: vec![] }, 2),
            (PlanError::NoSuchWave { wave: 1, help: text() }, 2),
            (PlanError::TwoExports { name: export() }, 2),
            (PlanError::Assume(assume), 2),
            (PlanError::MovedCursor { export: export(), planned: text(), found: text() }, 1),
            (PlanError::OtherServer { export: export(), planned: text(), found: text() }, 1),
            (PlanError::ChangedColumns { export: export() }, 1),
            (PlanError::NotPlanned { export: export(), reason: text() }, 1),
        ]
    }

    fn errors() -> Vec<(EngineError, u8)> {
        let export = || "orders".parse().unwrap();
        let name = || "part-0.parquet".to_owned();
        let damaged = || StoreError::Damaged { name: name(), reason: "its checksum differs".to_owned() };
        vec![
            (EngineError::NoSuchExport { name: export(), known: vec![] }, 2),
            (EngineError::NotRun { export: export(), what: String::new(), help: String::new() }, 2),
            (EngineError::NoDriver { kind: SourceKind::Mysql }, 2),
            (mask_key(), 2),
            (EngineError::Mode { export: export(), what: String::new(), help: String::new() }, 1),
            (EngineError::CursorChanged { export: export(), stored: String::new(), configured: String::new() }, 1),
            (EngineError::NullCursors { export: export(), column: "id".parse().unwrap(), rows: 1 }, 1),
            (SourceReferenceError::Inline { planned: "db".to_owned() }.into(), 2),
            (EngineError::Validation { export: export(), what: String::new() }, 3),
            (EngineError::Quality { export: export(), broken: vec![] }, 3),
            (EngineError::SchemaDrift { export: export(), differences: vec![] }, 4),
            (damaged().into(), 3),
            (WriteError::from(damaged()).into(), 3),
            (StoreError::Missing { name: name(), destination: "out".to_owned() }.into(), 3),
            (StoreError::NameTaken { name: name(), destination: "out".to_owned() }.into(), 1),
            (StoreError::Upload { name: name() }.into(), 5),
            (WriteError::NoColumns.into(), 1),
            (source(SourceErrorKind::Config), 2),
            (source(SourceErrorKind::Authentication), 1),
            (source(SourceErrorKind::UnknownHost), 1),
            (source(SourceErrorKind::StatementTimeout), 1),
            (source(SourceErrorKind::Connect), 5),
            (source(SourceErrorKind::ConnectionLost), 5),
            (HistoryError::Locked { path: "state.redb".into(), holder: None }.into(), 5),
            (HistoryError::IsAFolder { path: ".".into() }.into(), 1),
            (EngineError::Panic { message: String::new() }, 1),
            (EngineError::Interrupted, 130),
        ]
    }

    #[test]
    fn every_error_has_its_code() {
        let of_plans = plan_errors().into_iter().map(|(error, expected)| (error.into(), expected));
        for (error, expected) in errors().into_iter().chain(of_plans) {
            assert_eq!(Exit::from(&error).code(), expected, "{error:?}");
        }
    }

    /// The exit code of a run whose exports ended with these codes each.
    fn combined(ends: &[u8]) -> u8 {
        let exports = ends.iter().map(|code| {
            let mut export = sample::committed("orders");
            if *code != 0 {
                let (error, _) = errors().into_iter().find(|(_, of)| of == code).unwrap();
                export.status = if *code == 130 { RunStatus::Interrupted } else { RunStatus::Failed };
                export.error = Some(Arc::new(error));
            }
            export
        });
        Exit::from(&sample::run(exports.collect())).code()
    }

    #[test]
    fn several_exports_end_with_one_code() {
        let check = |ends: &[u8], expected: u8| assert_eq!(combined(ends), expected, "{ends:?}");
        check(&[], 0);
        check(&[0, 0], 0);
        check(&[0, 1], 1);
        check(&[0, 5], 5);
        check(&[5, 5], 5);
        check(&[5, 1], 1);
        check(&[5, 3], 3);
        check(&[1, 3, 4, 5], 3);
        check(&[1, 4], 4);
        check(&[3, 130, 1], 130);
        check(&[2, 2], 2);
        check(&[2, 0], 1);
        check(&[2, 5], 1);
    }

    #[test]
    fn a_failure_without_a_reason_is_a_failure() {
        let mut export = sample::committed("orders");
        export.status = RunStatus::Abandoned;
        assert_eq!(Exit::from(&sample::run(vec![export])), Exit::Failed);
    }

    #[test]
    fn codes_are_listed_in_their_order() {
        assert!(Exit::ALL.is_sorted_by_key(|exit| exit.code()));
    }
}
