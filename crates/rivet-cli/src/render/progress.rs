use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle as BarStyle};
use rivet_core::{Event, EventKind, ExportReport, Observer, Settlement};
use rivet_model::{ExportName, RunStatus};

use super::Screen;
use super::printer::is_broken_pipe;
use super::quantity::{bytes, count, duration, per_second};

/// How often an export may write a line where no terminal is.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// How often bars are drawn. A person sees no more, and a slow connection takes no more.
const DRAW_INTERVAL: Duration = Duration::from_millis(125);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProgressStyle {
    /// Not at all.
    None,
    /// One bar per export, on a terminal.
    Bars,
    /// Lines, at most one per export in ten seconds.
    Lines,
    /// Every event as a line of JSON, progress at most once per export in ten seconds.
    Json,
}

/// Shows what the engine does, and keeps what it has to say for the summary.
///
/// It is called on the engine's own threads. A progress event only stores its numbers: bars are drawn by a thread
/// of indicatif's.
#[derive(Debug)]
pub(crate) struct Progress {
    screen: Screen,
    style: ProgressStyle,
    tracks: Mutex<BTreeMap<ExportName, Track>>,
    last_lines: Mutex<BTreeMap<ExportName, Instant>>,
    notes: Mutex<BTreeMap<ExportName, Vec<String>>>,
}

/// An export on its way.
#[derive(Debug)]
struct Track {
    numbers: Arc<Mutex<Numbers>>,
    bar: Option<ProgressBar>,
}

#[derive(Debug, Clone, Copy)]
struct Numbers {
    begin: Instant,
    rows: u64,
    bytes: u64,
    chunks_done: u32,
    chunks: u32,
    estimated_rows: Option<u64>,
}

