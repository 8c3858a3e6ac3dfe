//! What there is to say of one export, for every form that it is shown in.

use std::time::Duration;

use rivet_config::{Destination, Mode};
use rivet_core::PlannedExport;
use rivet_model::Format;
use rivet_preflight::{FindingCode, Profile, Severity, Verdict};
use rivet_priority::{Estimate, ForecastBasis, Recommendation, SignalName};

use super::paper::Tone;
use super::reads;
use super::view::PlanView;
use crate::render::quantity::{bytes, count, duration, number, seconds};

/// Something with a label.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) label: &'static str,
    pub(super) body: Body,
}

/// What belongs to a label.
#[derive(Debug)]
pub(super) enum Body {
    /// Beside it, line by line.
    Lines(Vec<Line>),
    /// Below it, each with a bullet.
    Items(Vec<Line>),
}

/// A line whose first words may be painted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tone: Tone,
    pub(super) head: String,
    pub(super) text: String,
    /// What to do.
    pub(super) help: Option<String>,
}

impl<T: Into<String>> From<T> for Line {
    fn from(text: T) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl Line {
    pub(super) fn headed(tone: Tone, head: impl Into<String>, text: impl Into<String>) -> Self {
        Self { tone, head: head.into(), text: text.into(), help: None }
    }
}

impl Section {
    pub(super) fn lines<T: Into<Line>>(label: &'static str, lines: impl IntoIterator<Item = T>) -> Self {
        Self { label, body: Body::Lines(lines.into_iter().map(Into::into).collect()) }
    }

    pub(super) fn items<T: Into<Line>>(label: &'static str, items: impl IntoIterator<Item = T>) -> Self {
        Self { label, body: Body::Items(items.into_iter().map(Into::into).collect()) }
    }

    fn is_empty(&self) -> bool {
        let (Body::Lines(lines) | Body::Items(lines)) = &self.body;
        lines.is_empty()
    }
}

/// Returns everything above the priority of an export.
pub(super) fn facts(view: &PlanView<'_>, export: &PlannedExport, advice: Option<&Recommendation>) -> Vec<Section> {
    let mut sections = vec![
        Section::lines("Strategy", [reads::strategy(export)]),
        Section::lines("Source", [source(export)]),
        Section::lines("Reads", reads::reads(export)),
        Section::lines("Writes", [writes(export)]),
    ];
    match &export.error {
        Some(error) => {
            let text = format!("{} ({})", error.message, error.code);
            sections.push(Section::lines("Error", [Line::headed(Tone::Bad, "not planned:", text)]));
        }
        None => sections.extend([
            Section::lines("Estimate", estimate(export, advice)),
            Section::lines("Verdict", [verdict(export.diagnostics.verdict)]),
            Section::lines("Profile", profile(export)),
            Section::items("Findings", findings(export)),
        ]),
    }
    let is_told = |note: &String| view.common_notes.contains(note) || reads::tells(export, note);
    let notes = export.notes.iter().filter(|note| !is_told(note));
    sections.push(Section::items("Notes", notes.map(String::as_str)));
    sections.push(Section::lines("Resources", resources(export)));
    let history = view.signals(export.export_name.as_str()).and_then(|signals| signals.history.as_ref());
    sections.push(Section::lines("History", history.map(ToString::to_string)));
    if let Some(advice) = advice {
        sections.push(Section::lines("Assumed", assumed(view, export, advice)));
        sections.push(Section::lines("Classes", [classes(advice)]));
        sections.push(Section::lines("Isolate", isolate(view, advice)));
    }
    sections.retain(|section| !section.is_empty());
    sections
}

fn source(export: &PlannedExport) -> String {
    let resolved = &export.resolved_plan;
    let group = resolved.export.source_group.as_ref();
    let group = group.map_or_else(String::new, |group| format!("; source group `{group}`"));
    format!("{}, {}{group}", resolved.source, resolved.server)
}

fn writes(export: &PlannedExport) -> String {
    let config = &export.resolved_plan.export;
    let columns = export.resolved_plan.columns.len();
    let columns = if columns == 0 { String::new() } else { format!(" of {}", count(columns as u64, "column")) };
    let place = match &config.destination {
        Destination::Local { path } => format!("`{path}`"),
        Destination::Stdout => "standard output".to_owned(),
        other => format!("`type: {}`", other.kind()),
    };
    format!("{}{columns} to {place}", format_name(config.output.format))
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Parquet => "Parquet",
        Format::Csv => "CSV",
    }
}

