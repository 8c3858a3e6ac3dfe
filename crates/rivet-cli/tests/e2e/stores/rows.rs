use rivet_testing::TestDatabase;

use crate::ledger::{Multiset, Run};

/// A table `rows` with a key, and what its rows are as lines of CSV.
pub(super) struct Rows {
    pub(super) database: TestDatabase,
    pub(super) lines: Multiset,
}

impl Rows {
    /// A table of so many rows, each of about so many bytes.
    #[track_caller]
    pub(super) fn create(rows: u32, bytes: u32) -> Self {
        let database = TestDatabase::create();
        database.execute(&format!(
            "CREATE TABLE rows (id int PRIMARY KEY, word text); \
             INSERT INTO rows SELECT i, repeat(md5(i::text), {}) FROM generate_series(1, {rows}) i; ANALYZE rows",
            bytes.div_ceil(32)
        ));
        let lines = lines_of(&database, "SELECT id || ',' || word FROM rows");
        Self { database, lines }
    }

    /// Fails the test unless a run holds every row of the table once.
    #[track_caller]
    pub(super) fn judge(&self, run: &Run) {
        assert_eq!(run.rows, self.lines.count(), "{run:?}");
        assert_eq!(Multiset::of_csv(run), self.lines, "{run:?}");
    }
}

/// Returns the rows of a query that gives lines.
#[track_caller]
pub(super) fn lines_of(database: &TestDatabase, sql: &str) -> Multiset {
    let lines: Vec<String> = database.query_text(sql).into_iter().flatten().flatten().collect();
    Multiset::of(lines.iter().map(String::as_str))
}
