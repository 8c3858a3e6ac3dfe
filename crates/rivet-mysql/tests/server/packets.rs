//! Rows by packets that are read here, and by the library.

use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use async_trait::async_trait;
use rivet_model::{ConnectionSettings, ReadView, TlsMode, TlsSettings};
use rivet_mysql::{MysqlFactory, MysqlLibraryFactory};
use rivet_source::conformance::{self, Harness};
use rivet_source::{ScanLimits, ScanSummary, Source, SourceFactory as _};
use rivet_testing::Family;

use crate::harness::{NUMBERS, Server, drain, query, reader, request, run, settings, table};

/// The same server, whose rows come by the library.
#[derive(Debug)]
struct ByLibrary(Server);

#[async_trait]
impl Harness for ByLibrary {
    async fn source(&self, tables: &[(&str, RecordBatch)]) -> Arc<dyn Source> {
        Harness::source(&self.0, tables).await;
        MysqlLibraryFactory.open(&settings(&self.0.url)).unwrap()
    }

    async fn insert(&self, table: &str, rows: &RecordBatch) {
        self.0.insert(table, rows).await;
    }
}

fn the_driver_conforms_over_the_library(family: Family) {
    run(async {
        let server = ByLibrary(Server::start(family).await);
        conformance::suite(&server).await;
    });
}

/// Reads a table in statements of a twentieth of a second, and says over what.
async fn read(source: &dyn Source, name: &str) -> (Vec<RecordBatch>, ScanSummary, String) {
    let spec = source.describe(&request(table(name))).await.unwrap().spec;
    let statement_budget = std::time::Duration::from_millis(50);
    let limits = ScanLimits { statement_budget, batch_rows: 700, ..ScanLimits::default() };
    let mut reader = reader(source, ReadView::PerScan).await;
    let mut scan = reader.scan(&spec, &limits).await.unwrap();
    let over = format!("{scan:?}");
    let batches = drain(scan.as_mut()).await.unwrap();
    let summary = scan.summary();
    drop(scan);
    reader.close().await.unwrap();
    (batches, summary, over)
}

fn both_ways_give_the_same_rows_and_count_the_same_bytes(family: Family) {
    run(async {
        let server = Server::with(family, NUMBERS).await;
        server
            .execute(
                "CREATE TABLE t (id bigint unsigned PRIMARY KEY, a tinyint, b smallint unsigned, c mediumint, d int unsigned,
                 e float, f double, g decimal(30,10), h date, i datetime(6), j timestamp NULL, k time(3), l year, m bit(9),
                 n varchar(300), o longtext, p varbinary(9), q json, r enum('x','y'), s int);
                 INSERT INTO t SELECT n, n % 100, n * 7, -n, n * 1000, n / 8, n / 7, n / 3, DATE_ADD('2020-01-01', INTERVAL n DAY),
                 DATE_ADD('2020-01-01', INTERVAL n * 1000001 MICROSECOND), DATE_ADD('2020-01-01', INTERVAL n MINUTE),
                 SEC_TO_TIME(n * 17.25), 1990 + n % 50, n % 512, REPEAT('ж', n % 290), REPEAT('y', n * 70), CHAR(n % 256), JSON_OBJECT('n', n),
                 ELT(1 + n % 2, 'x', 'y'), IF(n % 3 = 0, NULL, n) FROM k",
            )
            .await;
        let by_packets = read(MysqlFactory.open(&settings(&server.url)).unwrap().as_ref(), "t").await;
        let by_library = read(MysqlLibraryFactory.open(&settings(&server.url)).unwrap().as_ref(), "t").await;
        assert!(by_packets.2.contains("Raw") && by_library.2.contains("Library"), "{} {}", by_packets.2, by_library.2);
        assert_eq!(by_packets.1.rows, 1_000);
        assert_eq!(by_packets.1.wire_bytes, by_library.1.wire_bytes);
        let concat = |batches: &[RecordBatch]| arrow::compute::concat_batches(&batches[0].schema(), batches).unwrap();
        assert_eq!(concat(&by_packets.0), concat(&by_library.0));
    });
}

