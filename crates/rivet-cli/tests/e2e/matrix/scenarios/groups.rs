use crate::matrix::scenario::{ALONE, Catalog, Scenario};

/// Exports that share a source.
pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "orders",
        what: "8 M rows that are followed by a time with an index and a primary key behind it",
        sql: "CREATE TABLE orders (id bigint PRIMARY KEY, updated_at timestamptz NOT NULL); \
              INSERT INTO orders SELECT i, timestamptz '2026-01-01' + i * interval '1 minute' \
              FROM generate_series(1, 12000) i; \
              CREATE INDEX ON orders (updated_at)",
        catalog: Catalog::Said(8_000_000),
        export: "table: orders, mode: incremental, cursor_column: updated_at, source_group: replica_a",
        with: &["events", "users"],
        ..ALONE
    },
    Scenario {
        name: "events",
        what: "8 M rows in about 12 chunks",
        sql: "CREATE TABLE events (id bigint PRIMARY KEY, kind int); \
              INSERT INTO events SELECT i, i % 9 FROM generate_series(1, 12000) i",
        catalog: Catalog::Said(8_000_000),
        export: "table: events, mode: chunked, chunk_column: id, chunk_count: 12, source_group: replica_a",
        with: &["orders", "users"],
        ..ALONE
    },
    Scenario {
        name: "users",
        what: "a lookup table in one group with two heavy exports",
        sql: "CREATE TABLE users AS SELECT i AS id, 'user ' || i AS name FROM generate_series(1, 2000) i",
        export: "table: users, mode: full, source_group: replica_a",
        with: &["orders", "events"],
        ..ALONE
    },
    Scenario {
        name: "sessions",
        what: "8 M rows of another group than that of the heavy export beside it",
        sql: "CREATE TABLE sessions AS SELECT i AS id FROM generate_series(1, 3000) i",
        catalog: Catalog::Said(8_000_000),
        export: "table: sessions, mode: full, source_group: replica_b",
        with: &["orders"],
        ..ALONE
    },
    Scenario {
        name: "refunds",
        what: "8 M rows without a group, beside a heavy export of the same server without one",
        sql: "CREATE TABLE refunds AS SELECT i AS id FROM generate_series(1, 3000) i",
        catalog: Catalog::Said(8_000_000),
        export: "table: refunds, mode: full",
        with: &["invoices"],
        ..ALONE
    },
];
