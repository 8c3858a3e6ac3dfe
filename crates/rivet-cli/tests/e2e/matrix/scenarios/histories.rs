use crate::matrix::scenario::{ALONE, Past, Scenario};

/// Exports that have run before.
pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "stores",
        what: "a lookup table",
        sql: "CREATE TABLE stores AS SELECT i AS id, 'store ' || i AS name FROM generate_series(1, 5000) i",
        export: "table: stores, mode: full",
        past: &[Past::Run(3)],
        ..ALONE
    },
    Scenario {
        name: "ratios",
        what: "a query that divides by zero in its last row",
        sql: "CREATE TABLE ratios AS SELECT i AS id FROM generate_series(1, 5000) i",
        export: "query: 'SELECT id, 10 / (5000 - id) AS ratio FROM ratios', mode: full",
        past: &[Past::Run(1)],
        ..ALONE
    },
    Scenario {
        name: "messages",
        what: "a table of 20,000 rows",
        sql: "CREATE TABLE messages AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, 20000) i",
        export: "table: messages, mode: full, tuning: { retry_backoff_ms: 10 }",
        past: &[Past::Cut(3)],
        ..ALONE
    },
    Scenario {
        name: "archive",
        what: "a table of 5,000 rows",
        sql: "CREATE TABLE archive AS SELECT i AS id FROM generate_series(1, 5000) i",
        export: "table: archive, mode: full",
        past: &[Past::Told { runs: 3, seconds: 360, retries: 0 }],
        ..ALONE
    },
    Scenario {
        name: "attic",
        what: "a table of 5,000 rows",
        sql: "CREATE TABLE attic AS SELECT i AS id FROM generate_series(1, 5000) i",
        export: "table: attic, mode: full",
        past: &[Past::Told { runs: 2, seconds: 360, retries: 1 }],
        ..ALONE
    },
    Scenario {
        name: "trouble",
        what: "a query that divides by zero in its last row",
        sql: "CREATE TABLE trouble AS SELECT i AS id FROM generate_series(1, 5000) i",
        export: "query: 'SELECT id, 10 / (5000 - id) AS ratio FROM trouble', mode: full",
        past: &[Past::Told { runs: 3, seconds: 480, retries: 2 }, Past::Run(1)],
        ..ALONE
    },
];
