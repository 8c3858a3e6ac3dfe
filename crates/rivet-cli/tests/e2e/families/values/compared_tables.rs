use std::path::PathBuf;
use std::time::Duration;

use rivet_testing::{Family, MysqlDatabase, Project, SCALE, assert_same, scale};

use super::support::both;
use crate::support::{duckdb, load_tables, run_command};

/// As [`crate::support::run_well`], for as long as a build without optimization takes for millions of rows.
#[track_caller]
fn run_well(project: &Project) {
    run_command(project.command(&["run", "--json"]).patience(Duration::from_hours(1))).finished.assert_code(0);
}

/// A column of lineitem: its name, and what its sum is made of in the server and in DuckDB.
struct Column {
    name: String,
    in_server: String,
    in_files: String,
}

fn columns() -> Vec<Column> {
    let mut columns = Vec::new();
    let mut add = |names: &[&str], in_server: &str, in_files: &str| {
        for name in names {
            let of = |form: &str| form.replace('@', &format!("l_{name}"));
            columns.push(Column { name: format!("l_{name}"), in_server: of(in_server), in_files: of(in_files) });
        }
    };
    add(&["orderkey", "partkey", "suppkey", "linenumber", "quantity", "extendedprice", "discount", "tax"], "@", "@");
    add(&["returnflag", "linestatus", "shipinstruct", "shipmode", "comment"], "char_length(@)", "length(@)");
    let (in_server, in_files) = ("datediff(@, '1970-01-01')", "date_diff('day', DATE '1970-01-01', @)");
    add(&["shipdate", "commitdate", "receiptdate"], in_server, in_files);
    columns
}

/// The same facts of lineitem in the words of the server and of DuckDB: rows, a sum per column, and the sums of two
/// pieces of each row's hash, which are the same in any order.
fn facts(columns: &[Column], from: &str, in_server: bool) -> String {
    let of = |column: &Column| if in_server { column.in_server.clone() } else { column.in_files.clone() };
    let sums: Vec<String> = columns.iter().map(|column| format!("sum({})", of(column))).collect();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let piece = |start: u32| {
        let digits = format!("substr(hash, {start}, 15)");
        if in_server {
            format!("sum(CAST(conv({digits}, 16, 10) AS unsigned))")
        } else {
            format!("sum(('0x' || {digits})::bigint)")
        }
    };
    let names = names.join(", ");
    let row = format!("concat_ws('|', {names})");
    // Not every MySQL knows MD5 any more.
    let hash = if in_server { format!("sha2({row}, 256)") } else { format!("sha256({row})") };
    format!(
        "SELECT count(*), {}, {}, {} FROM (SELECT {names}, {hash} AS hash FROM {from}) AS hashed",
        sums.join(", "),
        piece(1),
        piece(17),
    )
}

fn lineitem_has_the_sums_and_the_hash_of_the_database(family: Family) {
    let database = MysqlDatabase::create(family);
    load_tables(database.url(), "lineitem");
    let project = both(&database, "table: lineitem");
    run_well(&project);
    let columns = columns();
    let expected = database.query_text(&facts(&columns, "lineitem", true));
    assert_eq!(expected[0].len(), 19);
    if scale() == SCALE {
        assert_eq!(expected[0][0].as_deref(), Some("60175"));
    }

    let check = |from: &str, files: &[PathBuf]| {
        assert_eq!(files.len(), 1);
        assert_eq!(duckdb(&facts(&columns, from, false), files), expected, "{from}");
    };
    check("read_parquet({files})", &project.files("parquet", "parquet"));
    let types: Vec<String> = [
        ("BIGINT", "orderkey partkey suppkey linenumber"),
        ("DECIMAL(15,2)", "quantity extendedprice discount tax"),
        ("DATE", "shipdate commitdate receiptdate"),
        ("VARCHAR", "returnflag linestatus shipinstruct shipmode comment"),
    ]
    .iter()
    .flat_map(|(kind, names)| names.split(' ').map(move |name| format!("'l_{name}': '{kind}'")))
    .collect();
    let csv = format!("read_csv({{files}}, header = true, types = {{{}}})", types.join(", "));
    check(&csv, &project.files("csv", "csv"));
}

fn a_wide_table_of_texts_and_nulls_comes_out_as_it_is(family: Family) {
    let database = MysqlDatabase::create(family);
    load_tables(database.url(), "content_items");
    assert_ne!(database.count("content_items"), 0);
    let project = both(&database, "table: content_items");
    run_well(&project);
    for format in ["parquet", "csv"] {
        assert_same(&database, "SELECT * FROM content_items", &project.files(format, format), &[]);
    }
}

rivet_testing::on_both_families!(
    lineitem_has_the_sums_and_the_hash_of_the_database,
    a_wide_table_of_texts_and_nulls_comes_out_as_it_is,
);
