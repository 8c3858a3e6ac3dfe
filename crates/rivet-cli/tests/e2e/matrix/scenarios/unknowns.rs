use crate::matrix::scenario::{ALONE, Catalog, Scenario};

/// Exports that preflight can say little good of, or little at all.
pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "sorted",
        what: "a query that sorts 5,000 rows",
        sql: "CREATE TABLE sorted AS SELECT i AS id, md5(i::text) AS word FROM generate_series(1, 5000) i",
        export: "query: SELECT id FROM sorted ORDER BY word, mode: full",
        ..ALONE
    },
    Scenario {
        name: "drafts",
        what: "a table that was neither analyzed nor vacuumed",
        sql: "CREATE TABLE drafts AS SELECT i AS id FROM generate_series(1, 5000) i",
        catalog: Catalog::Silent,
        export: "table: drafts, mode: full",
        ..ALONE
    },
    Scenario {
        name: "copies",
        what: "a table that was vacuumed and never analyzed",
        sql: "CREATE TABLE copies AS SELECT i AS id FROM generate_series(1, 5000) i",
        catalog: Catalog::Vacuumed,
        export: "table: copies, mode: full",
        ..ALONE
    },
    Scenario {
        name: "nowhere",
        what: "no such table",
        sql: "SELECT",
        catalog: Catalog::Silent,
        export: "table: nowhere, mode: full",
        ..ALONE
    },
    Scenario {
        // A question of preflight has this time and no other statement has.
        name: "riddle",
        what: "a view that the planner fails on when preflight asks",
        sql: "CREATE FUNCTION riddle_limit() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN \
              IF current_setting('statement_timeout') = '5s' THEN RAISE 'no answer'; END IF; RETURN 0; END $$; \
              CREATE VIEW riddle AS SELECT id FROM countries WHERE id > riddle_limit()",
        catalog: Catalog::Silent,
        export: "table: riddle, mode: full",
        ..ALONE
    },
    Scenario {
        name: "settings",
        what: "300,000 rows of a file, as a foreign table, in chunks by a column without an index",
        sql: "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; \
              DO $$ BEGIN EXECUTE format('CREATE FOREIGN TABLE settings (line text NOT NULL) SERVER files \
              OPTIONS (filename %L, delimiter E''\\x01'')', current_setting('config_file')); END $$",
        catalog: Catalog::Said(300_000),
        export: "table: settings, mode: chunked, chunk_column: line",
        ..ALONE
    },
];
