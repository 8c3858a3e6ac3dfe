use std::error::Error;
use std::fmt;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteHandler, MietteHandlerOpts,
    ReportHandler as _, SourceCode,
};
use rivet_core::{EngineError, ExportReport, PlannedExport};
use rivet_model::{ExportName, RunStatus};

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

/// Exports that are named before what they failed with; where there are more, they are counted.
const NAMED: usize = 5;

/// An error of exports, with their names before it.
#[derive(Debug)]
pub(super) struct ExportError<'a> {
    exports: Vec<&'a ExportName>,
    error: &'a EngineError,
}

impl<'a> ExportError<'a> {
    /// Returns the errors of exports, but for those that were stopped. One that several exports failed with, as where
    /// their server was not reached, is told once.
    pub(super) fn all_of(reports: &'a [ExportReport]) -> Vec<Self> {
        let mut errors: Vec<(&Arc<EngineError>, Self)> = Vec::new();
        for report in reports.iter().filter(|report| report.status != RunStatus::Interrupted) {
            let Some(error) = &report.error else { continue };
            match errors.iter_mut().find(|(other, _)| Arc::ptr_eq(other, error)) {
                Some((_, told)) => told.exports.push(&report.export),
                None => errors.push((error, Self { exports: vec![&report.export], error })),
            }
        }
        errors.into_iter().map(|(_, error)| error).collect()
    }

    /// Returns the error of an export that could not be planned.
    pub(super) fn of_planned(planned: &'a PlannedExport) -> Option<Self> {
        planned.cause.error().map(|error| Self { exports: vec![&planned.export_name], error })
    }
}

impl fmt::Display for ExportError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.error.to_string();
        let named: Vec<String> = self.exports.iter().take(NAMED).map(|export| format!("`{export}`")).collect();
        let (named, more) = (named.join(", "), self.exports.len().saturating_sub(NAMED));
        match (self.exports.len(), more) {
            (1, _) if message.starts_with(&format!("export {named} ")) => f.write_str(&message),
            (1, _) => write!(f, "export {named}: {message}"),
            (_, 0) => write!(f, "exports {named}: {message}"),
            _ => write!(f, "exports {named} and {more} more: {message}"),
        }
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
    use rivet_core::PlanError;

    use super::*;
    use crate::render::sample;

    #[test]
    fn an_error_of_an_export_names_it_and_shows_the_place() {
        let reports = [sample::failed("big orders")];
        let error = ExportError::all_of(&reports).remove(0);
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

    fn messages(reports: &[ExportReport]) -> Vec<String> {
        ExportError::all_of(reports).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_error_of_several_exports_is_told_once() {
        let error = Arc::new(EngineError::Panic { message: "at the disco".to_owned() });
        let mut reports = vec![sample::failed("other"), sample::committed("good")];
        reports.extend((1..=7).map(|number| {
            let error = Some(Arc::clone(&error));
            ExportReport { error, ..sample::failed(&format!("e{number}")) }
        }));
        let two = ["exports `e1`, `e2`: a worker stopped by a defect of Rivet: at the disco"];
        assert_eq!(messages(&reports[2..4]), two);
        let told = messages(&reports);
        assert_eq!(told.len(), 2);
        assert!(told[1].starts_with("exports `e1`, `e2`, `e3`, `e4`, `e5` and 2 more: "), "{told:?}");
        reports[0].status = RunStatus::Interrupted;
        assert_eq!(messages(&reports[..2]), Vec::<String>::new());
    }

    #[test]
    fn a_message_that_names_its_export_does_so_once() {
        let report =
            |error: PlanError| ExportReport { error: Some(Arc::new(error.into())), ..sample::failed("orders") };
        let (planned, found) = ("the start".to_owned(), "(7)".to_owned());
        let error = PlanError::MovedCursor { export: "orders".parse().unwrap(), planned, found };
        let expected = "export `orders` has moved since the plan was made: it stood at the start and stands at (7) now";
        assert_eq!(messages(&[report(error)]), [expected]);
    }
}
