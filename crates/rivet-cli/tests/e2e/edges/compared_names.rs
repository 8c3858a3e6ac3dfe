use rivet_testing::{TestDatabase, assert_same};

use crate::support::{assert_both_same, manifest, project, run_well};

/// Names that need quotes somewhere: in SQL, in YAML, in CSV, in a path.
const NAMES: &[&str] = &[
    "with space",
    "UPPER",
    "dot.ted",
    "quo\"te",
    "apo'strophe",
    "com,ma",
    "semi;colon",
    "back\\slash",
    "sla/sh",
    "%41",
    "$1",
    "{date}",
    "[x]",
    "#hash",
    "-- comment",
    "select",
    "größe",
    "Заказ",
    "価格",
    "🚂",
    " leading",
    "trailing ",
    "null",
    "1",
    "c0",
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[test]
fn columns_of_any_name() {
    let database = TestDatabase::create();
    let columns: Vec<String> = NAMES.iter().map(|name| format!("{} text", quoted(name))).collect();
    let values: Vec<String> = (0..NAMES.len()).map(|number| format!("'v{number}'")).collect();
    database.execute(&format!("CREATE TABLE t ({}); INSERT INTO t VALUES ({})", columns.join(", "), values.join(", ")));
    assert_both_same(&database, "table: t", "SELECT * FROM t", &[]);
    assert_both_same(&database, "query: SELECT * FROM t", "SELECT * FROM t", &[]);
    // Every name where a configuration may have one.
    let in_yaml: Vec<String> = NAMES.iter().rev().map(|name| serde_json::Value::from(*name).to_string()).collect();
    let wishes: Vec<String> = in_yaml.iter().map(|name| format!("{name}: binary")).collect();
    let keys = format!("table: t, select: [{}], columns: {{ {} }}", in_yaml.join(", "), wishes.join(", "));
    let bytes = NAMES.iter().rev().map(|name| format!("convert_to({0}, 'UTF8') AS {0}", quoted(name)));
    let query = format!("SELECT {} FROM t", bytes.collect::<Vec<_>>().join(", "));
    assert_both_same(&database, &keys, &query, &[]);
    let keys = format!("table: t, exclude: [{}]", in_yaml[1..].join(", "));
    assert_both_same(&database, &keys, "SELECT c0 FROM t", &[]);
}

#[test]
fn tables_schemas_and_exports_of_any_name() {
    let database = TestDatabase::create();
    let exports: Vec<String> = NAMES
        .iter()
        .map(|name| {
            let (schema, table) = (format!("s {name}"), format!("t {name}"));
            let relation = format!("{}.{}", quoted(&schema), quoted(&table));
            database.execute(&format!(
                "CREATE SCHEMA {0}; CREATE TABLE {relation} AS SELECT '{1}' AS n",
                quoted(&schema),
                name.replace('\'', "''")
            ));
            let (name, relation) = (serde_json::Value::from(*name), serde_json::Value::from(relation));
            format!("name: {name}, table: {relation}, destination: {{ type: local, path: 'out/{{export}}/{{table}}' }}")
        })
        .collect();
    let exports: Vec<&str> = exports.iter().map(String::as_str).collect();
    let project = project(&database, &exports);
    run_well(&project);
    let files = project.files("out", "parquet");
    assert_eq!(files.len(), NAMES.len());
    let union: Vec<String> = NAMES
        .iter()
        .map(|name| format!("SELECT n FROM {}.{}", quoted(&format!("s {name}")), quoted(&format!("t {name}"))))
        .collect();
    assert_same(&database, &union.join(" UNION ALL "), &files, &[]);
}

#[test]
fn a_schema_may_be_left_out_where_the_search_path_finds_the_table() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE \"Order.Items\" AS SELECT 1 AS id; CREATE TABLE upper_case AS SELECT 2 AS id");
    assert_both_same(&database, "table: '\"Order.Items\"'", "SELECT * FROM \"Order.Items\"", &[]);
    assert_both_same(&database, "table: public.upper_case", "SELECT * FROM upper_case", &[]);
}

#[test]
fn the_manifest_spells_names_as_the_source_does() {
    let database = TestDatabase::create();
    database.execute("CREATE TABLE t AS SELECT 1 AS \"a \"\"b\"\".ц\"");
    let project = project(&database, &["name: 'Ä/\"x\".ц', table: t, destination: { type: local, path: out }"]);
    run_well(&project);
    let manifest = manifest(&project, "out");
    assert_eq!(manifest["export"], "Ä/\"x\".ц");
    assert_eq!(manifest["schema"][0]["name"], "a \"b\".ц");
}