fn estimate(export: &PlannedExport, advice: Option<&Recommendation>) -> Vec<String> {
    let Some(forecast) = advice.and_then(|advice| advice.forecast) else {
        return vec!["how many rows is not known, and so is the time".to_owned()];
    };
    let rows = format!("about {}", ranged(forecast.rows, number, " rows"));
    let size = match forecast.bytes {
        Some(size) => format!("{rows}, {}", bytes(size.expected)),
        None => rows,
    };
    let basis = match forecast.basis {
        ForecastBasis::History => "at the speed of its earlier runs",
        ForecastBasis::Default => "at a usual speed, for lack of 3 runs that were measured",
    };
    let time = format!("about {}, {basis}", ranged(forecast.seconds, seconds, ""));
    let nothing = export.computed.chunk_count == Some(0);
    if nothing { vec!["nothing to read".to_owned()] } else { vec![size, time] }
}

/// Writes an estimate with its range, where it has one: `28 s (12 s to 2 min 24 s)`.
pub(super) fn ranged(estimate: Estimate, write: fn(u64) -> String, unit: &str) -> String {
    let Estimate { low, expected, high } = estimate;
    let expected = format!("{}{unit}", write(expected));
    if low == high { expected } else { format!("{expected} ({} to {})", write(low), write(high)) }
}

fn verdict(verdict: Verdict) -> Line {
    let (tone, meaning) = match verdict {
        Verdict::Efficient => (Tone::Good, "everything is read by the right access path"),
        Verdict::Acceptable => (Tone::Good, "everything is read by the right access path, and it is much"),
        Verdict::Degraded => (Tone::Warning, "it will be slow, or heavy for the source"),
        Verdict::Unsafe => (Tone::Bad, "it may harm the source"),
        Verdict::Unknown => (Tone::Warning, "nobody could see how it reads"),
    };
    Line::headed(tone, verdict.as_str(), format!("— {meaning}"))
}

fn profile(export: &PlannedExport) -> Vec<Line> {
    let (diagnostics, config) = (&export.diagnostics, &export.resolved_plan.export);
    let advised = diagnostics.recommended_profile;
    let configured = config.tuning.profile.as_str();
    let boldness = |profile: &str| Profile::ALL.iter().position(|it| it.as_str() == profile);
    let is_bolder = boldness(configured) > boldness(advised.as_str());
    let reason = &diagnostics.recommended_profile_reason;
    let mut lines = vec![advised_line(advised.as_str(), configured, is_bolder, reason)];
    if let Mode::Chunked(chunked) = &config.mode {
        let (advised, configured) = (u64::from(diagnostics.recommended_parallelism), chunked.parallel as u64);
        let head = count(advised, "connection");
        // Where they are equal, so are the words.
        let other = if advised == configured { head.clone() } else { number(configured) };
        let reason = &diagnostics.recommended_parallelism_reason;
        lines.push(advised_line(&head, &other, configured > advised, reason));
    }
    lines
}

fn advised_line(advised: &str, configured: &str, is_bolder: bool, reason: &str) -> Line {
    let tone = if is_bolder { Tone::Warning } else { Tone::Plain };
    let head = if advised == configured {
        format!("{advised}, as configured")
    } else {
        format!("{advised} advised, {configured} configured")
    };
    Line::headed(tone, head, format!("— {reason}"))
}

fn findings(export: &PlannedExport) -> impl Iterator<Item = Line> {
    // What is configured beyond the advice stands with the advice.
    let is_told = |code| matches!(code, FindingCode::ProfileAboveAdvice | FindingCode::ParallelismAboveAdvice);
    export.diagnostics.findings.iter().filter(move |finding| !is_told(finding.code)).map(|finding| {
        let tone = match finding.severity {
            Severity::Info => Tone::Plain,
            Severity::Warning => Tone::Warning,
            Severity::Critical => Tone::Bad,
        };
        let code = short(finding.code.as_str());
        let line = Line::headed(tone, finding.severity.as_str(), format!("[{code}] {}", finding.message));
        Line { help: Some(finding.help.clone()), ..line }
    })
}

