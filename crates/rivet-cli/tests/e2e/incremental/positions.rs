//! Where an export stands, and what moves it.

use rivet_testing::TestDatabase;

use super::Followed;
use crate::ledger::committed;
use crate::support::{read_text, run, run_badly};

fn database() -> TestDatabase {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, day date, number int); \
         INSERT INTO moves SELECT i, DATE '2026-01-31', 100 - i FROM generate_series(1, 20) i",
    );
    database
}

/// Gives the export of a folder other keys.
fn rewrite(followed: &Followed, from: &str, to: &str) {
    let text = read_text(&followed.project.path("rivet.yaml"));
    assert!(text.contains(from), "{text}");
    followed.project.write("rivet.yaml", &text.replace(from, to));
}

#[test]
fn the_position_is_shown_and_can_be_forgotten() {
    let database = database();
    let followed = Followed::new(&database, "table: moves, cursor_column: day");
    assert!(followed.state(&["show"]).contains("none yet"), "{}", followed.state(&["show"]));
    followed.assert_gains(1..=20);
    followed.assert_gains([]);
    assert!(followed.state(&["show"]).contains("day 2026-01-31, id 20"), "{}", followed.state(&["show"]));
    let told = followed.state(&["reset", "-e", "it"]);
    assert!(told.contains("day 2026-01-31, id 20") && told.contains("forgotten"), "{told}");
    assert!(followed.state(&["show"]).contains("none yet"));
    followed.assert_gains(1..=20);
    followed.assert_gains([]);
}

#[test]
fn another_cursor_is_refused_until_the_position_is_forgotten() {
    let database = database();
    let followed = Followed::new(&database, "table: moves, cursor_column: day, skip_empty: true");
    followed.assert_gains(1..=20);
    for (from, to) in [
        ("cursor_column: day", "cursor_column: number"),
        ("cursor_column: number", "cursor_column: day, cursor_tiebreak: number"),
    ] {
        rewrite(&followed, from, to);
        let outcome = run(&followed.project);
        outcome.finished.assert_code(1);
        let error = &outcome.report["errors"][0];
        assert_eq!(error["code"], "rivet::core::cursor_changed", "{error}");
        assert!(error["help"].as_str().unwrap().contains("rivet state reset -e it"), "{error}");
        assert!(error["message"].as_str().unwrap().contains("`day`, `id`"), "{error}");
        assert_eq!(committed(&followed.project).len(), 1, "nothing was written");
    }
    rewrite(&followed, "cursor_column: day, cursor_tiebreak: number", "cursor_column: day");
    followed.assert_gains([]);
    rewrite(&followed, "cursor_column: day", "cursor_column: number");
    followed.state(&["reset", "-e", "it"]);
    followed.assert_gains(1..=20);
    database.execute("UPDATE moves SET number = 500 WHERE id = 4");
    followed.assert_gains([4]);
}

#[test]
fn a_run_that_fails_moves_nothing() {
    let database = database();
    let followed = Followed::new(&database, "table: moves, cursor_column: day, quality: { row_count_min: 5 }");
    followed.assert_gains(1..=20);
    database.execute("INSERT INTO moves VALUES (21, '2026-02-01', 0)");
    let outcome = run(&followed.project);
    outcome.finished.assert_code(3);
    assert!(followed.state(&["show"]).contains("day 2026-01-31, id 20"), "{}", followed.state(&["show"]));
    database.execute("INSERT INTO moves SELECT i, '2026-02-02', 0 FROM generate_series(22, 26) i");
    followed.assert_gains(21..=26);
}

#[test]
fn a_process_that_dies_moves_nothing_or_ends_its_run() {
    let database = database();
    let followed = Followed::new(&database, "table: moves, cursor_column: day, skip_empty: true");
    for (place, gained) in [("chunk_checkpointed=return", 20), ("manifest_created=return", 0)] {
        database.execute("UPDATE moves SET day = day + 1");
        let ended = followed.project.command(&["run"]).env("FAILPOINTS", place).run();
        assert_eq!(ended.code(), None, "`{place}` was not reached: {}", ended.stderr);
        let rows = followed.run().ids.len();
        assert_eq!(rows, gained, "{place}");
        followed.assert_gains([]);
        let total: u64 = committed(&followed.project).iter().map(|run| run.rows).sum();
        assert_eq!(total, if gained == 20 { 20 } else { 40 }, "{place}");
    }
}

