use rivet_testing::{Family, MysqlDatabase, assert_same};

use super::support::{assert_all_same, filled, yaml};
use crate::families::support::project;
use crate::support::{manifest, run_well};

/// Names that need quotes somewhere: in SQL, in YAML, in CSV, in a path. Neither database takes a name that ends in
/// a blank, nor one beyond the basic plane.
const NAMES: &[&str] = &[
    "with space",
    "UPPER",
    "dot.ted",
    "quo\"te",
    "back`tick",
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
    "/* comment",
    "?",
    ":named",
    "select",
    "größe",
    "Заказ",
    "価格",
    " leading",
    "null",
    "1",
    "c0",
];

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn columns_of_any_name(family: Family) {
    let database = MysqlDatabase::create(family);
    let columns: Vec<String> = NAMES.iter().map(|name| format!("{} varchar(9)", quoted(name))).collect();
    let values: Vec<String> = (0..NAMES.len()).map(|number| format!("'v{number}'")).collect();
    database.execute(&format!("CREATE TABLE t ({}); INSERT INTO t VALUES ({})", columns.join(", "), values.join(", ")));
    // Every name where a configuration may have one.
    let in_yaml: Vec<String> = NAMES.iter().rev().map(|name| yaml(name)).collect();
    // A server takes the blanks off that an alias begins with, so that it can't say what is expected there.
    let is_plain = |name: &str| !name.starts_with(' ');
    let wishes = NAMES.iter().filter(|name| is_plain(name)).map(|name| format!("{}: binary", yaml(name)));
    let wishes: Vec<String> = wishes.collect();
    let chosen = format!("table: t, select: [{}], columns: {{ {} }}", in_yaml.join(", "), wishes.join(", "));
    let bytes = NAMES.iter().rev().map(|name| match quoted(name) {
        quoted if is_plain(name) => format!("CAST({quoted} AS binary) AS {quoted}"),
        quoted => quoted,
    });
    let bytes = format!("SELECT {} FROM t", bytes.collect::<Vec<_>>().join(", "));
    let left_out = format!("table: t, exclude: [{}]", in_yaml[1..].join(", "));
    assert_all_same(
        &database,
        &[
            ("table: t", "SELECT * FROM t"),
            ("query: SELECT * FROM t", "SELECT * FROM t"),
            (&chosen, &bytes),
            (&left_out, "SELECT c0 FROM t"),
        ],
        &[],
    );
}

fn tables_and_exports_of_any_name(family: Family) {
    let database = MysqlDatabase::create(family);
    let exports = NAMES.iter().map(|name| {
        let table = format!("t {name}");
        let text = name.replace('\\', "\\\\").replace('\'', "''");
        database
            .execute(&format!("CREATE TABLE {} (n varchar(20)); INSERT INTO {0} VALUES ('{text}')", quoted(&table)));
        let relation = yaml(&format!("\"{}\"", table.replace('"', "\"\"")));
        format!(
            "name: {}, table: {relation}, destination: {{ type: local, path: 'out/{{export}}/{{table}}' }}",
            yaml(name)
        )
    });
    let exports: Vec<String> = exports.collect();
    let exports: Vec<&str> = exports.iter().map(String::as_str).collect();
    let project = project(&database, &exports);
    run_well(&project);
    let files = project.files("out", "parquet");
    assert_eq!(files.len(), NAMES.len());
    let union = NAMES.iter().map(|name| format!("SELECT n FROM {}", quoted(&format!("t {name}"))));
    assert_same(&database, &union.collect::<Vec<_>>().join(" UNION ALL "), &files, &[]);
}

fn the_manifest_spells_names_as_the_source_does(family: Family) {
    let database = filled(family, "CREATE TABLE t AS SELECT 1 AS `a \"b\"``.ц`");
    let project = project(&database, &["name: 'Ä/\"x\".ц', table: t, destination: { type: local, path: out }"]);
    run_well(&project);
    let manifest = manifest(&project, "out");
    assert_eq!(manifest["export"], "Ä/\"x\".ц");
    assert_eq!(manifest["schema"][0]["name"], "a \"b\"`.ц");
}

rivet_testing::on_both_families!(
    columns_of_any_name,
    tables_and_exports_of_any_name,
    the_manifest_spells_names_as_the_source_does,
);