/// A lock that a panic elsewhere has poisoned still holds sound numbers.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress {
    /// Makes an observer that writes to a screen.
    pub(crate) fn new(screen: &Screen, style: ProgressStyle) -> Self {
        Self {
            screen: screen.clone(),
            style,
            tracks: Mutex::default(),
            last_lines: Mutex::default(),
            notes: Mutex::default(),
        }
    }

    /// Takes what the engine had to say, by export.
    pub(crate) fn take_notes(&self) -> BTreeMap<ExportName, Vec<String>> {
        std::mem::take(&mut *locked(&self.notes))
    }

    /// Takes the bars away: of exports, too, whose end was not reported.
    pub(crate) fn clear(&self) {
        for (_, track) in std::mem::take(&mut *locked(&self.tracks)) {
            track.bar.iter().for_each(ProgressBar::finish_and_clear);
        }
    }

    fn say(&self, kind: &EventKind) {
        match kind {
            EventKind::Connected { server } if self.shows_lines() => self.screen.message(&format!("source: {server}")),
            EventKind::ExportStarted { export, destination, chunks, estimated_rows, .. } => {
                self.start(export, destination, *chunks, *estimated_rows);
            }
            EventKind::Note { export, note } if self.shows_lines() => self.screen.message(&format!("{export}: {note}")),
            EventKind::Progress { export, rows, bytes, chunks_done, chunks } => {
                self.advance(export, |numbers| {
                    (numbers.rows, numbers.bytes) = (*rows, *bytes);
                    (numbers.chunks_done, numbers.chunks) = (*chunks_done, *chunks);
                });
            }
            EventKind::ExportFinished { report } => self.finish(report),
            EventKind::Settled { .. } | EventKind::Retrying { .. } => {
                // Not progress but news: shown with `--no-progress` as well.
                if let Some(news) = news(kind) {
                    self.screen.message(&news);
                }
            }
            _ => {}
        }
    }

    fn shows_lines(&self) -> bool {
        matches!(self.style, ProgressStyle::Bars | ProgressStyle::Lines)
    }

    fn start(&self, export: &ExportName, destination: &str, chunks: u32, estimated_rows: Option<u64>) {
        let numbers = Numbers { begin: Instant::now(), rows: 0, bytes: 0, chunks_done: 0, chunks, estimated_rows };
        let numbers = Arc::new(Mutex::new(numbers));
        let bar = (self.style == ProgressStyle::Bars).then(|| self.add_bar(export, &numbers));
        if self.style == ProgressStyle::Lines {
            self.screen.message(&format!("{export}: writing to {destination}"));
        }
        drop(locked(&self.tracks).insert(export.clone(), Track { numbers, bar }));
    }

    fn add_bar(&self, export: &ExportName, numbers: &Arc<Mutex<Numbers>>) -> ProgressBar {
        let (export, numbers) = (export.clone(), Arc::clone(numbers));
        let line = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            let numbers = *locked(&numbers);
            // A line that could not be drawn is drawn anew soon.
            out.write_str(&line(&export, numbers, numbers.begin.elapsed())).unwrap_or_default();
        };
        let style =
            BarStyle::with_template("{spinner} {line}").expect("the template is well-formed").with_key("line", line);
        let bar = self.screen.bars().add(ProgressBar::new_spinner()).with_style(style);
        bar.enable_steady_tick(DRAW_INTERVAL);
        bar
    }

    fn advance(&self, export: &ExportName, change: impl FnOnce(&mut Numbers)) {
        let numbers = {
            let tracks = locked(&self.tracks);
            let Some(track) = tracks.get(export) else { return };
            let mut numbers = locked(&track.numbers);
            change(&mut numbers);
            *numbers
        };
        if self.style == ProgressStyle::Lines && self.is_due(export) {
            self.screen.message(&line(export, numbers, numbers.begin.elapsed()));
        }
    }

    fn finish(&self, report: &ExportReport) {
        let track = locked(&self.tracks).remove(&report.export);
        if let Some(bar) = track.and_then(|track| track.bar) {
            bar.finish_and_clear();
            self.screen.bars().remove(&bar);
        }
        // Who has closed our stdout has seen what was wanted.
        if self.shows_lines() && !report.error.as_deref().is_some_and(is_broken_pipe) {
            self.screen.message(&last_line(report));
        }
    }

    /// Writes an event as a line of JSON, unless it is progress that comes too soon.
    fn log(&self, event: &Event) {
        if let EventKind::Progress { export, .. } = &event.kind
            && !self.is_due(export)
        {
            return;
        }
        if let Ok(line) = serde_json::to_string(event) {
            self.screen.line(&line);
        }
    }

    /// Whether an export may write a line of progress again. The first one comes when the export has run for a while.
    fn is_due(&self, export: &ExportName) -> bool {
        let now = Instant::now();
        let mut last_lines = locked(&self.last_lines);
        let last = last_lines.entry(export.clone()).or_insert(now);
        let due = now.duration_since(*last) >= LINE_INTERVAL;
        if due {
            *last = now;
        }
        due
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event) {
        if let EventKind::Note { export, note } = &event.kind {
            locked(&self.notes).entry(export.clone()).or_default().push(note.clone());
        }
        if self.style == ProgressStyle::Json {
            self.log(event);
        } else {
            self.say(&event.kind);
        }
    }
}

/// The line of an export on its way.
fn line(export: &ExportName, numbers: Numbers, elapsed: Duration) -> String {
    let Numbers { rows, bytes: size, chunks_done, chunks, .. } = numbers;
    let mut parts = vec![
        count(rows, "row"),
        bytes(size),
        format!("{}/s", count(per_second(rows, elapsed), "row")),
        format!("{}/s", bytes(per_second(size, elapsed))),
    ];
    if chunks > 1 {
        parts.push(format!("{chunks_done} of {chunks} chunks"));
    }
    parts.push(duration(elapsed));
    if let Some(left) = time_left(numbers, elapsed) {
        parts.push(format!("about {} left", duration(left)));
    }
    format!("{export}: {}", parts.join(", "))
}

