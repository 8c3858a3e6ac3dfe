//! Large tables in several statements.

use std::time::Duration;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use rivet_model::{KeyBound, ReadView, RowRange, Scalar};
use rivet_source::{ScanLimits, Tiebreak};
use rivet_testing::Family;

use crate::harness::{Server, export, key, keyed, query, read, reader, rendered, request, run, table};

const BUDGET: Duration = Duration::from_millis(1);

/// 30,000 rows, some of which are not there any more.
const LARGE: &str = "CREATE TABLE large (id bigint PRIMARY KEY, pad text);
     INSERT INTO large SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n, REPEAT('x', (a.n + b.n) * 10) FROM
     (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) a,
     (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) b,
     (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) c,
     (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) d,
     (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2) e;
     DELETE FROM large WHERE id % 97 = 0";

fn limits(budget: Duration) -> ScanLimits {
    ScanLimits { statement_budget: budget, batch_rows: 1_000, ..ScanLimits::default() }
}

fn several_statements_give_the_same_batches_as_one(family: Family) {
    run(async {
        let server = Server::with(family, LARGE).await;
        let source = server.source();
        let spec = keyed(source.as_ref(), table("large"), key(&["id"], Tiebreak::None)).await;
        let (expected, one) = read(source.as_ref(), &spec, &limits(Duration::ZERO)).await.unwrap();
        let (found, several) = read(source.as_ref(), &spec, &limits(BUDGET)).await.unwrap();
        assert_eq!(one.statements, 1);
        assert!(several.statements > 10, "{} statements", several.statements);
        assert_eq!((several.rows, several.wire_bytes), (one.rows, one.wire_bytes), "no column is sent twice");
        assert!(found == expected, "the same rows in the same order, in batches of the same size");

        let mut pads = spec.clone();
        pads.columns.retain(|column| column.name.as_str() == "pad");
        let (expected, one) = read(source.as_ref(), &pads, &limits(Duration::ZERO)).await.unwrap();
        let (found, several) = read(source.as_ref(), &pads, &limits(BUDGET)).await.unwrap();
        // Behind each row stands its key.
        assert_eq!((several.rows, several.wire_bytes), (one.rows, one.wire_bytes + 8 * one.rows));
        assert!(several.statements > 10 && found == expected, "{} statements", several.statements);

        let bound = |id, inclusive| Some(KeyBound { values: vec![Scalar::Int(id)], inclusive });
        for (lower, upper) in
            [(bound(5_000, false), bound(20_000, true)), (None, bound(9_000, false)), (bound(-9, true), None)]
        {
            let part = spec.with_range(RowRange::Key { lower, upper });
            let (expected, _) = read(source.as_ref(), &part, &limits(Duration::ZERO)).await.unwrap();
            let (found, several) = read(source.as_ref(), &part, &limits(BUDGET)).await.unwrap();
            assert!(several.statements > 5 && found == expected, "{:?}: {several:?}", part.range);
        }
    });
}

fn the_server_sees_several_statements_of_one_moment(family: Family) {
    run(async {
        let server = Server::with(family, LARGE).await;
        let source = server.source();
        let spec = source.describe(&request(table("large"))).await.unwrap().spec;
        for view in [ReadView::PerScan, ReadView::Shared] {
            let mut reader = reader(source.as_ref(), view).await;
            let mut scan = reader.scan(&spec, &limits(BUDGET)).await.unwrap();
            let mut rows = 0;
            while let Some(batch) = scan.next_batch().await.unwrap() {
                if rows == 0 {
                    // What is written meanwhile is not of this moment: neither new rows nor rows that moved.
                    server.execute("INSERT IGNORE INTO large VALUES (100001, 'late'); UPDATE large SET pad = 'late' WHERE id > 20000").await;
                }
                rows += batch.num_rows();
                let (ids, pads) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_string::<i32>());
                assert!(view == ReadView::Shared || pads.iter().all(|pad| pad != Some("late")), "an old row");
                assert!(view == ReadView::Shared || ids.values().iter().all(|id| *id < 30_000), "an old row");
            }
            assert!(scan.summary().statements > 5, "{:?}", scan.summary());
            assert!(rows >= 29_690, "{rows}");
            drop(scan);
            reader.close().await.unwrap();
        }
    });
}

