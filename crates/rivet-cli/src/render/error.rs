use std::error::Error;
use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteHandler, MietteHandlerOpts,
    ReportHandler as _, SourceCode,
};
use rivet_core::{EngineError, ExportReport};
use rivet_model::ExportName;

/// The columns of an error that no terminal shows.
const PLAIN_WIDTH: usize = 100;

/// Where an error is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// On a terminal, which says how wide it is and what it can draw.
    Terminal {
        /// Whether it may have colours.
        colour: bool,
    },
    /// In a file or a log: no colour, no escape sequence, one width.
    File,
}

/// Renders an error with its code, causes, places and advice.
pub(super) fn render(error: &dyn Diagnostic, reader: Reader) -> String {
    match reader {
        Reader::Terminal { colour } => {
            let handler = MietteHandlerOpts::new().color(colour).terminal_links(false).break_words(false).build();
            OnTerminal { handler, error }.to_string()
        }
        Reader::File => {
            let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
                .with_links(false)
                .with_width(PLAIN_WIDTH)
                .with_break_words(false);
            let mut text = String::new();
            match handler.render_report(&mut text, error) {
                Ok(()) => text,
                Err(fmt::Error) => error.to_string(),
            }
        }
    }
}

struct OnTerminal<'a> {
    handler: MietteHandler,
    error: &'a dyn Diagnostic,
}

impl fmt::Display for OnTerminal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handler.debug(self.error, f)
    }
}

/// An error of an export, with its export's name before it.
#[derive(Debug)]
pub(super) struct ExportError<'a> {
    export: &'a ExportName,
    error: &'a EngineError,
}

impl<'a> ExportError<'a> {
    /// Returns the error of an export, where it has one.
    pub(super) fn of(report: &'a ExportReport) -> Option<Self> {
        report.error.as_deref().map(|error| Self { export: &report.export, error })
    }
}

impl fmt::Display for ExportError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "export `{}`: {}", self.export, self.error)
    }
}

impl Error for ExportError<'_> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl Diagnostic for ExportError<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.error.code()
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.error.help()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.error.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.error.labels()
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::render::sample;

    #[test]
    fn an_error_of_an_export_names_it_and_shows_the_place() {
        let report = sample::failed("big orders");
        let error = ExportError::of(&report).unwrap();
        assert_snapshot!(render(&error, Reader::File), @r#"
        rivet::source::statement

          × export `big orders`: the statement is not valid: syntax error at "FORM"
           ╭─[2:1]
         1 │ SELECT *
         2 │ FORM orders
           · ▲
           · ╰── here
           ╰────
          help: Correct the query of the export.
        "#);
        assert!(!render(&error, Reader::Terminal { colour: false }).contains('\u{1b}'));
        assert!(render(&error, Reader::Terminal { colour: true }).contains('\u{1b}'));
    }
}
