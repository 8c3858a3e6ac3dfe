use std::fs;

use rivet_testing::{Project, TestDatabase};

use super::siege::{Aftermath, Siege, Target};
use crate::ledger::{Multiset, Run};
use crate::support::{project, tell};

const KEYS: &str = "mode: chunked, chunk_column: id, chunk_count: 6, parallel: 2, partition_by: [kind, { column: at, \
                    part: day }]";

/// A table whose chunks are sorted into folders, and what its rows are as lines of CSV, each with its folder in front.
struct Source {
    database: TestDatabase,
    rows: Multiset,
    /// Chunks that were not read again.
    resumed: u64,
}

impl Source {
    fn create() -> Self {
        let database = TestDatabase::create();
        database.execute(
            "CREATE TABLE crash (id int PRIMARY KEY, kind text, at timestamp, word text); \
             INSERT INTO crash SELECT i, (ARRAY['a/b', '', NULL, 'x', 'Zoë'])[1 + i % 5], \
                 timestamp '2024-02-28 12:00:00' + (i % 36) * interval '1 hour', md5(i::text) \
             FROM generate_series(1, 24000) i; \
             ANALYZE crash",
        );
        let lines = database.query_text(
            "SELECT 'kind=' || coalesce(replace(kind, '/', '%2F'), '__HIVE_DEFAULT_PARTITION__') || '/at_day=' || at::date \
             || ' ' || id || ',' || at || ',' || word FROM crash",
        );
        let lines: Vec<String> = lines.into_iter().flatten().flatten().collect();
        let rows = Multiset::of(lines.iter().map(String::as_str));
        Self { database, rows, resumed: 0 }
    }
}

/// Returns the lines of a run's parts, each with its folder in front.
fn lines(folder: &Project, run: &Run) -> Vec<String> {
    let root = folder.path("out");
    let mut lines = Vec::new();
    for part in &run.parts {
        let inside = part.strip_prefix(&root).ok().and_then(|name| name.parent()).expect("a part lies in a folder");
        let text = fs::read_to_string(part).expect("the part is text");
        lines.extend(text.lines().skip(1).map(|line| format!("{} {line}", inside.display())));
    }
    lines
}

impl Target for Source {
    fn exports(&self) -> &'static [&'static str] {
        &["rows"]
    }

    fn folder(&mut self) -> Project {
        let export =
            format!("name: rows, table: crash, format: csv, {KEYS}, destination: {{ type: local, path: out }}");
        project(&self.database, &[&export])
    }

    fn judge(&mut self, aftermath: &Aftermath<'_>) {
        for run in &aftermath.fresh {
            let lines = lines(aftermath.folder, run);
            assert_eq!(Multiset::of(lines.iter().map(String::as_str)), self.rows, "{}", run.id);
        }
        self.resumed += aftermath.report["exports"][0]["chunks_resumed"].as_u64().unwrap_or_default();
    }
}

#[test]
fn a_process_that_is_killed_among_its_folders_loses_and_doubles_nothing() {
    let source = Siege::of(Source::create(), 12);
    tell(&format!("{} chunks were not read again", source.resumed));
    assert!(source.resumed > 0, "no run went on");
}
