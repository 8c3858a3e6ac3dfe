use rivet_testing::{Family, assert_same};
use serde_json::{Value, json};

use super::every_type::{Typed, every_type};
use super::support::{assert_all_same, assert_both_same, both, filled, version, yaml};
use crate::support::{assert_readers_agree, manifest, parquet_facts, run_badly, run_well};

fn every_type_at_its_extremes(family: Family) {
    let made = every_type(family);
    let database = &made.database;
    assert_eq!(database.count("every_type"), 5);
    database.execute("CREATE VIEW seen AS SELECT * FROM every_type");
    let all = "SELECT * FROM every_type";
    let (project, _) = assert_all_same(
        database,
        &[("table: every_type", all), ("query: SELECT * FROM every_type", all), ("table: seen", all)],
        &[],
    );
    // The same column has the same type whichever way it is read.
    for number in 0..3 {
        let [file] = project.files(&format!("parquet_{number}"), "parquet").try_into().expect("one part");
        let facts = parquet_facts(&file);
        for (column, typed) in made.columns.iter().enumerate() {
            let found = &facts["columns"][format!("c{column}")];
            // What MariaDB calls JSON is a text with a check, which a view does not have.
            let is_check = family == Family::Mariadb && typed.declared == "json" && number == 2;
            let arrow = if is_check { "string" } else { typed.arrow };
            assert_eq!((&found["arrow"], &found["nullable"]), (&json!(arrow), &json!(true)), "{}", typed.declared);
        }
    }
    let files = project.files("parquet_0", "parquet");
    assert_meanings(&made.columns, &parquet_facts(&files[0])["columns"]);
}

/// Fails unless the metadata say what the values of a column mean.
#[track_caller]
fn assert_meanings(columns: &[&Typed], metadata: &Value) {
    for (column, typed) in columns.iter().enumerate() {
        let metadata = &metadata[format!("c{column}")]["metadata"];
        let fidelity = if typed.declared.starts_with("inet") { "text" } else { "exact" };
        assert_eq!(metadata["rivet.fidelity"], fidelity, "{}", typed.declared);
        let word = typed.declared.split([' ', '(']).next().unwrap_or_default();
        let meaning = match word {
            "enum" | "set" | "inet4" | "inet6" => json!(word),
            "geometry" | "point" | "multipolygon" => json!("geometry"),
            _ => json!(null),
        };
        assert_eq!(metadata["rivet.logical_type"], meaning, "{}", typed.declared);
        if typed.declared.contains("SRID") {
            assert_eq!(metadata["rivet.srid"], "4326");
        }
    }
}

/// A column that has no NULL at home has none in the files either, unless its values may become NULL.
fn what_is_declared_not_null_stays_so(family: Family) {
    let made = every_type(family);
    made.make_strict();
    let all = "SELECT * FROM strict";
    let keys = [
        "table: strict",
        "query: SELECT * FROM strict",
        "table: strict, on_unrepresentable: error",
        "query: SELECT a.* FROM every_type AS b LEFT JOIN strict AS a ON a.id = b.id WHERE b.id = 2",
    ];
    let (project, _) = assert_all_same(&made.database, &keys.map(|keys| (keys, all)), &[]);
    for (export, keys) in keys.iter().enumerate() {
        let columns = &parquet_facts(&project.files(&format!("parquet_{export}"), "parquet")[0])["columns"];
        for (number, typed) in made.columns.iter().enumerate() {
            let expected = keys.contains("JOIN") || (typed.has_sentinels() && !keys.contains("error"));
            assert_eq!(columns[format!("c{number}")]["nullable"], expected, "{} by {keys}", typed.declared);
        }
    }
}

/// DuckDB has no decimals of more than 38 digits; all else it reads as pyarrow does.
fn both_readers_see_the_same(family: Family) {
    let made = every_type(family);
    let wide = made.columns.iter().enumerate().filter(|(_, typed)| typed.arrow.starts_with("decimal256"));
    let wide: Vec<String> = wide.map(|(column, _)| format!("c{column}")).collect();
    assert_eq!(wide.len(), 3);
    let project = both(&made.database, &format!("table: every_type, exclude: [{}]", wide.join(", ")));
    run_well(&project);
    assert_readers_agree(&project.files("parquet", "parquet"));
}

