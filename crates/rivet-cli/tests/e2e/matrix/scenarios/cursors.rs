use crate::matrix::scenario::{ALONE, Catalog, Scenario};

/// Incremental exports with cursors of every quality.
pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "payments",
        what: "20,000 rows that are followed by their primary key",
        sql: "CREATE TABLE payments (id bigint PRIMARY KEY, amount int); \
              INSERT INTO payments SELECT i, i % 11 FROM generate_series(1, 20000) i",
        export: "table: payments, mode: incremental, cursor_column: id",
        ..ALONE
    },
    Scenario {
        name: "logins",
        what: "20,000 rows that are followed by a time with an index, without a primary key",
        sql: "CREATE TABLE logins (at timestamptz NOT NULL, name text); \
              INSERT INTO logins SELECT timestamptz '2026-01-01' + i * interval '1 minute', 'user ' || i \
              FROM generate_series(1, 20000) i; \
              CREATE INDEX ON logins (at)",
        export: "table: logins, mode: incremental, cursor_column: at",
        ..ALONE
    },
    Scenario {
        name: "readings",
        what: "20,000 rows that are followed by a number with an index, without a primary key",
        sql: "CREATE TABLE readings (number int NOT NULL, value int); \
              INSERT INTO readings SELECT i, i % 100 FROM generate_series(1, 20000) i; \
              CREATE INDEX ON readings (number)",
        export: "table: readings, mode: incremental, cursor_column: number",
        ..ALONE
    },
    Scenario {
        name: "profiles",
        what: "20,000 rows, a third of them without a time of change, for which the time of creation stands in",
        sql: "CREATE TABLE profiles (id bigint PRIMARY KEY, created_at timestamptz NOT NULL, updated_at timestamptz); \
              INSERT INTO profiles SELECT i, timestamptz '2026-01-01' + i * interval '1 minute', \
              CASE WHEN i % 3 > 0 THEN timestamptz '2026-02-01' + i * interval '1 minute' END \
              FROM generate_series(1, 20000) i; \
              CREATE INDEX ON profiles (updated_at, id); CREATE INDEX ON profiles (created_at, id)",
        export: "table: profiles, mode: incremental, cursor_column: updated_at, incremental_cursor_mode: coalesce, \
                 cursor_fallback_column: created_at",
        ..ALONE
    },
    Scenario {
        name: "notes",
        what: "20,000 rows that are followed by a time without an index",
        sql: "CREATE TABLE notes (id bigint PRIMARY KEY, changed timestamptz NOT NULL); \
              INSERT INTO notes SELECT i, timestamptz '2026-01-01' + i * interval '1 minute' \
              FROM generate_series(1, 20000) i",
        export: "table: notes, mode: incremental, cursor_column: changed",
        ..ALONE
    },
    Scenario {
        name: "traces",
        what: "3 M rows that are followed by a time without an index",
        sql: "CREATE TABLE traces (id bigint PRIMARY KEY, changed timestamptz NOT NULL); \
              INSERT INTO traces SELECT i, timestamptz '2026-01-01' + i * interval '1 minute' \
              FROM generate_series(1, 20000) i",
        catalog: Catalog::Said(3_000_000),
        export: "table: traces, mode: incremental, cursor_column: changed",
        ..ALONE
    },
    Scenario {
        name: "memos",
        what: "rows that are followed by a time without an index and without statistics",
        sql: "CREATE TABLE memos AS SELECT i AS id, timestamptz '2026-01-01' + i * interval '1 minute' AS changed \
              FROM generate_series(1, 20000) i",
        catalog: Catalog::Silent,
        export: "table: memos, mode: incremental, cursor_column: changed",
        ..ALONE
    },
];