fn passwords_open_connections_for_rows(family: Family) {
    run(async {
        let server = Server::with(family, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (7)").await;
        let name = server.database().name().replace("rivet_test_", "p");
        let identified = family.choose(
            "IDENTIFIED WITH caching_sha2_password BY 'p%40ss'",
            "IDENTIFIED VIA mysql_native_password USING PASSWORD('p%40ss')",
        );
        server.execute(&format!("CREATE USER '{name}'@'%' {identified}")).await;
        server.execute(&format!("GRANT SELECT ON {}.* TO '{name}'@'%'", server.database().name())).await;
        for mode in [TlsMode::Disable, TlsMode::Prefer, TlsMode::Require, TlsMode::VerifyCa, TlsMode::VerifyFull] {
            let url = server.database().tls_url();
            let settings = ConnectionSettings {
                user: Some(name.clone()),
                password: Some("p%40ss".to_owned().into()),
                tls: TlsSettings { mode, ca_file: Some(family.certificate_authority()) },
                ..settings(&url)
            };
            let source = MysqlFactory.open(&settings).unwrap();
            let spec = source.describe(&request(table("t"))).await.unwrap().spec;
            // The server forgets what it knows of the password, and has it shown again.
            server.execute(&format!("ALTER USER '{name}'@'%' {identified}")).await;
            for _ in 0..2 {
                let mut reader = reader(source.as_ref(), ReadView::PerScan).await;
                let mut scan = reader.scan(&spec, &ScanLimits::default()).await.unwrap();
                assert!(format!("{scan:?}").contains("Raw"), "{mode:?}: {scan:?}");
                assert_eq!(drain(scan.as_mut()).await.unwrap()[0].num_rows(), 1, "{mode:?}");
                drop(scan);
                reader.close().await.unwrap();
            }
        }
        server.execute(&format!("DROP USER '{name}'@'%'")).await;
    });
}

fn values_beyond_one_packet_are_joined(family: Family) {
    run(async {
        let server = Server::start(family).await;
        let source = server.source();
        // Around the longest piece of a packet: a little beyond it, just as long, so that an empty one follows, and three.
        let lengths = [1, 16_777_215, 16_777_209, 33_554_430, 2];
        let rows: Vec<_> = lengths.iter().map(|length| format!("SELECT REPEAT('x', {length}) AS t")).collect();
        let spec = source.describe(&request(query(&rows.join(" UNION ALL ")))).await.unwrap().spec;
        let limits = ScanLimits { max_value_bytes: 64 << 20, ..ScanLimits::default() };
        let mut reader = reader(source.as_ref(), ReadView::PerScan).await;
        let mut scan = reader.scan(&spec, &limits).await.unwrap();
        let batches = drain(scan.as_mut()).await.unwrap();
        let found: Vec<_> = batches
            .iter()
            .flat_map(|batch| batch.column(0).as_string::<i32>().iter().flatten().map(str::len).collect::<Vec<_>>())
            .collect();
        assert_eq!(found, lengths);
        // For each: a header for each piece of it, two bytes, and its length in one, four or nine bytes.
        let framing = (4 + 2 + 1) + (8 + 2 + 4) + (8 + 2 + 4) + (12 + 2 + 9) + (4 + 2 + 1);
        let bytes = lengths.iter().sum::<usize>() + framing;
        assert_eq!(scan.summary().wire_bytes, bytes as u64);
        drop(scan);
        reader.close().await.unwrap();
    });
}

rivet_testing::on_both_families!(
    the_driver_conforms_over_the_library,
    both_ways_give_the_same_rows_and_count_the_same_bytes,
    passwords_open_connections_for_rows,
    values_beyond_one_packet_are_joined,
);