/// Returns a code without the name of who gave it.
pub(super) fn short(code: &str) -> &str {
    code.strip_prefix("rivet::preflight::").unwrap_or(code)
}

fn resources(export: &PlannedExport) -> Vec<String> {
    let tuning = &export.resolved_plan.export.tuning;
    let mut lines = Vec::new();
    if export.error.is_none() {
        let mut parts = vec![count(reads::connections(export), "connection")];
        for (what, value) in [
            ("statement budget", tuning.statement_budget),
            ("statement timeout", tuning.statement_timeout),
            ("lock timeout", tuning.lock_timeout),
        ] {
            parts.push(if value.is_zero() { format!("no {what}") } else { format!("{what} {}", limit(value)) });
        }
        if !tuning.throttle.is_zero() {
            parts.push(format!("rests of {}", limit(tuning.throttle)));
        }
        lines.push(parts.join(", "));
    }
    lines.extend(probes(export));
    lines
}

/// Writes a setting: whole seconds have no tenths.
fn limit(value: Duration) -> String {
    if value.subsec_nanos() == 0 { seconds(value.as_secs()) } else { duration(value) }
}

fn probes(export: &PlannedExport) -> Option<String> {
    let probes = &export.probes;
    let total: u64 = probes.iter().map(|probe| probe.milliseconds).sum();
    let failed = probes.iter().filter(|probe| probe.error.is_some()).count() as u64;
    let failed = if failed == 0 { String::new() } else { format!(", {} of them without an answer", number(failed)) };
    let sent = count(probes.iter().map(|probe| probe.times).sum(), "statement");
    (!probes.is_empty())
        .then(|| format!("planning sent {sent}, {} in all{failed}", duration(Duration::from_millis(total))))
}

fn classes(advice: &Recommendation) -> String {
    let Recommendation { cost_class, risk_class, confidence, .. } = advice;
    format!("cost {cost_class}, risk {risk_class}, confidence {confidence}")
}

/// Says what a person has set, and what was measured instead.
fn assumed(view: &PlanView<'_>, export: &PlannedExport, advice: &Recommendation) -> Vec<String> {
    let signals = view.signals(&advice.export_name);
    let line = |name: &SignalName| {
        let value = |text: Option<String>| text.map_or_else(|| "not known".to_owned(), |text| in_words(*name, &text));
        let set = value(signals.and_then(|signals| signals.get(*name)));
        // A plan from a file has forgotten what was measured.
        match Some(&export.signals).filter(|signals| !signals.export_name.is_empty() && !signals.assumed.contains(name))
        {
            Some(measured) => format!("{name} {set}, in place of {}", value(measured.get(*name))),
            None => format!("{name} {set}"),
        }
    };
    advice.assumed.iter().map(line).collect()
}

/// Returns the value of a signal as quantities are written elsewhere.
pub(super) fn in_words(name: SignalName, value: &str) -> String {
    match (name, value.parse::<u64>()) {
        (SignalName::EstimatedRows | SignalName::ChunkCount | SignalName::PreflightWarnings, Ok(value)) => {
            number(value)
        }
        (SignalName::EstimatedRowBytes, _) => match value.parse::<f64>() {
            Ok(bytes) => format!("{bytes:.0} B"),
            Err(_) => value.to_owned(),
        },
        _ => value.to_owned(),
    }
}

fn isolate(view: &PlanView<'_>, advice: &Recommendation) -> Option<Line> {
    let signals = view.signals(&advice.export_name);
    let source = signals.and_then(|signals| signals.source_group.as_ref().or(signals.implied_group.as_ref()));
    let source = source.map_or_else(|| "its source".to_owned(), |source| format!("`{source}`"));
    let moved = advice.moved_from_wave.map(|wave| format!("; its score alone would give wave {wave}"));
    let text = format!("on {source}, without other heavy exports{}", moved.unwrap_or_default());
    advice.isolate_on_source.then(|| Line::headed(Tone::Warning, "alone", text))
}
