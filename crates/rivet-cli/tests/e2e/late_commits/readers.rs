use rivet_testing::Project;

use super::Version;
use crate::database::{Connection as _, Database};
use crate::ledger::{committed, lines};
use crate::support::{Rows, run_well};

/// Who follows a table.
pub(crate) trait Reader {
    /// Reads what is new, and returns whether there was something.
    fn read(&mut self) -> bool;

    /// Returns all that was read.
    fn versions(&self) -> Vec<Version>;
}

/// Takes rows of `id`, `version` and `word` apart.
pub(super) fn versions(rows: &[Vec<Option<String>>]) -> Vec<Version> {
    let version = |row: &Vec<Option<String>>| {
        let [Some(id), Some(version), Some(word), ..] = &row[..] else { panic!("{row:?}") };
        (id.parse().expect("a number"), version.parse().expect("a number"), word.clone())
    };
    rows.iter().map(version).collect()
}

/// An incremental export.
pub(crate) struct Rivet {
    pub(crate) project: Project,
}

impl Rivet {
    /// Follows the table with a cursor, and what is said of that.
    pub(crate) fn follow(database: &impl Database, cursor: &str) -> Self {
        let export = format!(
            "name: late, table: late, format: csv, mode: incremental, cursor_column: {cursor}, \
             destination: {{ type: local, path: out }}"
        );
        Self { project: database.project(&[&export]) }
    }
}

impl Reader for Rivet {
    fn read(&mut self) -> bool {
        run_well(&self.project).export(0)["rows"].as_u64() > Some(0)
    }

    fn versions(&self) -> Vec<Version> {
        let rows = committed(&self.project).iter().flat_map(lines).collect::<Vec<_>>();
        let rows = rows.iter().map(|line| line.split(',').map(|value| Some(value.to_owned())).collect());
        versions(&rows.collect::<Vec<_>>())
    }
}

/// What is usual: ask for everything after the newest value that was seen.
pub(crate) struct PlainCursor<D: Database> {
    session: D::Session,
    newest: String,
    rows: Rows,
}

impl<D: Database> PlainCursor<D> {
    /// Begins before everything, which is this value.
    pub(crate) fn new(session: D::Session, before: &str) -> Self {
        Self { session, newest: before.to_owned(), rows: Vec::new() }
    }
}

impl<D: Database> Reader for PlainCursor<D> {
    fn read(&mut self) -> bool {
        let newest = &self.newest;
        let rows = self.session.query_text(&format!(
            "SELECT id, version, word, updated_at FROM late WHERE updated_at > '{newest}' ORDER BY updated_at"
        ));
        if let Some(Some(value)) = rows.last().and_then(|row| row.last()) {
            self.newest.clone_from(value);
        }
        let is_new = !rows.is_empty();
        self.rows.extend(rows);
        is_new
    }

    fn versions(&self) -> Vec<Version> {
        versions(&self.rows)
    }
}