#[test]
fn exports_have_positions_of_their_own() {
    let database = database();
    let place = "format: csv, destination: { type: local, path: out }";
    let export = |name: &str| format!("name: {name}, table: moves, mode: incremental, cursor_column: day, {place}");
    let project = crate::support::project(&database, &[&export("one"), &export("two")]);
    let only = |name: &str| project.command(&["run", "-e", name, "--json"]).run();
    only("one").assert_code(0);
    database.execute("INSERT INTO moves VALUES (21, '2026-02-01', 0)");
    let outcome = crate::support::run_well(&project);
    assert_eq!((&outcome.export(0)["rows"], &outcome.export(1)["rows"]), (&1.into(), &21.into()));
    let forgotten = project.command(&["state", "reset", "-e", "one"]).run();
    forgotten.assert_code(0);
    let outcome = crate::support::run_well(&project);
    assert_eq!((&outcome.export(0)["rows"], &outcome.export(1)["rows"]), (&21.into(), &0.into()));
}

#[test]
fn an_export_that_is_not_there_has_nothing_to_forget() {
    let database = database();
    let followed = Followed::new(&database, "table: moves, cursor_column: day");
    let finished = followed.project.command(&["state", "reset", "-e", "other"]).run();
    finished.assert_code(2);
    assert!(finished.stderr.contains("`other`"), "{}", finished.stderr);
}

#[test]
fn a_mode_without_a_cursor_and_one_without_a_column_are_mistakes() {
    let database = database();
    run_badly(&Followed::new(&database, "table: moves").project, 2, &["cursor_column"]);
    let keys = "table: moves, cursor_column: day, cursor_lag: soon";
    run_badly(&Followed::new(&database, keys).project, 2, &["cursor_lag"]);
    let keys = "table: moves, cursor_column: day, cursor_tiebreak: day";
    run_badly(&Followed::new(&database, keys).project, 2, &["cursor_tiebreak"]);
}

#[test]
fn a_large_first_run_is_read_in_several_chunks() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY); INSERT INTO moves SELECT generate_series(1, 1010000); ANALYZE moves",
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: id, skip_empty: true");
    let outcome = crate::support::run_well(&followed.project);
    let manifest = crate::support::manifest(&followed.project, "out");
    assert_eq!((&outcome.export(0)["rows"], &manifest["rows"]), (&1_010_000.into(), &1_010_000.into()));
    assert_eq!(manifest["cursor_after"]["values"][0]["value"], 1_010_000);
    let texts = followed.project.files("out", "csv").into_iter().map(|part| std::fs::read_to_string(part).unwrap());
    let texts: Vec<String> = texts.collect();
    let ids = texts.iter().flat_map(|text| text.lines().skip(1)).map(|line| line.parse::<u32>().unwrap());
    let distinct: std::collections::HashSet<u32> = ids.collect();
    assert_eq!(distinct.len(), 1_010_000, "every row once");
    assert!(manifest["chunk_count"].as_u64().unwrap() > 1, "{}", manifest["chunk_count"]);
    assert_eq!(manifest["consistency"]["held"], "snapshot");
    followed.assert_gains([]);
}

#[test]
fn a_cursor_of_another_type_is_refused_until_the_position_is_forgotten() {
    let check = |before: &str, after: &str, value: &str, goes_on: bool| {
        let database = TestDatabase::create();
        database.execute(&format!(
            "CREATE TABLE moves (id int PRIMARY KEY, k {before}); INSERT INTO moves VALUES (1, '20'), (2, '9')"
        ));
        let followed = Followed::new(&database, "table: moves, cursor_column: k, on_schema_drift: continue");
        followed.assert_gains([1, 2]);
        database.execute(&format!("ALTER TABLE moves ALTER k TYPE {after}; INSERT INTO moves VALUES (3, '{value}')"));
        if goes_on {
            followed.assert_gains([3]);
            return;
        }
        // What was the largest number is not the largest text: rows would never be read.
        let outcome = run(&followed.project);
        assert_eq!(outcome.finished.code(), Some(1), "{before} to {after}: {}", outcome.report);
        assert_eq!(outcome.report["errors"][0]["code"], "rivet::core::cursor_changed");
        followed.state(&["reset", "-e", "it"]);
        followed.assert_gains([1, 2, 3]);
    };
    check("int", "bigint", "100", true);
    check("varchar(9)", "text", "95", true);
    check("int", "text", "100", false);
    check("text", "int USING k::int", "100", false);
}

#[test]
fn a_position_is_not_forgotten_while_a_run_is_open() {
    let database = database();
    let followed = Followed::new(&database, "table: moves, cursor_column: day, skip_empty: true");
    followed.assert_gains(1..=20);
    database.execute("INSERT INTO moves VALUES (21, '2026-02-01', 0)");
    let ended = followed.project.command(&["run"]).env("FAILPOINTS", "manifest_created=return").run();
    assert_eq!(ended.code(), None, "{}", ended.stderr);
    let finished = followed.project.command(&["state", "reset", "-e", "it"]).run();
    finished.assert_code(2);
    assert!(finished.stderr.contains("is unfinished"), "{}", finished.stderr);
    followed.run();
    followed.assert_gains([]);
    followed.state(&["reset", "-e", "it"]);
    followed.assert_gains(1..=21);
}