/// Keys of every kind that a walk compares with what it has read.
fn tables_are_walked_by_keys_of_every_kind(family: Family) {
    run(async {
        let server = Server::start(family).await;
        let source = server.source();
        let numbers = "WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 1000) SELECT";
        for (declared, made, several) in [
            ("bigint unsigned", "18446744073709551615 - n", true),
            ("decimal(20,5)", "n / 7 - 50", true),
            ("varchar(40)", "CONCAT('Key ', n, '''\\\\')", true),
            ("varchar(40) CHARACTER SET latin1", "CONCAT('é', n)", true),
            ("varchar(40) COLLATE utf8mb4_bin", "CONCAT(IF(n % 2, 'a', 'A'), n)", true),
            ("varbinary(16)", "UNHEX(LEFT(SHA2(n, 256), 32))", true),
            ("date", "DATE'2000-01-01' + INTERVAL n DAY", true),
            ("datetime(6)", "TIMESTAMP'2000-01-01 00:00:00' + INTERVAL n * 1001 MICROSECOND", true),
            ("timestamp(3)", "TIMESTAMP'2000-01-01 00:00:00' + INTERVAL n SECOND", true),
            ("double", "n / 3e0", true),
            ("float", "n / 3e0", false),
            ("time", "SEC_TO_TIME(n)", false),
        ] {
            server.execute(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (k {declared} PRIMARY KEY, n int)")).await;
            server.execute(&format!("INSERT INTO t (k, n) {numbers} {made}, n FROM k")).await;
            let columns = rivet_source::ColumnRequest { select: vec!["n".parse().unwrap()], ..<_>::default() };
            let described = source.describe(&rivet_source::DescribeRequest { columns, ..request(table("t")) }).await;
            let spec = described.unwrap().spec;
            let (batches, summary) = read(source.as_ref(), &spec, &limits(Duration::from_millis(1))).await.unwrap();
            let mut found: Vec<u32> = rendered(&batches, 0).into_iter().map(|n| n.unwrap().parse().unwrap()).collect();
            found.sort_unstable();
            assert!(found.into_iter().eq(1..=1_000), "{declared}");
            assert_eq!(summary.statements > 2, several, "{declared}: {summary:?}");
        }
    });
}

fn composite_keys_are_walked(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE t (a int, b varchar(10), c int, n int, PRIMARY KEY (a, b, c), KEY (n));
             INSERT INTO t WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 1000)
             SELECT n DIV 400, CONCAT('w', n DIV 100), n, n FROM k",
        )
        .await;
        let source = server.source();
        let (expected, _) = export(source.as_ref(), &request(query("SELECT * FROM t ORDER BY a, b, c"))).await.unwrap();
        let spec = source.describe(&request(table("t"))).await.unwrap().spec;
        let (found, summary) = read(source.as_ref(), &spec, &limits(Duration::from_millis(1))).await.unwrap();
        assert_eq!(rendered(&found, 3), rendered(&expected, 3));
        assert!(summary.statements >= 3, "{summary:?}");
    });
}

fn what_has_no_primary_key_is_one_statement(family: Family) {
    run(async {
        let server = Server::with(
            family,
            "CREATE TABLE bare (id bigint); CREATE TABLE kept (id bigint PRIMARY KEY) ENGINE = MyISAM;
             INSERT INTO bare WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 1000) SELECT n FROM k;
             INSERT INTO kept SELECT id FROM bare; CREATE TABLE plain (id bigint PRIMARY KEY);
             INSERT INTO plain SELECT id FROM bare; CREATE VIEW seen AS SELECT * FROM plain",
        )
        .await;
        let source = server.source();
        for (relation, several) in [
            (table("bare"), false),
            (table("kept"), false),
            (table("seen"), false),
            (query("SELECT * FROM plain"), false),
            (table("plain"), true),
        ] {
            let spec = source.describe(&request(relation)).await.unwrap().spec;
            let (batches, summary): (Vec<RecordBatch>, _) =
                read(source.as_ref(), &spec, &limits(Duration::from_millis(1))).await.unwrap();
            assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1_000);
            assert_eq!(summary.statements > 1, several, "{}: {summary:?}", spec.relation);
        }
    });
}

rivet_testing::on_both_families!(
    several_statements_give_the_same_batches_as_one,
    the_server_sees_several_statements_of_one_moment,
    tables_are_walked_by_keys_of_every_kind,
    composite_keys_are_walked,
    what_has_no_primary_key_is_one_statement,
);
