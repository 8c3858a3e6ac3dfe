//! What the questions cost the server.

use std::time::{Duration, Instant};

use rivet_model::{KeyBound, Relation, RowRange, Scalar};
use rivet_source::{Inspector, KeyRequest, ScanLimits, ScanSpec, Tiebreak};

use super::settled;
use crate::harness::{Server, inspector, key, keyed, query, request, sent, table};

/// Tables of all sizes, with and without keys and statistics.
const TABLES: &str = "CREATE TABLE empty (id int PRIMARY KEY, v int); CREATE TABLE bare (id int, v int);
     CREATE TABLE one (id int PRIMARY KEY, v int); CREATE INDEX ON one (v);
     CREATE TABLE few (id int PRIMARY KEY, v int); CREATE INDEX ON few (v DESC NULLS LAST);
     CREATE TABLE many (id int PRIMARY KEY, v int); CREATE INDEX ON many (v NULLS FIRST, id);
     CREATE TABLE parted (id int PRIMARY KEY, v int) PARTITION BY RANGE (id); CREATE INDEX ON parted (v);
     CREATE TABLE parted_a PARTITION OF parted FOR VALUES FROM (0) TO (100);
     CREATE TABLE parted_b PARTITION OF parted DEFAULT; CREATE TABLE control (id int);
     INSERT INTO bare SELECT i, i FROM generate_series(1, 100) i; INSERT INTO one VALUES (1, 1);
     INSERT INTO few SELECT i, nullif(i % 10, 0) FROM generate_series(1, 100) i;
     INSERT INTO many SELECT i, nullif(i % 1000, 0) FROM generate_series(1, 50000) i;
     INSERT INTO parted SELECT i, i FROM generate_series(0, 300) i; INSERT INTO control VALUES (1)";

async fn scans(server: &Server) -> Vec<Vec<Option<String>>> {
    server.query("SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname <> 'control' ORDER BY 1").await
}

async fn controls(server: &Server) -> String {
    server.column("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'control'").await.remove(0)
}

/// Everything that preflight asks of one export, which is read in several statements where it is large.
async fn ask(inspector: &mut dyn Inspector, spec: &ScanSpec) {
    let limits = ScanLimits { statement_budget: Duration::from_millis(10), ..ScanLimits::default() };
    inspector.explain(spec, &limits).await.unwrap();
    inspector.statistics(spec).await.unwrap();
    inspector.vitals().await.unwrap();
}

#[tokio::test]
async fn no_question_scans_a_table() {
    let server = Server::with(TABLES).await;
    let source = server.source();
    let mut specs = Vec::new();
    for name in ["empty", "bare", "one", "few", "many", "parted"] {
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
            server.execute("ANALYZE").await;
        }
        settled(&server).await;
        let (before, controlled) = (scans(&server).await, controls(&server).await);
        let mut inspector = inspector(&server).await;
        for spec in &specs {
            ask(inspector.as_mut(), spec).await;
        }
        let probes = inspector.take_probes();
        assert!(probes.iter().all(|probe| probe.error.is_none()), "{probes:?}");
        let asked = |purpose: &str| probes.iter().any(|probe| probe.purpose.starts_with(purpose));
        let all = ["the ends of the key", "the rows by the bounds of the first column alone"];
        assert!(all.iter().all(|purpose| asked(purpose)), "{probes:?}");
        assert_eq!(asked("the plan of the first range of pages"), server.reads_pages().await, "{probes:?}");
        inspector.close().await;
        server.no_session().await;
        // Where this scan has been counted, all before it have been.
        let control = source.describe(&request(table("control"))).await.unwrap().spec;
        sent(&server, source.as_ref(), &control).await;
        for attempt in 0.. {
            if controls(&server).await != controlled {
                break;
            }
            assert!(attempt < 100, "scans are counted");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(scans(&server).await, before, "analyzed: {analyzed}");
    }
}

#[tokio::test]
async fn two_hundred_exports_are_asked_about_in_seconds() {
    let server = Server::with(
        "DO $$ BEGIN FOR n IN 1..200 LOOP
             EXECUTE format('CREATE TABLE t%s (id bigint PRIMARY KEY, at timestamptz, pad text)', n);
             EXECUTE format('CREATE INDEX ON t%s (at, id)', n);
             EXECUTE format('INSERT INTO t%s SELECT i, now() - i * interval ''1 s'' FROM generate_series(1, 200) i', n);
         END LOOP; END $$; ANALYZE",
    )
    .await;
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
    let probes = inspector.take_probes();
    // A plan and how the server is doing, two statements for the catalog and three for that of a query; and one for how
    // a table is stored.
    assert_eq!(probes.len(), 200 * 4 + 50 + 150);
    // Described and split they have to be, too, within the 10 seconds that planning may take.
    assert!(took < Duration::from_secs(5), "{took:?}");
}