const SPANS: &str = "CREATE TABLE spans (id int PRIMARY KEY, short time, fine time(6), coarse time(2));
    INSERT INTO spans VALUES (1, '-838:59:59', '-838:59:59', '-838:59:59'), (2, '838:59:59', '838:59:59', '838:59:59'),
        (3, '24:00:00', '24:00:00.000001', '24:00:00'), (4, '-00:00:01', '-00:00:00.000001', '-00:00:00.01'),
        (5, '12:00:00', '23:59:59.999999', '00:00:00.99'), (6, NULL, NULL, NULL), (7, '00:00:00', '00:00:00', '00:00:00')";

fn times_beyond_a_day_and_below_zero(family: Family) {
    let database = filled(family, SPANS);
    let names = ["short", "fine", "coarse"];
    let wishes = |wish: &str| names.map(|name| format!("{name}: {wish}")).join(", ");
    let select = |form: &str| {
        let columns = names.map(|name| format!("{} AS {name}", form.replace('@', name)));
        format!("SELECT id, {} FROM spans", columns.join(", "))
    };
    // Their microseconds, of which the sign is that of the whole.
    let micros = "CAST(TRUNCATE(TIME_TO_SEC(@), 0) * 1000000 + IF(@ < 0, -1, 1) * MICROSECOND(@) AS signed)";
    let numbers = format!("table: spans, columns: {{ {} }}", wishes("int8"));
    let texts = format!("table: spans, columns: {{ {} }}", wishes("text"));
    let of_texts = select("CAST(@ AS char)");
    assert_all_same(&database, &[(&numbers, &select(micros)), (&texts, &of_texts)], &[]);

    let project = both(&database, "table: spans, on_unrepresentable: null");
    run_well(&project);
    let of_day = select("CASE WHEN @ >= 0 AND @ < '24:00:00' THEN @ END");
    assert_same(&database, &of_day, &project.files("parquet", "parquet"), &[]);
    assert_same(&database, &of_day, &project.files("csv", "csv"), &[]);
    let counted = json!({"short": 4, "fine": 4, "coarse": 4});
    assert_eq!(manifest(&project, "parquet")["nulled"], counted);

    let project = both(&database, "table: spans");
    let ways_out = ["column `short` holds a TIME below zero or beyond a day", "id = 1", "short: int8"];
    let said = run_badly(&project, 1, &ways_out);
    assert!(!said.contains("838"), "{said}");
}

fn truth_values_are_0_and_1_or_an_error(family: Family) {
    let database = filled(
        family,
        "CREATE TABLE flags (id int PRIMARY KEY, flag tinyint(1), sure tinyint(1) NOT NULL);
         INSERT INTO flags VALUES (1, 1, 0), (2, 0, 1), (3, NULL, 1)",
    );
    let as_numbers = "table: flags, columns: { flag: int2, sure: int4 }";
    let numbers = "SELECT id, CAST(flag AS signed) AS flag, CAST(sure AS signed) AS sure FROM flags";
    assert_all_same(
        &database,
        &[
            ("table: flags", "SELECT * FROM flags"),
            ("query: 'SELECT id, flag, sure FROM flags'", "SELECT * FROM flags"),
            (as_numbers, numbers),
        ],
        &[],
    );
    database.execute("INSERT INTO flags VALUES (4, -128, 1), (5, 2, 1), (6, 127, 1)");
    run_badly(&both(&database, "table: flags"), 1, &["column `flag`", "id = 4", "columns: { flag: int2 }"]);
    assert_both_same(&database, as_numbers, numbers, &[]);
    // The result of an expression is a number: what is expected stands in a table.
    database.execute(
        "CREATE TABLE fitting (id int, flag tinyint(1), sure tinyint(1));
         INSERT INTO fitting SELECT id, CASE WHEN flag IN (0, 1) THEN flag END, sure FROM flags;
         CREATE TABLE numbers (id int PRIMARY KEY, flag bigint unsigned, sure varchar(5) NOT NULL);
         INSERT INTO numbers SELECT id, flag, IF(sure = 1, 'TRUE', '0') FROM fitting",
    );
    let cases = [
        ("table: flags, on_unrepresentable: null", "SELECT * FROM fitting"),
        ("table: numbers, columns: { flag: bool, sure: bool }", "SELECT * FROM fitting"),
    ];
    assert_all_same(&database, &cases, &[]);
}

