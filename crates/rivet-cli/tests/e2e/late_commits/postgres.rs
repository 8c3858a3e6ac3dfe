use rivet_testing::{Session, TestDatabase};

use super::Late;

/// A table with a time and a sequence to follow.
pub(super) fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE late (id bigserial PRIMARY KEY, version int NOT NULL DEFAULT 1, \
                            word text NOT NULL DEFAULT md5(random()::text), updated_at timestamptz NOT NULL); \
         CREATE INDEX ON late (updated_at, id); \
         INSERT INTO late (updated_at) SELECT now() - interval '1 day' FROM generate_series(1, 500); ANALYZE late",
    );
    database
}

impl Late for TestDatabase {
    const STAMPS: [&str; 3] = [
        "clock_timestamp()",
        "date_trunc('milliseconds', clock_timestamp())",
        "date_trunc('second', clock_timestamp())",
    ];
    const EPOCH: &str = "extract(epoch FROM clock_timestamp())";
    const RANDOM: &str = "random()";

    fn insert(session: &Session, stamp: &str, rows: u32) -> f64 {
        oldest(session, &format!("INSERT INTO late (updated_at) SELECT {stamp} FROM generate_series(1, {rows})"))
    }

    fn update(session: &Session, stamp: &str, ids: &[u64]) -> f64 {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let change = format!(
            "UPDATE late SET version = version + 1, word = md5(random()::text), updated_at = {stamp} WHERE id IN ({})",
            ids.join(", ")
        );
        oldest(session, &change)
    }
}

/// Runs a change, and returns the oldest moment that it has written.
fn oldest(session: &Session, change: &str) -> f64 {
    let sql = format!(
        "WITH written AS ({change} RETURNING updated_at) SELECT extract(epoch FROM min(updated_at)) FROM written"
    );
    session.query_value(&sql).parse().expect("a number")
}
