use rivet_core::{EventKind, ExportReport, Settlement};
use rivet_model::RunStatus;

use super::quantity::{bytes, count, duration};

/// The line of an export that has ended.
pub(super) fn last_line(report: &ExportReport) -> String {
    let ExportReport { export, rows, bytes: size, .. } = report;
    let time = duration(report.duration);
    match report.status {
        RunStatus::Committed => format!("{export}: committed {}, {} in {time}", count(*rows, "row"), bytes(*size)),
        RunStatus::Skipped if report.committed_by.is_some() => format!("{export}: committed already by this plan"),
        RunStatus::Skipped => format!("{export}: no rows, no file, after {time}"),
        RunStatus::Interrupted => format!("{export}: interrupted after {time}"),
        RunStatus::Failed | RunStatus::Running | RunStatus::Abandoned => format!("{export}: failed after {time}"),
    }
}

/// What a person should hear of even without progress.
pub(super) fn news(kind: &EventKind) -> Option<String> {
    match kind {
        EventKind::Settled { export, run_id, settlement: Settlement::RolledForward } => {
            Some(format!("{export}: run {run_id} had ended well when its process died; it is now on record"))
        }
        EventKind::Settled { export, run_id, settlement: Settlement::Removed { files: 0 } } => {
            Some(format!("{export}: run {run_id} was cut off; it had left no file"))
        }
        EventKind::Settled { export, run_id, settlement: Settlement::Removed { files } } => {
            let files = count(u64::try_from(*files).unwrap_or(u64::MAX), "file");
            Some(format!("{export}: run {run_id} was cut off; removed the {files} that it had left"))
        }
        EventKind::Resumed { export, run_id, chunks_done, chunks } => {
            Some(format!("{export}: run {run_id} was cut off and goes on: {chunks_done} of {chunks} chunks are done"))
        }
        EventKind::Retrying { export, attempt, max_attempts, wait, error } => Some(format!(
            "{export}: attempt {attempt} of {max_attempts} failed: {}; next one in {}",
            error.message,
            duration(*wait)
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rivet_model::{ErrorRecord, ExportName, Retry};

    use super::*;
    use crate::render::sample;

    fn export() -> ExportName {
        "lineitem".parse().unwrap()
    }

    #[test]
    fn the_end_of_an_export_is_a_line() {
        let check = |status, expected: &str| {
            let mut report = sample::committed("lineitem");
            report.status = status;
            assert_eq!(last_line(&report), expected);
        };
        check(RunStatus::Committed, "lineitem: committed 6,001,215 rows, 158.3 MB in 9.8 s");
        check(RunStatus::Skipped, "lineitem: no rows, no file, after 9.8 s");
        check(RunStatus::Failed, "lineitem: failed after 9.8 s");
        check(RunStatus::Interrupted, "lineitem: interrupted after 9.8 s");
        let mut report = sample::committed("lineitem");
        (report.status, report.committed_by) = (RunStatus::Skipped, report.run_id);
        assert_eq!(last_line(&report), "lineitem: committed already by this plan");
    }

    #[test]
    fn news_are_whole_sentences() {
        let run_id = sample::committed("lineitem").run_id.unwrap();
        let settled = |settlement| news(&EventKind::Settled { export: export(), run_id, settlement }).unwrap();
        assert!(
            settled(Settlement::Removed { files: 1 }).ends_with("was cut off; removed the 1 file that it had left")
        );
        assert!(settled(Settlement::Removed { files: 0 }).ends_with("was cut off; it had left no file"));
        let resumed = EventKind::Resumed { export: export(), run_id, chunks_done: 3, chunks: 8 };
        assert!(news(&resumed).unwrap().ends_with("was cut off and goes on: 3 of 8 chunks are done"));
        assert!(settled(Settlement::RolledForward).contains("is now on record"));
        let error = ErrorRecord {
            code: "rivet::source::connect".to_owned(),
            message: "no connection to db:5432".to_owned(),
            retry: Retry::Backoff,
        };
        let wait = Duration::from_secs(2);
        let retrying = EventKind::Retrying { export: export(), attempt: 1, max_attempts: 4, wait, error };
        let expected = "lineitem: attempt 1 of 4 failed: no connection to db:5432; next one in 2.0 s";
        assert_eq!(news(&retrying).unwrap(), expected);
    }
}
