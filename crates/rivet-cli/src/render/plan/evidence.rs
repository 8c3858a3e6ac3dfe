//! Where the signals of an export come from, in words.

use rivet_config::Mode;
use rivet_core::PlannedExport;
use rivet_preflight::Severity;
use rivet_priority::{SignalName, Signals};

use super::sheet::{in_words, short};

/// Returns a signal as a person reads it.
pub(super) fn value(name: SignalName, signals: &Signals) -> String {
    signals.get(name).map_or_else(|| "not known".to_owned(), |value| in_words(name, &value))
}

/// Says where a signal comes from.
pub(super) fn origin(name: SignalName, export: &PlannedExport, signals: &Signals) -> String {
    if signals.assumed.contains(&name) {
        return "assumed by `--assume`".to_owned();
    }
    let config = &export.resolved_plan.export;
    match name {
        SignalName::Strategy => "configuration, `mode`".to_owned(),
        SignalName::SourceGroup => "configuration, `source_group`".to_owned(),
        SignalName::ReconcileRequired if config.reconcile_required => "configuration, `reconcile_required`".to_owned(),
        SignalName::ReconcileRequired if signals.reconcile_required => "the flag `--reconcile`".to_owned(),
        SignalName::ReconcileRequired => "configuration".to_owned(),
        SignalName::Freshness => match &config.mode {
            Mode::TimeWindow(window) => format!("configuration, `days_window: {}`", window.days),
            Mode::Full | Mode::Incremental(_) | Mode::Chunked(_) => "configuration".to_owned(),
        },
        SignalName::ImpliedGroup => "the server's own identity and address".to_owned(),
        SignalName::History => "the state store, the last 20 runs".to_owned(),
        _ if export.error.is_some() => "nothing was asked: the export could not be planned".to_owned(),
        SignalName::EstimatedRows => rows(export),
        SignalName::EstimatedRowBytes if is_explained(export) => "the width that EXPLAIN tells".to_owned(),
        SignalName::EstimatedRowBytes => "the catalog, bytes on disk by rows".to_owned(),
        SignalName::ChunkCount => chunks(export),
        SignalName::CursorQuality => "the catalog: index, NULLs and uniqueness of the key".to_owned(),
        SignalName::CursorBoundsObserved => "the ends of the key, by its index or by statistics".to_owned(),
        SignalName::SparseRange => "the span of the key against the rows that are expected".to_owned(),
        SignalName::Verdict => verdict(export),
        SignalName::PreflightFailed => "whether EXPLAIN answered".to_owned(),
        SignalName::PreflightWarnings => "the findings".to_owned(),
        SignalName::Statistics => statistics(export),
    }
}

/// Returns whether the planner of the source has answered.
fn is_explained(export: &PlannedExport) -> bool {
    export.resolved_plan.statement.is_some()
}

fn rows(export: &PlannedExport) -> String {
    let is_sized = || export.computed.chunk_ranges.iter().any(|chunk| chunk.estimated_rows.is_some());
    let origin = match &export.resolved_plan.export.mode {
        Mode::Chunked(_) if is_sized() => "the sizes of the chunks, added up",
        Mode::Chunked(_) => "the catalog",
        Mode::Full | Mode::Incremental(_) | Mode::TimeWindow(_) if is_explained(export) => {
            "EXPLAIN of the statement below"
        }
        Mode::Full | Mode::Incremental(_) | Mode::TimeWindow(_) => "the catalog, since EXPLAIN gave no answer",
    };
    origin.to_owned()
}

fn chunks(export: &PlannedExport) -> String {
    match &export.computed.deferred {
        Some(_) => "nobody has cut them yet: they are found when it runs".to_owned(),
        None => "the cuts that planning made".to_owned(),
    }
}

/// Names the findings that speak of how the rows are reached.
fn verdict(export: &PlannedExport) -> String {
    let grave = export.diagnostics.findings.iter().filter(|finding| finding.severity > Severity::Info);
    let codes = grave.map(|finding| short(finding.code.as_str())).filter(|code| !code.starts_with("statistics_"));
    let codes: Vec<&str> = codes.collect();
    let findings = if codes.is_empty() { String::new() } else { format!("; findings: {}", codes.join(", ")) };
    format!("EXPLAIN of the statement below, and the indexes{findings}")
}

fn statistics(export: &PlannedExport) -> String {
    let mut findings = export.diagnostics.findings.iter();
    let told = findings.find(|finding| short(finding.code.as_str()).starts_with("statistics_"));
    match told {
        Some(finding) => format!("the catalog: {}", finding.message),
        None => "the catalog: the last analysis, and the rows changed since".to_owned(),
    }
}
