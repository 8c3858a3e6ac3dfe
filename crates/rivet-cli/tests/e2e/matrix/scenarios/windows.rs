use crate::matrix::scenario::{ALONE, Scenario};

/// Chunks, and the last days.
pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "shipments",
        what: "12,000 rows in about 4 chunks",
        sql: "CREATE TABLE shipments (id bigint PRIMARY KEY, weight int); \
              INSERT INTO shipments SELECT i, i % 11 FROM generate_series(1, 12000) i",
        export: "table: shipments, mode: chunked, chunk_column: id, chunk_count: 4",
        ..ALONE
    },
    Scenario {
        name: "parcels",
        what: "12,000 rows in about 12 chunks",
        sql: "CREATE TABLE parcels (id bigint PRIMARY KEY, weight int); \
              INSERT INTO parcels SELECT i, i % 11 FROM generate_series(1, 12000) i",
        export: "table: parcels, mode: chunked, chunk_column: id, chunk_count: 12",
        ..ALONE
    },
    Scenario {
        name: "tickets",
        what: "2,000 rows, whose keys are 25,000 apart",
        sql: "CREATE TABLE tickets (id bigint PRIMARY KEY); \
              INSERT INTO tickets SELECT i * 25000 FROM generate_series(1, 2000) i",
        export: "table: tickets, mode: chunked, chunk_column: id, chunk_size: 100000",
        ..ALONE
    },
    Scenario {
        name: "seats",
        what: "2,000 rows, whose keys have no gaps",
        sql: "CREATE TABLE seats (id bigint PRIMARY KEY); \
              INSERT INTO seats SELECT i FROM generate_series(1, 2000) i",
        export: "table: seats, mode: chunked, chunk_column: id, chunk_size: 100000",
        ..ALONE
    },
    Scenario {
        name: "week",
        what: "the last 7 days of 5,000 hours, with an index on the time",
        sql: "CREATE TABLE week AS SELECT i AS id, now() - i * interval '1 hour' AS at FROM generate_series(0, 4999) i; \
              CREATE INDEX ON week (at)",
        export: "table: week, mode: time_window, time_column: at, days_window: 7",
        ..ALONE
    },
    Scenario {
        name: "week_unindexed",
        what: "the same without an index",
        sql: "CREATE TABLE week_unindexed AS SELECT i AS id, now() - i * interval '1 hour' AS at \
              FROM generate_series(0, 4999) i",
        export: "table: week_unindexed, mode: time_window, time_column: at, days_window: 7",
        ..ALONE
    },
    Scenario {
        name: "month",
        what: "the last 30 days of 5,000 hours, with an index on the time",
        sql: "CREATE TABLE month AS SELECT i AS id, now() - i * interval '1 hour' AS at \
              FROM generate_series(0, 4999) i; CREATE INDEX ON month (at)",
        export: "table: month, mode: time_window, time_column: at, days_window: 30",
        ..ALONE
    },
    Scenario {
        name: "totals",
        what: "a lookup table that is to be compared after the run, as its configuration says",
        sql: "CREATE TABLE totals AS SELECT i AS id FROM generate_series(1, 5000) i",
        export: "table: totals, mode: full, reconcile_required: true",
        ..ALONE
    },
    Scenario {
        name: "balances",
        what: "a lookup table that is to be compared after the run, as `--reconcile` says",
        sql: "CREATE TABLE balances AS SELECT i AS id FROM generate_series(1, 5000) i",
        export: "table: balances, mode: full",
        reconcile: true,
        ..ALONE
    },
];
