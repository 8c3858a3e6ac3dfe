//! Rows with one value of the cursor.

use rivet_testing::Family;
use serde_json::json;

use crate::families::rows::{database, series};
use crate::incremental::Followed;

fn equal_values_are_split_by_the_primary_key(family: Family) {
    let database = database(family);
    let rows = series(200);
    database.execute(&format!(
        "CREATE TABLE moves (id int PRIMARY KEY, day date, KEY (day)); \
         INSERT INTO moves SELECT i, '2026-01-31' FROM {rows} WHERE i <= 100"
    ));
    let followed = Followed::new(&database, "table: moves, cursor_column: day");
    let first = followed.assert_gains(1..=100);
    assert_eq!(
        first.after()["values"],
        json!([{ "type": "date", "value": "2026-01-31" }, { "type": "int", "value": 100 }])
    );
    database.execute(&format!("INSERT INTO moves SELECT i, '2026-01-31' FROM {rows} WHERE i > 100"));
    followed.assert_gains(101..=200);
    database.execute("INSERT INTO moves VALUES (201, '2026-01-31'), (202, '2026-02-01'), (1000, '2026-01-30')");
    followed.assert_gains([201, 202]);
    followed.assert_gains([]);
}

/// Cursors that a collation takes for equal are split by the key as well, however they are written.
fn words_that_are_equal_are_split_by_the_primary_key(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, word varchar(20) COLLATE utf8mb4_general_ci, KEY (word)); \
         INSERT INTO moves VALUES (1, 'last'), (2, 'LAST'), (3, 'early')",
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: word");
    followed.assert_gains([1, 2, 3]);
    database.execute("INSERT INTO moves VALUES (4, 'Last'), (5, 'lást'), (0, 'last'), (6, 'EARLY')");
    followed.assert_gains([4, 5]);
    followed.assert_gains([]);
}

fn a_primary_key_of_several_columns_splits_as_well(family: Family) {
    let database = database(family);
    database.execute(
        r"CREATE TABLE moves (id int, `Shop; --` varchar(9) COLLATE utf8mb4_bin, part int, day date, PRIMARY KEY (`Shop; --`, part));
          INSERT INTO moves VALUES (1, 'it''s', 1, '2026-01-31'), (2, '\\', 7, '2026-01-31'), (3, 'b', -5, '2026-01-30')",
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: day");
    let first = followed.assert_gains([1, 2, 3]);
    assert_eq!(first.after()["columns"], json!(["day", "Shop; --", "part"]));
    assert_eq!(first.after()["values"][1]["value"], "it's");
    // The next in the same shop, one of a later shop with a smaller part, and two that lie before.
    database.execute(
        r"INSERT INTO moves VALUES (4, 'it''s', 2, '2026-01-31'), (5, 'zz', -100, '2026-01-31'),
              (6, 'it''s', 0, '2026-01-31'), (7, '\\', 8, '2026-01-31')",
    );
    followed.assert_gains([4, 5]);
    followed.assert_gains([]);
}

fn columns_that_are_named_split_instead_of_the_primary_key(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, day date NOT NULL, place int NOT NULL, number int NOT NULL, \
             UNIQUE (day, place, number)); \
         INSERT INTO moves VALUES (100, '2026-01-31', 1, 1), (99, '2026-01-31', 1, 2)",
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: day, cursor_tiebreak: [place, number]");
    let first = followed.assert_gains([99, 100]);
    assert_eq!(first.after()["columns"], json!(["day", "place", "number"]));
    // Smaller primary keys, but later in the order of the tie-break.
    database.execute("INSERT INTO moves VALUES (1, '2026-01-31', 1, 3), (2, '2026-01-31', 2, -7)");
    followed.assert_gains([1, 2]);
    followed.assert_gains([]);
}

fn without_a_key_it_is_said_that_equal_values_may_be_missed(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE moves (id int, day date); INSERT INTO moves VALUES (1, '2026-01-30'), (2, '2026-01-31')",
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: day");
    let first = followed.assert_gains([1, 2]);
    first.outcome.assert_said("nothing tells rows with one value of `day` apart");
    first.outcome.assert_said("name columns with `cursor_tiebreak`");
    first.outcome.assert_said("no index begins with `day`: each run reads the whole relation");
    // What was said happens: the third row is not read.
    database.execute("INSERT INTO moves VALUES (3, '2026-01-31'), (4, '2026-02-01')");
    followed.assert_gains([4]);
    database.execute("CREATE INDEX by_day ON moves (day)");
    let named = Followed::new(&database, "table: moves, cursor_column: day, cursor_tiebreak: id");
    let gained = named.assert_gains(1..=4);
    assert!(!gained.outcome.finished.stderr.contains("no index"), "{}", gained.outcome.finished.stderr);
    database.execute("INSERT INTO moves VALUES (5, '2026-02-01')");
    named.assert_gains([5]);
}

fn queries_views_and_partitions_are_followed(family: Family) {
    let database = database(family);
    database.execute(
        "CREATE TABLE moves (id int, day date, PRIMARY KEY (day, id)) PARTITION BY RANGE COLUMNS (day) \
             (PARTITION a VALUES LESS THAN ('2026-02-01'), PARTITION b VALUES LESS THAN (MAXVALUE));
         CREATE VIEW seen AS SELECT * FROM moves;
         INSERT INTO moves SELECT n, '2026-01-28' + INTERVAL n DAY FROM k WHERE n BETWEEN 1 AND 6",
    );
    for keys in [
        "table: moves, cursor_column: day",
        "table: seen, cursor_column: day, cursor_tiebreak: [id]",
        "query: 'SELECT id, day AS `the day` FROM moves -- all', cursor_column: the day, cursor_tiebreak: id",
    ] {
        let followed = Followed::new(&database, keys);
        followed.assert_gains(1..=6);
        database.execute("INSERT INTO moves VALUES (7, '2026-02-03'), (8, '2026-02-03'), (9, '2026-01-01')");
        followed.assert_gains([7, 8]);
        followed.assert_gains([]);
        database.execute("DELETE FROM moves WHERE id > 6");
    }
    let untold = Followed::new(&database, "query: 'SELECT id, day FROM moves', cursor_column: day").assert_gains(1..=6);
    untold.outcome.assert_said("nothing tells rows with one value of `day` apart");
}

rivet_testing::on_both_families!(
    equal_values_are_split_by_the_primary_key,
    words_that_are_equal_are_split_by_the_primary_key,
    a_primary_key_of_several_columns_splits_as_well,
    columns_that_are_named_split_instead_of_the_primary_key,
    without_a_key_it_is_said_that_equal_values_may_be_missed,
    queries_views_and_partitions_are_followed,
);