/// Where one reference system is declared, its number stands in the metadata, and else in each value.
fn geometries_of_reference_systems(family: Family) {
    let database = filled(
        family,
        "CREATE TABLE places (id int PRIMARY KEY, at geometry, plain point NOT NULL);
         INSERT INTO places VALUES (1, ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('POINT(1 2)')),
            (2, ST_GeomFromText('POINT(1 2)', 4326), ST_GeomFromText('POINT(3 4)')),
            (3, NULL, ST_GeomFromText('POINT(0 0)'))",
    );
    // The number is the first four bytes of what is stored; in extended WKB it stands behind the type, which says so.
    let stored = "hex(@)";
    let marked = "concat(substr(@, 9, 2), substr(@, 11, 6), '20', substr(@, 1, 8), substr(@, 19))";
    let extended = format!("CASE WHEN @ LIKE '00000000%' THEN substr(@, 9) ELSE {marked} END").replace('@', stored);
    let query = format!("SELECT id, unhex({}) AS at, plain FROM places", extended.replace('@', "at"));
    assert_both_same(&database, "table: places", &query, &[]);

    if family == Family::Mysql && version(&database) >= 80_003 {
        database.execute("CREATE TABLE sites (id int PRIMARY KEY, at point NOT NULL SRID 4326)");
        database.execute("INSERT INTO sites VALUES (1, ST_GeomFromText('POINT(1 2)', 4326))");
        assert_both_same(&database, "table: sites", "SELECT * FROM sites", &[]);
    }
}

/// A column that is JSON by its check is JSON, and one that is a text is not.
fn json_is_told_from_text(family: Family) {
    let database = filled(
        family,
        r#"CREATE TABLE docs (id int PRIMARY KEY, `do``c` json, note longtext, sure json NOT NULL);
         INSERT INTO docs VALUES (1, '{"b": 1, "a": [1.50, 1e3, "\\u00e9", null]}', '{}', '[]'), (2, NULL, NULL, '"x"'),
            (3, '12345678901234567890', '', 'true'), (4, '""', 'x', '{"k": "line\\nbreak"}')"#,
    );
    let (project, _) = assert_all_same(
        &database,
        &[
            ("table: docs", "SELECT * FROM docs"),
            (
                &format!("query: {}", yaml("SELECT id, `do``c` AS doc, note FROM docs")),
                "SELECT id, `do``c` AS doc, note FROM docs",
            ),
        ],
        &[],
    );
    let columns =
        |number: u32| parquet_facts(&project.files(&format!("parquet_{number}"), "parquet")[0])["columns"].clone();
    let (table, query) = (columns(0), columns(1));
    let seen = |column: &Value| [column["arrow"].clone(), column["logical"].clone()];
    assert_eq!(seen(&table["do`c"]), ["extension<arrow.json>", "JSON"]);
    assert_eq!(seen(&table["note"]), ["string", "STRING"]);
    assert_eq!(seen(&query["doc"]), ["extension<arrow.json>", "JSON"]);
    assert_eq!((&table["sure"]["nullable"], &table["do`c"]["nullable"]), (&json!(false), &json!(true)));
}

rivet_testing::on_both_families!(
    every_type_at_its_extremes,
    what_is_declared_not_null_stays_so,
    both_readers_see_the_same,
    times_beyond_a_day_and_below_zero,
    truth_values_are_0_and_1_or_an_error,
    geometries_of_reference_systems,
    json_is_told_from_text,
);
