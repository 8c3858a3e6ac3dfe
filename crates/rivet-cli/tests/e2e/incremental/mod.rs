//! Exports that follow a cursor.

mod coalesce;
mod cursors;
mod lag;
mod nulls;
mod positions;
mod ties;

use rivet_testing::{Project, TestDatabase};
use serde_json::Value;

use crate::ledger::{Ledger, committed, manifest_path};
use crate::support::{Outcome, csv_rows, integer, project, read_text, run};

/// An incremental export of a table or a query, run after run. Its rows begin with a number.
struct Followed {
    project: Project,
}

/// What one run has given.
struct Gained {
    /// The numbers of its rows, in order.
    ids: Vec<i64>,
    outcome: Outcome,
    /// Null where the run was skipped.
    manifest: Value,
}

impl Followed {
    /// Makes a folder with an export of these keys.
    fn new(database: &TestDatabase, keys: &str) -> Self {
        let place = "format: csv, destination: { type: local, path: out }";
        Self { project: project(database, &[&format!("name: it, mode: incremental, {keys}, {place}")]) }
    }

    /// Runs once, which must go well, and returns what that gave.
    #[track_caller]
    fn run(&self) -> Gained {
        let before = committed(&self.project);
        let outcome = run(&self.project);
        outcome.finished.assert_code(0);
        let mut runs = Ledger::default().audit(&self.project);
        runs.retain(|run| !before.contains(run));
        assert!(runs.len() <= 1, "one run commits once: {runs:?}");
        let Some(run) = runs.first() else {
            assert_eq!(outcome.export(0)["status"], "skipped");
            return Gained { ids: Vec::new(), outcome, manifest: Value::Null };
        };
        let rows = csv_rows(&run.parts);
        let mut ids: Vec<i64> = rows.iter().map(|row| integer(row[0].as_ref())).collect();
        ids.sort_unstable();
        let text = read_text(&manifest_path(&self.project, run));
        let manifest: Value = serde_json::from_str(&text).expect("a manifest is JSON");
        for place in ["cursor_before", "cursor_after"] {
            assert_eq!(outcome.export(0)[place], manifest[place], "the report and the manifest differ");
        }
        Gained { ids, outcome, manifest }
    }

    /// Fails the test unless the next runs give these rows, one after the other.
    #[track_caller]
    fn assert_gains(&self, ids: impl IntoIterator<Item = i64>) -> Gained {
        let gained = self.run();
        assert_eq!(gained.ids, ids.into_iter().collect::<Vec<_>>(), "{}", gained.outcome.report);
        gained
    }

    /// What `rivet state` prints.
    #[track_caller]
    fn state(&self, arguments: &[&str]) -> String {
        let finished = self.project.command(&[&["state"], arguments].concat()).run();
        finished.assert_code(0);
        finished.stdout
    }
}

impl Gained {
    fn before(&self) -> &Value {
        &self.manifest["cursor_before"]
    }

    fn after(&self) -> &Value {
        &self.manifest["cursor_after"]
    }

    /// The value of the cursor that the run has reached, without those of the tie-break.
    fn reached(&self) -> &Value {
        &self.after()["values"][0]["value"]
    }
}
