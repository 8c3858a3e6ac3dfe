use rivet_priority::{SignalName, Signals};

/// Returns a signal as the page has it: the same in every run and on every machine.
pub(super) fn shown(signals: &Signals, name: SignalName) -> String {
    let value = match name {
        SignalName::ImpliedGroup => signals.implied_group.as_ref().map(|_| group(signals).to_owned()),
        SignalName::EstimatedRowBytes => signals.row_bytes().map(|bytes| format!("{bytes:.0}")),
        SignalName::PreflightWarnings => {
            signals.preflight_warnings.map(|warnings| if warnings == 0 { "none" } else { "some" }.to_owned())
        }
        SignalName::History => history(signals),
        _ => signals.get(name),
    };
    value.unwrap_or_else(|| "unknown".to_owned())
}

/// Says whether the server makes the group of an export.
fn group(signals: &Signals) -> &'static str {
    if signals.source_group.is_some() { "set aside" } else { "its server" }
}

/// Says what does not hang on how fast a machine is.
fn history(signals: &Signals) -> Option<String> {
    let history = signals.history.as_ref()?;
    let runs = if history.runs == 1 { "run" } else { "runs" };
    let newest = if history.newest_failed { ", the newest too" } else { "" };
    let slow = history.average_duration_ms.is_some_and(|average| average >= 5 * 60 * 1000);
    let slow = if slow { ", 5 minutes or more" } else { "" };
    let (all, failed, retries) = (history.runs, history.failures, history.retries);
    Some(format!("{all} {runs}, {failed} failed{newest}, {retries} retries{slow}"))
}
