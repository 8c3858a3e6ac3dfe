use rivet_model::ExportName;

use super::document::{DoctorView, Outcome, Place, Step};
use crate::render::plan::{Page, Paper, Tone};
use crate::render::quantity::count;

impl DoctorView {
    /// Returns what was found, for a person.
    pub(crate) fn text(&self, paper: Paper) -> String {
        let mut page = Page::new(paper);
        for check in self.checks() {
            check.write(&mut page);
            page.gap();
        }
        let (tone, head, text) = self.total();
        page.wrapped("", 2, tone, head, &text);
        page.finish()
    }

    fn total(&self) -> (Tone, &'static str, String) {
        let things = |outcome, thing| match self.count(outcome) {
            0 => None,
            many => Some(count(u64::try_from(many).unwrap_or(u64::MAX), thing)),
        };
        let tried = [things(Outcome::Failed, "failure"), things(Outcome::Warning, "warning")];
        let tried: Vec<String> = tried.into_iter().flatten().collect();
        let text = if tried.is_empty() { "nothing to change".to_owned() } else { tried.join(", ") };
        match (self.is_interrupted(), self.count(Outcome::Failed), self.count(Outcome::Warning)) {
            (true, ..) => (Tone::Warning, "interrupted:", format!("not everything was tried; {text}")),
            (false, 0, 0) => (Tone::Good, "healthy:", text),
            (false, 0, _) => (Tone::Warning, "healthy:", text),
            (false, _, _) => (Tone::Bad, "not healthy:", text),
        }
    }
}

impl Place {
    fn write(&self, page: &mut Page) {
        let name = if self.name.is_empty() && self.kind == "destination" { "standard output" } else { &self.name };
        let place = if self.kind == "state" { "state store" } else { self.kind };
        page.heading(format!("{place} {name}").trim_end());
        if !self.exports.is_empty() {
            let exports: Vec<&str> = self.exports.iter().map(ExportName::as_str).collect();
            page.fact("exports", Tone::Plain, "", &exports.join(", "));
        }
        for step in &self.steps {
            step.write(page);
        }
    }
}

impl Step {
    fn write(&self, page: &mut Page) {
        let (tone, word) = match self.outcome {
            Outcome::Ok => (Tone::Good, "ok,"),
            Outcome::Warning => (Tone::Warning, "warning,"),
            Outcome::Failed => (Tone::Bad, "failed,"),
            Outcome::Skipped => (Tone::Plain, "not tried,"),
        };
        let tried = match &self.export {
            Some(export) => format!("{export}: {}", self.tried),
            None => self.tried.to_owned(),
        };
        let said = match (&self.message, &self.code) {
            (Some(message), Some(code)) if self.outcome != Outcome::Ok => format!("{tried}: {message} [{code}]"),
            (Some(message), _) => format!("{tried}: {message}"),
            (None, _) => tried,
        };
        page.fact(self.what, tone, word, &said);
        if let Some(help) = &self.help {
            page.fact("", Tone::Plain, "", help);
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::exit::Exit;
    use crate::render::doctor::sample;
    use crate::render::document;

    #[test]
    fn each_line_says_what_was_tried_what_came_back_and_what_to_change() {
        let report = sample::ill();
        let exit = Exit::from(&report);
        assert_eq!(exit, Exit::Failed);
        assert_snapshot!(DoctorView::new(&report, exit).text(Paper::PLAIN), @"
        destination /data/out
          exports    : orders, users
          room       : warning, look for free room: 12 MB are free
                       Free some room.
          put        : failed, write a probe: no space is left to write to `/data/out`: no storage space
                       [rivet::writer::full]
                       Free some space or raise the quota, or choose a destination that has room, and run
                       again.
          delete     : not tried, remove the probes: no probe could be written

        source reader@db:5432/shop
          connect    : ok, connect, and ask who answers: PostgreSQL 16.2, primary, database `shop`, as
                       `reader`
          read       : failed, orders: select from the relation: permission denied for table orders
                       [rivet::source::permission]
                       Grant SELECT on the table to `reader`.

        not healthy: 2 failures, 1 warning
        ");
    }

    #[test]
    fn a_healthy_place_needs_few_words() {
        let report = sample::healthy();
        let exit = Exit::from(&report);
        assert_eq!(exit, Exit::Success);
        assert_snapshot!(DoctorView::new(&report, exit).text(Paper::PLAIN), @"
        configuration
          exports    : ok, run what is asked for: 1 export

        destination standard output
          exports    : orders
          nothing    : ok, try what a run does: nothing is to be tried

        healthy: nothing to change
        ");
    }

    #[test]
    fn colours_are_where_they_are_wanted_alone() {
        let view = DoctorView::new(&sample::ill(), Exit::Failed);
        assert!(!view.text(Paper::PLAIN).contains('\u{1b}'));
        assert!(view.text(Paper::new(80, true)).contains("\u{1b}[1;31mfailed,\u{1b}[0m"));
    }

    #[test]
    fn the_document_has_one_form() {
        let report = sample::ill();
        assert_snapshot!(document(&DoctorView::new(&report, Exit::Failed)), @r#"
        {
          "rivet_version": "0.1.0",
          "status": "failed",
          "exit_code": 1,
          "duration_ms": 321,
          "checks": [
            {
              "place": "destination",
              "name": "/data/out",
              "exports": [
                "orders",
                "users"
              ],
              "steps": [
                {
                  "step": "room",
                  "tried": "look for free room",
                  "outcome": "warning",
                  "message": "12 MB are free",
                  "help": "Free some room."
                },
                {
                  "step": "put",
                  "tried": "write a probe",
                  "outcome": "failed",
                  "message": "no space is left to write to `/data/out`: no storage space",
                  "code": "rivet::writer::full",
                  "help": "Free some space or raise the quota, or choose a destination that has room, and run again.",
                  "retry": "never"
                },
                {
                  "step": "delete",
                  "tried": "remove the probes",
                  "outcome": "skipped",
                  "message": "no probe could be written"
                }
              ]
            },
            {
              "place": "source",
              "name": "reader@db:5432/shop",
              "steps": [
                {
                  "step": "connect",
                  "tried": "connect, and ask who answers",
                  "outcome": "ok",
                  "message": "PostgreSQL 16.2, primary, database `shop`, as `reader`"
                },
                {
                  "step": "read",
                  "export": "orders",
                  "tried": "select from the relation",
                  "outcome": "failed",
                  "message": "permission denied for table orders",
                  "code": "rivet::source::permission",
                  "help": "Grant SELECT on the table to `reader`.",
                  "retry": "never"
                }
              ]
            }
          ]
        }
        "#);
    }
}
