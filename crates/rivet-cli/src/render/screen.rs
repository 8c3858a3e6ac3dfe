use std::io::{self, IsTerminal as _, Write, stderr};

use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing_subscriber::fmt::MakeWriter;

/// Standard error. Everything that is written there goes through it, so that no line lands inside of a progress bar.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    bars: MultiProgress,
    quiet: bool,
}

impl Screen {
    /// Makes the screen. With `bars` it may hold progress bars; with `quiet` it keeps messages to itself.
    pub(crate) fn new(bars: bool, quiet: bool) -> Self {
        let target = if bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), quiet }
    }

    /// Returns whether standard error is a terminal that a person looks at.
    pub(crate) fn is_terminal(term: Option<&str>) -> bool {
        stderr().is_terminal() && term != Some("dumb")
    }

    /// Returns where progress bars are added.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Writes a message for a person, unless standard error is kept for JSON.
    pub(crate) fn message(&self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }

    /// Writes a line, whoever reads it.
    pub(crate) fn line(&self, text: &str) {
        self.write(format!("{text}\n").as_bytes());
    }

    fn write(&self, bytes: &[u8]) {
        // Where stderr is closed there is nobody to tell.
        self.bars.suspend(|| drop(stderr().lock().write_all(bytes)));
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = ScreenWriter;

    fn make_writer(&'a self) -> ScreenWriter {
        ScreenWriter { screen: self.clone() }
    }
}

/// Writes log lines to a [`Screen`].
#[derive(Debug)]
pub(crate) struct ScreenWriter {
    screen: Screen,
}

impl Write for ScreenWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.screen.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
