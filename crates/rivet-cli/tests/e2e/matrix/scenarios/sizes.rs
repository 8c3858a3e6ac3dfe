use crate::matrix::scenario::{ALONE, Catalog, Scenario};

/// Reads of every size.
pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "countries",
        what: "a lookup table of 5,000 rows",
        sql: "CREATE TABLE countries AS SELECT i AS id, 'country ' || i AS name FROM generate_series(1, 5000) i",
        export: "table: countries, mode: full",
        ..ALONE
    },
    Scenario {
        name: "suppliers",
        what: "a table of 300,000 rows",
        sql: "CREATE TABLE suppliers AS SELECT i AS id, 'supplier ' || i AS name FROM generate_series(1, 3000) i",
        catalog: Catalog::Said(300_000),
        export: "table: suppliers, mode: full",
        ..ALONE
    },
    Scenario {
        name: "customers",
        what: "a table of 2 M rows",
        sql: "CREATE TABLE customers AS SELECT i AS id, 'customer ' || i AS name FROM generate_series(1, 3000) i",
        catalog: Catalog::Said(2_000_000),
        export: "table: customers, mode: full",
        ..ALONE
    },
    Scenario {
        name: "invoices",
        what: "a table of 8 M rows",
        sql: "CREATE TABLE invoices AS SELECT i AS id, i / 7.0 AS total FROM generate_series(1, 3000) i",
        catalog: Catalog::Said(8_000_000),
        export: "table: invoices, mode: full",
        ..ALONE
    },
    Scenario {
        name: "clicks",
        what: "a table of 60 M rows",
        sql: "CREATE TABLE clicks AS SELECT i AS id, i % 97 AS page FROM generate_series(1, 3000) i",
        catalog: Catalog::Said(60_000_000),
        export: "table: clicks, mode: full",
        ..ALONE
    },
    Scenario {
        name: "lines",
        what: "a table of 8 M rows that is cut very finely",
        sql: "CREATE TABLE lines (id bigint PRIMARY KEY, amount int); \
              INSERT INTO lines SELECT i, i % 11 FROM generate_series(1, 12000) i",
        catalog: Catalog::Said(8_000_000),
        export: "table: lines, mode: chunked, chunk_column: id, chunk_count: 80",
        ..ALONE
    },
];
