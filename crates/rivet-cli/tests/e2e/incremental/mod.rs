//! Exports that follow a cursor.

mod coalesce;
mod cursors;
mod lag;
mod nulls;
mod positions;
mod ties;

use rivet_testing::Project;
use serde_json::Value;

use crate::database::Database;
use crate::ledger::{Ledger, committed, manifest_path};
use crate::support::{Outcome, csv_rows, integer, read_text, run};

/// An incremental export of a table or a query, run after run. Its rows begin with a number.
pub(crate) struct Followed {
    pub(crate) project: Project,
}

/// What one run has given.
pub(crate) struct Gained {
    /// The numbers of its rows, in order.
    pub(crate) ids: Vec<i64>,
    pub(crate) outcome: Outcome,
    /// Null where the run was skipped.
    pub(crate) manifest: Value,
}

impl Followed {
    /// Makes a folder with an export of these keys.
    pub(crate) fn new(database: &impl Database, keys: &str) -> Self {
        let place = "format: csv, destination: { type: local, path: out }";
        Self { project: database.project(&[&format!("name: it, mode: incremental, {keys}, {place}")]) }
    }

    /// Runs once, which must go well, and returns what that gave.
    #[track_caller]
    pub(crate) fn run(&self) -> Gained {
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
    pub(crate) fn assert_gains(&self, ids: impl IntoIterator<Item = i64>) -> Gained {
        let gained = self.run();
        assert_eq!(gained.ids, ids.into_iter().collect::<Vec<_>>(), "{}", gained.outcome.report);
        gained
    }

    /// What `rivet state` prints.
    #[track_caller]
    pub(crate) fn state(&self, arguments: &[&str]) -> String {
        let finished = self.project.command(&[&["state"], arguments].concat()).run();
        finished.assert_code(0);
        finished.stdout
    }
}

impl Gained {
    pub(crate) fn before(&self) -> &Value {
        &self.manifest["cursor_before"]
    }

    pub(crate) fn after(&self) -> &Value {
        &self.manifest["cursor_after"]
    }

    /// The value of the cursor that the run has reached, without those of the tie-break.
    pub(crate) fn reached(&self) -> &Value {
        &self.after()["values"][0]["value"]
    }
}