/// How long the rest will take, where chunks or the planner's estimate say how much there is. An estimate that the rows
/// have passed says nothing any more.
fn time_left(numbers: Numbers, elapsed: Duration) -> Option<Duration> {
    let Numbers { rows, chunks_done, chunks, estimated_rows, .. } = numbers;
    if chunks > 1 && chunks_done > 0 {
        return Some(elapsed * chunks.saturating_sub(chunks_done) / chunks_done);
    }
    let left = estimated_rows?.checked_sub(rows).filter(|left| *left > 0 && rows > 0)?;
    let seconds = u64::try_from(elapsed.as_millis()).ok()?.checked_mul(left)? / rows / 1_000;
    Some(Duration::from_secs(seconds))
}

/// The line of an export that has ended.
fn last_line(report: &ExportReport) -> String {
    let ExportReport { export, rows, bytes: size, .. } = report;
    let time = duration(report.duration);
    match report.status {
        RunStatus::Committed => format!("{export}: committed {}, {} in {time}", count(*rows, "row"), bytes(*size)),
        RunStatus::Skipped => format!("{export}: no rows, no file, after {time}"),
        RunStatus::Interrupted => format!("{export}: interrupted after {time}"),
        RunStatus::Failed | RunStatus::Running | RunStatus::Abandoned => format!("{export}: failed after {time}"),
    }
}

/// What a person should hear of even without progress.
fn news(kind: &EventKind) -> Option<String> {
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
    use rivet_model::{ErrorRecord, Retry};

    use super::*;
    use crate::render::sample;

    fn export() -> ExportName {
        "lineitem".parse().unwrap()
    }

    #[test]
    fn a_line_has_rates_chunks_and_the_time_left() {
        let check = |rows, size, chunks_done, chunks, expected: &str| {
            let estimated_rows = None;
            let numbers = Numbers { begin: Instant::now(), rows, bytes: size, chunks_done, chunks, estimated_rows };
            assert_eq!(line(&export(), numbers, Duration::from_secs(3)), expected);
        };
        check(0, 0, 0, 1, "lineitem: 0 rows, 0 B, 0 rows/s, 0 B/s, 3.0 s");
        check(
            1_206_339,
            31_200_000,
            0,
            8,
            "lineitem: 1,206,339 rows, 31.2 MB, 402,113 rows/s, 10.4 MB/s, 0 of 8 chunks, 3.0 s",
        );
        check(6, 600, 3, 8, "lineitem: 6 rows, 600 B, 2 rows/s, 200 B/s, 3 of 8 chunks, 3.0 s, about 5.0 s left");
        check(6, 600, 9, 8, "lineitem: 6 rows, 600 B, 2 rows/s, 200 B/s, 9 of 8 chunks, 3.0 s, about 0 ms left");
    }

    #[test]
    fn an_estimate_gives_the_time_left_until_it_is_passed() {
        let left = |rows, estimated_rows| {
            let numbers = Numbers { begin: Instant::now(), rows, bytes: 0, chunks_done: 0, chunks: 1, estimated_rows };
            time_left(numbers, Duration::from_secs(3)).map(|left| left.as_secs())
        };
        assert_eq!(left(100, Some(400)), Some(9));
        assert_eq!(left(0, Some(400)), None);
        assert_eq!(left(400, Some(400)), None);
        assert_eq!(left(401, Some(400)), None);
        assert_eq!(left(100, None), None);
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
    }

    #[test]
    fn news_are_whole_sentences() {
        let run_id = sample::committed("lineitem").run_id.unwrap();
        let settled = |settlement| news(&EventKind::Settled { export: export(), run_id, settlement }).unwrap();
        assert!(
            settled(Settlement::Removed { files: 1 }).ends_with("was cut off; removed the 1 file that it had left")
        );
        assert!(settled(Settlement::Removed { files: 0 }).ends_with("was cut off; it had left no file"));
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
