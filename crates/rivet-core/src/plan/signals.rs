//! How what was found out about an export becomes the signals that it is scored by.

use jiff::Timestamp;
use rivet_config::{ExportConfig, Mode};
use rivet_model::{RunRecord, RunStatus};
use rivet_preflight::PreflightReport;
use rivet_priority::{Freshness, History, PastRun, RunOutcome, Signals, Strategy};

/// The longest window whose rows count as wanted soon, in days.
const RECENT_DAYS: u32 = 7;

/// What is known of an export beside its preflight.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) config: &'a ExportConfig,
    /// The server, as an implied group names it.
    pub(super) implied_group: String,
    pub(super) reconcile: bool,
    pub(super) history: Option<History>,
}

impl Known<'_> {
    /// Returns the signals of an export that the source has said nothing of.
    pub(super) fn without_preflight(self) -> Signals {
        Signals {
            source_group: self.config.source_group.clone(),
            implied_group: Some(self.implied_group),
            reconcile_required: self.reconcile || self.config.reconcile_required,
            freshness: freshness(&self.config.mode),
            history: self.history,
            preflight_failed: true,
            preflight_warnings: Some(1),
            ..Signals::new(self.config.name.as_str(), strategy(&self.config.mode))
        }
    }

    /// Returns the signals of an export that preflight has looked at; `chunks` are those of a chunked one.
    pub(super) fn with_preflight(self, report: &PreflightReport, chunks: Option<u32>) -> Signals {
        Signals {
            estimated_rows: report.estimated_rows,
            estimated_row_bytes: report.estimated_row_bytes,
            chunk_count: chunks,
            cursor_quality: same_word(report.cursor_quality.as_str()),
            cursor_bounds_observed: report.bounds_observed,
            sparse_range: report.sparse_range,
            verdict: same_word(report.verdict.as_str()),
            preflight_failed: report.failed,
            preflight_warnings: Some(u32::try_from(report.warnings().count()).unwrap_or(u32::MAX)),
            statistics: same_word(report.statistics.as_str()),
            ..self.without_preflight()
        }
    }
}

/// Preflight and priorities share words, and no crate.
fn same_word<T: std::str::FromStr + Default>(word: &str) -> T {
    word.parse().unwrap_or_default()
}

pub(super) fn strategy(mode: &Mode) -> Strategy {
    match mode {
        Mode::Full => Strategy::Full,
        Mode::Incremental(_) => Strategy::Incremental,
        Mode::Chunked(_) => Strategy::Chunked,
        Mode::TimeWindow(_) => Strategy::TimeWindow,
    }
}

fn freshness(mode: &Mode) -> Freshness {
    match mode {
        Mode::TimeWindow(window) if window.days <= RECENT_DAYS => Freshness::Recent,
        Mode::TimeWindow(_) => Freshness::Stale,
        Mode::Full | Mode::Incremental(_) | Mode::Chunked(_) => Freshness::Unknown,
    }
}

/// Sums up the runs of an export, the newest first, as planning does. `None` where none of them has ended.
pub fn history(runs: &[RunRecord], now: Timestamp) -> Option<History> {
    History::of(runs.iter().map(|run| PastRun {
        outcome: outcome(run.status),
        retries: run.metrics.as_ref().map_or(0, |metrics| metrics.retries),
        duration_ms: run.metrics.as_ref().map(|metrics| metrics.duration_ms).filter(|duration| *duration > 0),
        rows: run.metrics.as_ref().map(|metrics| metrics.rows),
        bytes: run.metrics.as_ref().map(|metrics| metrics.bytes),
        age_seconds: u64::try_from(now.duration_since(run.started_at).as_secs()).ok(),
    }))
}

fn outcome(status: RunStatus) -> RunOutcome {
    match status {
        RunStatus::Running => RunOutcome::Running,
        RunStatus::Committed => RunOutcome::Committed,
        RunStatus::Skipped => RunOutcome::Skipped,
        // A process that dies takes the run with it.
        RunStatus::Failed | RunStatus::Abandoned => RunOutcome::Failed,
        RunStatus::Interrupted => RunOutcome::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use rivet_preflight::{CursorQuality, StatisticsState, Verdict};

    /// The two crates share no code, and a word that one of them lacks would become `unknown` in silence.
    #[test]
    fn every_word_of_preflight_is_known_to_the_scores() {
        for word in Verdict::ALL.iter().map(|word| word.as_str()) {
            assert_eq!(word.parse::<rivet_priority::Verdict>().unwrap().as_str(), word);
        }
        for word in CursorQuality::ALL.iter().map(|word| word.as_str()) {
            assert_eq!(word.parse::<rivet_priority::CursorQuality>().unwrap().as_str(), word);
        }
        for word in StatisticsState::ALL.iter().map(|word| word.as_str()) {
            assert_eq!(word.parse::<rivet_priority::Statistics>().unwrap().as_str(), word);
        }
    }
}
