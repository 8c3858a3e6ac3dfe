use std::path::PathBuf;

use rivet_testing::{SCALE, TestDatabase, scale};

use crate::support::{assert_both_same, both, duckdb, load_tables, run_well};

/// The columns of lineitem: what their sum is made of in PostgreSQL and in DuckDB, and their text.
///
/// PostgreSQL takes the padding off `char(n)` when it casts it, so it is put back.
fn columns() -> Vec<(String, String, String)> {
    let mut columns = Vec::new();
    let mut add = |in_server: String, in_files: String, text: String| columns.push((in_server, in_files, text));
    for name in ["orderkey", "partkey", "suppkey", "linenumber", "quantity", "extendedprice", "discount", "tax"] {
        add(format!("l_{name}"), format!("l_{name}"), format!("l_{name}::text"));
    }
    for name in ["returnflag", "linestatus", "shipinstruct", "shipmode", "comment"] {
        let width = [("returnflag", 1), ("linestatus", 1), ("shipinstruct", 25), ("shipmode", 10)];
        let padded = width.iter().find(|(padded, _)| *padded == name);
        let text = padded.map_or_else(|| format!("l_{name}"), |(_, width)| format!("rpad(l_{name}, {width}, ' ')"));
        add(format!("length({text})"), format!("length(l_{name})"), text);
    }
    for name in ["shipdate", "commitdate", "receiptdate"] {
        let in_files = format!("date_diff('day', DATE '1970-01-01', l_{name})");
        add(format!("l_{name} - DATE '1970-01-01'"), in_files, format!("l_{name}::text"));
    }
    columns
}

/// The same facts of lineitem in the words of either database: rows, a sum per column, a hash over all rows.
fn facts(columns: &[(String, String, String)], from: &str, in_server: bool) -> String {
    let sums = columns.iter().map(|(server, files, _)| format!("sum({})", if in_server { server } else { files }));
    let texts = columns.iter().map(|(_, _, text)| text.as_str()).collect::<Vec<_>>().join(", ");
    let row = format!("md5(concat_ws('|', {texts}))");
    let hash = format!("md5(string_agg({row}, '' ORDER BY l_orderkey, l_linenumber))");
    format!("SELECT count(*), {}, {hash} FROM {from}", sums.collect::<Vec<_>>().join(", "))
}

#[test]
fn lineitem_has_the_sums_and_the_hash_of_the_database() {
    let database = TestDatabase::create();
    load_tables(database.url(), "lineitem");
    let project = both(&database, "table: lineitem");
    run_well(&project);
    let columns = columns();
    let expected = database.query_text(&facts(&columns, "lineitem", true));
    assert_eq!(expected[0].len(), 18);
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

#[test]
fn a_wide_table_of_texts_and_nulls_comes_out_as_it_is() {
    let database = TestDatabase::create();
    load_tables(database.url(), "content_items");
    assert_ne!(database.query_value("SELECT count(*) FROM content_items"), "0");
    assert_both_same(&database, "table: content_items", "SELECT * FROM content_items", &[]);
}
