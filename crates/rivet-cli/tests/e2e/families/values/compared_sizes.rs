use rivet_testing::{Family, MysqlDatabase};

use super::support::{assert_both_same, both, filled};
use crate::families::support::project;
use crate::support::{duckdb, number, run_badly, run_well};

const CSV: &str = "read_csv({files}, header = true, max_line_size = 300000000, buffer_size = 600000000)";

/// Megabytes of the largest value: `RIVET_TEST_VALUE_MB`, within the server's `max_allowed_packet`.
fn megabytes(database: &MysqlDatabase) -> u64 {
    let packet: u64 = database.query_value("SELECT @@max_allowed_packet").parse().expect("it is a number");
    // A row of it needs a packet for both its values, and a statement of ours half of one.
    number("RIVET_TEST_VALUE_MB").unwrap_or(48).min(packet / (1 << 20) - 1)
}

fn rows_of_many_megabytes(family: Family) {
    let database = filled(family, "CREATE TABLE huge (id int PRIMARY KEY, body longtext, data longblob)");
    let megabytes = megabytes(&database);
    let bytes = megabytes << 20;
    database.execute("INSERT INTO huge VALUES (1, 'before', x'00'), (4, 'behind', x'01'), (5, NULL, NULL)");
    database.execute(&format!("INSERT INTO huge VALUES (2, REPEAT('0123456789 abcdé', {}), NULL)", bytes / 17));
    database.execute(&format!("INSERT INTO huge VALUES (3, 'x', REPEAT(x'00ff80c3', {}))", bytes / 4));
    let text = "id, char_length(body), sha2(body, 256)";
    let expected = database.query_text(&format!("SELECT {text}, length(data), sha2(data, 256) FROM huge ORDER BY id"));
    let of_files = |columns: &str, from: &str| format!("SELECT {columns} FROM {from} ORDER BY id");
    for (format, keys, extension) in [
        ("parquet", "format: parquet", "parquet"),
        ("csv", "format: csv, compression: zstd, select: [id, body]", "csv.zst"),
    ] {
        let export = format!(
            "name: huge, table: huge, {keys}, tuning: {{ max_value_mb: {megabytes} }}, destination: {{ type: local, path: out }}"
        );
        let project = project(&database, &[&export]);
        let outcome = run_well(&project);
        let peak = outcome.report["peak_memory_bytes"].as_u64().expect("Linux and macOS say it");
        // One value arrives, is decoded, and is encoded; buffers grow by doubling. What a run takes without any is more.
        let most = 8 * bytes + (200 << 20);
        assert!(peak < most, "{format}: {} MB, at most {} MB", peak >> 20, most >> 20);
        let files = project.files("out", extension);
        if format == "parquet" {
            let found = duckdb(
                &of_files("id, length(body), sha256(body), octet_length(data), sha256(data)", "by_pyarrow"),
                &files,
            );
            assert_eq!(found, expected, "{format}");
        } else {
            let found = duckdb(&of_files("id, length(body), sha256(body)", CSV), &files);
            assert_eq!(found, database.query_text(&format!("SELECT {text} FROM huge ORDER BY id")), "{format}");
        }
    }
    // One byte more than the limit is one too many, in either column.
    let limit = megabytes / 2;
    let keys = |columns: &str| format!("table: huge, select: [id, {columns}], tuning: {{ max_value_mb: {limit} }}");
    let way_out = "tuning.max_value_mb";
    run_badly(&both(&database, &keys("body")), 1, &["column `body` holds a value of", "id = 2", way_out]);
    run_badly(&both(&database, &keys("data")), 1, &["column `data` holds a value of", "id = 3", way_out]);
}

fn a_value_may_be_as_large_as_its_limit_to_the_byte(family: Family) {
    let database = filled(
        family,
        "CREATE TABLE t (id int PRIMARY KEY, body mediumtext); INSERT INTO t VALUES (1, 'x'), (7, REPEAT('x', 1048576))",
    );
    let keys = "table: t, tuning: { max_value_mb: 1 }";
    assert_both_same(&database, keys, "SELECT * FROM t", &[]);
    database.execute("INSERT INTO t VALUES (8, REPEAT('x', 1048577))");
    let said = ["column `body` holds a value of 1048577 bytes", "id = 8", "tuning.max_value_mb"];
    run_badly(&both(&database, keys), 1, &said);
}

/// As many as InnoDB takes.
fn a_table_of_1000_columns(family: Family) {
    let database = MysqlDatabase::create(family);
    let kinds = ["int", "varchar(9) CHARACTER SET latin1", "decimal(10,2)", "timestamp(6) NULL", "tinyint(1)"];
    let columns: Vec<String> = (0..1000).map(|number| format!("c{number} {}", kinds[number % 5])).collect();
    database.execute(&format!("CREATE TABLE wide ({})", columns.join(", ")));
    for row in 0..20 {
        let values = (0..1000).map(|number| match (number + row) % 3 {
            0 => "NULL",
            _ => ["7", "'x'", "1.25", "'2024-02-29 12:00:00.5'", "true"][number % 5],
        });
        database.execute(&format!("INSERT INTO wide VALUES ({})", values.collect::<Vec<_>>().join(", ")));
    }
    assert_both_same(&database, "table: wide", "SELECT * FROM wide", &[]);
}

rivet_testing::on_both_families!(
    rows_of_many_megabytes,
    a_value_may_be_as_large_as_its_limit_to_the_byte,
    a_table_of_1000_columns,
);
