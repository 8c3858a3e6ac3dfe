use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use miette::Diagnostic;
use rivet_config::{ChunkConsistency, Config, Mode, Notifications, NotifyOn};
use rivet_core::{Event, EventKind, ExportReport, RunReport};
use rivet_model::{Consistency, ExportName, Retry, RunId, RunStatus};

use super::news::News;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{Problem, number};

/// What a configuration says of notifications, and what is needed to judge a run by it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) notifications: Option<Notifications>,
    /// The file.
    pub(super) configuration: PathBuf,
    /// The exports whose chunks may each show a moment of their own.
    by_chunk: BTreeSet<ExportName>,
}

impl Asked {
    pub(super) fn of(config: &Config) -> Self {
        let is_by_chunk = |mode: &Mode| matches!(mode, Mode::Chunked(it) if it.consistency == ChunkConsistency::Chunk);
        let by_chunk = config.exports.iter().filter(|export| is_by_chunk(&export.mode));
        Self {
            notifications: config.notifications.clone(),
            configuration: config.path.file_name().map_or_else(|| config.path.clone(), |name| config.dir.join(name)),
            by_chunk: by_chunk.map(|export| export.name.clone()).collect(),
        }
    }
}

/// What was heard of a run on its way.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<ByExport>);

#[derive(Debug, Default)]
struct ByExport {
    changes: BTreeMap<ExportName, (RunId, Vec<String>)>,
    reasons: BTreeMap<ExportName, Vec<String>>,
    /// Of the chunk or question that took the largest part of its attempts: how many failed, of how many.
    attempts: BTreeMap<ExportName, (u32, u32)>,
}

impl Heard {
    pub(super) fn event(&self, event: &Event) {
        match &event.kind {
            EventKind::SchemaChanged { export, run_id, changes } => {
                self.lock().changes.insert(export.clone(), (*run_id, changes.clone()));
            }
            EventKind::Degraded { export, reason } => {
                self.lock().reasons.entry(export.clone()).or_default().push(reason.clone());
            }
            EventKind::Retrying { export, attempt, max_attempts, .. } => {
                let mut heard = self.lock();
                let most = heard.attempts.entry(export.clone()).or_insert((0, 1));
                let share = |(failed, of): (u32, u32)| u64::from(failed) * 1_000 / u64::from(of.max(1));
                if share((*attempt, *max_attempts)) >= share(*most) {
                    *most = (*attempt, *max_attempts);
                }
            }
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, ByExport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what there is to tell, in the order of the exports.
    pub(super) fn news(&self, asked: &Asked, result: Result<&RunReport, &Failure>, exit: Exit) -> Vec<News> {
        let heard = self.lock();
        let report = match result {
            Ok(report) => report,
            Err(_) if exit == Exit::Interrupted => return Vec::new(),
            Err(failure) => return vec![News::of_error(failure, failure.retry(), failure.causes())],
        };
        report.exports.iter().flat_map(|export| heard.of_export(asked, export)).collect()
    }
}

impl ByExport {
    fn of_export(&self, asked: &Asked, report: &ExportReport) -> Vec<News> {
        let mut news = Vec::new();
        let base = |on| News::of_export(on, report);
        if let Some((run_id, details)) = self.changes.get(&report.export) {
            let run_id = report.run_id.or(Some(*run_id));
            news.push(News { run_id, details: details.clone(), ..base(NotifyOn::SchemaChange) });
        }
        match report.status {
            RunStatus::Interrupted => {}
            RunStatus::Committed | RunStatus::Skipped => {
                let details = self.shortcomings(asked, report);
                if !details.is_empty() {
                    news.push(News { details, ..base(NotifyOn::Degraded) });
                }
            }
            RunStatus::Failed | RunStatus::Running | RunStatus::Abandoned => {
                news.push(base(NotifyOn::Failure));
            }
        }
        news
    }

    /// Says in what a run that has ended well was not as good as it should be.
    fn shortcomings(&self, asked: &Asked, report: &ExportReport) -> Vec<String> {
        let mut found = Vec::new();
        if let Some((failed, of)) = self.attempts.get(&report.export).filter(|(failed, of)| failed * 2 >= *of) {
            found.push(format!("{failed} of {of} attempts failed before one succeeded"));
        }
        if report.consistency == Some(Consistency::Chunk) && !asked.by_chunk.contains(&report.export) {
            found.push("its rows are not of one moment, as was asked: each chunk shows its own".to_owned());
        }
        for (column, values) in &report.nulled {
            let values = if *values == 1 { "1 value".to_owned() } else { format!("{} values", number(*values)) };
            found.push(format!("{values} of `{column}` became NULL: the column's type can't hold them"));
        }
        found.extend(self.reasons.get(&report.export).into_iter().flatten().cloned());
        found
    }
}

impl News {
    fn of_export(on: NotifyOn, report: &ExportReport) -> Self {
        let error = report.error.as_deref().filter(|_| on == NotifyOn::Failure);
        let error = error.map(|error| Self::of_error(error, error.retry(), Problem::causes_of(error)));
        let base = error.unwrap_or_else(|| Self::without_error(on));
        Self {
            on,
            export: Some(report.export.clone()),
            run_id: report.run_id,
            destination: Some(report.destination.clone()),
            manifest: report.manifest.as_ref().map(|name| format!("{}/{name}", report.destination)),
            ..base
        }
    }

    fn of_error(error: &dyn Diagnostic, retry: Retry, causes: Vec<String>) -> Self {
        let message = std::iter::once(error.to_string()).chain(causes).collect::<Vec<_>>().join(": ");
        Self {
            code: error.code().map(|code| code.to_string()),
            message: Some(message),
            help: error.help().map(|help| help.to_string()),
            retry: Some(retry),
            ..Self::without_error(NotifyOn::Failure)
        }
    }
}
