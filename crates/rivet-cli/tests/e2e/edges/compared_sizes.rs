use rivet_testing::TestDatabase;

use crate::support::{assert_both_same, duckdb, project, run_well};

const HUGE: u64 = 200 << 20;

/// What a program may hold for one value of 200 MiB: it arrives, is decoded, and is encoded, each copy once; the
/// buffers of the wire and of the encoder grow by doubling.
const MOST_MEMORY: u64 = 6 * HUGE;

const CSV: &str = "read_csv({files}, header = true, max_line_size = 500000000, buffer_size = 1000000000)";

#[test]
fn values_of_200_mb() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE huge (id int, body text, data bytea);
         ALTER TABLE huge ALTER body SET STORAGE EXTERNAL, ALTER data SET STORAGE EXTERNAL;
         INSERT INTO huge VALUES (1, 'before', '\\x00');
         INSERT INTO huge SELECT 2, repeat('0123456789 abcdé', 209715200 / 17), NULL;
         INSERT INTO huge SELECT 3, NULL, decode(repeat('00ff80c3', 209715200 / 4), 'hex');
         INSERT INTO huge VALUES (4, 'behind', '\\x01')",
    );
    let facts = |columns: &str, from: &str| format!("SELECT {columns} FROM {from} ORDER BY id");
    let both = "id, length(body), md5(body), octet_length(data), md5(data)";
    let text = "id, length(body), md5(body)";
    // A build without optimization takes half a minute for 200 MB of hexadecimal digits: CSV is looked at with text.
    for (format, keys, columns, from, extension) in [
        ("parquet", "format: parquet", both, "by_pyarrow", "parquet"),
        ("csv", "format: csv, compression: zstd, select: [id, body]", text, CSV, "csv.zst"),
    ] {
        let export = format!("name: huge, table: huge, {keys}, destination: {{ type: local, path: out }}");
        let project = project(&database, &[&export]);
        let outcome = run_well(&project);
        let peak = outcome.report["peak_memory_bytes"].as_u64().expect("Linux and macOS say it");
        println!("{format}: peak memory {} MB", peak / 1_000_000);
        assert!(peak < MOST_MEMORY, "{format}: {peak}");
        let found = duckdb(&facts(columns, from), &project.files("out", extension));
        assert_eq!(found, database.query_text(&facts(columns, "huge")), "{format}");
    }
}

#[test]
fn a_table_of_1500_columns() {
    let database = TestDatabase::create();
    let columns: Vec<String> = (0..1500)
        .map(|number| format!("c{number} {}", ["int", "text", "numeric(10, 2)", "timestamptz", "bool"][number % 5]))
        .collect();
    database.execute(&format!("CREATE TABLE wide ({})", columns.join(", ")));
    // A row of that many columns fits in a page of the server only while most of it is small or NULL.
    for row in 0..20 {
        let values: Vec<String> = (0..1500)
            .map(|number| match (number + row) % 3 {
                0 => "NULL".to_owned(),
                _ => ["7", "'x'", "1.25", "NULL", "true"][number % 5].to_owned(),
            })
            .collect();
        database.execute(&format!("INSERT INTO wide VALUES ({})", values.join(", ")));
    }
    assert_both_same(&database, "table: wide", "SELECT * FROM wide", &[]);
}

#[test]
fn moments_before_the_year_1_and_far_ahead() {
    let database = TestDatabase::create();
    database.execute(
        "CREATE TABLE moments (id int, d date, t timestamp, z timestamptz);
         INSERT INTO moments VALUES
             (1, '0044-03-15 BC', '0044-03-15 12:30:00.000001 BC', '0044-03-15 12:30:00+00 BC'),
             (2, '0001-12-31 BC', '0001-12-31 23:59:59.999999 BC', '0001-01-01 00:00:00+00'),
             (3, '9999-12-31', '9999-12-31 23:59:59.999999', '10000-01-01 00:00:00+00'),
             (4, '5874897-12-31', '294246-12-31 00:00', '294246-12-31 00:00+00'),
             (5, '4713-01-01 BC', '4713-01-01 00:00 BC', '4713-01-01 00:00+00 BC')",
    );
    assert_both_same(&database, "table: moments", "SELECT * FROM moments", &[]);
}
