//! Exports that are cut into chunks.

mod compared;
mod keys;
mod meanwhile;
mod physical;
mod refusals;
mod sizes;
mod snapshot;

use std::collections::BTreeMap;
use std::path::PathBuf;

use rivet_testing::Project;
use serde_json::Value;

use crate::database::Database;
use crate::ledger::Ledger;
use crate::support::{Outcome, assert_same_rows, csv_rows, manifest, run};

/// A chunked export that went well.
pub(crate) struct Cut {
    /// What it was asked for.
    pub(crate) keys: String,
    pub(crate) project: Project,
    pub(crate) outcome: Outcome,
    pub(crate) manifest: Value,
}

/// A folder with one chunked export to CSV.
pub(crate) fn folder(database: &impl Database, keys: &str) -> Project {
    let export = format!("name: it, {keys}, mode: chunked, format: csv, destination: {{ type: local, path: out }}");
    database.project(&[&export])
}

impl Cut {
    /// Runs an export of these keys.
    #[track_caller]
    pub(crate) fn of(database: &impl Database, keys: &str) -> Self {
        Self::run(folder(database, keys), keys)
    }

    /// Runs the export of a folder.
    #[track_caller]
    pub(crate) fn run(project: Project, keys: &str) -> Self {
        let outcome = run(&project);
        assert_eq!(outcome.finished.code(), Some(0), "{keys}: {}", outcome.finished.stderr);
        let manifest = manifest(&project, "out");
        Self { keys: keys.to_owned(), project, outcome, manifest }
    }

    /// The parts, in the order of their chunks.
    pub(crate) fn parts(&self) -> Vec<PathBuf> {
        let parts = self.manifest["parts"].as_array().into_iter().flatten();
        parts.map(|part| self.project.path("out").join(part["name"].as_str().expect("a part has a name"))).collect()
    }

    pub(crate) fn chunks(&self) -> &[Value] {
        self.manifest["chunks"].as_array().map_or(&[], Vec::as_slice)
    }

    /// How many rows the chunks of one kind have: `key`, `null_key` or `pages`.
    pub(crate) fn rows(&self, kind: &str) -> Vec<u64> {
        let chunks = self.chunks().iter().filter(|chunk| chunk["rows"] == kind);
        chunks.map(|chunk| chunk["rows_read"].as_u64().expect("rows are counted")).collect()
    }

    /// Fails the test unless the parts hold exactly what a query gives, and the manifest and the report agree.
    #[track_caller]
    pub(crate) fn assert_whole(&self, database: &impl Database, query: &str) -> &Self {
        assert_same_rows(csv_rows(&self.parts()), database.query_text(query), query);
        self.assert_sound()
    }

    /// Fails the test unless the rows of the chunks add up, in the manifest, in the report and on the disk.
    #[track_caller]
    pub(crate) fn assert_sound(&self) -> &Self {
        let runs = Ledger::default().audit(&self.project);
        let rows = self.manifest["rows"].as_u64().expect("rows are counted");
        assert_eq!(runs.iter().map(|run| run.rows).collect::<Vec<_>>(), [rows]);
        let mut read: BTreeMap<u64, u64> = BTreeMap::new();
        for chunk in self.chunks() {
            let number = |name: &str| chunk[name].as_u64().unwrap_or_else(|| panic!("no `{name}` in {chunk}"));
            assert_eq!(read.insert(number("chunk"), number("rows_read")), None, "two chunks have one number");
        }
        // A single chunk of all rows is not listed.
        if read.is_empty() {
            read.insert(0, rows);
        }
        assert_eq!(read.values().sum::<u64>(), rows, "the chunks do not add up: {read:?}");
        for part in self.manifest["parts"].as_array().into_iter().flatten() {
            let left = read.get_mut(&part["chunk"].as_u64().expect("a part is of a chunk")).expect("it is listed");
            *left = left.checked_sub(part["rows"].as_u64().expect("a part has rows")).expect("no row is doubled");
        }
        assert!(read.values().all(|left| *left == 0), "rows that were read are in no part: {read:?}");
        let export = self.outcome.export(0);
        let counts = (&export["rows"], &export["chunks"], &self.manifest["chunk_count"]);
        assert_eq!(counts, (&rows.into(), &read.len().into(), &read.len().into()));
        assert_eq!(export["consistency"], self.manifest["consistency"]);
        self
    }

    /// Fails the test unless the largest chunk of keys has less than twice the rows of the median one. None is left
    /// out: where the last one is small, or none is left for it, that does not make another one large.
    #[track_caller]
    pub(crate) fn assert_even(&self, chunks: std::ops::RangeInclusive<usize>) -> &Self {
        let mut rows = self.rows("key");
        rows.sort_unstable();
        let (count, keys) = (rows.len(), &self.keys);
        assert!(chunks.contains(&count), "{keys}: {count} chunks, expected {chunks:?}: {rows:?}");
        let (largest, median) = (rows[rows.len() - 1], rows[rows.len() / 2]);
        assert!(largest < 2 * median, "{keys}: the largest has {largest} rows, the median {median}: {rows:?}");
        self
    }
}
