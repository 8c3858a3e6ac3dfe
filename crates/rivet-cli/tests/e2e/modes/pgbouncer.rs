use std::collections::BTreeSet;

use rivet_testing::{Session, TestDatabase};

use crate::support::{project_with, run_well};

/// What a scan sets for itself, and what everybody else must find as it was.
const SETTINGS: &[&str] = &[
    "TimeZone",
    "DateStyle",
    "IntervalStyle",
    "extra_float_digits",
    "bytea_output",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "max_parallel_workers_per_gather",
    "transaction_isolation",
    "transaction_read_only",
    "client_encoding",
    "search_path",
];

fn settings(session: &Session) -> Vec<String> {
    SETTINGS.iter().map(|name| session.query_value(&format!("SHOW {name}"))).collect()
}

fn exports() -> Vec<String> {
    let of = |number: usize| {
        format!(
            "name: e{number}, query: 'SELECT i, now() AS at, md5(i::text) AS m FROM generate_series(1, {}) AS i', \
             format: {}, destination: {{ type: local, path: out/{number} }}",
            number * 1000,
            if number.is_multiple_of(2) { "csv" } else { "parquet" }
        )
    };
    (1..=6).map(of).collect()
}

#[test]
fn run_after_run_leaves_no_setting_behind() {
    let database = TestDatabase::create();
    let untouched = settings(&database.connect());
    let source = format!(
        "type: postgres, url: {:?}, tuning: {{ statement_timeout_s: 77, lock_timeout_s: 7, throttle_ms: 0 }}",
        database.pooled_url()
    );
    let exports = exports();
    let exports: Vec<&str> = exports.iter().map(String::as_str).collect();
    let project = project_with(&source, &exports);
    let mut used = BTreeSet::new();
    for _ in 0..3 {
        let finished = project.command(&["run", "--parallel-exports", "3"]).run();
        finished.assert_code(0);
        // The pooler's own connections, as many as it may open, each held by one of ours so that each is seen.
        let sessions: Vec<Session> = (0..5).map(|_| Session::connect(&database.pooled_url())).collect();
        for session in &sessions {
            session.execute("BEGIN");
        }
        for session in &sessions {
            // `BEGIN` itself has set nothing: what is found is what the server connection had.
            assert_eq!(settings(session), untouched);
            used.insert(session.query_value("SELECT pg_backend_pid()"));
            session.execute("ROLLBACK");
        }
    }
    assert!(used.len() >= 5, "{used:?}");
    let left = "SELECT count(*) FROM pg_prepared_statements";
    assert_eq!(Session::connect(&database.pooled_url()).query_value(left), "0");
}

#[test]
fn what_is_read_through_it_is_what_is_there() {
    let database = TestDatabase::create();
    database.execute(
        "SET timezone = 'Asia/Tokyo';
         CREATE TABLE t AS SELECT i AS id, timestamptz '2024-01-01 00:00+00' + i * interval '1 hour' AS at, \
         i * interval '1 day' AS every FROM generate_series(1, 5000) AS i",
    );
    let name = database.name().to_owned();
    // What other users of the pooler find by default is theirs to choose.
    database.execute(&format!("ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'; ALTER DATABASE {name} SET intervalstyle = 'sql_standard'; ALTER DATABASE {name} SET datestyle = 'SQL, DMY'"));
    let source = format!("type: postgres, url: {:?}, environment: local", database.pooled_url());
    let project = project_with(
        &source,
        &["name: t, query: 'SELECT * FROM t ORDER BY id', format: csv, destination: { type: local, path: out }"],
    );
    for _ in 0..3 {
        run_well(&project);
    }
    let files = project.files("out", "csv");
    assert_eq!(files.len(), 3);
    for file in files {
        let text = std::fs::read_to_string(file).expect("it was listed");
        assert_eq!(text.lines().count(), 5001);
        assert!(text.starts_with("id,at,every\n1,2024-01-01 01:00:00+00,P1D\n"), "{}", text.get(..80).unwrap_or(&text));
    }
}

#[test]
fn the_pooler_is_noticed() {
    let database = TestDatabase::create();
    for (url, pooled) in [(database.pooled_url(), true), (database.url().to_owned(), false)] {
        let source = format!("type: postgres, url: {url:?}, environment: local");
        let project =
            project_with(&source, &["name: t, query: SELECT 1 AS one, destination: { type: local, path: out }"]);
        let finished = project.command(&["run"]).run();
        finished.assert_code(0);
        assert_eq!(finished.stderr.contains("pooler"), pooled, "{}", finished.stderr);
    }
}
