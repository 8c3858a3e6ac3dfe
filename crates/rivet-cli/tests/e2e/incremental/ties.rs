//! Rows with one value of the cursor.

use rivet_testing::TestDatabase;
use serde_json::json;

use super::Followed;

#[test]
fn equal_values_are_split_by_the_primary_key() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, day date); \
         INSERT INTO moves SELECT i, DATE '2026-01-31' FROM generate_series(1, 100) i",
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: day");
    let first = followed.assert_gains(1..=100);
    assert_eq!(
        first.after()["values"],
        json!([{ "type": "date", "value": "2026-01-31" }, { "type": "int", "value": 100 }])
    );
    database.execute("INSERT INTO moves SELECT i, DATE '2026-01-31' FROM generate_series(101, 200) i");
    followed.assert_gains(101..=200);
    database.execute("INSERT INTO moves VALUES (201, '2026-01-31'), (202, '2026-02-01'), (1000, '2026-01-30')");
    followed.assert_gains([201, 202]);
    followed.assert_gains([]);
}

#[test]
fn a_primary_key_of_several_columns_splits_as_well() {
    let database = TestDatabase::create();
    database.execute(
        r#"CREATE TABLE moves (id int, "Shop; --" text, part int, day date, PRIMARY KEY ("Shop; --", part));
           INSERT INTO moves VALUES (1, 'it''s', 1, '2026-01-31'), (2, '\', 7, '2026-01-31'), (3, 'b', -5, '2026-01-30')"#,
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: day");
    let first = followed.assert_gains([1, 2, 3]);
    assert_eq!(first.after()["columns"], json!(["day", "Shop; --", "part"]));
    let (shop, part) = (first.after()["values"][1]["value"].clone(), first.after()["values"][2]["value"].clone());
    let last = database
        .query_text(r#"SELECT "Shop; --", part FROM moves WHERE day = '2026-01-31' ORDER BY 1 DESC, 2 DESC LIMIT 1"#);
    assert_eq!((shop.as_str(), part.to_string()), (last[0][0].as_deref(), last[0][1].clone().unwrap()));
    // The next in the same shop, and one of a later shop with a smaller part.
    database.execute(r#"INSERT INTO moves SELECT 4, "Shop; --", part + 1, day FROM moves WHERE id = 2"#);
    database.execute("INSERT INTO moves VALUES (5, 'zz', -100, '2026-01-31')");
    let expected = database.query_text(&format!(
        r#"SELECT id FROM moves WHERE (day, "Shop; --", part) > ('2026-01-31', $k${}$k$, {part}) ORDER BY id"#,
        shop.as_str().unwrap()
    ));
    let expected: Vec<i64> = expected.iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect();
    assert!(expected.contains(&5), "{expected:?}");
    followed.assert_gains(expected);
    followed.assert_gains([]);
}

#[test]
fn columns_that_are_named_split_instead_of_the_primary_key() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, day date, place int, number int, UNIQUE (day, place, number)); \
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

#[test]
fn without_a_key_it_is_said_that_equal_values_may_be_missed() {
    let database = TestDatabase::create();
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

    database.execute("CREATE INDEX ON moves (day)");
    let named = Followed::new(&database, "table: moves, cursor_column: day, cursor_tiebreak: id");
    let gained = named.assert_gains(1..=4);
    assert!(!gained.outcome.finished.stderr.contains("no index"), "{}", gained.outcome.finished.stderr);
    database.execute("INSERT INTO moves VALUES (5, '2026-02-01')");
    named.assert_gains([5]);
}

#[test]
fn rows_that_are_equal_in_everything_stay_together() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moves (id int, day date); INSERT INTO moves VALUES (1, '2026-01-31'), (1, '2026-01-31')",
    );
    let followed = Followed::new(&database, "table: moves, cursor_column: day");
    followed.assert_gains([1, 1]);
    followed.assert_gains([]);
}

#[test]
fn queries_are_followed_with_a_tiebreak() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moves (id int PRIMARY KEY, day date); CREATE TABLE names (id int, name text); \
         INSERT INTO moves SELECT i, DATE '2026-01-31' FROM generate_series(1, 10) i; \
         INSERT INTO names SELECT i, 'name ' || i FROM generate_series(1, 20) i WHERE i % 2 = 0",
    );
    let query = "SELECT m.id, m.day AS \"the day\", n.name FROM moves m LEFT JOIN names n USING (id) -- both";
    let query = format!("query: {query:?}, cursor_column: the day");
    let untold = Followed::new(&database, &query).assert_gains(1..=10);
    untold.outcome.assert_said("nothing tells rows with one value of `the day` apart");

    let followed = Followed::new(&database, &format!("{query}, cursor_tiebreak: id"));
    let first = followed.assert_gains(1..=10);
    assert_eq!(first.after()["columns"], json!(["the day", "id"]));
    database.execute("INSERT INTO moves VALUES (11, '2026-01-31'), (12, '2026-02-28')");
    followed.assert_gains([11, 12]);
    followed.assert_gains([]);
}

#[test]
fn views_and_partitions_are_followed() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moves (id int, day date, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
         CREATE TABLE moves_a PARTITION OF moves FOR VALUES FROM (MINVALUE) TO ('2026-02-01');
         CREATE TABLE moves_b PARTITION OF moves FOR VALUES FROM ('2026-02-01') TO (MAXVALUE);
         CREATE VIEW seen AS SELECT * FROM moves;
         INSERT INTO moves SELECT i, DATE '2026-01-28' + i FROM generate_series(1, 6) i",
    );
    for keys in ["table: moves, cursor_column: day", "table: seen, cursor_column: day, cursor_tiebreak: [id]"] {
        let followed = Followed::new(&database, keys);
        followed.assert_gains(1..=6);
        database.execute("INSERT INTO moves VALUES (7, '2026-02-03'), (8, '2026-02-03'), (9, '2026-01-01')");
        followed.assert_gains([7, 8]);
        followed.assert_gains([]);
        database.execute("DELETE FROM moves WHERE id > 6");
    }
}
