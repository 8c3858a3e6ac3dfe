//! What the questions cost the server.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rivet_model::{KeyBound, Relation, RowRange, Scalar};
use rivet_source::{Inspector, KeyRequest, ScanLimits, ScanSpec, Tiebreak};
use rivet_testing::Family;

use super::inspector;
use crate::harness::{Server, key, keyed, query, request, run, table};

/// Tables of all sizes, with and without keys and statistics.
const TABLES: &str = "CREATE TABLE nothing (id int PRIMARY KEY, v int); CREATE TABLE bare (id int NOT NULL, v int);
     CREATE TABLE few (id int PRIMARY KEY, v int, KEY (v DESC)); CREATE TABLE many (id int PRIMARY KEY, v int, KEY (v, id));
     CREATE TABLE parted (id int PRIMARY KEY, v int, KEY (v)) PARTITION BY HASH (id) PARTITIONS 3;
     INSERT INTO few WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 100)
         SELECT n, NULLIF(n % 10, 0) FROM k;
     INSERT INTO many WITH RECURSIVE k (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < 999)
         SELECT a.n * 30 + b.n, NULLIF(b.n, 0) FROM k a JOIN k b ON b.n < 30;
     INSERT INTO bare SELECT * FROM many WHERE id < 3000; INSERT INTO parted SELECT * FROM many WHERE id < 3000";

/// Rows that were read of each table. MariaDB counts them where it is told to.
async fn rows_read(server: &Server, family: Family) -> BTreeMap<String, u64> {
    let sql = family.choose(
        "SELECT OBJECT_NAME, COUNT_READ FROM performance_schema.table_io_waits_summary_by_table \
         WHERE OBJECT_SCHEMA = DATABASE()",
        "SELECT TABLE_NAME, ROWS_READ FROM information_schema.TABLE_STATISTICS WHERE TABLE_SCHEMA = DATABASE()",
    );
    let number = |text: Option<String>| text.unwrap().parse::<u64>().unwrap();
    let pair = |row: Vec<Option<String>>| {
        let mut values = row.into_iter();
        (values.next().flatten().unwrap(), number(values.next().flatten()))
    };
    server.query(sql).await.into_iter().map(pair).collect()
}

/// Everything that preflight asks of one export, which is read in several statements where it can be.
async fn ask(inspector: &mut dyn Inspector, spec: &ScanSpec) {
    let limits = ScanLimits { statement_budget: Duration::from_millis(10), ..ScanLimits::default() };
    inspector.explain(spec, &limits).await.unwrap();
    inspector.statistics(spec).await.unwrap();
    inspector.vitals().await.unwrap();
}

fn no_question_reads_a_table(family: Family) {
    run(async {
        let server = Server::with(family, TABLES).await;
        if family == Family::Mariadb {
            server.execute("SET GLOBAL userstat = 1").await;
        }
        let source = server.source();
        let mut specs = Vec::new();
        for name in ["nothing", "bare", "few", "many", "parted"] {
            specs.push(source.describe(&request(table(name))).await.unwrap().spec);
            let text = query(&format!("SELECT q.id, q.v FROM {name} q WHERE q.v <> 3 ORDER BY q.v"));
            for relation in [table(name), text] {
                for column in ["id", "v"] {
                    let spec = keyed(source.as_ref(), relation.clone(), key(&[column], Tiebreak::OwnKey)).await;
                    let lower = Some(KeyBound::including(vec![Scalar::Int(5)]));
                    let upper = Some(KeyBound::including(vec![Scalar::Int(50); spec.key.len()]));
                    specs.extend([
                        spec.with_range(RowRange::Key { lower: lower.clone(), upper: None }),
                        spec.with_range(RowRange::Key { lower, upper }),
                        spec,
                    ]);
                }
            }
        }
        for analyzed in [false, true] {
            if analyzed {
                server.query("ANALYZE TABLE nothing, bare, few, many, parted").await;
            }
            let before = rows_read(&server, family).await;
            let mut inspector = inspector(&server).await;
            for spec in &specs {
                ask(inspector.as_mut(), spec).await;
            }
            let probes = inspector.take_probes();
            assert!(probes.iter().all(|probe| probe.error.is_none()), "{probes:?}");
            let asked = |purpose: &str| probes.iter().any(|probe| probe.purpose == purpose);
            let all = ["the ends of the key", "the plan of the first of several statements"];
            assert!(all.iter().all(|purpose| asked(purpose)), "{probes:?}");
            inspector.close().await;
            server.no_session().await;
            for (name, read) in rows_read(&server, family).await {
                let read = read - before.get(&name).copied().unwrap_or(0);
                // An end of a key is one row, or one in each of three partitions, for each of 13 questions.
                assert!(read <= 13 * 2 * 3 * 2, "{read} rows of `{name}` were read, analyzed: {analyzed}");
                assert!(name != "bare" || read == 0, "{read} rows without an index were read");
            }
        }
    });
}

fn two_hundred_exports_are_asked_about_in_seconds(family: Family) {
    run(async {
        let mut tables = String::new();
        for number in 1..=200 {
            writeln!(
                tables,
                "CREATE TABLE t{number} (id bigint PRIMARY KEY, at datetime, pad text, KEY (at, id));
                 INSERT INTO t{number} VALUES (1, '2026-01-01', 'x'), (2, '2026-01-02', 'x');"
            )
            .unwrap();
        }
        let server = Server::with(family, &tables).await;
        let source = server.source();
        let mut specs = Vec::new();
        for number in 1..=200 {
            let relation: Relation = match number % 4 {
                0 => query(&format!("SELECT id, at FROM t{number} WHERE pad IS NULL")),
                _ => table(&format!("t{number}")),
            };
            let by = if number % 4 == 0 { key(&["at", "id"], Tiebreak::None) } else { KeyRequest::default() };
            specs.push(keyed(source.as_ref(), relation, by).await);
        }
        let begun = Instant::now();
        let mut inspector = inspector(&server).await;
        for spec in &specs {
            ask(inspector.as_mut(), spec).await;
        }
        let took = begun.elapsed();
        let mut spent = BTreeMap::<String, (u64, u64)>::new();
        for probe in inspector.take_probes() {
            assert_eq!(probe.error, None, "{probe:?}");
            let (count, milliseconds) = spent.entry(probe.purpose).or_default();
            (*count, *milliseconds) = (*count + 1, *milliseconds + probe.milliseconds);
        }
        // It takes one or two where nothing else runs. Planning them may take 10 seconds in all.
        assert!(took < Duration::from_secs(10), "{took:?}: {spent:?}");
    });
}

rivet_testing::on_both_families!(no_question_reads_a_table, two_hundred_exports_are_asked_about_in_seconds);
