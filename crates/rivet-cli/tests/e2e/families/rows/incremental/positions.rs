//! Where an export stands, and what moves it.

use rivet_testing::{Family, MysqlDatabase};

use crate::families::rows::{database, series};
use crate::incremental::Followed;
use crate::ledger::committed;
use crate::support::{manifest, read_text, run, run_well};

fn moves(family: Family) -> MysqlDatabase {
    let database = database(family);
    let rows = series(20);
    database.execute(&format!(
        "CREATE TABLE moves (id int PRIMARY KEY, day date, number int); \
         INSERT INTO moves SELECT i, '2026-01-31', 100 - i FROM {rows}"
    ));
    database
}

fn the_position_is_shown_and_can_be_forgotten(family: Family) {
    let database = moves(family);
    let followed = Followed::new(&database, "table: moves, cursor_column: day");
    assert!(followed.state(&["show"]).contains("none yet"), "{}", followed.state(&["show"]));
    followed.assert_gains(1..=20);
    followed.assert_gains([]);
    assert!(followed.state(&["show"]).contains("day 2026-01-31, id 20"), "{}", followed.state(&["show"]));
    let told = followed.state(&["reset", "-e", "it"]);
    assert!(told.contains("day 2026-01-31, id 20") && told.contains("forgotten"), "{told}");
    followed.assert_gains(1..=20);
    followed.assert_gains([]);
}

fn another_cursor_is_refused_until_the_position_is_forgotten(family: Family) {
    let database = moves(family);
    let followed = Followed::new(&database, "table: moves, cursor_column: day, skip_empty: true");
    followed.assert_gains(1..=20);
    let path = followed.project.path("rivet.yaml");
    let text = read_text(&path);
    for other in ["cursor_column: number", "cursor_column: day, cursor_tiebreak: number"] {
        followed.project.write("rivet.yaml", &text.replace("cursor_column: day", other));
        let outcome = run(&followed.project);
        outcome.finished.assert_code(1);
        assert_eq!(outcome.report["errors"][0]["code"], "rivet::core::cursor_changed", "{}", outcome.report);
        assert_eq!(committed(&followed.project).len(), 1, "nothing was written");
    }
    followed.project.write("rivet.yaml", &text);
    followed.assert_gains([]);
    followed.project.write("rivet.yaml", &text.replace("cursor_column: day", "cursor_column: number"));
    followed.state(&["reset", "-e", "it"]);
    followed.assert_gains(1..=20);
    database.execute("UPDATE moves SET number = 500 WHERE id = 4");
    followed.assert_gains([4]);
}

fn a_run_that_fails_moves_nothing(family: Family) {
    let database = moves(family);
    let followed = Followed::new(&database, "table: moves, cursor_column: day, quality: { row_count_min: 5 }");
    followed.assert_gains(1..=20);
    database.execute("INSERT INTO moves VALUES (21, '2026-02-01', 0)");
    run(&followed.project).finished.assert_code(3);
    assert!(followed.state(&["show"]).contains("day 2026-01-31, id 20"), "{}", followed.state(&["show"]));
    database.execute("INSERT INTO moves SELECT n, '2026-02-02', 0 FROM k WHERE n BETWEEN 22 AND 26");
    followed.assert_gains(21..=26);
}

fn a_large_first_run_is_read_in_several_chunks(family: Family) {
    let database = database(family);
    let rows = series(1_000_000);
    database.execute(&format!(
        "CREATE TABLE moves (id int PRIMARY KEY); INSERT INTO moves SELECT i FROM {rows}; \
         INSERT INTO moves SELECT 1000000 + i FROM {}; ANALYZE TABLE moves",
        series(90_000)
    ));
    let followed = Followed::new(&database, "table: moves, cursor_column: id, skip_empty: true");
    let outcome = run_well(&followed.project);
    let manifest = manifest(&followed.project, "out");
    assert_eq!((&outcome.export(0)["rows"], &manifest["rows"]), (&1_090_000.into(), &1_090_000.into()));
    assert_eq!(manifest["cursor_after"]["values"][0]["value"], 1_090_000);
    let texts = followed.project.files("out", "csv").into_iter().map(|part| read_text(&part));
    let texts: Vec<String> = texts.collect();
    let ids = texts
        .iter()
        .flat_map(|text| text.lines().skip(1))
        .map(|line| line.parse::<u32>().expect("a column of numbers"));
    let distinct: std::collections::HashSet<u32> = ids.collect();
    assert_eq!(distinct.len(), 1_090_000, "every row once");
    assert!(manifest["chunk_count"].as_u64() > Some(1), "{}", manifest["chunk_count"]);
    assert_eq!(manifest["consistency"]["held"], "snapshot");
    followed.assert_gains([]);
}

fn a_cursor_of_another_type_is_refused_until_the_position_is_forgotten(family: Family) {
    let check = |before: &str, after: &str, value: &str, goes_on: bool| {
        let database = database(family);
        database.execute(&format!(
            "CREATE TABLE moves (id int PRIMARY KEY, k {before}); INSERT INTO moves VALUES (1, '20'), (2, '9')"
        ));
        let followed = Followed::new(&database, "table: moves, cursor_column: k, on_schema_drift: continue");
        followed.assert_gains([1, 2]);
        database.execute(&format!("ALTER TABLE moves MODIFY k {after}; INSERT INTO moves VALUES (3, '{value}')"));
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
    check("varchar(9)", "varchar(99)", "95", true);
    check("int", "varchar(9)", "100", false);
    check("varchar(9)", "int", "100", false);
}

fn a_position_is_one_of_its_database(family: Family) {
    let (first, second) = (moves(family), moves(family));
    let followed = Followed::new(&first, "table: moves, cursor_column: day");
    followed.assert_gains(1..=20);
    let text = read_text(&followed.project.path("rivet.yaml"));
    followed.project.write("rivet.yaml", &text.replace(first.name(), second.name()));
    second.execute("INSERT INTO moves VALUES (21, '2026-02-01', 0)");
    let gained = followed.assert_gains([21]);
    gained.outcome.assert_said("the position was reached on another server or database");
}

rivet_testing::on_both_families!(
    the_position_is_shown_and_can_be_forgotten,
    another_cursor_is_refused_until_the_position_is_forgotten,
    a_run_that_fails_moves_nothing,
    a_large_first_run_is_read_in_several_chunks,
    a_cursor_of_another_type_is_refused_until_the_position_is_forgotten,
    a_position_is_one_of_its_database,
);
