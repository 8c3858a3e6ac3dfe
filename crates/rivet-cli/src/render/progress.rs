use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle as BarStyle};
use rivet_core::{Event, EventKind, ExportReport, Observer};
use rivet_model::ExportName;

use super::Screen;
use super::news::{last_line, news};
use super::printer::is_broken_pipe;
use super::progress_line::{Numbers, line};

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
    /// Chunks that were done when a run was resumed.
    resumed: Mutex<BTreeMap<ExportName, u32>>,
    last_lines: Mutex<BTreeMap<ExportName, Instant>>,
    notes: Mutex<BTreeMap<ExportName, Vec<String>>>,
}

/// An export on its way.
#[derive(Debug)]
struct Track {
    numbers: Arc<Mutex<Numbers>>,
    bar: Option<ProgressBar>,
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
            resumed: Mutex::default(),
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
            EventKind::Note { export, note } | EventKind::Degraded { export, reason: note } if self.shows_lines() => {
                self.screen.message(&format!("{export}: {note}"));
            }
            EventKind::Progress { export, rows, bytes, chunks_done, chunks } => {
                self.advance(export, |numbers| numbers.advance(*rows, *bytes, *chunks_done, *chunks));
            }
            EventKind::ExportFinished { report } => self.finish(report),
            EventKind::Settled { .. } | EventKind::Retrying { .. } | EventKind::Resumed { .. } => {
                if let EventKind::Resumed { export, chunks_done, .. } = kind {
                    locked(&self.resumed).insert(export.clone(), *chunks_done);
                }
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
        let resumed = locked(&self.resumed).remove(export).unwrap_or_default();
        let numbers = Arc::new(Mutex::new(Numbers::new(chunks, resumed, estimated_rows)));
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
        if let EventKind::Note { export, note } | EventKind::Degraded { export, reason: note } = &event.kind {
            locked(&self.notes).entry(export.clone()).or_default().push(note.clone());
        }
        if self.style == ProgressStyle::Json {
            self.log(event);
        } else {
            self.say(&event.kind);
        }
    }
}
